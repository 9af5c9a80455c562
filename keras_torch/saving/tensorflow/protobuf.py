"""The wire format of protobuf, as far as the files here need it: fields of numbers and of bytes, one after another."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
_MASK = (1 << 64) - 1


def varint(value: int) -> bytes:
    """Return a whole number, negative ones as 64 bits, in parts of 7 bits."""
    value &= _MASK
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def field(number: int, content: bytes) -> bytes:
    """Return a field that holds bytes: text, a message, packed numbers."""
    return varint(number << 3 | BYTES) + varint(len(content)) + content


def number_field(number: int, value: int) -> bytes:
    """Return a field that holds a whole number."""
    return varint(number << 3 | VARINT) + varint(value)


def read_varint(data: Any, start: int) -> tuple[int, int]:
    """Return the number that begins at `start`, and where it ends. ValueError if the data end before it does."""
    value = shift = 0
    while True:
        if start >= len(data) or shift > 63:
            raise ValueError("A message of protobuf ends within a number: the data are damaged, or of another kind.")
        byte = data[start]
        start += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & _MASK, start
        shift += 7


def fields(data: Any) -> Iterator[tuple[int, int, Any]]:
    """Yield (number, kind, content) of a message's fields; bytes come as views. ValueError if the data are no message.

    `data` is bytes or a memoryview.
    """
    view = memoryview(data)
    end, at = len(view), 0
    while at < end:
        key, at = read_varint(view, at)
        kind = key & 7
        if kind == VARINT:
            content, at = read_varint(view, at)
            yield key >> 3, kind, content
            continue
        size = {EIGHT_BYTES: 8, FOUR_BYTES: 4}.get(kind)
        if kind == BYTES:
            size, at = read_varint(view, at)
        if size is None or at + size > end:
            raise ValueError("The data are no message of protobuf, or end within one of its fields.")
        yield key >> 3, kind, view[at : at + size]
        at += size


def signed(value: int) -> int:
    """Return what 64 bits mean as a number with a sign."""
    return value - (1 << 64) if value >> 63 else value


def packed_varints(data: Any) -> np.ndarray:
    """Return packed whole numbers as int64."""
    bytes_ = np.frombuffer(data, np.uint8)
    if not bytes_.size:
        return np.empty(0, np.int64)
    is_last = bytes_ < 128
    if is_last.all():
        return bytes_.astype(np.int64)
    if not is_last[-1]:
        raise ValueError("A message of protobuf ends within a number: the data are damaged, or of another kind.")
    ends = np.flatnonzero(is_last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(bytes_.size) - np.repeat(starts, ends - starts + 1)
    parts = (bytes_ & 127).astype(np.uint64) << (7 * place).astype(np.uint64)
    return np.add.reduceat(parts, starts).astype(np.int64)


def pack_varints(values: Any) -> bytes:
    """Return whole numbers one behind the other."""
    array = np.asarray(values, np.int64)
    if array.size and array.min() >= 0 and array.max() < 128:
        return array.astype(np.uint8).tobytes()
    return b"".join(map(varint, array.tolist()))


def floats(kind: int, content: Any) -> list[float]:
    """Return the float32 numbers of a field, packed or alone."""
    return np.frombuffer(content, "<f4").tolist() if kind == BYTES else list(struct.unpack("<f", content))
