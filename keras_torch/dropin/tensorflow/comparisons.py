"""`==` of shapes and dtypes as TensorFlow has it: `x.shape == [2, 3]`, `x.dtype == "float32"`.

`torch.Size` and `torch.dtype` are written in C: a method in the dictionary of the type is not asked by operators, which
go to a slot of it. The slot gets the function that types of Python have there, which looks the method up.
(`torch.compile` works comparisons out by itself, as torch has them: in what it compiles, lists differ from shapes.)
"""

from __future__ import annotations

import ctypes
from typing import Any, cast

import numpy as np
import torch

from keras_torch.dropin.tensorflow.dtypes import as_dtype

_RICH_COMPARE = 67  # Py_tp_richcompare, a number of CPython's stable interface
_POINTER = ctypes.sizeof(ctypes.c_void_p)


def shapes_equal(self: torch.Size, other: Any) -> Any:
    """Compare sizes, with those of a list as well."""
    return tuple.__eq__(self, tuple(other) if type(other) is list else other)


def shapes_differ(self: torch.Size, other: Any) -> Any:
    """The opposite."""
    return tuple.__ne__(self, tuple(other) if type(other) is list else other)


def dtypes_equal(self: torch.dtype, other: Any) -> Any:
    """Compare with a dtype of torch, or with what names one."""
    if isinstance(other, torch.dtype):
        return self is other
    if isinstance(other, (str, type, np.dtype)):
        try:
            return as_dtype(other) is self
        except (TypeError, ValueError):
            return False
    return NotImplemented


def dtypes_differ(self: torch.dtype, other: Any) -> Any:
    """The opposite."""
    found = dtypes_equal(self, other)
    return found if found is NotImplemented else not found


SIZE = {"__eq__": shapes_equal, "__ne__": shapes_differ}
DTYPE = {"__eq__": dtypes_equal, "__ne__": dtypes_differ}


class _OfPython:
    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__


def _slot(owner: type) -> int:
    get = ctypes.pythonapi.PyType_GetSlot
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_int]
    return get(owner, _RICH_COMPARE)


_before: dict[type, int] = {}


def install(owner: type) -> None:
    """Let `==` and `!=` of a type ask its methods."""
    function = _slot(owner)
    _before[owner] = function
    _write(owner, function, _slot(_OfPython))


def uninstall(owner: type) -> None:
    """Give a type back what it compared with, if it was taken."""
    if owner in _before:
        _write(owner, _slot(owner), _before.pop(owner))


def _write(owner: type, old: int, new: int) -> None:
    """Put a function in the place of another one in a type's record."""
    words = (ctypes.c_void_p * (cast(int, type.__basicsize__) // _POINTER)).from_address(id(owner))
    places = [place for place, word in enumerate(words) if word == old]
    if len(places) != 1:
        raise RuntimeError(f"This Python keeps the comparison of {owner.__name__} where it is not found.")
    words[places[0]] = new
