"""Reuters: 11,228 newswires as numbers of words, of 46 topics."""

from __future__ import annotations

import os
from typing import Any

from keras_torch import config
from keras_torch.datasets.cached import (
    KERAS_1,
    TODAY,
    Source,
    check_split,
    find,
    generator,
    read_index,
    read_parts,
    shuffled,
)
from keras_torch.datasets.words import Texts, as_array
from keras_torch.legacy import translated
from keras_torch.utils.file_utils import get_file

_SOURCES = (
    Source(
        "reuters.npz",
        TODAY,
        ("d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916", "87aedbeb0cb229e378797a632c1997b6"),
    ),
    Source("reuters.pkl", KERAS_1 + "text-datasets/"),
)
_INDEX = (
    Source("reuters_word_index.json", TODAY, ("4d44cc38712099c9e383dc6e5f11a921",)),
    Source("reuters_word_index.pkl", KERAS_1 + "text-datasets/"),
)
_TOPICS = """
    cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass crude
    nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi iron-steel
    rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead
"""


@translated("reuters.load_data")
def load_data(
    path: str | os.PathLike[str] = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Any, Any]:
    """Return `(x_train, y_train), (x_test, y_test)`: arrays of lists of ints, and of topics from 0 to 45.

    The last `test_split` of the newswires, mixed by `seed`, are for tests. The other arguments are those of
    `imdb.load_data`. Keras 1 returned lists, as does its dialect.
    """
    check_split(test_split)
    xs, labels = map(as_array, read_parts(find(get_file, path, *_SOURCES), "x", "y"))
    order = shuffled(len(xs), generator(seed))
    texts, labels = Texts.encoded(xs[order], start_char, index_from).shorter(maxlen, labels[order])
    lists: Any = texts.known(num_words, skip_top, oov_char).lists()
    border = int(len(lists) * (1 - test_split))
    if config.dialect() == "1":
        lists, labels = lists.tolist(), labels.tolist()
    return (lists[:border], labels[:border]), (lists[border:], labels[border:])


@translated("reuters.get_word_index")
def get_word_index(path: str | os.PathLike[str] = "reuters_word_index.json") -> dict[str, int]:
    """Return the number of each word, from 1 on by frequency; `load_data` adds `index_from` to it."""
    return read_index(find(get_file, path, *_INDEX))


def get_label_names() -> tuple[str, ...]:
    """Return the names of the 46 topics, in the order of their labels."""
    return tuple(_TOPICS.split())
