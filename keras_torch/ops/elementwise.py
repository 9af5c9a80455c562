"""Arithmetic, comparisons, logic and elementary functions, element by element: torch's, with Keras 3's dtypes."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from keras_torch import config
from keras_torch.ops.arguments import as_dtype, convert, floating, floats, operation, result_dtype, together


@operation
def add(x1: Any, x2: Any) -> Any:
    """`x1 + x2`."""
    return torch.add(*together(x1, x2))


@operation
def subtract(x1: Any, x2: Any) -> Any:
    """`x1 - x2`."""
    return torch.sub(*together(x1, x2))


@operation
def multiply(x1: Any, x2: Any) -> Any:
    """`x1 * x2`."""
    return torch.mul(*together(x1, x2))


@operation
def true_divide(x1: Any, x2: Any) -> Any:
    """`x1 / x2`, a float."""
    return torch.div(*floats(x1, x2))


@operation
def divide(x1: Any, x2: Any) -> Any:
    """`x1 / x2`, a float."""
    return torch.div(*floats(x1, x2))


@operation
def divide_no_nan(x1: Any, x2: Any) -> Any:
    """`x1 / x2`, and 0 where `x2` is 0."""
    x1, x2 = floats(x1, x2)
    zero = x2 == 0
    # A safe divisor, so that the gradient is 0 there too.
    return torch.where(zero, 0.0, x1 / torch.where(zero, 1.0, x2)).to(x1.dtype)


@operation
def floor_divide(x1: Any, x2: Any) -> Any:
    """The largest integer not above `x1 / x2`."""
    return torch.floor_divide(*together(x1, x2))


@operation
def mod(x1: Any, x2: Any) -> Any:
    """The remainder, with the sign of the divisor."""
    x1, x2 = numbers(x1, x2)
    return torch.remainder(x1, x2)


@operation
def fmod(x1: Any, x2: Any) -> Any:
    """The remainder, with the sign of the dividend."""
    return torch.fmod(*numbers(x1, x2))


def numbers(*items: Any) -> list[Any]:
    """Return tensors of the common dtype, int32 for booleans."""
    found = together(*items)
    return [item.to(torch.int32) if item.dtype is torch.bool else item for item in found]


@operation
def power(x1: Any, x2: Any) -> Any:
    """`x1 ** x2`."""
    if isinstance(x2, (int, float)) and not isinstance(x2, bool) and not isinstance(x1, (int, float)):
        # torch has shortcuts for exponents that are Python numbers.
        x1 = convert(x1)
        return torch.pow(as_dtype(x1, result_dtype(x1, x2)), x2)
    return torch.pow(*numbers(x1, x2))


@operation
def negative(x: Any) -> Any:
    """`-x`."""
    return torch.neg(convert(x))


@operation
def absolute(x: Any) -> Any:
    """The absolute value."""
    x = convert(x)
    return x if x.dtype is torch.bool or not x.dtype.is_signed else torch.abs(x)


@operation
def fabs(x: Any) -> Any:
    """The absolute value, a float."""
    return torch.abs(floating(x))


def abs(x: Any) -> Any:
    """The absolute value."""
    return absolute(x)


@operation
def sign(x: Any) -> Any:
    """-1, 0 or 1."""
    return torch.sign(convert(x))


@operation
def signbit(x: Any) -> Any:
    """Whether the sign bit is set."""
    return torch.signbit(convert(x))


@operation
def square(x: Any) -> Any:
    """`x * x`."""
    x = convert(x)
    return torch.square(x.to(torch.int32) if x.dtype is torch.bool else x)


@operation
def sqrt(x: Any) -> Any:
    """The square root; NaN for negative values."""
    return torch.sqrt(floating(x))


@operation
def rsqrt(x: Any) -> Any:
    """`1 / sqrt(x)`."""
    return torch.rsqrt(floating(x))


@operation
def cbrt(x: Any) -> Any:
    """The cube root."""
    x = convert(x)
    x = x if x.dtype.is_floating_point else x.to(_wide(x))
    return torch.sign(x) * torch.abs(x) ** (1 / 3)


@operation
def reciprocal(x: Any) -> Any:
    """`1 / x`."""
    return torch.reciprocal(floating(x))


@operation
def hypot(x1: Any, x2: Any) -> Any:
    """`sqrt(x1**2 + x2**2)`."""
    return torch.hypot(*floats(x1, x2))


@operation
def exp(x: Any) -> Any:
    """The exponential."""
    return torch.exp(floating(x))


@operation
def exp2(x: Any) -> Any:
    """`2 ** x`."""
    return torch.exp2(floating(x))


@operation
def expm1(x: Any) -> Any:
    """`exp(x) - 1`, precise near 0."""
    return torch.expm1(floating(x))


@operation
def log(x: Any) -> Any:
    """The natural logarithm."""
    return torch.log(floating(x))


@operation
def log10(x: Any) -> Any:
    """The logarithm to base 10."""
    return torch.log10(floating(x))


@operation
def log1p(x: Any) -> Any:
    """`log(1 + x)`, precise near 0."""
    return torch.log1p(floating(x))


@operation
def log2(x: Any) -> Any:
    """The logarithm to base 2."""
    return torch.log2(floating(x))


@operation
def logaddexp(x1: Any, x2: Any) -> Any:
    """`log(exp(x1) + exp(x2))` without overflow."""
    return torch.logaddexp(*floats(x1, x2))


@operation
def logaddexp2(x1: Any, x2: Any) -> Any:
    """`log2(2**x1 + 2**x2)` without overflow."""
    return torch.logaddexp2(*floats(x1, x2))


@operation
def sin(x: Any) -> Any:
    """The sine."""
    return torch.sin(floating(x))


@operation
def cos(x: Any) -> Any:
    """The cosine."""
    return torch.cos(floating(x))


@operation
def tan(x: Any) -> Any:
    """The tangent."""
    return torch.tan(floating(x))


@operation
def arcsin(x: Any) -> Any:
    """The inverse sine."""
    return torch.asin(floating(x))


@operation
def arccos(x: Any) -> Any:
    """The inverse cosine."""
    return torch.acos(floating(x))


@operation
def arctan(x: Any) -> Any:
    """The inverse tangent."""
    return torch.atan(floating(x))


@operation
def arctan2(x1: Any, x2: Any) -> Any:
    """The angle of the point (x2, x1)."""
    return torch.atan2(*floats(x1, x2))


@operation
def sinh(x: Any) -> Any:
    """The hyperbolic sine."""
    return torch.sinh(floating(x))


@operation
def cosh(x: Any) -> Any:
    """The hyperbolic cosine."""
    return torch.cosh(floating(x))


@operation
def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return torch.tanh(floating(x))


@operation
def arcsinh(x: Any) -> Any:
    """The inverse hyperbolic sine."""
    return torch.asinh(floating(x))


@operation
def arccosh(x: Any) -> Any:
    """The inverse hyperbolic cosine."""
    return torch.acosh(floating(x))


@operation
def arctanh(x: Any) -> Any:
    """The inverse hyperbolic tangent."""
    return torch.atanh(floating(x))


@operation
def sinc(x: Any) -> Any:
    """`sin(pi x) / (pi x)`."""
    return torch.sinc(floating(x))


@operation
def deg2rad(x: Any) -> Any:
    """Degrees as radians."""
    x = convert(x)
    return torch.deg2rad(x if x.dtype.is_floating_point else x.to(_wide(x)))


@operation
def rad2deg(x: Any) -> Any:
    """Radians as degrees."""
    x = convert(x)
    return torch.rad2deg(x if x.dtype.is_floating_point else x.to(_wide(x)))


def _wide(x: Any) -> torch.dtype:
    return torch.float64 if x.dtype is torch.int64 else config.torch_dtype(None)


@operation
def erf(x: Any) -> Any:
    """The error function."""
    return torch.erf(floating(x))


@operation
def erfc(x: Any) -> Any:
    """`1 - erf(x)`."""
    return torch.erfc(floating(x))


@operation
def erfinv(x: Any) -> Any:
    """The inverse of the error function."""
    return torch.erfinv(floating(x))


@operation
def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind, of order 0."""
    return torch.i0(floating(x))


