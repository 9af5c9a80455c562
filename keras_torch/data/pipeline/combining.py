"""The steps of a pipeline over several others."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch

from keras_torch.data.pipeline.blocks import Block, Listed, Stacked, rebuilt
from keras_torch.data.pipeline.sources import INFINITE, UNKNOWN, Step
from keras_torch.data.structure import flatten, map_structure


class Zip(Step):
    """A structure of steps as steps over structures; it ends with the shortest."""

    def __init__(self, steps: Any) -> None:
        self.structure = map_structure(lambda _: 0, steps)
        self.steps = flatten(steps)
        sizes = [step.size for step in self.steps]
        finite = [size for size in sizes if size != INFINITE]
        self.size = UNKNOWN if UNKNOWN in sizes else min(finite) if finite else INFINITE
        self.is_indexable = self.size >= 0 and all(step.is_indexable for step in self.steps)
        self.has_loose_batches = any(step.has_loose_batches for step in self.steps)

    def _build(self, parts: Any) -> Any:
        return rebuilt(self.structure, parts)

    def waits(self) -> bool:
        """Whether one of the steps does."""
        return any(step.waits() for step in self.steps)

    def blocks(self) -> Iterator[Block]:
        """Yield blocks as long as the shortest of those that come together."""
        if self.is_indexable:
            for index in torch.arange(self.size).split(self.block_rows()) if self.size else ():
                yield self.at(index)
            return
        streams = [step.blocks() for step in self.steps]
        blocks: list[Any] = [None] * len(streams)
        while True:
            for place, stream in enumerate(streams):
                while blocks[place] is None or not blocks[place].size:
                    blocks[place] = next(stream, None)
                    if blocks[place] is None:
                        return
            count = min(block.size for block in blocks)
            yield self._together([block.part(0, count) for block in blocks], count)
            blocks = [block.part(count, block.size) for block in blocks]

    def _together(self, blocks: list[Any], count: int) -> Block:
        if all(isinstance(block, Stacked) for block in blocks):
            return Stacked(self._build(block.value for block in blocks), count)
        return Listed([self._build(row) for row in zip(*(block.elements() for block in blocks), strict=True)])

    def at(self, index: torch.Tensor) -> Block:
        """Return the elements at positions."""
        return self._together([step.at(index) for step in self.steps], len(index))

    def block_rows(self) -> int:
        """As the most careful of the steps."""
        return min(step.block_rows() for step in self.steps)


class Counting(Step):
    """Whole numbers from `start` on, without end."""

    size = INFINITE

    def __init__(self, start: int) -> None:
        self.start = start
        self.is_indexable = True

    def blocks(self) -> Iterator[Block]:
        """Yield consecutive numbers."""
        rows = self.block_rows()
        for first in itertools.count(0, rows):
            yield self.at(torch.arange(first, first + rows))

    def at(self, index: torch.Tensor) -> Block:
        """Return the numbers at positions."""
        return Stacked(self.start + index, len(index))


class Chain(Step):
    """The elements of one step after those of another."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        sizes = [step.size for step in steps]
        self.size = INFINITE if INFINITE in sizes else UNKNOWN if UNKNOWN in sizes else sum(sizes)
        self.has_loose_batches = any(step.has_loose_batches for step in steps)

    def waits(self) -> bool:
        """Whether one of the steps does."""
        return any(step.waits() for step in self.steps)

    def blocks(self) -> Iterator[Block]:
        """Yield all of the first, then all of the second."""
        for step in self.steps:
            yield from step.blocks()


class Choice(Step):
    """Elements of several steps, of the one whose number `choose()` draws next."""

    def __init__(self, steps: list[Step], choose: Callable[[], Iterator[int]], stop_on_empty: bool, size: int) -> None:
        self.steps = steps
        self._choose = choose
        self.stop_on_empty = stop_on_empty
        self.size = size
        self.has_loose_batches = any(step.has_loose_batches for step in steps)

    def waits(self) -> bool:
        """Whether one of the steps does."""
        return any(step.waits() for step in self.steps)

    def blocks(self) -> Iterator[Block]:
        """Yield elements until all steps, or with `stop_on_empty` the first, have ended."""
        streams: list[Iterator[Any] | None] = [step.elements() for step in self.steps]
        for number in self._choose():
            stream = streams[number]
            if stream is None:
                continue
            try:
                yield Listed([next(stream)])
            except StopIteration:
                streams[number] = None
                if self.stop_on_empty or not any(streams):
                    return
