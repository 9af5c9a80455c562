"""Numbers between a file and memory, past the library that knows the file's format: in blocks, by several threads.

Files hold arrays row by row, models often hold them in another order of axes. Blocks with long rows on both sides are
exchanged through a buffer that fits into a processor's cache, so that no copy of an array's size is ever made.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_torch.saving.window import Window

# Found by measuring: writing to the model's memory wants long rows, reading from it small blocks.
_READ_BYTES, _WRITE_BYTES = 8 * 2**20, 2**20
# Where a block is turned, this many rows suffice.
_ROWS = 512
# A row of a buffer is longer by a cache line: rows at a distance of a power of two would push each other out.
_PADDING_BYTES = 64
_SEGMENTS = 512
_THREADS = 4


@dataclass(frozen=True)
class Place:
    """Where an array, or the file that holds it, begins in an open file, and how many bytes there are from there on."""

    descriptor: int
    start: int
    size: int

    def moved(self, offset: int) -> Place:
        """Return the place `offset` bytes further on."""
        return Place(self.descriptor, self.start + offset, self.size - offset)


def place_of(file: Any) -> Place | None:
    """Return where the content of a file object begins in a file of the system; None if it lies elsewhere."""
    raw = getattr(file, "raw", file)
    if isinstance(raw, Window):
        inner = place_of(raw.file)
        return None if inner is None else Place(inner.descriptor, inner.start + raw.start, raw.size(inner.size))
    return place_of_descriptor(raw.fileno()) if isinstance(raw, io.FileIO) else None


def place_of_descriptor(descriptor: int) -> Place | None:
    """Return the place of a whole file; None where the system cannot read and write at places."""
    return Place(descriptor, 0, os.fstat(descriptor).st_size) if hasattr(os, "preadv") else None


def read(place: Place, target: np.ndarray, dtype: np.dtype) -> None:
    """Fill an array, whatever its strides and type, with the numbers of type `dtype` at a place.

    OSError if there are not so many.
    """
    direct = target.flags.c_contiguous and target.dtype == dtype

    def fill(block: Block) -> None:
        part = target[block.index]
        buffer = part if direct else _as_in(part, dtype, _PADDING_BYTES)
        block.transfer(place, buffer, os.preadv)
        if not direct:
            np.copyto(part, buffer, casting="unsafe")

    limit = _READ_BYTES if direct else min(_READ_BYTES, max(_WRITE_BYTES, _ROWS * target.shape[-1] * dtype.itemsize))
    _for_all(fill, blocks(target.shape, dtype.itemsize, limit))


def write(place: Place, source: np.ndarray) -> None:
    """Put the numbers of an array, whatever its strides, at a place."""

    def put(block: Block) -> None:
        part = source[block.index]
        if not source.flags.c_contiguous:
            part = _in_rows(part)
        block.transfer(place, part, os.pwritev)

    _for_all(put, blocks(source.shape, source.dtype.itemsize, _WRITE_BYTES))


def _in_rows(part: np.ndarray) -> np.ndarray:
    """Return a copy of a block with whole rows, made by way of a copy in the block's own order."""
    order = _order(part)
    as_stored = part.transpose(order)
    # The room must follow the outermost axis only, so that the others stay one axis to numpy.
    outer = as_stored.shape[0]
    padded = _padded((outer, as_stored.size // max(1, outer)), part.dtype, _PADDING_BYTES).reshape(as_stored.shape)
    np.copyto(padded, as_stored)
    buffer = _as_in(part, part.dtype)
    np.copyto(buffer, padded.transpose(np.argsort(order)))
    return buffer


def _order(array: np.ndarray) -> list[int]:
    """Return the axes as they lie in memory, the one with the longest steps first."""
    return sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))


def _as_in(part: np.ndarray, dtype: np.dtype, room: int = 0) -> np.ndarray:
    """Return a new array of a block's shape with whole rows, which lie in the order that they have in the block.

    With the kernel of a convolution all axes but the last are then one axis to numpy, on both sides of a copy.
    """
    order = [axis for axis in _order(part) if axis != part.ndim - 1] + [part.ndim - 1]
    return _padded(tuple(part.shape[axis] for axis in order), dtype, room).transpose(np.argsort(order))


def _padded(shape: tuple[int, ...], dtype: np.dtype, room: int) -> np.ndarray:
    """Return a new array with `room` bytes between its rows."""
    return np.empty((*shape[:-1], shape[-1] + room // dtype.itemsize), dtype)[..., : shape[-1]]


@dataclass(frozen=True)
class Block:
    """A range of one axis of an array, with everything along the others."""

    whole: tuple[int, ...]
    axis: int
    start: int
    stop: int
    item: int

    @property
    def index(self) -> tuple[slice, ...]:
        """What selects the block from its array."""
        return (*[slice(None)] * self.axis, slice(self.start, self.stop))

    def transfer(self, place: Place, array: np.ndarray, call: Callable[..., int]) -> None:
        """Read or write the block, an array of its shape, by `os.preadv` or `os.pwritev`."""
        inner = math.prod(self.whole[self.axis + 1 :]) * self.item
        for number, outer in enumerate(np.ndindex(self.whole[: self.axis])):
            at = (number * self.whole[self.axis] + self.start) * inner
            _transfer(place.descriptor, list(_pieces(array[outer])), place.start + at, call)


def _pieces(array: np.ndarray) -> Iterator[memoryview]:
    """Yield the memory of an array, in order, in pieces that have no room between their numbers."""
    if array.flags.c_contiguous:
        yield memoryview(array).cast("B")  # type: ignore[arg-type]
        return
    for row in array:
        yield from _pieces(row)


def _transfer(descriptor: int, pieces: list[memoryview], at: int, call: Callable[..., int]) -> None:
    first = 0
    while first < len(pieces):
        done = call(descriptor, pieces[first : first + _SEGMENTS], at)
        if done <= 0:
            raise OSError("the file ends in the middle of the array")
        at += done
        while first < len(pieces) and done >= len(pieces[first]):
            done -= len(pieces[first])
            first += 1
        if done:
            pieces[first] = pieces[first][done:]


def _for_all(work: Callable[[Block], None], found: Iterator[Block]) -> None:
    waiting = list(found)
    threads = min(_THREADS, len(waiting), os.cpu_count() or 1)
    if threads <= 1:
        for block in waiting:
            work(block)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, waiting):
            pass


def blocks(shape: tuple[int, ...], item: int, limit: int) -> Iterator[Block]:
    """Cut an array of some axes into blocks of about `limit` bytes, along the longest axis that is not the last."""
    axis = max(range(max(1, len(shape) - 1)), key=lambda number: shape[number])
    count = max(1, limit // max(1, math.prod(shape) // max(1, shape[axis]) * item))
    for start in range(0, shape[axis], count):
        yield Block(shape, axis, start, min(start + count, shape[axis]), item)
