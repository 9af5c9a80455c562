"""Translation tables of the helpers around data: preprocessing, downloads, data sets."""

from __future__ import annotations

from keras_torch.legacy.rows import Row

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
