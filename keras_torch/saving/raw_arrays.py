"""Numbers between a file and memory, past the library that knows the file's format: in blocks, by several threads.

Files hold arrays row by row, models often hold them in another order of axes. Blocks with long rows on both sides are
exchanged through a buffer that fits into a processor's cache, so that no copy of an array's size is ever made.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_torch.saving.checksums import Sums
from keras_torch.saving.window import Window

# Found by measuring: what is turned is best read and written in tiles that stay in the cache, of blocks that are large,
# so that rows are long. Small arrays have a few blocks all the same, for several threads.
_BLOCK_BYTES, _TURNED_BYTES, _CHECKED_BYTES, _HOT_BYTES = 2**20, 4 * 2**20, 4 * 2**20, 2**18
_TILE = 256
_ROWS, _WIDE_BYTES = 128, 32 * 2**20
# A row of a buffer is longer by a cache line: rows at a distance of a power of two would push each other out.
_PADDING_BYTES = 64
_THREADS = 4
# How many arrays may wait while others are worked on.
_ARRAYS = 2


@dataclass(frozen=True)
class Place:
    """Where an array, or the file that holds it, begins in an open file, and how many bytes there are from there on."""

    descriptor: int
    start: int
    size: int
    sums: Sums | None = None

    def moved(self, offset: int) -> Place:
        """Return the place `offset` bytes further on."""
        return Place(self.descriptor, self.start + offset, self.size - offset, self.sums)

    def note(self, at: int, memory: memoryview) -> None:
        """Note the checksum of what was read or written at a position of the file, if anybody asks for it."""
        if self.sums is not None:
            self.sums.note(at, [memory])


def place_of(file: Any) -> Place | None:
    """Return where the content of a file object begins in a file of the system; None if it lies elsewhere."""
    raw = getattr(file, "raw", file)
    if isinstance(raw, Window):
        inner = place_of(raw.file)
        if inner is None:
            return None
        return Place(inner.descriptor, inner.start + raw.start, raw.size(inner.size), raw.sums)
    return place_of_descriptor(raw.fileno()) if isinstance(raw, io.FileIO) else None


def place_of_descriptor(descriptor: int) -> Place | None:
    """Return the place of a whole file; None where the system cannot read and write at places."""
    return Place(descriptor, 0, os.fstat(descriptor).st_size) if hasattr(os, "preadv") else None


class Transfers:
    """A context in which arrays that are read and written overlap; all are there when it ends.

    The file has to be open until then. What a read or write raises may come from a later one, or at the end. Only a few
    arrays are worked on at a time: those that wait may be copies of weights from elsewhere.
    """

    def __init__(self) -> None:
        # Systems let one thread at a time write to a file; the others would wait for it without rest.
        self.lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._begun: deque[list[Future[None]]] = deque()

    def __enter__(self) -> Transfers:
        self._token = _transfers.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, *others: object) -> None:
        _transfers.reset(self._token)
        try:
            if kind is None:
                self._wait()
        finally:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)

    def begin(self, work: Callable[[Any], None], found: Iterable[Any], most: int) -> None:
        """Call `work` with each of `found`, in as many threads as there are, or in order by one if `most` is 1.

        What is little is done at once.
        """
        waiting = list(found)
        if len(waiting) <= 1:
            _each(work, waiting)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1))
        jobs = [waiting] if most == 1 else [[block] for block in waiting]
        self._begun.append([self._pool.submit(_each, work, job) for job in jobs])
        self._wait(_ARRAYS)

    def _wait(self, left: int = 0) -> None:
        """Return when all arrays but the last few are done. What went wrong with them is raised."""
        while len(self._begun) > left:
            for future in self._begun.popleft():
                future.result()


def _each(work: Callable[[Any], None], found: list[Any]) -> None:
    for block in found:
        work(block)


_transfers: ContextVar[Transfers | None] = ContextVar("transfers", default=None)


def _joined() -> AbstractContextManager[Transfers]:
    """Return the transfers that this is within, or new ones."""
    found = _transfers.get()
    return Transfers() if found is None else contextlib.nullcontext(found)


def read(
    place: Place, target: np.ndarray, dtype: np.dtype, failed: Callable[[Exception], Exception] | None = None
) -> None:
    """Fill an array, whatever its strides and type, with the numbers of type `dtype` at a place.

    OSError, or what `failed` makes of it, if there are not so many.
    """
    direct = target.flags.c_contiguous and target.dtype == dtype

    def fill(block: Block) -> None:
        part = target[block.index]
        buffer = part if direct else _as_in(part, dtype, _PADDING_BYTES)
        try:
            block.read(place, buffer)
        except OSError as error:
            if failed is None:
                raise
            raise failed(error) from error
        for tile in () if direct else _tiles(part):
            np.copyto(part[tile], buffer[tile], casting="unsafe")

    limit = _BLOCK_BYTES if direct else _turned_bytes(target.size * dtype.itemsize)
    with _joined() as transfers:
        transfers.begin(fill, blocks(target.shape, dtype.itemsize, limit), _THREADS)


def write(place: Place, source: np.ndarray) -> None:
    """Put the numbers of an array, whatever its strides, at a place."""
    plain = source.flags.c_contiguous
    limit = _BLOCK_BYTES
    if not plain:
        # Few rows are short pieces of the columns that lie in memory.
        limit = max(
            _turned_bytes(source.nbytes), min(_ROWS * source.nbytes // max(source.shape[:-1], default=1), _WIDE_BYTES)
        )
    # Several have something to do only where there is more to it than writing.
    most = 1 if plain and place.sums is None else _THREADS
    with _joined() as transfers:

        def put(block: Block) -> None:
            part = source[block.index] if plain else _in_rows(source[block.index])
            block.write(place, part, transfers.lock)

        transfers.begin(put, blocks(source.shape, source.dtype.itemsize, limit), most)


def _turned_bytes(size: int) -> int:
    """Return how large the blocks are of an array of `size` bytes that is turned."""
    return min(max(size // (2 * _THREADS), _BLOCK_BYTES), _TURNED_BYTES)


def checksum(window: Window) -> int:
    """Return the CRC-32 of a window; only what its `sums` do not know is read, by several threads if that is possible.

    OSError if it cannot be read.
    """
    place, sums = place_of(window), window.sums or Sums()
    start, end = (window.start if place is None else place.start), window.length
    fill = functools.partial(_fill, window, start) if place is None else functools.partial(_fill_at, place.descriptor)
    gaps = [
        (at, min(_CHECKED_BYTES, stop - at))
        for begin, stop in sums.gaps(start, start + end)
        for at in range(begin, stop, _CHECKED_BYTES)
    ]

    def note(gap: tuple[int, int]) -> None:
        sums.note(gap[0], _parts(fill, *gap))

    if len(gaps) <= 1 or place is None:
        _each(note, gaps)
    else:
        with Transfers() as transfers:
            transfers.begin(note, gaps, _THREADS)
    return sums.total(start, start + end)


def _parts(fill: Callable[[int, memoryview], None], start: int, count: int) -> Iterator[memoryview]:
    """Yield what stands in a file, one part after the other in the same memory."""
    buffer, end = memoryview(bytearray(min(_HOT_BYTES, count))), start + count
    while start < end:
        part = buffer[: end - start]
        fill(start, part)
        yield part
        start += len(part)


def _fill_at(descriptor: int, at: int, part: memoryview) -> None:
    _transfer(descriptor, part, at, os.preadv)


def _fill(window: Window, start: int, at: int, part: memoryview) -> None:
    window.seek(at - start)
    if window.readinto(part) != len(part):
        raise OSError("the file ends too early")


def _in_rows(part: np.ndarray) -> np.ndarray:
    """Return a copy of a block that lies row by row, made by way of copies of its tiles in the block's own order."""
    order = _order(part)
    back = np.argsort(order)
    buffer = np.empty(part.shape, part.dtype)
    for tile in _tiles(part):
        as_stored = part[tile].transpose(order)
        # The room must follow the outermost axis only, so that the others stay one axis to numpy.
        outer = as_stored.shape[0]
        padded = _padded((outer, as_stored.size // max(1, outer)), part.dtype, _PADDING_BYTES).reshape(as_stored.shape)
        np.copyto(padded, as_stored)
        np.copyto(buffer[tile], padded.transpose(back))
    return buffer


def _tiles(part: np.ndarray) -> Iterator[tuple[slice, ...]]:
    """Yield what selects ranges of the axis with the longest steps."""
    axis = _order(part)[0]
    for start in range(0, part.shape[axis], _TILE):
        yield (*[slice(None)] * axis, slice(start, start + _TILE))


def _order(array: np.ndarray) -> list[int]:
    """Return the axes as they lie in memory, the one with the longest steps first."""
    return sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))


