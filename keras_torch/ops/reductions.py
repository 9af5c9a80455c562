"""Reductions over axes, accumulations, order statistics: `axis` is None (all), an int, or several ints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from keras_torch import config
from keras_torch.ops.arguments import as_dtype, axes, convert, floating, operation

_SUMS = {
    torch.bool: torch.int32,
    torch.int8: torch.int32,
    torch.int16: torch.int32,
    torch.uint8: torch.int32,
    torch.uint16: torch.int32,
}


def _sum_dtype(x: Any) -> torch.dtype:
    return _SUMS.get(x.dtype, x.dtype)


@operation
def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum; small integers are added as 32 bit ones."""
    x = convert(x)
    return _over(x, axis, lambda x, axes: torch.sum(x, axes, keepdims).to(_sum_dtype(x)))


def _over(x: Any, axis: Any, reduce: Callable[..., Any]) -> Any:
    """Reduce over axes; no axes at all, which torch takes for all of them, leave the values as they are."""
    found = axes(x, axis)
    return reduce(x, found) if found else reduce(x.unsqueeze(0), (0,))


@operation
def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean, a float."""
    return _over(floating(x), axis, lambda x, axes: torch.mean(x, axes, keepdims))


@operation
def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The product."""
    x = convert(x)
    wanted = _sum_dtype(x) if dtype is None else config.torch_dtype(dtype)
    x = x.to(wanted)
    for item in sorted(axes(x, axis), reverse=True):
        x = torch.prod(x, item, keepdims, dtype=wanted)
    return x


@operation
def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The largest value, and at least `initial`."""
    x = convert(x)
    if initial is not None and x.numel() == 0:
        return as_dtype(initial, x.dtype).to(x.device)
    result = _over(x, axis, lambda x, axes: torch.amax(x, axes, keepdims))
    return result if initial is None else torch.maximum(result, as_dtype(initial, x.dtype))


@operation
def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The smallest value, and at most `initial`."""
    x = convert(x)
    if initial is not None and x.numel() == 0:
        return as_dtype(initial, x.dtype).to(x.device)
    result = _over(x, axis, lambda x, axes: torch.amin(x, axes, keepdims))
    return result if initial is None else torch.minimum(result, as_dtype(initial, x.dtype))


@operation
def amax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest value."""
    return _over(convert(x), axis, lambda x, axes: torch.amax(x, axes, keepdims))


@operation
def amin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest value."""
    return _over(convert(x), axis, lambda x, axes: torch.amin(x, axes, keepdims))


@operation
def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest value minus the smallest."""
    return _over(convert(x), axis, lambda x, axes: torch.amax(x, axes, keepdims) - torch.amin(x, axes, keepdims))


@operation
def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The variance, divided by the number of values (torch's default divides by one less)."""
    return _over(floating(x), axis, lambda x, axes: torch.var(x, axes, correction=0, keepdim=keepdims))


@operation
def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The standard deviation, the root of `var`."""
    return _over(floating(x), axis, lambda x, axes: torch.std(x, axes, correction=0, keepdim=keepdims))


@operation
def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> Any:
    """Mean and variance over axes; half precision is computed in single. `synchronized` is not supported."""
    if synchronized:
        raise NotImplementedError("`moments` works on one device. Received: synchronized=True")
    x = convert(x)
    working = x.float() if x.dtype is torch.float16 else x
    found = (axes,) if isinstance(axes, int) else tuple(axes)
    variance, average = torch.var_mean(working, found, correction=0, keepdim=keepdims)
    if x.dtype is torch.float16:
        limits = torch.finfo(x.dtype)
        average, variance = average.clamp(limits.min, limits.max), variance.clamp(limits.min, limits.max)
    return average.to(x.dtype), variance.to(x.dtype)


@operation
def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """The mean, weighted; weights of one axis lie along `axis`."""
    x = floating(x)
    if weights is None:
        return _over(x, axis, torch.mean)
    weights = floating(weights)
    if weights.dim() != x.dim():
        if not isinstance(axis, int) or weights.dim() != 1 or weights.shape[0] != x.shape[axis]:
            raise ValueError(
                "`weights` must have the shape of `x`, or one axis of the size of `axis`. "
                f"Received: shapes {tuple(x.shape)} and {tuple(weights.shape)}, axis={axis}"
            )
        sizes = [1] * x.dim()
        sizes[axis] = -1
        weights = weights.reshape(sizes)
    dtype = torch.promote_types(x.dtype, weights.dtype)
    weights = weights.to(dtype).expand_as(x)
    return _over(x * weights, axis, torch.sum) / _over(weights, axis, torch.sum)


@operation
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`log(sum(exp(x)))` without overflow."""
    return _over(floating(x), axis, lambda x, axes: torch.logsumexp(x, axes, keepdims))