@operation
def floor(x: Any) -> Any:
    """The largest integer not above, a float."""
    return torch.floor(floating(x))


@operation
def ceil(x: Any) -> Any:
    """The smallest integer not below, a float."""
    return torch.ceil(floating(x))


@operation
def trunc(x: Any) -> Any:
    """The integer part."""
    x = convert(x)
    return torch.trunc(x) if x.dtype is not torch.bool else x


@operation
def round(x: Any, decimals: int = 0) -> Any:
    """The nearest number of so many decimals, halves to the even one; integers stay integers."""
    x = convert(x)
    if not x.dtype.is_floating_point:
        integers = x.to(torch.int32) if x.dtype is torch.bool else x
        floats_ = integers.to(config.torch_dtype(None))
        return integers if decimals >= 0 else torch.round(floats_, decimals=decimals).to(integers.dtype)
    return torch.round(x, decimals=decimals)


@operation
def maximum(x1: Any, x2: Any) -> Any:
    """The larger, element by element; NaN if either is."""
    return torch.maximum(*together(x1, x2))


@operation
def minimum(x1: Any, x2: Any) -> Any:
    """The smaller, element by element; NaN if either is."""
    return torch.minimum(*together(x1, x2))


@operation
def fmax(x1: Any, x2: Any) -> Any:
    """The larger, element by element; a number beside a NaN is the number."""
    return torch.fmax(*together(x1, x2))


@operation
def fmin(x1: Any, x2: Any) -> Any:
    """The smaller, element by element; a number beside a NaN is the number."""
    return torch.fmin(*together(x1, x2))


