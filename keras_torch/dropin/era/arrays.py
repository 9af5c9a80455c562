"""What numpy and `scipy.misc` no longer have and nothing of today does alike."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from keras_torch.dropin.era import object_arrays
from keras_torch.dropin.era.callers import called_by_a_script

NINF = -math.inf
NZERO = -0.0
PZERO = 0.0
sctypes = {
    "int": [np.int8, np.int16, np.int32, np.int64],
    "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
    "float": [np.float16, np.float32, np.float64, np.longdouble],
    "complex": [np.complex64, np.complex128, np.clongdouble],
    "others": [bool, object, bytes, str, np.void],
}


def asscalar(a: Any) -> Any:
    """Return the one item of an array as a number of Python."""
    return a.item()


def asfarray(a: Any, dtype: Any = np.float64) -> np.ndarray:
    """Return an array of floats."""
    return np.asarray(a, dtype=dtype if np.issubdtype(dtype, np.inexact) else np.float64)


def find_common_type(array_types: Sequence[Any], scalar_types: Sequence[Any]) -> Any:
    """Return the dtype that holds all of the given ones."""
    return np.result_type(*array_types, *scalar_types)


def in1d(ar1: Any, ar2: Any, assume_unique: bool = False, invert: bool = False) -> np.ndarray:
    """Return, for each element of the flattened `ar1`, whether `ar2` has it."""
    return np.isin(np.ravel(ar1), ar2, assume_unique=assume_unique, invert=invert)


def msort(a: Any) -> np.ndarray:
    """Return a copy sorted along the first axis."""
    return np.sort(a, axis=0)


def rank(a: Any) -> int:
    """Return the number of axes."""
    return np.ndim(a)


def derivative(
    func: Callable[..., Any], x0: Any, dx: float = 1.0, n: int = 1, args: Sequence[Any] = (), order: int = 3
) -> Any:
    """Return the `n`-th derivative at `x0` by central differences of `order` points, an odd number above `n`."""
    if order < n + 1 or order % 2 == 0:
        raise ValueError(f"`order` must be odd and at least `n` + 1 = {n + 1}. Received: {order}")
    points = np.arange(order) - order // 2
    moments = np.vander(points, increasing=True).T.astype(float)
    weights = np.linalg.solve(moments, math.factorial(n) * np.eye(order)[n])
    return sum(weight * func(x0 + point * dx, *args) for weight, point in zip(weights, points, strict=True)) / dx**n


def change(module: ModuleType, set_: Callable[[Any, str, Any], None]) -> None:
    """Let numpy make arrays of lists of unequal length and of bytes, and read arrays of lists, as it did."""
    set_(module, "array", _ragged(module.array))
    set_(module, "asarray", _ragged(module.asarray))
    set_(module, "copy", _ragged(module.copy))
    set_(module, "fromstring", _from_bytes(module.fromstring))
    set_(module, "load", object_arrays.load(module.load))
    set_(module, "histogram", _normed(module.histogram))


def _ragged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ValueError as error:
            unequal = "inhomogeneous shape" in str(error) and args and kwargs.get("dtype") is None
            if not unequal or not called_by_a_script():
                raise
        return function(np.array(args[0], dtype=np.object_), *args[1:], **kwargs)

    return wrapper


def _from_bytes(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(string: Any, dtype: Any = float, count: int = -1, sep: str = "", **kwargs: Any) -> Any:
        if sep != "":
            return function(string, dtype, count, sep=sep, **kwargs)
        return np.frombuffer(string.encode("latin1") if isinstance(string, str) else string, dtype, count).copy()

    return wrapper


def _normed(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, normed: bool | None = None, **kwargs: Any) -> Any:
        if normed is not None:
            kwargs.setdefault("density", normed)
        return function(*args, **kwargs)

    return wrapper
