"""CIFAR-100: 60,000 colour pictures of 32 x 32 pixels, of a hundred classes in twenty groups."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from keras_torch.datasets.cifar import arranged, folder, load_batch
from keras_torch.utils.file_utils import get_file


def load_data(label_mode: str = "fine") -> tuple[Any, Any]:
    """Return `(x_train, y_train), (x_test, y_test)`: uint8 of shape (50000, 32, 32, 3) and (50000, 1), 10000 for tests.

    `label_mode` is "fine" for the hundred classes, "coarse" for the twenty groups. With the image data format
    "channels_first" the shape is (50000, 3, 32, 32).
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"`label_mode` must be 'fine' or 'coarse'. Received: {label_mode!r}")
    path = folder(
        get_file,
        "cifar-100-python",
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        ("train", "test"),
    )
    parts = [load_batch(os.path.join(path, name), f"{label_mode}_labels") for name in ("train", "test")]
    train, test = ((arranged(pictures), np.array(labels).reshape(-1, 1)) for pictures, labels in parts)
    return train, test