@operation
def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """Limit values to [x_min, x_max]; None is no limit. Integers between floats become floats."""
    x = convert(x)
    x = x.to(torch.int32) if x.dtype is torch.bool else x
    limits: list[Any] = [
        item if item is None or isinstance(item, (int, float)) else convert(item) for item in (x_min, x_max)
    ]
    if not x.dtype.is_floating_point:
        x = as_dtype(x, result_dtype(x, *(item for item in limits if item is not None)))
    if limits == [None, None]:
        return x
    if any(isinstance(item, torch.Tensor) for item in limits):
        limits = [item if item is None or isinstance(item, torch.Tensor) else torch.tensor(item) for item in limits]
        limits = [item if item is None else item.to(x.device, x.dtype) for item in limits]
    return torch.clamp(x, limits[0], limits[1]).to(x.dtype)


@operation
def equal(x1: Any, x2: Any) -> Any:
    """Whether `x1 == x2`."""
    return torch.eq(*together(x1, x2))


@operation
def not_equal(x1: Any, x2: Any) -> Any:
    """Whether `x1 != x2`."""
    return torch.ne(*together(x1, x2))


@operation
def greater(x1: Any, x2: Any) -> Any:
    """Whether `x1 > x2`."""
    return torch.gt(*together(x1, x2))


@operation
def greater_equal(x1: Any, x2: Any) -> Any:
    """Whether `x1 >= x2`."""
    return torch.ge(*together(x1, x2))


@operation
def less(x1: Any, x2: Any) -> Any:
    """Whether `x1 < x2`."""
    return torch.lt(*together(x1, x2))


@operation
def less_equal(x1: Any, x2: Any) -> Any:
    """Whether `x1 <= x2`."""
    return torch.le(*together(x1, x2))


@operation
def logical_and(x1: Any, x2: Any) -> Any:
    """Whether both are other than 0."""
    return torch.logical_and(convert(x1), convert(x2))


@operation
def logical_or(x1: Any, x2: Any) -> Any:
    """Whether one is other than 0."""
    return torch.logical_or(convert(x1), convert(x2))


@operation
def logical_xor(x1: Any, x2: Any) -> Any:
    """Whether exactly one is other than 0."""
    return torch.logical_xor(convert(x1), convert(x2))


@operation
def logical_not(x: Any) -> Any:
    """Whether it is 0."""
    return torch.logical_not(convert(x))


@partial(operation, sized_by_values=(list,))
def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """`x1` where the condition holds, else `x2`; with the condition alone, the indices where it holds."""
    condition = convert(condition, "bool")
    if (x1 is None) != (x2 is None):
        raise ValueError("`where` takes both `x1` and `x2`, or neither. Received: one of them is None")
    if x1 is None and x2 is None:
        return list(torch.where(condition))
    return torch.where(condition, *together(x1, x2))


@operation
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """The value of the first condition that holds, else the default."""
    *choices, result = together(*choicelist, default)
    for condition, choice in zip(reversed(list(condlist)), reversed(choices), strict=True):
        result = torch.where(convert(condition, "bool"), choice, result)
    return result


@operation
def isnan(x: Any) -> Any:
    """Whether it is NaN."""
    return torch.isnan(convert(x))


@operation
def isinf(x: Any) -> Any:
    """Whether it is infinite."""
    return torch.isinf(convert(x))


@operation
def isposinf(x: Any) -> Any:
    """Whether it is positive infinity."""
    return torch.isposinf(convert(x))


@operation
def isneginf(x: Any) -> Any:
    """Whether it is negative infinity."""
    return torch.isneginf(convert(x))


@operation
def isfinite(x: Any) -> Any:
    """Whether it is neither infinite nor NaN."""
    return torch.isfinite(convert(x))


@operation
def isreal(x: Any) -> Any:
    """Whether the imaginary part is 0."""
    return torch.isreal(convert(x))


@operation
def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether the difference is at most `atol + rtol * |x2|`."""
    x1, x2 = together(x1, x2)
    return torch.isclose(x1, x2, rtol=rtol, atol=atol, equal_nan=equal_nan)


@operation
def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether `isclose` holds everywhere."""
    x1, x2 = together(x1, x2)
    return torch.all(torch.isclose(x1, x2, rtol=rtol, atol=atol, equal_nan=equal_nan))


@operation
def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """Replace NaN and infinities by numbers; None is the largest, or the smallest, of the dtype."""
    return torch.nan_to_num(convert(x), nan, posinf, neginf)


@operation
def heaviside(x1: Any, x2: Any) -> Any:
    """0 below 0, 1 above, and `x2` at 0."""
    x1, x2 = floats(x1, x2)
    return torch.heaviside(x1, x2.to(x1.device).expand_as(x1) if x2.dim() == 0 else x2)


@operation
def nextafter(x1: Any, x2: Any) -> Any:
    """The next float after `x1` towards `x2`."""
    return torch.nextafter(*floats(x1, x2))


@operation
def ldexp(x1: Any, x2: Any) -> Any:
    """`x1 * 2**x2`."""
    x1, x2 = convert(x1), convert(x2)
    return torch.mul(floating(x1), torch.pow(2.0, x2.to(floating(x1).dtype)))
