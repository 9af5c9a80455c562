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
# Axes that are shorter, as those of convolution kernels, are gone through one index after the other.
_SHORT = 16
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
        buffer = part if direct else block.buffer(dtype)
        block.transfer(place, buffer, os.preadv)
        if not direct:
            np.copyto(part, buffer, casting="unsafe")

    _for_all(fill, blocks(target.shape, dtype.itemsize, _READ_BYTES))


def write(place: Place, source: np.ndarray) -> None:
    """Put the numbers of an array, whatever its strides, at a place."""

    def put(block: Block) -> None:
        part = source[block.index]
        if not source.flags.c_contiguous:
            part = _in_rows(part)
        block.transfer(place, part, os.pwritev)

    _for_all(put, blocks(source.shape, source.dtype.itemsize, _WRITE_BYTES))


def _in_rows(part: np.ndarray) -> np.ndarray:
    """Return a contiguous copy of a block, made by way of a copy with room between rows where that is faster."""
    buffer = np.empty(part.shape, part.dtype)
    short = next((axis for axis, size in enumerate(part.shape) if size <= _SHORT), None)
    if part.ndim > 2 and short is not None:
        for number in range(part.shape[short]):
            index: Any = (*[slice(None)] * short, number)
            buffer[index] = _in_rows(part[index])
        return buffer
    order = sorted(range(part.ndim), key=lambda axis: -abs(part.strides[axis]))
    as_stored = part.transpose(order)
    padded = _padded(as_stored.shape, part.dtype)
    np.copyto(padded, as_stored)
    np.copyto(buffer, padded.transpose(np.argsort(order)))
    return buffer


def _padded(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return a new array with some room between its rows."""
    room = _PADDING_BYTES // dtype.itemsize
    return np.empty((*shape[:-1], shape[-1] + room), dtype)[..., : shape[-1]]


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

    def buffer(self, dtype: np.dtype) -> np.ndarray:
        """Return an array of the block's shape, with some room between its rows."""
        return _padded((*self.whole[: self.axis], self.stop - self.start, *self.whole[self.axis + 1 :]), dtype)

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
