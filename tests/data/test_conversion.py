"""Arrays of any origin become tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from keras_torch.data.conversion import from_numpy, to_numpy, to_numpy_or_tensor, to_tensor
from keras_torch.data.structure import flatten, map_structure, rebuilder, unpack_x_y_sample_weight


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3)[:, ::-1],
        np.arange(6, dtype=">f8"),
        np.arange(6, dtype="uint16"),
        np.arange(6, dtype="uint32"),
        np.broadcast_to(np.arange(3), (2, 3)),
        np.arange(6, dtype="float16"),
        np.array([True, False]),
    ],
)
def test_every_kind_of_numpy_array_becomes_a_tensor(array: Any) -> None:
    np.testing.assert_array_equal(from_numpy(array).numpy(), array)


def test_floats_become_floatx_and_integers_stay() -> None:
    assert to_tensor(np.zeros(2)).dtype == torch.float32
    assert to_tensor(np.zeros(2, "uint8")).dtype == torch.uint8
    assert to_tensor(np.zeros(2, "uint8"), torch.float32).dtype == torch.float32


def test_float32_arrays_share_their_memory() -> None:
    array = np.zeros(3, "float32")
    assert to_tensor(array).data_ptr() == array.ctypes.data


def test_frames_and_sparse_matrices_are_taken() -> None:
    pandas = pytest.importorskip("pandas")
    sparse = pytest.importorskip("scipy.sparse")
    assert to_numpy_or_tensor(pandas.DataFrame({"a": [1, 2]}), "`x`").shape == (2, 1)
    assert to_numpy_or_tensor(sparse.eye(3, format="csr"), "`x`").shape == (3, 3)


def test_lists_of_tensors_are_taken() -> None:
    assert to_numpy_or_tensor([torch.zeros(2), torch.ones(2)], "`x`").shape == (2, 2)


def test_bfloat16_comes_back_as_float32() -> None:
    assert to_numpy(torch.ones(2, dtype=torch.bfloat16)).dtype == np.float32


def test_structures_are_taken_apart_and_put_together() -> None:
    nested = {"a": [1, (2, None)], "b": 3}
    assert flatten(nested) == [1, 2, None, 3]
    assert map_structure(lambda item: item + 1, nested) == {"a": [2, (3, None)], "b": 4}
    rebuild = rebuilder(nested)
    assert rebuild is not None and rebuild([7, 8, 9]) == {"a": [7, (8, None)], "b": 9}
    assert rebuilder(5) is None


def test_batches_have_at_most_three_parts() -> None:
    assert unpack_x_y_sample_weight(1) == (1, None, None)
    assert unpack_x_y_sample_weight((1,)) == (1, None, None)
    assert unpack_x_y_sample_weight((1, 2)) == (1, 2, None)
    with pytest.raises(ValueError, match="tuple of 4 elements"):
        unpack_x_y_sample_weight((1, 2, 3, 4))
