"""MNIST: 70,000 handwritten digits of 28 x 28 pixels."""

from __future__ import annotations

import os
from typing import Any

from keras_torch.datasets.cached import KERAS_1, TODAY, Source, find, read_parts
from keras_torch.legacy import translated
from keras_torch.utils.file_utils import get_file

_SOURCES = (
    Source(
        "mnist.npz",
        TODAY,
        ("731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1", "8a61469f7ea1b51cbae51d4f78837e45"),
    ),
    Source("mnist.pkl.gz", KERAS_1 + "img-datasets/"),
)


@translated("mnist.load_data")
def load_data(path: str | os.PathLike[str] = "mnist.npz") -> tuple[Any, Any]:
    """Return `(x_train, y_train), (x_test, y_test)`: uint8 of shape (60000, 28, 28) and (60000,), and 10000 for tests.

    `path` is a name in the cache, `~/.keras/datasets`, or a path of its own. Keras 1 had a pickle, `mnist.pkl.gz`.
    """
    x_train, y_train, x_test, y_test = read_parts(
        find(get_file, path, *_SOURCES), "x_train", "y_train", "x_test", "y_test"
    )
    return (x_train, y_train), (x_test, y_test)
