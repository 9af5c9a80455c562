"""Reductions over axes: `axis` is None (all), an int, or several ints."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch.backend.tensors import axes_of, floating, tensor


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum; booleans are counted."""
    x = tensor(x)
    return torch.sum(x, axes_of(x, axis), keepdims)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Mean; booleans and integers are converted to `floatx` first (TensorFlow rounds the mean of integers)."""
    x = floating(x)
    return torch.mean(x, axes_of(x, axis), keepdims)


def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Product."""
    x = tensor(x)
    for item in sorted(axes_of(x, axis), reverse=True):
        x = torch.prod(x, item, keepdims)
    return x


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest value."""
    x = tensor(x)
    return torch.amax(x, axes_of(x, axis), keepdims)


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest value."""
    x = tensor(x)
    return torch.amin(x, axes_of(x, axis), keepdims)


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Variance, divided by the number of values (torch's default divides by one less)."""
    x = floating(x)
    return torch.var(x, axes_of(x, axis), correction=0, keepdim=keepdims)


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Standard deviation, the root of `var`."""
    x = floating(x)
    return torch.std(x, axes_of(x, axis), correction=0, keepdim=keepdims)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`log(sum(exp(x)))` without overflow."""
    x = floating(x)
    return torch.logsumexp(x, axes_of(x, axis), keepdims)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether some value is not 0."""
    x = tensor(x, "bool")
    return torch.any(x, axes_of(x, axis), keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether no value is 0."""
    x = tensor(x, "bool")
    return torch.all(x, axes_of(x, axis), keepdims)


def argmax(x: Any, axis: int = -1) -> Any:
    """Index of the largest value along an axis."""
    return torch.argmax(tensor(x), axis)


def argmin(x: Any, axis: int = -1) -> Any:
    """Index of the smallest value along an axis."""
    return torch.argmin(tensor(x), axis)