@operation
def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether some value is other than 0."""
    return _over(convert(x, "bool"), axis, lambda x, axes: torch.any(x, axes, keepdims))


@operation
def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether every value is other than 0."""
    return _over(convert(x, "bool"), axis, lambda x, axes: torch.all(x, axes, keepdims))


@operation
def count_nonzero(x: Any, axis: Any = None) -> Any:
    """How many values are other than 0."""
    return _over(convert(x), axis, lambda x, axes: torch.count_nonzero(x, axes).to(torch.int32))


@operation
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The index of the largest value, the first of several, as int32."""
    return _index_of(torch.argmax, x, axis, keepdims)


@operation
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The index of the smallest value, the first of several, as int32."""
    return _index_of(torch.argmin, x, axis, keepdims)


def _index_of(function: Callable[..., Any], x: Any, axis: int | None, keepdims: bool) -> Any:
    x = convert(x)
    x = x.to(torch.uint8) if x.dtype is torch.bool else x
    found = function(x, axis).to(torch.int32)
    if not keepdims:
        return found
    return found.unsqueeze(axis) if axis is not None else found.reshape([1] * x.dim())


@operation
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The sums of all values up to each; of the flattened tensor without `axis`."""
    return _accumulate(torch.cumsum, convert(x), axis, dtype)


@operation
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The products of all values up to each; of the flattened tensor without `axis`."""
    return _accumulate(torch.cumprod, convert(x), axis, dtype)


def _accumulate(function: Callable[..., Any], x: Any, axis: int | None, dtype: Any) -> Any:
    wanted = config.torch_dtype(dtype) if dtype is not None else torch.int32 if x.dtype is torch.bool else x.dtype
    x = x if axis is not None else x.flatten()
    return function(x, axis or 0, dtype=wanted)


