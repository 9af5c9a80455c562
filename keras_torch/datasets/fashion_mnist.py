"""Fashion-MNIST: 70,000 pieces of clothing, in the form of MNIST."""

from __future__ import annotations

import os
from typing import Any

from keras_torch.datasets.cached import TODAY, read_idx
from keras_torch.utils.file_utils import get_file


def load_data() -> tuple[Any, Any]:
    """Return `(x_train, y_train), (x_test, y_test)`: uint8 of shape (60000, 28, 28) and (60000,), and 10000 for tests.

    The classes are T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag and ankle boot.
    """
    folder = os.path.join("datasets", "fashion-mnist")
    (x_train, y_train), (x_test, y_test) = (
        [
            read_idx(get_file(name, origin=TODAY + name, cache_subdir=folder))
            for name in (f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz")
        ]
        for part in ("train", "t10k")
    )
    return (x_train, y_train), (x_test, y_test)
