"""Types of numpy's arrays that torch lacks, or has without most of its functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

_WIDER: dict[Any, Any] = {np.dtype("uint16"): np.int32, np.dtype("uint32"): np.int64, np.dtype("uint64"): np.int64}


def widened(array: Any) -> Any:
    """Return an array of unsigned numbers, which torch hardly computes with, in a signed type that holds them.

    ValueError for those of uint64 that none holds.
    """
    wider = _WIDER.get(array.dtype)
    if wider is not None and array.size and int(array.max()) > np.iinfo(wider).max:
        raise ValueError(
            f"Numbers of {array.dtype} must be below 2**63 here, since torch computes with int64. "
            f"Received: {array.max()}. Convert the array to float64, or take the numbers apart, before."
        )
    return array if wider is None else array.astype(wider)


def from_bfloat16(array: np.ndarray) -> torch.Tensor:
    """Return an array of bfloat16, which the package ml_dtypes adds to numpy, as a tensor, bit by bit."""
    bits = np.frombuffer(bytearray(array.tobytes()), np.int16)
    return torch.from_numpy(bits).view(torch.bfloat16).reshape(array.shape)
