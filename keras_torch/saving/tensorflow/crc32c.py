"""CRC-32C (Castagnoli), by which records are checked; Python's `zlib.crc32` has another polynomial.

Rows of 256 bytes are looked up in tables at once by numpy. A checksum on its way is taken along by adding it to the
first four bytes of the next row.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

_POLYNOMIAL = 0x82F63B78
_ROW = 256
_ROWS_AT_ONCE = 512
_ALL = 0xFFFFFFFF


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


def crc32c(data: Any) -> int:
    """Return the checksum of bytes."""
    tables, (first, second, third, fourth, single) = _tables()
    state = _ALL
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


def masked(data: Any) -> int:
    """Return the checksum as records hold it: turned by 15 bits, plus a constant."""
    found = crc32c(data)
    return ((found >> 15 | found << 17) + 0xA282EAD8) & _ALL
