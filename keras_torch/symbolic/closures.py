"""Functions that use symbolic tensors which they are not given: globals, attributes, those of the function around."""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Iterator
from typing import Any

from keras_torch.symbolic.keras_tensor import KerasTensor


def uses_symbolic_tensors(function: Any) -> bool:
    """Whether a Python function or method of the user mentions a KerasTensor, itself or in functions that it calls."""
    return _holds(function, set())


def _holds(value: Any, seen: set[tuple[int, ...]]) -> bool:
    if isinstance(value, KerasTensor):
        return True
    # Each look at a method makes a new object of it.
    parts = (value.__func__, value.__self__) if isinstance(value, types.MethodType) else (value,)
    key = tuple(id(part) for part in parts)
    if key in seen:
        return False
    seen.add(key)
    if isinstance(value, functools.partial):
        return any(_holds(item, seen) for item in (value.func, *value.args, *value.keywords.values()))
    if isinstance(value, types.MethodType):
        return _is_users(value) and _mentions(value.__func__, seen, value.__self__)  # type: ignore[arg-type]
    if isinstance(value, types.FunctionType):
        return _is_users(value) and _mentions(value, seen)
    if isinstance(value, dict):
        return any(isinstance(item, KerasTensor) for item in value.values())
    return isinstance(value, (list, tuple)) and any(isinstance(item, KerasTensor) for item in value)


def _is_users(function: Any) -> bool:
    return not (getattr(function, "__module__", None) or "").startswith("keras_torch.")


def _mentions(function: types.FunctionType, seen: set[tuple[int, ...]], owner: Any = None) -> bool:
    """Whether the values that a function loads from outside, or from its owner's attributes, hold a symbolic tensor."""
    names = set(_names(function.__code__))
    cells = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
    around = [function.__globals__.get(name) for name in names] + cells + list(function.__defaults__ or ())
    attributes = [*cells, owner] if owner is not None else cells
    own = [value for item in attributes for value in _attributes(item, function.__code__)]
    return any(_holds(value, seen) for value in [*around, *own])


def _names(code: types.CodeType) -> Iterator[str]:
    """Yield the global names that a function, or one defined in it, loads."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for item in code.co_consts:
        if isinstance(item, types.CodeType):
            yield from _names(item)


def _attributes(owner: Any, code: types.CodeType) -> list[Any]:
    """Return those attributes of an object, methods included, whose names a function mentions."""
    if isinstance(owner, (type, types.ModuleType, types.FunctionType)) or not hasattr(owner, "__dict__"):
        return []
    names = set(code.co_names).union(*(item.co_names for item in code.co_consts if isinstance(item, types.CodeType)))
    methods = [
        types.MethodType(item, owner)
        for name in names
        if isinstance(item := getattr(type(owner), name, None), types.FunctionType)
    ]
    return [vars(owner)[name] for name in names if name in vars(owner)] + methods


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
