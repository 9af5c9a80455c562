"""The CRC-32 of a stretch of a file, put together from those of its pieces, whoever had them in hand, in any order."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

# CRC-32 is the remainder by this polynomial, bits in reverse: the highest bit is the number 1.
_POLYNOMIAL, _ONE = 0xEDB88320, 1 << 31


class Sums:
    """Checksums of pieces of a file, noted by those who read or write them while they are in the processor's cache."""

    def __init__(self) -> None:
        self._pieces: dict[int, tuple[int, int]] = {}

    def note(self, start: int, pieces: Iterable[Any]) -> None:
        """Add up what stands in the file from `start` on, in one stretch."""
        total = size = 0
        for piece in pieces:
            total = zlib.crc32(piece, total)
            size += len(piece)
        self._pieces[start] = (size, total)

    def gaps(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the beginning and end of what no piece tells of."""
        for at, size, total in self._stretches(start, end):
            if total is None:
                yield at, at + size

    def total(self, start: int, end: int) -> int:
        """Return the checksum from `start` to `end`, which has no gaps any more."""
        found = 0
        for _, size, total in self._stretches(start, end):
            if total is None:
                raise ValueError("The checksum of a piece is missing.")
            found = combine(found, total, size)
        return found

    def _stretches(self, start: int, end: int) -> Iterator[tuple[int, int, int | None]]:
        """Yield the start, size and checksum of pieces and gaps in order. Of pieces that overlap the first counts."""
        for at, (size, total) in sorted(self._pieces.items()):
            if at < start or at + size > end:
                continue
            if at > start:
                yield start, at - start, None
            yield at, size, total
            start = at + size
        if start < end:
            yield start, end - start, None


def combine(first: int, second: int, size: int) -> int:
    """Return the CRC-32 of two texts in a row from their own; the second has `size` bytes."""
    tables = _tables(size)
    for number, table in enumerate(tables):
        second ^= table[first >> 8 * number & 0xFF]
    return second


@functools.lru_cache(maxsize=256)
def _tables(size: int) -> list[list[int]]:
    """Return what each value of each byte of a checksum becomes when `size` bytes follow."""
    moved = _shift(size)
    of_bits = [0] * 32
    for bit in reversed(range(32)):
        of_bits[bit] = moved
        moved = _next(moved)
    tables = []
    for byte in range(4):
        table = [0]
        for bit in range(8):
            table += [value ^ of_bits[8 * byte + bit] for value in table]
        tables.append(table)
    return tables


def _shift(size: int) -> int:
    """Return the polynomial that moves another one by `size` bytes: x ** (8 * size)."""
    result, power = _ONE, _ONE >> 8
    while size:
        if size & 1:
            result = _times(result, power)
        power = _times(power, power)
        size >>= 1
    return result


def _times(a: int, b: int) -> int:
    """Multiply two polynomials of 32 bits, modulo the one of CRC-32."""
    result = 0
    while a:
        if a & _ONE:
            result ^= b
        a = a << 1 & 0xFFFFFFFF
        b = _next(b)
    return result


def _next(polynomial: int) -> int:
    """Multiply by x."""
    return polynomial >> 1 ^ (_POLYNOMIAL if polynomial & 1 else 0)
