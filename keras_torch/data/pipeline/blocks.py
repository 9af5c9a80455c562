"""Elements of a dataset on their way through its steps: single ones, or many of one shape stacked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from keras_torch.backend.devices import together
from keras_torch.backend.string_array import StringArray, to_strings
from keras_torch.data.conversion import from_numpy, to_numpy_or_tensor
from keras_torch.data.rows import Rows
from keras_torch.data.structure import flatten, map_structure

_LEAVES = (torch.Tensor, StringArray, Rows)
# Some elements may come from a layer on a GPU.
_join, _stack = together(torch.cat), together(torch.stack)


class Listed:
    """Elements one by one."""

    def __init__(self, items: Sequence[Any]) -> None:
        self.items = items
        self.size = len(items)

    def elements(self) -> Sequence[Any]:
        """The elements."""
        return self.items

    def part(self, start: int, stop: int) -> Listed:
        """The elements from `start` up to `stop`."""
        return Listed(self.items[start:stop])


class Stacked:
    """Elements of one structure and shape: the leaves of `value` hold `size` of them along their first axis."""

    def __init__(self, value: Any, size: int) -> None:
        self.value = value
        self.size = size

    def elements(self) -> Iterator[Any]:
        """The elements, as views."""
        leaves = flatten(self.value)
        if len(leaves) == 1 and not isinstance(self.value, (tuple, Mapping)):
            return iter(_apart(leaves[0]))
        columns = [_apart(leaf) if leaf is not None else [None] * self.size for leaf in leaves]
        if type(self.value) is tuple and not any(isinstance(item, (tuple, Mapping)) for item in self.value):
            return zip(*columns, strict=True)
        return (rebuilt(self.value, row) for row in zip(*columns, strict=True))

    def part(self, start: int, stop: int) -> Stacked:
        """The elements from `start` up to `stop`, as views."""
        if start == 0 and stop == self.size:
            return self
        return Stacked(map_structure(lambda leaf: leaf.narrow(0, start, stop - start), self.value), stop - start)

    def select(self, index: torch.Tensor) -> Stacked:
        """The elements at positions, copied."""
        return Stacked(map_structure(lambda leaf: entries(leaf, index), self.value), len(index))


Block = Listed | Stacked


def entries(leaf: Any, index: torch.Tensor) -> Any:
    """Return the entries of a component at positions, copied."""
    return leaf.index_select(0, index.to(leaf.device) if isinstance(leaf, torch.Tensor) else index)


def rebuilt(structure: Any, leaves: Iterable[Any]) -> Any:
    """Return leaves in the places of those of a structure; None stays where it is."""
    remaining = (leaf for leaf in leaves if leaf is not None)
    return map_structure(lambda _: next(remaining), structure)


def _apart(leaf: Any) -> Any:
    if not isinstance(leaf, StringArray):
        return leaf.unbind(0)
    # A slice of length one keeps the class, which a single entry of an array of objects would lose.
    return [leaf[position : position + 1].reshape(leaf.shape[1:]) for position in range(len(leaf))]


def to_leaf(value: Any) -> Any:
    """Return what one component of an element may be: a tensor, an array of strings, Rows, None or a dataset.

    Python's floats become float32 and its integers int32, as TensorFlow's constants; arrays keep their types.
    """
    if value is None or isinstance(value, _LEAVES) or hasattr(value, "as_numpy_iterator") or hasattr(value, "stacked"):
        return value
    if isinstance(value, bytes) and type(value) is not bytes:  # what a file holds, which need not be text
        return value
    if isinstance(value, torch.nn.Module) or hasattr(value, "assign"):
        value = torch.as_tensor(value)
    array = to_numpy_or_tensor(value, "a component of a dataset", may_be_text=True)
    if not isinstance(array, np.ndarray) or isinstance(array, StringArray):
        return array
    if not isinstance(value, (np.ndarray, np.generic)) and not hasattr(value, "to_numpy"):
        small = {"float64": np.float32, "int64": np.int32}.get(array.dtype.name)
        if small is np.int32 and array.size and np.abs(array).max() > np.iinfo(np.int32).max:
            small = None
        array = array.astype(small) if small is not None else array
    return from_numpy(np.asarray(array))


def to_element(value: Any) -> Any:
    """Return a value as an element: tuples and mappings are structures, all else becomes a component."""
    if type(value) is torch.Tensor:
        return value
    if isinstance(value, Mapping):
        return {key: to_element(item) for key, item in value.items()}
    if isinstance(value, tuple):
        items = [to_element(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, list) and any(isinstance(item, torch.Tensor) for item in value):
        return _stack([torch.as_tensor(item) for item in value])
    return to_leaf(value)


def stack_leaves(leaves: Sequence[Any]) -> Any:
    """Join one component of several elements along a new first axis; ValueError if their shapes differ.

    Leaves that are neither tensors nor text, such as sparse ones, say by `stacked` how that is done.
    """
    if hasattr(leaves[0], "stacked"):
        return type(leaves[0]).stacked(leaves)
    _check_shapes({tuple(leaf.shape) for leaf in leaves})
    if isinstance(leaves[0], torch.Tensor):
        return _stack(list(leaves))
    if isinstance(leaves[0], bytes):
        return to_strings(list(leaves), "A component of a dataset")
    return np.stack(leaves).view(StringArray)


def _check_shapes(shapes: set[tuple[int, ...]]) -> None:
    if len(shapes) > 1:
        raise ValueError(
            "Elements of a dataset must have one shape to go into a batch. "
            f"Received: components of the shapes {sorted(shapes)[:5]}. Use `padded_batch`, or make them equal in `map`."
        )


def join_leaves(leaves: Sequence[Any]) -> Any:
    """Join stacked components along their first axis."""
    _check_shapes({tuple(leaf.shape[1:]) for leaf in leaves})
    if isinstance(leaves[0], torch.Tensor):
        return _join(list(leaves))
    return np.concatenate(leaves).view(StringArray)


def by_component(values: Sequence[Any], join: Any) -> Any:
    """Join values of one structure component by component; ValueError if the structures differ."""
    columns = [flatten(value) for value in values]
    if len({len(column) for column in columns}) > 1:
        raise ValueError(
            "All elements of a dataset must be structured alike. "
            f"Received: elements of {sorted({len(column) for column in columns})} components"
        )
    rows = list(zip(*columns, strict=True))
    if any((leaf is None) != (row[0] is None) for row in rows for leaf in row):
        raise ValueError("A component of a dataset must be None in all elements or in none. Received: both")
    return rebuilt(values[0], [None if row[0] is None else join(row) for row in rows])


def stack_elements(items: Sequence[Any]) -> Stacked:
    """Stack single elements."""
    return Stacked(by_component(items, stack_leaves), len(items))


def behind(first: Block | None, second: Block) -> Block:
    """Return the elements of one block behind those of another: stacked if both are, and alike."""
    if first is None or not first.size:
        return second
    if isinstance(first, Stacked) and isinstance(second, Stacked):
        try:
            return join_blocks([first, second])
        except (ValueError, TypeError):  # of different shapes
            pass
    return Listed([*first.elements(), *second.elements()])


def join_blocks(blocks: Sequence[Block]) -> Stacked:
    """Join blocks to one of stacked elements."""
    listed = [block.items for block in blocks if isinstance(block, Listed)]
    if len(listed) == len(blocks):
        return stack_elements([item for items in listed for item in items])
    stacked = [block if isinstance(block, Stacked) else stack_elements(block.items) for block in blocks]
    if len(stacked) == 1:
        return stacked[0]
    return Stacked(by_component([block.value for block in stacked], join_leaves), sum(b.size for b in stacked))


def is_tensors(value: Any) -> bool:
    """Whether all components are tensors."""
    return all(isinstance(leaf, torch.Tensor) for leaf in flatten(value))
