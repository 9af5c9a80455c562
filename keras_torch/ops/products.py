"""Products of vectors, matrices and tensors."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch.ops.arguments import as_dtype, convert, floating, floats, operation, result_dtype, together


def _multiplied(function: Any, x1: Any, x2: Any) -> Any:
    """Apply a product to tensors of the common dtype; booleans and small integers as 32 bit ones."""
    x1, x2 = together(x1, x2)
    dtype = x1.dtype
    if dtype is torch.bool:
        return function(x1.to(torch.int32), x2.to(torch.int32)).to(torch.bool)
    return function(x1, x2)


@operation
def matmul(x1: Any, x2: Any) -> Any:
    """The matrix product over the last two axes."""
    x1, x2 = convert(x1), convert(x2)
    if x1.dtype is x2.dtype is torch.int8:
        return torch.matmul(x1.to(torch.int32), x2.to(torch.int32))
    return _multiplied(torch.matmul, x1, x2)


def _dot(x1: Any, x2: Any) -> Any:
    if x1.dim() == 0 or x2.dim() == 0:
        return x1 * x2
    return torch.tensordot(x1, x2, dims=([x1.dim() - 1], [max(x2.dim() - 2, 0)]))


@operation
def dot(x1: Any, x2: Any) -> Any:
    """Sum the products over the last axis of `x1` and the last but one of `x2`, as `numpy.dot`."""
    return _multiplied(_dot, x1, x2)


@operation
def inner(x1: Any, x2: Any) -> Any:
    """Sum the products over the last axis of both."""
    return _multiplied(torch.inner, x1, x2)


@operation
def vdot(x1: Any, x2: Any) -> Any:
    """Sum all products of the flattened tensors."""
    return _multiplied(lambda a, b: torch.vdot(a.flatten(), b.flatten()), x1, x2)


def _outer(a: Any, b: Any) -> Any:
    # Numbers, which mix with tensors of every device as long as they have no axis, are left as they are.
    column, row = a.reshape(-1, 1) if a.dim() else a, b.flatten() if b.dim() else b
    return (column * row).reshape(a.numel(), b.numel())


@operation
def outer(x1: Any, x2: Any) -> Any:
    """All products of the flattened tensors, as a matrix."""
    return _multiplied(_outer, x1, x2)


@operation
def kron(x1: Any, x2: Any) -> Any:
    """The Kronecker product."""
    return torch.kron(*together(x1, x2))


@operation
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """Sum the products over so many axes, or over the given axes of both."""
    if not isinstance(axes, int):
        axes = [[item] if isinstance(item, int) else list(item) for item in axes]
    return _multiplied(lambda a, b: torch.tensordot(a, b, dims=axes), x1, x2)


@operation
def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    """Sum products as the subscripts say."""
    if set(kwargs) - {"optimize"}:
        raise TypeError(f"`einsum` takes tensors and `optimize` only. Received: {sorted(kwargs)}")
    found = [convert(item) for item in operands]
    dtype = result_dtype(*found)
    if all(item.dtype is torch.int8 for item in found):
        dtype = torch.int32
    return torch.einsum(subscripts, *(as_dtype(item, dtype) for item in found))


@operation
def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The cross product of vectors of 2 or 3 values; of two of 2, the third value alone."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x1, x2 = together(x1, x2)
    a, b = x1.movedim(axisa, -1), x2.movedim(axisb, -1)
    if not {2, 3} >= {a.shape[-1], b.shape[-1]}:
        raise ValueError(
            f"`cross` takes vectors of 2 or 3 values. Received: shapes {tuple(x1.shape)} and {tuple(x2.shape)}, "
            f"axisa={axisa}, axisb={axisb}"
        )
    if a.shape[-1] == b.shape[-1] == 2:
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    a, b = (torch.nn.functional.pad(item, (0, 3 - item.shape[-1])) for item in (a, b))
    a, b = torch.broadcast_tensors(a, b)
    return torch.linalg.cross(a, b).movedim(-1, axisc)


@operation
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of a diagonal of the matrices in two axes."""
    x = convert(x)
    x = x if x.dtype.is_floating_point or x.dtype is torch.int64 else x.to(torch.int32)
    return torch.diagonal(x, offset, axis1, axis2).sum(-1).to(x.dtype)


@operation
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """The differences of neighbours along an axis, `n` times over."""
    return torch.diff(convert(a), n, axis)


@operation
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral by trapezoids, at the places `x` or at equal distances `dx`."""
    y = floating(y)
    return torch.trapezoid(y, dx=dx, dim=axis) if x is None else torch.trapezoid(y, floating(x).to(y.dtype), dim=axis)


@operation
def cdist(x: Any, y: Any) -> Any:
    """The Euclidean distances of all pairs of rows."""
    return torch.cdist(*floats(x, y))


@operation
def corrcoef(x: Any) -> Any:
    """The correlation coefficients of the rows."""
    return torch.corrcoef(floating(x))


@operation
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """The cross-correlation of two vectors, where both overlap wholly ("valid"), at all ("full"), or "same"."""
    x1, x2 = floats(x1, x2)
    if mode not in ("valid", "same", "full"):
        raise ValueError(f"`mode` must be 'valid', 'same' or 'full'. Received: mode={mode!r}")
    first, second = len(x1), len(x2)
    full = torch.nn.functional.conv1d(x1[None, None], x2[None, None], padding=second - 1)[0, 0]
    if mode == "full":
        return full
    longer, shorter = max(first, second), min(first, second)
    if mode == "valid":
        return full[shorter - 1 : longer]
    return full[(shorter - 1) // 2 : (shorter - 1) // 2 + longer]
