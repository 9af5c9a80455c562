"""Boston housing: 506 quarters of the 1970s, with 13 properties and the median price of a home."""

from __future__ import annotations

import os
from typing import Any

from keras_torch.datasets.cached import TODAY, Source, find, read_parts, split
from keras_torch.utils.file_utils import get_file

_SOURCE = Source("boston_housing.npz", TODAY, ("f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",))


def load_data(
    path: str | os.PathLike[str] = "boston_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple[Any, Any]:
    """Return `(x_train, y_train), (x_test, y_test)`: float64 of shape (count, 13) and (count,), in thousand dollars.

    The last `test_split` of the quarters, mixed by `seed`, are for tests.
    """
    x, y = read_parts(find(get_file, path, _SOURCE), "x", "y")
    return split(x, y, test_split, seed)
