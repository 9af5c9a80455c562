"""The steps of a pipeline that keep, change or order elements."""

from __future__ import annotations

import copy
import itertools
import math
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch

from keras_torch.data.pipeline.blocks import Block, Listed, Stacked, to_element
from keras_torch.data.pipeline.calls import ElementFunction, apply
from keras_torch.data.pipeline.sources import INFINITE, UNKNOWN, Step, generator_of
from keras_torch.data.pipeline.stored import read_blocks, write_blocks
from keras_torch.data.structure import flatten
from keras_torch.data.workers import by_one_thread, by_threads


class Over(Step):
    """A step over one other, which keeps its size unless it says otherwise."""

    def __init__(self, source: Step) -> None:
        self.source = source
        self.size = source.size
        self.has_loose_batches = source.has_loose_batches
        self.generator = source.generator

    def waits(self) -> bool:
        """As the step before."""
        return self.source.waits()


class Map(Over):
    """A function of each element."""

    def __init__(self, source: Step, function: Callable[..., Any], workers: int = 0) -> None:
        super().__init__(source)
        self.function = ElementFunction(function)
        self.workers = workers
        self.is_indexable = source.is_indexable

    def blocks(self) -> Iterator[Block]:
        """Yield results for whole blocks where that is possible, else each when it is asked for."""
        blocks = self.source.blocks()
        for block in blocks:
            found = self.function.of_block(block)
            if found is not None:
                yield found
            elif self.workers:
                rest = itertools.chain([block], blocks)
                yield from self._by_threads(element for block in rest for element in block.elements())
            else:
                yield from (Listed([self.function(element)]) for element in block.elements())

    def _by_threads(self, elements: Iterator[Any]) -> Iterator[Block]:
        for result in by_threads(self.function, elements, self.workers, 2 * self.workers):
            yield Listed([result])

    def waits(self) -> bool:
        """Whether the function is called for each element, or the step before waits."""
        return self.function.is_batched is False or self.source.waits()

    def at(self, index: torch.Tensor) -> Block:
        """Return the results for the elements at positions."""
        return apply(self.function, self.source.at(index))

    def block_rows(self) -> int:
        """One at a time where the function is called for each element."""
        if self.function.is_batched is None and self.source.size >= 2:
            self.function.of_block(self.source.at(torch.arange(2)))
        return self.source.block_rows() if self.function.is_batched else 1


class TriedMap(Over):
    """A function of each element, without the elements for which it raises an error."""

    def __init__(self, source: Step, function: ElementFunction, log_warning: bool) -> None:
        super().__init__(source)
        self.size = UNKNOWN if source.size != 0 else 0
        self.function = function
        self.log_warning = log_warning

    def blocks(self) -> Iterator[Block]:
        """Yield one result at a time."""
        for element in self.source.elements():
            try:
                result = self.function(element)
            except Exception as error:
                if self.log_warning:
                    warnings.warn(f"An element was left out: {error}", stacklevel=2)
                continue
            yield Listed([result])

    def waits(self) -> bool:
        """Whether the step before waits; the function is called for each element."""
        return True


def without_errors(step: Step, log_warning: bool) -> Step:
    """Return a pipeline in which each `map` leaves out the elements for which its function raises an error."""
    if isinstance(step, Map):
        return TriedMap(without_errors(step.source, log_warning), step.function, log_warning)
    if not isinstance(step, Over):
        return step
    again = copy.copy(step)
    again.source = without_errors(step.source, log_warning)
    if again.source is not step.source:
        again.size, again.is_indexable = UNKNOWN, False
    return again


class Filter(Over):
    """The elements for which a function is true."""

    def __init__(self, source: Step, predicate: Callable[..., Any]) -> None:
        super().__init__(source)
        self.size = UNKNOWN if source.size != 0 else 0
        self.predicate = ElementFunction(predicate)

    def blocks(self) -> Iterator[Block]:
        """Yield what is left of each block."""
        for block in self.source.blocks():
            kept = self.predicate.of_block(block)
            if isinstance(kept, Stacked) and isinstance(block, Stacked):
                index = kept.value.bool().nonzero().flatten()
                if len(index):
                    yield block.select(index)
                continue
            for element in block.elements():
                if bool(self.predicate(element)):
                    yield Listed([element])


