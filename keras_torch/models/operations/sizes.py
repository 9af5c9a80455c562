"""Shapes as values in graphs of TensorFlow: tuples of whole numbers, known or symbolic, that are computed with.

TensorFlow has tensors there, whose values nobody knows while a graph is built; here sizes stay numbers.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

from torch.utils import _pytree as pytree

from keras_torch import ops
from keras_torch.symbolic import KerasTensor, SymbolicSize
from keras_torch.symbolic.inference import SIZES


def is_size(item: Any) -> bool:
    """Whether `item` is one size: an int, known or symbolic."""
    return isinstance(item, SymbolicSize) or (isinstance(item, int) and not isinstance(item, bool))


def is_sizes(item: Any) -> bool:
    """Whether `item` is a size or a (nested) list of sizes."""
    return is_size(item) or (isinstance(item, (list, tuple)) and all(map(is_sizes, item)))


def on_sizes(
    compute: Callable[[Any, Any], Any], otherwise: Callable[..., Any], known: bool = False
) -> Callable[..., Any]:
    """Return a binary function that stays among sizes where both arguments are sizes, `known` ones only if so."""

    def call(x: Any, y: Any) -> Any:
        of_sizes = is_sizes(x) and is_sizes(y) and any(isinstance(item, (tuple, SymbolicSize)) for item in (x, y))
        if not of_sizes or (known and any(isinstance(item, SymbolicSize) for item in pytree.tree_leaves((x, y)))):
            return otherwise(as_tensor(x), as_tensor(y))
        if isinstance(x, (list, tuple)) or isinstance(y, (list, tuple)):
            first, second = _spread(x, y), _spread(y, x)
            return tuple(_settled(compute(a, b)) for a, b in zip(first, second, strict=True))
        return _settled(compute(x, y))

    return call


def _settled(size: Any) -> Any:
    """Return a size as a number if it is the same whatever the unknown ones are, such as a difference of one size."""
    if not isinstance(size, SymbolicSize):
        return size
    found = {size.at(value) for value in (*SIZES, 7)}
    return found.pop() if len(found) == 1 else size


def _spread(item: Any, other: Any) -> Any:
    if isinstance(item, (list, tuple)):
        return item * len(other) if len(item) == 1 and isinstance(other, (list, tuple)) else item
    return [item] * len(other)


def joined(items: Any) -> tuple[Any, ...]:
    """Concatenate lists of sizes."""
    return tuple(part for item in items for part in item)


def product(items: Any) -> Any:
    """Return the product of sizes."""
    return functools.reduce(operator.mul, items, 1)


def as_tensor(item: Any) -> Any:
    """Return sizes as a tensor; anything else as it is."""
    if isinstance(item, SymbolicSize):
        return ops.cast(item, "int32")
    if isinstance(item, tuple) and item and is_sizes(item):
        return ops.stack([as_tensor(part) for part in item])
    return item


def shape_of(x: Any) -> tuple[Any, ...]:
    """Return the shape of a tensor, or of a tuple of sizes, as sizes."""
    if isinstance(x, (tuple, list)) and is_sizes(x):
        return (len(x),)
    return ops.shape(x) if isinstance(x, KerasTensor) else tuple(ops.shape(x))
