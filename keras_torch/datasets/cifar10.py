"""CIFAR-10: 60,000 colour pictures of 32 x 32 pixels, of ten classes."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from keras_torch.datasets.cifar import arranged, folder, load_batch
from keras_torch.utils.file_utils import get_file

_FILES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def load_data() -> tuple[Any, Any]:
    """Return `(x_train, y_train), (x_test, y_test)`: uint8 of shape (50000, 32, 32, 3) and (50000, 1), 10000 for tests.

    With the image data format "channels_first" the shape is (50000, 3, 32, 32).
    """
    path = folder(
        get_file,
        "cifar-10-batches-py",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        _FILES,
    )
    batches = [load_batch(os.path.join(path, name)) for name in _FILES]
    labels = [np.array(part, dtype="uint8").reshape(-1, 1) for _, part in batches]
    x_train = np.concatenate([pictures for pictures, _ in batches[:-1]])
    return (arranged(x_train), np.concatenate(labels[:-1])), (arranged(batches[-1][0]), labels[-1])
