"""Translation tables of the helpers around data: preprocessing, downloads, data sets."""

from __future__ import annotations

from keras_torch.legacy.rows import Refused, Row

_TEXT = Row(renamed={"text": "input_text"}, shared=frozenset({"text"}))

PREPROCESSING: dict[str, Row] = {
    "Tokenizer": Row(
        renamed={"nb_words": "num_words"},
        orders={"2": ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")},
    ),
    "one_hot": _TEXT,
    "text_to_word_sequence": _TEXT,
}

UTILS: dict[str, Row] = {
    "get_file": Row(orders={"1": ("fname", "origin", "untar", "md5_hash", "cache_subdir")}),
}


def _path(name: str) -> dict[str, dict[str, str]]:
    """Return the default of Keras 1, whose files were pickles."""
    return {"1": {"path": name}}


_SPLIT = {"test_split": Refused("the data set has a part for tests of its own; take another share with slices.")}

DATASETS: dict[str, Row] = {
    "mnist.load_data": Row(defaults=_path("mnist.pkl.gz")),
    "imdb.load_data": Row(renamed={"nb_words": "num_words"}, defaults=_path("imdb_full.pkl"), refused=_SPLIT),
    "imdb.get_word_index": Row(defaults=_path("imdb_word_index.pkl")),
    "reuters.load_data": Row(renamed={"nb_words": "num_words"}, defaults=_path("reuters.pkl")),
    "reuters.get_word_index": Row(defaults=_path("reuters_word_index.pkl")),
}
