"""California housing: 20,640 districts of 1990, with 8 properties and the median price of a home."""

from __future__ import annotations

import os
from typing import Any

from keras_torch.datasets.cached import TODAY, Source, find, read_parts, split
from keras_torch.utils.file_utils import get_file

_SOURCE = Source("california_housing.npz", TODAY, ("1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",))
_SMALL = 600


def load_data(
    version: str = "large",
    path: str | os.PathLike[str] = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> tuple[Any, Any]:
    """Return `(x_train, y_train), (x_test, y_test)`: arrays of shape (count, 8) and (count,), the prices in dollars.

    `version="small"` is the first 600 districts. The last `test_split` of them, mixed by `seed`, are for tests.
    """
    if version not in ("small", "large"):
        raise ValueError(f"`version` must be 'small' or 'large'. Received: {version!r}")
    x, y = read_parts(find(get_file, path, _SOURCE), "x", "y")
    count = _SMALL if version == "small" else len(x)
    return split(x[:count], y[:count], test_split, seed)