def _as_in(part: np.ndarray, dtype: np.dtype, room: int) -> np.ndarray:
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

    def read(self, place: Place, array: np.ndarray) -> None:
        """Fill an array of the block's shape.

        One whose rows lie apart is filled by way of memory in one piece: to hand the system each row costs more.
        """
        for at, outer in self._stretches(place):
            part = array[outer]
            whole = part if part.flags.c_contiguous else np.empty(part.shape, part.dtype)
            memory = _memory(whole)
            _transfer(place.descriptor, memory, at, os.preadv)
            place.note(at, memory)
            if whole is not part:
                np.copyto(part, whole)

    def write(self, place: Place, array: np.ndarray, lock: AbstractContextManager[Any]) -> None:
        """Write an array of the block's shape that lies row by row."""
        for at, outer in self._stretches(place):
            memory = _memory(array[outer])
            with lock:
                _transfer(place.descriptor, memory, at, os.pwritev)
            place.note(at, memory)

    def _stretches(self, place: Place) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield where each stretch of the block is in the file, and what selects it from an array of the block."""
        inner = math.prod(self.whole[self.axis + 1 :]) * self.item
        for number, outer in enumerate(np.ndindex(self.whole[: self.axis])):
            yield place.start + (number * self.whole[self.axis] + self.start) * inner, outer


def _memory(array: np.ndarray) -> memoryview:
    return memoryview(array).cast("B")  # type: ignore[arg-type]


def _transfer(descriptor: int, memory: memoryview, at: int, call: Callable[..., int]) -> None:
    """Read or write all of the memory by `os.preadv` or `os.pwritev`."""
    while memory:
        done = call(descriptor, [memory], at)
        if done <= 0:
            raise OSError("the file ends in the middle of the array")
        memory, at = memory[done:], at + done


def blocks(shape: tuple[int, ...], item: int, limit: int) -> Iterator[Block]:
    """Cut an array of some axes into blocks of about `limit` bytes, along the longest axis that is not the last."""
    axis = max(range(max(1, len(shape) - 1)), key=lambda number: shape[number])
    count = max(1, limit // max(1, math.prod(shape) // max(1, shape[axis]) * item))
    for start in range(0, shape[axis], count):
        yield Block(shape, axis, start, min(start + count, shape[axis]), item)
