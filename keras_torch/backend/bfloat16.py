"""Arrays of bfloat16, which the package ml_dtypes adds to numpy and torch does not read."""

from __future__ import annotations

import numpy as np
import torch


def from_bfloat16(array: np.ndarray) -> torch.Tensor:
    """Return an array of bfloat16 as a tensor, bit by bit."""
    bits = np.frombuffer(bytearray(array.tobytes()), np.int16)
    return torch.from_numpy(bits).view(torch.bfloat16).reshape(array.shape)
