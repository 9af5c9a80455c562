"""IMDB: 50,000 film reviews as numbers of words, labelled 1 (liked) or 0."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from keras_torch import config
from keras_torch.datasets.cached import KERAS_1, TODAY, Source, find, generator, read_index, read_parts, shuffled
from keras_torch.datasets.words import Texts, as_array
from keras_torch.legacy import translated
from keras_torch.utils.file_utils import get_file

_SOURCES = (
    Source(
        "imdb.npz",
        TODAY,
        ("69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f", "599dadb1135973df5b59232a0e9a887c"),
    ),
    Source("imdb_full.pkl", KERAS_1 + "text-datasets/", ("d091312047c43cf9e4e38fef92437263",)),
)
_INDEX = (
    Source("imdb_word_index.json", TODAY, ("bfafd718b763782e994055a2d397834f",)),
    Source("imdb_word_index.pkl", KERAS_1 + "text-datasets/", ("72d94b01291be4ff843198d3b0e1e4d7",)),
)


@translated("imdb.load_data")
def load_data(
    path: str | os.PathLike[str] = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Any, Any]:
    """Return `(x_train, y_train), (x_test, y_test)`, each 25000: arrays of lists of ints, and of labels.

    Words are numbered by frequency, from `index_from` + 1 on; each review begins with `start_char`. `oov_char` stands
    for the `skip_top` most frequent words and those from the number `num_words` on (None leaves them out). Reviews of
    `maxlen` words and more are left out. `seed` mixes the reviews. Keras 1 and 2 let `maxlen` shift the border between
    both parts, and seeded numpy's global generator, as do their dialects.
    """
    x_train, y_train, x_test, y_test = map(
        as_array, read_parts(find(get_file, path, *_SOURCES), "x_train", "y_train", "x_test", "y_test")
    )
    source = generator(seed)
    train = shuffled(len(x_train), source)
    test = shuffled(len(x_test), generator(seed * 2) if config.dialect() == "1" else source)
    first = Texts.encoded(x_train[train], start_char, index_from)
    second = Texts.encoded(x_test[test], start_char, index_from)
    y_train, y_test = y_train[train], y_test[test]
    if config.is_classic():
        border = len(first)
        texts, labels = first.joined(second).shorter(maxlen, np.concatenate([y_train, y_test]))
    else:
        first, y_train = first.shorter(maxlen, y_train)
        second, y_test = second.shorter(maxlen, y_test)
        border = len(first)
        texts, labels = first.joined(second), np.concatenate([y_train, y_test])
    lists = texts.known(num_words, skip_top, oov_char).lists()
    return (lists[:border], labels[:border]), (lists[border:], labels[border:])


@translated("imdb.get_word_index")
def get_word_index(path: str | os.PathLike[str] = "imdb_word_index.json") -> dict[str, int]:
    """Return the number of each word, from 1 on by frequency; `load_data` adds `index_from` to it."""
    return read_index(find(get_file, path, *_INDEX))
