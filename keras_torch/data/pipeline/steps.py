"""The steps of a pipeline that keep, change, order or group elements."""

from __future__ import annotations

import itertools
import math
import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from keras_torch.checkpoint.atomic import replacing
from keras_torch.data.pipeline.blocks import Block, Listed, Stacked, by_component, is_tensors, join_blocks, to_element
from keras_torch.data.pipeline.calls import ElementFunction, apply, is_structure
from keras_torch.data.pipeline.sources import INFINITE, UNKNOWN, Step, generator_of
from keras_torch.data.structure import flatten, leaves_like, map_structure
from keras_torch.data.workers import by_one_thread, by_threads


class Over(Step):
    """A step over one other, which keeps its size unless it says otherwise."""

    def __init__(self, source: Step) -> None:
        self.source = source
        self.size = source.size
        self.has_loose_batches = source.has_loose_batches

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


class Shuffle(Over):
    """Elements in random order: each drawn from a buffer of `buffer_size`, into which the next one is then put.

    Over an indexable step only positions are drawn, so that the buffer costs nothing.
    """

    def __init__(self, source: Step, buffer_size: int, seed: int | None, again: bool) -> None:
        super().__init__(source)
        self.buffer_size = buffer_size
        self.again = again
        self.generator = generator_of(seed)
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
            self._kept = [Stacked(*pair) if pair[1] else Listed(pair[0]) for pair in torch.load(self.file, mmap=True)]
        if self._kept is not None:
            yield from self._kept
            return
        kept = []
        for block in self.source.blocks():
            kept.append(block)
            yield block
        self._kept = kept
        if self.file:
            self._write(kept)

    def _write(self, kept: list[Block]) -> None:
        pairs = [(b.value, b.size) if isinstance(b, Stacked) else (list(b.items), 0) for b in kept]
        if not all(is_tensors(value) for value, _ in pairs):
            raise ValueError(
                f"`cache({self.file!r})`: only numbers can be kept in a file. Received: elements with text. Leave the "
                "name out to keep them in memory."
            )
        with replacing(self.file) as path:
            torch.save(pairs, path)


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
        items = iter(parts)
        return map_structure(lambda _: next(items), self.structure)

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


class Window(Over):
    """Datasets of `size` elements each; `make` makes a dataset of the values of one component."""

    def __init__(
        self, source: Step, size: int, shift: int, stride: int, drop_remainder: bool, make: Callable[[list[Any]], Any]
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
        held: deque[Any] = deque()
        stream = self.source.elements()
        skip = 0
        while True:
            skipped = sum(1 for _ in itertools.islice(stream, skip))
            held.extend(itertools.islice(stream, reach - len(held)))
            if not held or skipped < skip or (self.drop_remainder and len(held) < reach):
                return
            yield Listed([self._windows(list(itertools.islice(held, 0, None, self.stride)))])
            skip = max(0, self.shift - len(held))
            for _ in range(min(self.shift, len(held))):
                held.popleft()

    def _windows(self, items: list[Any]) -> Any:
        columns = iter([list(column) for column in zip(*map(flatten, items), strict=True)])
        return map_structure(lambda _: self._make(next(columns)), items[0])


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


def padded(blocks: list[Block], shapes: Any, values: Any) -> Any:
    """Join elements whose components differ in size, each filled up to its largest or to `shapes`."""
    items = [element for block in blocks for element in block.elements()]
    count = len(flatten(items[0]))
    wanted = iter(_parallel(shapes, items[0], "padded_shapes") if shapes is not None else [None] * count)
    each = values is None or not is_structure(values)
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
        limits = [None if size is None or int(size) < 0 else int(size) for size in shape]
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
        out[(row, *(slice(size) for size in leaf.shape))] = leaf
    return out
