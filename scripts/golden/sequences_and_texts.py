"""Write what `keras.preprocessing.sequence` and `.text` of one Keras make of sequences and texts, seeds 3 and 5.

    python scripts/golden/sequences_and_texts.py [SDIST]

With the folder of an unpacked Keras 1.2.2 its two modules are read alone, since they need no backend. With that of
Keras 2.2.4, whose modules are those of the package keras_preprocessing, version 1.0.5 of it must be installed (or on
the path, unpacked). Without a folder it is the installed Keras 2.15. Each entry has arguments and results, so the tests
only repeat the calls.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import random
import sys
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
TEXTS = [
    "The cat sat on the mat, and the dog sat too.",
    "A dog? A cat! Neither: a mouse (grey)\tand\nits cheese.",
    "Çà et là, l'été\u00a0revient - İstanbul STRASSE ſ",
    "",
    "the the THE The",
]
NEW = ["the bird sat on the mouse", "nothing known here?", "", "cat cat dog"]
WORDS = [["The", "cat"], ["Cat", "sat", "the"], []]
LEFT = [[1, 2, 3], [4, 5], [], [6]]
DEEP = [[[1, 2], [3, 4], [5, 6]], [[7, 8]], []]
SENTENCE = [1, 2, 0, 3, 4, 2, 5, 1, 6]


def modules():
    if len(sys.argv) < 2:
        import keras

        return keras.__version__, importlib.import_module("keras.preprocessing.sequence"), keras.preprocessing.text
    folder = Path(sys.argv[1])
    version = folder.name.rpartition("-")[2]
    if version.startswith("2"):
        return version, *(importlib.import_module(f"keras_preprocessing.{name}") for name in ("sequence", "text"))
    found = []
    for name in ("sequence", "text"):
        spec = importlib.util.spec_from_file_location(name, folder / "keras" / "preprocessing" / f"{name}.py")
        found.append(importlib.util.module_from_spec(spec))
        spec.loader.exec_module(found[-1])
    return version, *found


def plain(value):
    if isinstance(value, np.ndarray):
        return {"dtype": str(value.dtype), "shape": list(value.shape), "values": value.ravel().tolist()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def padding_cases(first):
    sides = [{"padding": a, "truncating": b} for a in ("pre", "post") for b in ("pre", "post")]
    for more in sides:
        for maxlen in (None, 2, 5):
            yield {"sequences": LEFT, "maxlen": maxlen, **more}
            yield {"sequences": DEEP, "maxlen": maxlen, "value": 9, **more}
    yield {"sequences": [[0.5, 1.7], [2]], "dtype": "float32", "value": -1.5}
    yield {"sequences": [[0.5, 1.7], [-2.9]], "value": 1.9}
    yield {"sequences": [[True, False], [1]], "dtype": "bool"}
    if not first:
        yield {"sequences": [["a", "bcd"], ["efghij"]], "dtype": "<U4", "value": "pad", "padding": "post"}
        yield {"sequences": [["a", "bcd"], ["efghij"], []], "dtype": "object", "value": "pad"}


def skipgram_cases(first):
    yield 3, {"sequence": SENTENCE, "vocabulary_size": 9}
    yield 5, {"sequence": SENTENCE, "vocabulary_size": 9, "window_size": 1, "categorical": True}
    yield 3, {"sequence": SENTENCE, "vocabulary_size": 7, "window_size": 2, "negative_samples": 0.0}
    yield 5, {"sequence": SENTENCE, "vocabulary_size": 7, "window_size": 2, "negative_samples": 2.6, "shuffle": False}
    table = [0.0, 0.3, 0.5, 0.7, 0.9, 0.4, 0.6]
    yield 3, {"sequence": SENTENCE, "vocabulary_size": 7, "sampling_table": table, "negative_samples": 0.5}
    yield 3, {"sequence": [0, 0], "vocabulary_size": 7}
    if not first:
        yield 5, {"sequence": SENTENCE, "vocabulary_size": 7, "window_size": 1, "seed": 3}


def series_cases():
    steps = [[float(step), float(step * step)] for step in range(23)]
    targets = [[float(step)] for step in range(23)]
    shared = {"data": steps, "targets": targets}
    yield {**shared, "length": 5}
    yield {**shared, "length": 6, "sampling_rate": 2, "stride": 3, "batch_size": 2}
    yield {**shared, "length": 4, "start_index": 3, "end_index": 15, "batch_size": 5, "reverse": True}
    yield {**shared, "length": 4, "sampling_rate": 2, "shuffle": True, "batch_size": 3}


TOKENIZERS = [
    {},
    {"num_words": 5},
    {"lower": False, "filters": "!?."},
    {"split": "a", "filters": ""},
    {"char_level": True, "num_words": 12},
    {"oov_token": "<unk>"},
    {"oov_token": "the", "num_words": 6},
]


def tokenizer_calls(first, options):
    yield "fit_on_texts", [TEXTS]
    yield "texts_to_sequences", [TEXTS + NEW]
    for mode in ("binary", "count", "freq", "tfidf") if len(options) < 2 else ():
        yield "texts_to_matrix", [NEW, mode]
    if not first:
        yield "sequences_to_texts", [[[1, 2, 3, 30, 99], [], [7, 6, 5, 4]]]
        yield "fit_on_texts", [WORDS]
        yield "texts_to_sequences", [[*WORDS, "the cat"]]
    yield "fit_on_texts", [NEW]
    yield "fit_on_sequences", [[[1, 2, 2], [2, 3], []]]
    yield "sequences_to_matrix", [[[1, 2, 2, 40], [3, 1, 3]], "tfidf"]


def state(tokenizer):
    """Return what was counted; the order of the words matters."""
    return {
        "words": list(tokenizer.word_index),
        "indices": list(tokenizer.word_index.values()),
        "counts": list(tokenizer.word_counts.items()),
        "index_docs": sorted(tokenizer.index_docs.items()),
        "document_count": tokenizer.document_count,
    }


def tokenizer_case(text, first, options):
    renamed = {"nb_words" if first and name == "num_words" else name: value for name, value in options.items()}
    tokenizer = text.Tokenizer(**renamed)
    calls = []
    for name, arguments in tokenizer_calls(first, options):
        result = getattr(tokenizer, name)(*arguments)
        if isinstance(result, np.ndarray):
            result = [list(result.shape), *(part.tolist() for part in np.nonzero(result)), result[result != 0].tolist()]
        calls.append([name, arguments, plain(result), state(tokenizer) if name.startswith("fit") else None])
    return {"options": renamed, "calls": calls, "json": None if first or len(options) > 1 else tokenizer.to_json()}


def main():
    version, sequence, text = modules()
    first = version.startswith("1")
    found = {"pad_sequences": [], "skipgrams": [], "TimeseriesGenerator": [], "texts": [], "Tokenizer": []}
    for case in padding_cases(first):
        options = {**case, "dtype": object} if case.get("dtype") == "object" else case
        found["pad_sequences"].append([case, plain(sequence.pad_sequences(**options))])
    for seed, case in skipgram_cases(first):
        random.seed(seed)
        found["skipgrams"].append([seed, case, plain(sequence.skipgrams(**case)), random.random()])
    found["make_sampling_table"] = [[size, plain(sequence.make_sampling_table(size))] for size in (1, 50)]
    for case in [] if first else series_cases():
        arrays = {name: np.array(case.pop(name)) for name in ("data", "targets")}
        generator = sequence.TimeseriesGenerator(**arrays, **case)
        np.random.seed(3)
        batches = [plain(generator[index]) for index in range(len(generator))]
        config = {name: value for name, value in generator.get_config().items() if name not in arrays}
        found["TimeseriesGenerator"].append([case, batches, config])
    for options in ({}, {"lower": False}, {"filters": "?! "}, {"split": "a"}):
        found["texts"].append([options, [text.text_to_word_sequence(item, **options) for item in TEXTS]])
    found["hashing_trick"] = [] if first else [text.hashing_trick(item, 17, "md5") for item in TEXTS]
    found["Tokenizer"] = [
        tokenizer_case(text, first, options) for options in TOKENIZERS if not (first and "oov_token" in options)
    ]
    content = {"version": version, "texts": TEXTS, "found": found}
    path = GOLDEN / f"sequences_and_texts_keras{version.replace('.', '')}.json"
    path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