class Shuffle(Over):
    """Elements in random order: each drawn from a buffer of `buffer_size`, into which the next one is then put.

    Over an indexable step only positions are drawn, so that the buffer costs nothing.
    """

    def __init__(self, source: Step, buffer_size: int, seed: int | None, again: bool) -> None:
        super().__init__(source)
        self.buffer_size = buffer_size
        self.again = again
        self.generator: torch.Generator = generator_of(seed)
        self._start = self.generator.get_state()

    def blocks(self) -> Iterator[Block]:
        """Yield the elements of one pass in a new order, or in that of the first pass."""
        if not self.again:
            self.generator.set_state(self._start)
        if not self.source.is_indexable:
            yield from self._by_elements()
            return
        order = self._positions(self.source.size)
        rows = self.source.block_rows()
        for index in order.split(rows) if len(order) else ():
            yield self.source.at(index)

    def _positions(self, size: int) -> torch.Tensor:
        if self.buffer_size >= size:
            return torch.randperm(size, generator=self.generator)
        drawn = torch.randint(self.buffer_size, (size - self.buffer_size,), generator=self.generator).tolist()
        buffer = list(range(self.buffer_size))
        order = []
        for position, place in enumerate(drawn, self.buffer_size):
            order.append(buffer[place])
            buffer[place] = position
        last = torch.randperm(self.buffer_size, generator=self.generator)
        return torch.cat([torch.tensor(order, dtype=torch.int64), torch.tensor(buffer)[last]])

    def _by_elements(self) -> Iterator[Block]:
        buffer: list[Any] = []
        places: Iterator[int] = iter(())
        for element in self.source.elements():
            if len(buffer) < self.buffer_size:
                buffer.append(element)
                continue
            place = next(places, None)
            if place is None:
                places = iter(torch.randint(self.buffer_size, (1024,), generator=self.generator).tolist())
                place = next(places)
            yield Listed([buffer[place]])
            buffer[place] = element
        for place in torch.randperm(len(buffer), generator=self.generator).tolist():
            yield Listed([buffer[place]])


class Take(Over):
    """The first elements."""

    def __init__(self, source: Step, count: int) -> None:
        super().__init__(source)
        self.count = count
        self.is_indexable = source.is_indexable
        if count >= 0 and source.size != UNKNOWN:
            self.size = count if source.size == INFINITE else min(count, source.size)

    def blocks(self) -> Iterator[Block]:
        """Yield blocks until enough elements have come; no further one is asked for."""
        left = self.count
        if left == 0:
            return
        for block in self.source.blocks():
            if 0 <= left <= block.size:
                yield block.part(0, left)
                return
            left -= block.size
            yield block

    def at(self, index: torch.Tensor) -> Block:
        """Return the elements at positions."""
        return self.source.at(index)

    def block_rows(self) -> int:
        """As the step before."""
        return self.source.block_rows()