@operation
def median(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The middle value; the mean of two for an even number of values."""
    return _quantile(torch.quantile, x, 0.5, axis, "linear", keepdims)


@operation
def quantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """The value below which the fraction `q` of the values lies; several fractions give a first axis."""
    return _quantile(torch.quantile, x, q, axis, method, keepdims)


@operation
def percentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """`quantile` with `q` in percent."""
    return _quantile(torch.quantile, x, _fraction(q), axis, method, keepdims)


def _fraction(q: Any) -> Any:
    return q / 100.0 if isinstance(q, (int, float)) else floating(q) / 100.0


def _quantile(function: Callable[..., Any], x: Any, q: Any, axis: Any, method: str, keepdims: bool) -> Any:
    """Run one of torch's quantile functions over several axes: they take one, in single or double precision."""
    x = floating(x)
    dtype = x.dtype
    x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    reduced = axes(x, axis)
    kept = [item for item in range(x.dim()) if item not in reduced]
    values = x.permute(*kept, *reduced).flatten(len(kept)) if reduced else x.unsqueeze(-1)
    fractions = torch.as_tensor(q, dtype=x.dtype, device=x.device)
    result = function(values, fractions.flatten(), dim=-1, interpolation=method)
    shape = [n for axis, n in enumerate(x.shape) if axis not in reduced]
    if keepdims:
        shape = [1 if axis in reduced else n for axis, n in enumerate(x.shape)]
    return result.reshape((*fractions.shape, *shape)).to(dtype)


def _without_nan(x: Any, value: float) -> Any:
    x = convert(x)
    return torch.nan_to_num(x, value, float("inf"), float("-inf")) if x.dtype.is_floating_point else x


@operation
def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`sum` of what is not NaN."""
    return _over(_without_nan(x, 0.0), axis, lambda x, axes: torch.sum(x, axes, keepdims).to(_sum_dtype(x)))


@operation
def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`prod` of what is not NaN."""
    return prod(_without_nan(x, 1.0), axis, keepdims)


@operation
def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`mean` of what is not NaN."""
    return _over(floating(x), axis, lambda x, axes: torch.nanmean(x, axes, keepdims))


def _nanvar(x: Any, axis: Any, keepdims: bool) -> Any:
    x = floating(x)
    found = axes(x, axis)
    if not found:
        return torch.where(torch.isnan(x), x, 0.0).to(x.dtype)
    difference = x - torch.nanmean(x, found, True)
    return torch.nanmean(torch.square(difference), found, keepdims)


@operation
def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`var` of what is not NaN."""
    return _nanvar(x, axis, keepdims)


@operation
def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`std` of what is not NaN."""
    return torch.sqrt(_nanvar(x, axis, keepdims))


def _nan_extreme(x: Any, axis: Any, keepdims: bool, function: Callable[..., Any], fill: float) -> Any:
    x = convert(x)
    if not x.dtype.is_floating_point:
        return _over(x, axis, lambda x, axes: function(x, axes, keepdims))
    found = axes(x, axis)
    if not found:
        return x
    result = function(torch.nan_to_num(x, fill, float("inf"), float("-inf")), found, keepdims)
    return torch.where(torch.isnan(x).all(found, keepdims), torch.nan, result).to(x.dtype)


@operation
def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`max` of what is not NaN."""
    return _nan_extreme(x, axis, keepdims, torch.amax, float("-inf"))


@operation
def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`min` of what is not NaN."""
    return _nan_extreme(x, axis, keepdims, torch.amin, float("inf"))


@operation
def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """`argmax` of what is not NaN; -1 where all is."""
    return _nan_index(torch.argmax, x, axis, keepdims, float("-inf"))


@operation
def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """`argmin` of what is not NaN; -1 where all is."""
    return _nan_index(torch.argmin, x, axis, keepdims, float("inf"))


def _nan_index(function: Callable[..., Any], x: Any, axis: int | None, keepdims: bool, fill: float) -> Any:
    x = convert(x)
    if not x.dtype.is_floating_point:
        return _index_of(function, x, axis, keepdims)
    missing = torch.isnan(x)
    found = _index_of(function, torch.where(missing, fill, x), axis, keepdims)
    none = missing.all() if axis is None else missing.all(axis, keepdims)
    return torch.where(none, -1, found)


@operation
def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """`cumsum` with NaN as 0."""
    return _accumulate(torch.cumsum, _without_nan(x, 0.0), axis, dtype)


@operation
def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """`cumprod` with NaN as 1."""
    return _accumulate(torch.cumprod, _without_nan(x, 1.0), axis, dtype)


@operation
def nanmedian(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`median` of what is not NaN."""
    return _quantile(torch.nanquantile, x, 0.5, axis, "linear", keepdims)


@operation
def nanquantile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """`quantile` of what is not NaN."""
    return _quantile(torch.nanquantile, x, q, axis, method, keepdims)


@operation
def nanpercentile(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    """`percentile` of what is not NaN."""
    return _quantile(torch.nanquantile, x, _fraction(q), axis, method, keepdims)
