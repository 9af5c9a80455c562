"""CRC-32C (Castagnoli), by which records are checked; Python's `zlib.crc32` has another polynomial.

What is long is first made short: a multiple of the polynomial with four terms tells where to add each word to later
ones. Rows of 256 bytes are then looked up in tables at once by numpy. A checksum on its way is taken along by adding it
to the first four bytes of the next row.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

_POLYNOMIAL = 0x82F63B78
_ROW = 256
_ROWS_AT_ONCE = 512
_ALL = 0xFFFFFFFF
# x**5685 + x**1362 + x**426 + 1 is a multiple of the polynomial, and so is its 32nd power, which has the same exponents
# in words of 32 bits: a word and the words this far behind it can be left out together.
_DISTANCES = (5685 - 1362, 5685 - 426, 5685)
_WORDS_AT_ONCE = 2**16


@functools.cache
def _tables() -> tuple[np.ndarray, list[list[int]]]:
    """Return a table for each place in a row; and for the first four, and the last, as lists for single bytes."""
    last = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        last = np.where(last & 1, last >> 1 ^ np.uint32(_POLYNOMIAL), last >> 1)
    tables = np.empty((_ROW, 256), np.uint32)
    tables[-1] = last
    for place in range(_ROW - 2, -1, -1):
        tables[place] = last[tables[place + 1] & 255] ^ tables[place + 1] >> 8
    return tables, [tables[place].tolist() for place in (0, 1, 2, 3, -1)]


def crc32c(data: Any, before: int = 0) -> int:
    """Return the checksum of bytes; `before` is that of those in front of them."""
    tables, (first, second, third, fourth, single) = _tables()
    state = before ^ _ALL
    if len(data) > 8 * _DISTANCES[-1]:
        data, state = _shortened(data, state), 0
    rows = len(data) // _ROW
    for start in range(0, rows, _ROWS_AT_ONCE):
        count = min(_ROWS_AT_ONCE, rows - start)
        block = np.frombuffer(data, np.uint8, count * _ROW, start * _ROW).reshape(count, _ROW)
        for found in np.bitwise_xor.reduce(tables[np.arange(_ROW), block], axis=1).tolist():
            state = (
                found ^ first[state & 255] ^ second[state >> 8 & 255] ^ third[state >> 16 & 255] ^ fourth[state >> 24]
            )
    for byte in memoryview(data)[rows * _ROW :]:
        state = single[(state ^ byte) & 255] ^ state >> 8
    return state ^ _ALL


def _shortened(data: Any, state: int) -> bytes:
    """Return the last of the bytes, changed so that their checksum is that of all if it begins with 0."""
    nearest, *_, kept = _DISTANCES
    words = np.frombuffer(data, np.uint32, len(data) // 4)
    room = np.empty(min(len(words), kept + _WORDS_AT_ONCE), np.uint32)
    room[:kept] = words[:kept]
    room[:1].view("<u4")[0] ^= state
    for at in range(kept, len(words), _WORDS_AT_ONCE):
        count = min(_WORDS_AT_ONCE, len(words) - at)
        room[kept : kept + count] = words[at : at + count]
        for start in range(0, count, nearest):
            size = min(nearest, count - start)
            for distance in _DISTANCES:
                room[start + distance : start + distance + size] ^= room[start : start + size]
        room[:kept] = room[count : count + kept].copy()
    return room[:kept].tobytes() + bytes(memoryview(data)[4 * len(words) :])


def masked(data: Any) -> int:
    """Return the checksum of bytes as records hold it."""
    return mask(crc32c(data))


def mask(found: int) -> int:
    """Return a checksum turned by 15 bits, plus a constant: bytes that hold checksums have checksums, too."""
    return ((found >> 15 | found << 17) + 0xA282EAD8) & _ALL