class Skip(Over):
    """All but the first elements; none when `count` is negative."""

    def __init__(self, source: Step, count: int) -> None:
        super().__init__(source)
        self.count = count
        self.is_indexable = source.is_indexable
        if count < 0:
            self.size = 0
        elif source.size >= 0:
            self.size = max(0, source.size - count)

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks behind the first elements."""
        if self.count < 0:
            return
        if self.is_indexable:
            for index in torch.arange(self.count, self.count + self.size).split(self.block_rows()) if self.size else ():
                yield self.source.at(index)
            return
        left = self.count
        for block in self.source.blocks():
            if left >= block.size:
                left -= block.size
            else:
                yield block.part(left, block.size)
                left = 0

    def at(self, index: torch.Tensor) -> Block:
        """Return the elements at positions behind the first ones."""
        return self.source.at(index + self.count)

    def block_rows(self) -> int:
        """As the step before."""
        return self.source.block_rows()


class Shard(Over):
    """Every `num_shards`-th element, from `index` on."""

    def __init__(self, source: Step, num_shards: int, index: int) -> None:
        super().__init__(source)
        self.num_shards = num_shards
        self.index = index
        if source.size >= 0:
            self.size = max(0, math.ceil((source.size - index) / num_shards))

    def blocks(self) -> Iterator[Block]:
        """Yield the elements of this shard."""
        for element in itertools.islice(self.source.elements(), self.index, None, self.num_shards):
            yield Listed([element])


class Repeat(Over):
    """The elements `count` times over; without end when it is negative."""

    def __init__(self, source: Step, count: int) -> None:
        super().__init__(source)
        self.count = count
        if count < 0:
            self.size = INFINITE if source.size != 0 else 0
        elif source.size >= 0:
            self.size = source.size * count
        elif count == 0:
            self.size = 0

    def blocks(self) -> Iterator[Block]:
        """Yield pass after pass; a pass without an element ends it."""
        for _ in itertools.count() if self.count < 0 else range(self.count):
            is_empty = True
            for block in self.source.blocks():
                is_empty = is_empty and not block.size
                yield block
            if is_empty:
                return


class Prefetch(Over):
    """Elements that a thread prepares ahead, unless they are made of arrays in memory by torch alone."""

    def __init__(self, source: Step, ahead: int) -> None:
        super().__init__(source)
        self.ahead = ahead
        self.is_indexable = source.is_indexable

    def blocks(self) -> Iterator[Block]:
        """Yield from the thread; torch's own operations use all cores as it is."""
        return by_one_thread(self.source.blocks(), self.ahead) if self.source.waits() else self.source.blocks()

    def at(self, index: torch.Tensor) -> Block:
        """Return the elements at positions."""
        return self.source.at(index)

    def block_rows(self) -> int:
        """As the step before."""
        return self.source.block_rows()


class Cache(Over):
    """Elements that are kept, once one pass has gone through to the end: in memory, or in a file."""

    def __init__(self, source: Step, file: str = "") -> None:
        super().__init__(source)
        self.file = file
        self._kept: list[Block] | None = None

    def blocks(self) -> Iterator[Block]:
        """Yield what is kept, or make it."""
        if self._kept is None and self.file and os.path.exists(self.file):
            self._kept = read_blocks(self.file)
        if self._kept is not None:
            yield from self._kept
            return
        kept = []
        for block in self.source.blocks():
            kept.append(block)
            yield block
        self._kept = kept
        if self.file:
            write_blocks(self.file, kept)


class Scan(Over):
    """A function of a state and an element that gives the next state and a result."""

    def __init__(self, source: Step, state: Any, function: Callable[[Any, Any], Any]) -> None:
        super().__init__(source)
        self.state = state
        self.function = function

    def blocks(self) -> Iterator[Block]:
        """Yield one result at a time."""
        state = to_element(self.state)
        for element in self.source.elements():
            with torch.no_grad():
                state, result = self.function(state, element)
            state = to_element(state)
            yield Listed([to_element(result)])


class TakeWhile(Over):
    """The elements before the first one for which a function is false."""

    def __init__(self, source: Step, predicate: Callable[..., Any]) -> None:
        super().__init__(source)
        self.size = UNKNOWN
        self.predicate = ElementFunction(predicate)

    def blocks(self) -> Iterator[Block]:
        """Yield elements until the function is false."""
        for element in self.source.elements():
            if not bool(self.predicate(element)):
                return
            yield Listed([element])


class Unique(Over):
    """Each element when it comes for the first time."""

    def __init__(self, source: Step) -> None:
        super().__init__(source)
        self.size = UNKNOWN

    def blocks(self) -> Iterator[Block]:
        """Yield elements that did not come before."""
        seen = set()
        for element in self.source.elements():
            key = tuple(item.tobytes() if item.dtype.kind != "O" else tuple(item.ravel()) for item in _arrays(element))
            if key not in seen:
                seen.add(key)
                yield Listed([element])


def _arrays(element: Any) -> Iterator[Any]:
    return (leaf.numpy() if isinstance(leaf, torch.Tensor) else leaf for leaf in flatten(element))
