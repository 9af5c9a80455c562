"""Integers as bits, and complex numbers."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch.ops.arguments import convert, floating, floats, operation, together
from keras_torch.ops.elementwise import numbers


@operation
def gcd(x1: Any, x2: Any) -> Any:
    """The greatest common divisor."""
    return torch.gcd(*numbers(x1, x2))


@operation
def lcm(x1: Any, x2: Any) -> Any:
    """The least common multiple."""
    return torch.lcm(*numbers(x1, x2))


@operation
def bitwise_and(x: Any, y: Any) -> Any:
    """`x & y` on the bits."""
    return torch.bitwise_and(*together(x, y))


@operation
def bitwise_or(x: Any, y: Any) -> Any:
    """`x | y` on the bits."""
    return torch.bitwise_or(*together(x, y))


@operation
def bitwise_xor(x: Any, y: Any) -> Any:
    """`x ^ y` on the bits."""
    return torch.bitwise_xor(*together(x, y))


@operation
def bitwise_not(x: Any) -> Any:
    """`~x` on the bits."""
    return torch.bitwise_not(convert(x))


@operation
def bitwise_invert(x: Any) -> Any:
    """`~x` on the bits."""
    return torch.bitwise_not(convert(x))


@operation
def bitwise_left_shift(x: Any, y: Any) -> Any:
    """`x << y`."""
    return torch.bitwise_left_shift(*together(x, y))


@operation
def bitwise_right_shift(x: Any, y: Any) -> Any:
    """`x >> y`."""
    return torch.bitwise_right_shift(*together(x, y))


@operation
def left_shift(x: Any, y: Any) -> Any:
    """`x << y`."""
    return torch.bitwise_left_shift(*together(x, y))


@operation
def right_shift(x: Any, y: Any) -> Any:
    """`x >> y`."""
    return torch.bitwise_right_shift(*together(x, y))


@operation
def real(x: Any) -> Any:
    """The real part."""
    return torch.real(convert(x))


@operation
def imag(x: Any) -> Any:
    """The imaginary part; zeros for real numbers."""
    x = convert(x)
    return torch.imag(x) if x.dtype.is_complex else torch.zeros_like(x)


@operation
def conjugate(x: Any) -> Any:
    """The complex conjugate."""
    return torch.conj(convert(x)).resolve_conj()


conj = conjugate


@operation
def angle(x: Any) -> Any:
    """The argument of a complex number; 0 or pi for a real one."""
    x = floating(x)
    return torch.angle(x)


@operation
def polar(abs_: Any, angle: Any) -> Any:
    """The complex number of an absolute value and an angle."""
    return torch.polar(*floats(abs_, angle))


@operation
def view_as_complex(x: Any) -> Any:
    """Take the last axis, of size 2, for real and imaginary parts."""
    return torch.view_as_complex(convert(x))


@operation
def view_as_real(x: Any) -> Any:
    """Put real and imaginary parts into a last axis of size 2."""
    return torch.view_as_real(convert(x))
