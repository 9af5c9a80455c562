"""The steps of a pipeline that make batches, windows and single elements of one another."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from keras_torch.backend.ragged import RaggedTensor
from keras_torch.data.pipeline.blocks import (
    Block,
    Listed,
    Stacked,
    behind,
    by_component,
    join_blocks,
    rebuilt,
    stack_leaves,
)
from keras_torch.data.pipeline.sources import UNKNOWN, Step
from keras_torch.data.pipeline.steps import Over
from keras_torch.data.structure import flatten, is_nested, leaves_like, map_structure


class Batch(Over):
    """Consecutive elements stacked, `batch_size` at a time; `join` makes a batch of the blocks that it consists of."""

    def __init__(
        self,
        source: Step,
        batch_size: int,
        drop_remainder: bool,
        join: Callable[[list[Block]], Any] = lambda blocks: join_blocks(blocks).value,
    ) -> None:
        super().__init__(source)
        self.batch_size = batch_size
        self.drop_remainder = drop_remainder
        self.has_loose_batches = not drop_remainder
        self._join = join
        if source.size >= 0:
            self.size = source.size // batch_size if drop_remainder else math.ceil(source.size / batch_size)

    def blocks(self) -> Iterator[Block]:
        """Yield one batch at a time."""
        waiting: list[Block] = []
        count = 0
        for block in self.source.blocks():
            start = 0
            while count + block.size - start >= self.batch_size:
                stop = start + self.batch_size - count
                waiting.append(block.part(start, stop))
                yield Listed([self._join(waiting)])
                waiting, count, start = [], 0, stop
            if start < block.size:
                waiting.append(block.part(start, block.size))
                count += block.size - start
        if waiting and not self.drop_remainder:
            yield Listed([self._join(waiting)])


class Unbatch(Over):
    """The entries along the first axis of each element."""

    def __init__(self, source: Step) -> None:
        super().__init__(source)
        self.has_loose_batches = False
        self.size = source.source.size if isinstance(source, Batch) and not source.drop_remainder else UNKNOWN

    def blocks(self) -> Iterator[Block]:
        """Yield the entries of one element at a time."""
        for element in self.source.elements():
            sizes = {int(leaf.shape[0]) if leaf.shape else -1 for leaf in flatten(element) if leaf is not None}
            if len(sizes) != 1 or -1 in sizes:
                shapes = [tuple(leaf.shape) for leaf in flatten(element) if leaf is not None]
                raise ValueError(f"`unbatch` needs components of one first size. Received: shapes {shapes}")
            yield Stacked(element, sizes.pop())


class Window(Over):
    """Datasets of `size` elements each; `make` makes a dataset of the block that has the values of one component."""

    def __init__(
        self, source: Step, size: int, shift: int, stride: int, drop_remainder: bool, make: Callable[[Block], Any]
    ) -> None:
        super().__init__(source)
        self.has_loose_batches = False
        self.window = size
        self.shift = shift
        self.stride = stride
        self.drop_remainder = drop_remainder
        self._make = make
        if source.size >= 0:
            reach = (size - 1) * stride + 1
            self.size = max(0, (source.size - reach) // shift + 1) if drop_remainder else math.ceil(source.size / shift)

    def blocks(self) -> Iterator[Block]:
        """Yield one window at a time."""
        reach = (self.window - 1) * self.stride + 1
        held: Block | None = None
        skip = 0
        for block in self.source.blocks():
            left_out = min(skip, block.size)
            skip -= left_out
            held = behind(held, block.part(left_out, block.size))
            start = 0
            while start + reach <= held.size:
                yield Listed([self._window(held.part(start, start + reach))])
                start += self.shift
            skip += max(0, start - held.size)
            held = held.part(min(start, held.size), held.size)
        while held is not None and held.size and not self.drop_remainder:
            yield Listed([self._window(held)])
            held = held.part(min(self.shift, held.size), held.size)

    def _window(self, block: Block) -> Any:
        if isinstance(block, Stacked):
            if self.stride > 1:
                block = Stacked(
                    map_structure(lambda leaf: leaf[:: self.stride], block.value), -(-block.size // self.stride)
                )
            return map_structure(lambda leaf: self._make(Stacked(leaf, block.size)), block.value)
        items = block.items[:: self.stride]
        columns = zip(*map(flatten, items), strict=True)
        return rebuilt(items[0], (self._make(Listed(column)) for column in columns))


class Interleave(Over):
    """The datasets that a function makes of the elements, `cycle` of them in turn, `length` elements of each."""

    def __init__(self, source: Step, function: Callable[..., Any], cycle: int, length: int) -> None:
        super().__init__(source)
        self.size = UNKNOWN if source.size != 0 else 0
        self.has_loose_batches = False
        self.function = function
        self.cycle = cycle
        self.length = length

    def _made(self) -> Iterator[Step]:
        for element in self.source.elements():
            made = self.function(*element) if type(element) is tuple else self.function(element)
            if not hasattr(made, "step"):
                raise TypeError(
                    f"The function of `flat_map` and `interleave` must return a dataset. Received: {made!r:.100}. "
                    "Use `map` for a function that returns an element."
                )
            yield made.step

    def blocks(self) -> Iterator[Block]:
        """Yield from the open datasets in turn; one that has ended makes room for the next."""
        made = self._made()
        if self.cycle == 1:
            for step in made:
                yield from step.blocks()
            return
        places: list[Iterator[Any] | None] = [step.elements() for step in itertools.islice(made, self.cycle)]
        while any(place is not None for place in places):
            for number in range(len(places)):
                stream = places[number]
                if stream is None:
                    continue
                given = 0
                for element in itertools.islice(stream, self.length):
                    given += 1
                    yield Listed([element])
                if given < self.length:
                    following = next(made, None)
                    places[number] = following.elements() if following is not None else None


def ragged(blocks: list[Block]) -> Any:
    """Join elements whose components differ in their first size as the rows of ragged tensors."""
    items = [element for block in blocks for element in block.elements()]
    return by_component(items, lambda leaves: RaggedTensor.of_rows(leaves) if leaves[0].shape else stack_leaves(leaves))


def padded(blocks: list[Block], shapes: Any, values: Any) -> Any:
    """Join elements whose components differ in size, each filled up to its largest or to `shapes`."""
    items = [element for block in blocks for element in block.elements()]
    count = len(flatten(items[0]))
    wanted = iter(_parallel(shapes, items[0], "padded_shapes") if shapes is not None else [None] * count)
    each = values is None or not is_nested(values)
    fills = iter([values] * count if each else _parallel(values, items[0], "padding_values"))
    return by_component(items, lambda leaves: _pad(leaves, next(wanted), next(fills)))


def _parallel(value: Any, element: Any, argument: str) -> list[Any]:
    leaves = leaves_like(value, element)
    if leaves is None:
        raise ValueError(f"`{argument}` must be structured like the elements of the dataset. Received: {value!r}")
    return leaves


def _pad(leaves: Any, shape: Any, fill: Any) -> Any:
    sizes = [max(leaf.shape[axis] for leaf in leaves) for axis in range(len(leaves[0].shape))]
    if shape is not None:
        given = shape if isinstance(shape, (list, tuple)) else (shape,)
        limits = [None if size is None or int(size) < 0 else int(size) for size in given]
        if len(limits) != len(sizes) or any(s > n for s, n in zip(sizes, limits, strict=True) if n is not None):
            raise ValueError(
                f"`padded_batch`: a component does not fit into `padded_shapes`. Expected at most {limits}. "
                f"Received: components of the shapes {sorted({tuple(leaf.shape) for leaf in leaves})[:5]}"
            )
        sizes = [found if limit is None else limit for found, limit in zip(sizes, limits, strict=True)]
    if isinstance(leaves[0], torch.Tensor):
        out = leaves[0].new_full((len(leaves), *sizes), 0 if fill is None else fill)
    else:
        out = np.full((len(leaves), *sizes), "" if fill is None else str(fill), object).view(type(leaves[0]))
    for row, leaf in enumerate(leaves):
        place: Any = (row, *(slice(size) for size in leaf.shape))
        out[place] = leaf
    return out
