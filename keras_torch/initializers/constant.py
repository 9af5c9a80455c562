"""Initializers without randomness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keras_torch import config
from keras_torch.initializers.base import Initializer


class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return torch.zeros(tuple(shape), dtype=config.torch_dtype(dtype))


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return torch.ones(tuple(shape), dtype=config.torch_dtype(dtype))


class Constant(Initializer):
    """A given number, or an array that broadcasts to the weight's shape."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        target = config.torch_dtype(dtype)
        if isinstance(self.value, (int, float)):
            return torch.full(tuple(shape), self.value, dtype=target)
        value = torch.as_tensor(self.value).to(target)
        if not config.is_modern() and value.numel() == math.prod(shape):
            # Before Keras 3 the numbers in their order were enough.
            return value.reshape(tuple(shape)).clone()
        try:
            return value.expand(tuple(shape)).clone()
        except RuntimeError as error:
            raise ValueError(
                f"The `value` of Constant must broadcast to the weight's shape {tuple(shape)}. "
                f"Received: an array of shape {tuple(value.shape)}"
            ) from error

    def get_config(self) -> dict[str, Any]:
        value = self.value
        return {"value": value.tolist() if isinstance(value, (np.ndarray, np.generic, Tensor)) else value}


class Identity(Initializer):
    """`gain` times the identity matrix.

    A matrix that is not square has zeros outside the diagonal; in dialects "1" and "2" the identity is repeated along
    the longer side instead, which must be a multiple of the shorter one.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        if len(shape) != 2:
            raise ValueError(f"Identity can only initialize matrices. Received: shape {tuple(shape)}")
        rows, columns = shape
        target = config.torch_dtype(dtype)
        if not config.is_classic():
            return self.gain * torch.eye(rows, columns, dtype=target)
        short, long = min(shape), max(shape)
        if long % short:
            raise ValueError(
                f"Identity needs a longer side that is a multiple of the shorter one. Received: shape {tuple(shape)}"
            )
        return self.gain * torch.eye(short, dtype=target).repeat(rows // short, columns // short)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}
