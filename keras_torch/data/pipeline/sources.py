"""Where the elements of a dataset come from, and the base of all steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from keras_torch.data.pipeline.blocks import Block, Listed, Stacked, entries, stack_elements, to_element
from keras_torch.data.structure import flatten, map_structure

INFINITE = -1
UNKNOWN = -2

_BLOCK_ROWS = 1024
_BLOCK_BYTES = 4 << 20


class Step:
    """A step of a pipeline: `blocks()` makes one pass over its elements.

    `size` is their number, INFINITE or UNKNOWN. A step with `is_indexable` also gives the elements at positions, which
    lets a shuffle draw positions instead of keeping elements. `has_loose_batches` says that the elements are batches
    of which the last may be smaller.
    """

    size: int = UNKNOWN
    is_indexable = False
    has_loose_batches = False
    generator: torch.Generator | None = None

    def blocks(self) -> Iterator[Block]:
        """Yield the elements of one pass, some at a time."""
        raise NotImplementedError

    def at(self, index: torch.Tensor) -> Block:
        """Return the elements at positions; only of an indexable step."""
        raise NotImplementedError

    def block_rows(self) -> int:
        """How many elements of an indexable step to take at a time."""
        return _BLOCK_ROWS

    def waits(self) -> bool:
        """Whether making elements may mean to wait for a disk, the network or a Python function."""
        return False

    def elements(self) -> Iterator[Any]:
        """Yield the elements of one pass one by one."""
        for block in self.blocks():
            yield from block.elements()


class Slices(Step):
    """The entries along the first axis of arrays, which stay where they are until they are asked for."""

    is_indexable = True

    def __init__(self, value: Any) -> None:
        leaves = [leaf for leaf in flatten(value) if leaf is not None]
        if not leaves or any(not leaf.shape for leaf in leaves):
            raise ValueError(
                f"`from_tensor_slices` needs arrays with at least one axis, which is sliced. Received: {value!r:.100}. "
                "Use `from_tensors` for one element that is the array itself."
            )
        sizes = [int(leaf.shape[0]) for leaf in leaves]
        if len(set(sizes)) != 1:
            raise ValueError(f"All components must have the same number of slices. Received: {sizes}")
        self.value = value
        self.size = sizes[0]

    def blocks(self) -> Iterator[Block]:
        """Yield views of consecutive slices."""
        rows = self.block_rows()
        for start in range(0, self.size, rows):
            count = min(rows, self.size - start)
            yield Stacked(self.value, self.size).part(start, start + count)

    def at(self, index: torch.Tensor) -> Block:
        """Return the slices at positions."""
        return Stacked(map_structure(lambda leaf: entries(leaf, index), self.value), len(index))

    def block_rows(self) -> int:
        """As many slices as some megabytes hold."""
        total = sum(leaf.numel() * leaf.element_size() for leaf in flatten(self.value) if leaf is not None)
        return max(1, min(_BLOCK_ROWS, _BLOCK_BYTES * max(1, self.size) // max(1, total)))


class Items(Step):
    """Elements from an iterable that `start()` makes anew for each pass, each read when it is asked for."""

    def __init__(self, start: Callable[[], Iterable[Any]], size: int = UNKNOWN, convert: Any = to_element) -> None:
        self.start = start
        self.size = size
        self.convert = convert

    def waits(self) -> bool:
        """Always: nothing is known about the iterable."""
        return True

    def blocks(self) -> Iterator[Block]:
        """Yield one element at a time."""
        for item in self.start():
            yield Listed([item if self.convert is None else self.convert(item)])


class Kept(Step):
    """Elements in memory."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.size = len(items)

    def blocks(self) -> Iterator[Block]:
        """Yield them all, stacked when their shapes allow it."""
        if self.size > 1:
            try:
                block: Block = stack_elements(self.items)
            except (ValueError, TypeError):  # of different shapes, or datasets
                block = Listed(self.items)
            yield block
        elif self.items:
            yield Listed(self.items)


class RandomNumbers(Step):
    """Random int64 numbers between 0 and 2**32, without end."""

    size = INFINITE

    def __init__(self, seed: int | None, again: bool) -> None:
        self.seed = seed
        self.again = again
        self._generator = generator_of(seed)

    def blocks(self) -> Iterator[Block]:
        """Yield blocks of numbers; every pass the same ones unless it is to `rerandomize`."""
        generator = self._generator if self.again else generator_of(self.seed)
        while True:
            yield Stacked(torch.randint(2**32, (_BLOCK_ROWS,), generator=generator), _BLOCK_ROWS)


def generator_of(seed: int | None) -> torch.Generator:
    """Return a generator with a seed; without one it is drawn from torch's global generator, so that runs repeat."""
    generator = torch.Generator()
    generator.manual_seed(int(torch.randint(2**62, ()) if seed is None else seed))
    return generator
