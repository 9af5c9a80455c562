"""Numpy arrays and torch tensors, sharing memory where they can."""

from __future__ import annotations

import warnings

import numpy as np
import torch

from keras_torch.backend.array_types import widened
from keras_torch.backend.string_array import StringArray


def from_numpy(array: np.ndarray) -> torch.Tensor:
    """`torch.from_numpy` for any strides, byte order, unsigned type and for read-only arrays."""
    array = widened(array)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    elif array.dtype == np.longdouble and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    if any(stride < 0 for stride in array.strides):
        array = np.ascontiguousarray(array)
    if array.flags.writeable:
        return torch.from_numpy(array)
    with warnings.catch_warnings():
        # Nothing here writes to the data; torch only fears that somebody might.
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(array)


def to_numpy(tensor: torch.Tensor | StringArray) -> np.ndarray:
    """Return a tensor's values as a numpy array on the host; bfloat16, which numpy lacks, becomes float32."""
    if isinstance(tensor, StringArray):
        return tensor.view(np.ndarray)
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    return tensor.cpu().numpy()
