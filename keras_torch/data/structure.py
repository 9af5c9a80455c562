"""Nested batches: flatten and map lists, tuples and dicts of arrays, and take `(x, y, sample_weight)` apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch


def is_nested(value: Any) -> bool:
    """Whether `value` is a list, tuple or mapping, that is, holds several arrays."""
    return isinstance(value, (list, tuple, Mapping))


def flatten(value: Any) -> list[Any]:
    """Return the leaves of a nested structure in order; None stands for itself."""
    # First what is asked in no time: an abstract class such as Mapping takes longer than all else here.
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in flatten(item)]
    if isinstance(value, Mapping):
        return [leaf for item in value.values() for leaf in flatten(item)]
    return [value]


def map_structure(function: Callable[[Any], Any], value: Any) -> Any:
    """Return `value` with `function` applied to every leaf that is not None."""
    if value is None:
        return None
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, (list, tuple)):
        items = [map_structure(function, item) for item in value]
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*items)
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, Mapping):
        return {key: map_structure(function, item) for key, item in value.items()}
    return function(value)


def rebuilder(value: Any) -> Callable[[list[Any]], Any] | None:
    """Return a function that puts leaves back into the structure of `value`; None when `value` is one leaf."""
    if not is_nested(value):
        return None

    def rebuild(leaves: list[Any]) -> Any:
        remaining = iter(leaves)
        return map_structure(lambda _: next(remaining), value)

    return rebuild


def leaves_like(value: Any, structure: Any) -> list[Any] | None:
    """Return the leaves of `value` in the order of the nested `structure`; None if it is built otherwise."""
    if isinstance(structure, Mapping):
        if not isinstance(value, Mapping) or any(key not in value for key in structure):
            return None
        pairs = [(value[key], item) for key, item in structure.items()]
    elif isinstance(structure, (list, tuple)):
        if not isinstance(value, (list, tuple)) or len(value) != len(structure):
            return None
        pairs = list(zip(value, structure, strict=True))
    else:
        return [value]
    leaves: list[Any] = []
    for pair in pairs:
        part = leaves_like(*pair)
        if part is None:
            return None
        leaves += part
    return leaves


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Return `(x, y, sample_weight)` from what a batch holds; missing parts are None.

    ValueError if `data` is a tuple of more than three parts.
    """
    if not isinstance(data, (tuple, list)):
        return data, None, None
    if isinstance(data, list):
        data = tuple(data)
    if len(data) == 2:
        return data[0], data[1], None
    if len(data) == 3:
        return data[0], data[1], data[2]
    if len(data) == 1:
        return data[0], None, None
    raise ValueError(
        "A batch must be `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`; several inputs go together in one list. "
        f"Received: a tuple of {len(data)} elements"
    )


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Return the form in which a batch is handed to `train_step`: `x`, `(x, y)` or `(x, y, sample_weight)`."""
    if y is None and sample_weight is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)
