"""Element-wise functions: torch's, under Keras's names."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch import config
from keras_torch.backend.devices import together
from keras_torch.backend.tensors import floating, pair, tensor


def square(x: Any) -> Any:
    """`x * x`."""
    return torch.square(tensor(x))


def abs(x: Any) -> Any:
    """Absolute value."""
    return torch.abs(tensor(x))


def sqrt(x: Any) -> Any:
    """Square root; 0 for negative values, where torch returns NaN."""
    return torch.sqrt(torch.clamp(floating(x), min=0.0))


def exp(x: Any) -> Any:
    """Exponential."""
    return torch.exp(floating(x))


def log(x: Any) -> Any:
    """Natural logarithm."""
    return torch.log(floating(x))


def sin(x: Any) -> Any:
    """Sine."""
    return torch.sin(floating(x))


def cos(x: Any) -> Any:
    """Cosine."""
    return torch.cos(floating(x))


def round(x: Any) -> Any:
    """Nearest integer, halves to the even one."""
    return torch.round(tensor(x))


def sign(x: Any) -> Any:
    """-1, 0 or 1."""
    return torch.sign(tensor(x))


@together
def pow(x: Any, a: Any) -> Any:
    """`x ** a`."""
    return torch.pow(tensor(x), a if isinstance(a, (int, float)) else tensor(a))


def clip(x: Any, min_value: Any, max_value: Any) -> Any:
    """Limit values to [min_value, max_value]; None is no limit, and a maximum below the minimum becomes the minimum."""
    if isinstance(min_value, (int, float)) and isinstance(max_value, (int, float)):
        max_value = max_value if max_value >= min_value else min_value
    if all(limit is None or isinstance(limit, (int, float)) for limit in (min_value, max_value)):
        x = tensor(x)
        dtype = config.torch_dtype(x.dtype)
        if dtype.is_floating_point:
            # 1e100, which floats of 32 bits cannot hold, is no limit.
            most = torch.finfo(dtype).max
            min_value = None if min_value is None else max(min_value, -most)
            max_value = None if max_value is None or max_value > most else max_value
        return torch.clamp(x, min_value, max_value) if (min_value, max_value) != (None, None) else x
    x = x if min_value is None else maximum(x, min_value)
    return x if max_value is None else minimum(x, max_value)


@together
def equal(x: Any, y: Any) -> Any:
    """`x == y`, element by element."""
    return torch.eq(*pair(x, y))


@together
def not_equal(x: Any, y: Any) -> Any:
    """`x != y`, element by element."""
    return torch.ne(*pair(x, y))


@together
def greater(x: Any, y: Any) -> Any:
    """`x > y`, element by element."""
    return torch.gt(*pair(x, y))


@together
def greater_equal(x: Any, y: Any) -> Any:
    """`x >= y`, element by element."""
    return torch.ge(*pair(x, y))


@together
def less(x: Any, y: Any) -> Any:
    """`x < y`, element by element."""
    return torch.lt(*pair(x, y))


@together
def less_equal(x: Any, y: Any) -> Any:
    """`x <= y`, element by element."""
    return torch.le(*pair(x, y))


lesser, lesser_equal = less, less_equal


@together
def maximum(x: Any, y: Any) -> Any:
    """The larger of `x` and `y`, element by element."""
    return torch.maximum(*pair(x, y))


@together
def minimum(x: Any, y: Any) -> Any:
    """The smaller of `x` and `y`, element by element."""
    return torch.minimum(*pair(x, y))


def stop_gradient(variables: Any) -> Any:
    """Return the tensor, or each of a list, as a constant for the gradient."""
    if isinstance(variables, (list, tuple)):
        return [stop_gradient(item) for item in variables]
    return tensor(variables).detach()


def cumsum(x: Any, axis: int = 0) -> Any:
    """Cumulative sum along an axis."""
    return torch.cumsum(tensor(x), axis)


def cumprod(x: Any, axis: int = 0) -> Any:
    """Cumulative product along an axis."""
    return torch.cumprod(tensor(x), axis)
