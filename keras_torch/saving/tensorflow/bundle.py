"""The arrays of a TensorFlow checkpoint, `prefix.index` and `prefix.data-*`, of version 1 scripts and of version 2.

The index is a table of LevelDB's format: blocks of sorted entries, each behind a type and a checksum, found through a
block that lists them. An entry tells the type, shape and place of one array (`BundleEntryProto`,
tensorflow/core/protobuf/tensor_bundle.proto). Nothing is trusted: every place, size and checksum is looked at.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from typing import Any

import numpy as np

from keras_torch.saving import raw_arrays
from keras_torch.saving.array_conversions import LARGE, Source
from keras_torch.saving.files import DamagedFileError, open_regular
from keras_torch.saving.tensorflow import protobuf
from keras_torch.saving.tensorflow.crc32c import crc32c, mask, masked

INDEX = ".index"
# TensorFlow's numbers for types (types.proto).
TYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string", 8: "complex64", 9: "int64",
    10: "bool", 14: "bfloat16", 17: "uint16", 18: "complex128", 19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip
STRING, _BFLOAT16 = 7, 14
# numpy cannot have more in an array, not even beside an axis of length 0.
_MAX_NUMBERS = 2**60
MAGIC = 0xDB4775248B80FB57
FOOTER, _TRAILER = 48, 5
_MAX_INDEX = 256 * 2**20
_MAX_ENTRIES, _MAX_RANK = 100_000, 32
_MAX_SHARDS = 100_000
# What all names may have, in bytes of the index: each may begin with the one before it, for at most 16 in a row.
_MAX_RATIO, _SMALL = 16, 2**20
_CHUNK = 4 * 2**20


def is_bundle(prefix: str) -> bool:
    """Whether a checkpoint of TensorFlow is called so: what this library writes under such names has another index."""
    try:
        with open_regular(prefix + INDEX) as file:
            file.seek(-8, os.SEEK_END)
            return struct.unpack("<Q", file.read(8))[0] == MAGIC
    except OSError:
        return False


def shard_path(prefix: str, number: int, count: int) -> str:
    """Return the name of one of the files with the arrays."""
    return f"{prefix}.data-{number:05d}-of-{count:05d}"


def checksum(file: Any, size: int) -> int:
    """Return the checksum of the next bytes of a file, as an index has it."""
    found = 0
    for at in range(0, size, _CHUNK):
        found = crc32c(file.read(min(_CHUNK, size - at)), found)
    return mask(found)


@dataclass(frozen=True)
class Entry:
    """Where an array lies: its type's number, its shape, the number of its file, and the place in it."""

    type: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int
    in_slices: bool


class Bundle:
    """The arrays of one checkpoint by name. If it is in the `folder` of a SavedModel, no link leads out of that."""

    def __init__(self, prefix: Any, folder: str | None = None) -> None:
        self.prefix, self._folder = os.fsdecode(prefix), folder
        try:
            with open_regular(self.prefix + INDEX, folder) as file:
                content = file.read(_MAX_INDEX + 1)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"There is no checkpoint {self.prefix!r}: {self.prefix + INDEX!r} is missing."
            ) from error
        if len(content) > _MAX_INDEX:
            raise self.damaged("the index is larger than any that is known")
        try:
            self._read_index(content)
        except (ValueError, struct.error, UnicodeDecodeError) as error:
            raise self.damaged(f"the index cannot be read: {error}") from error

    def damaged(self, why: str) -> DamagedFileError:
        """Return the error that says what is wrong with the files."""
        return DamagedFileError(f"The TensorFlow checkpoint {self.prefix!r} is damaged: {why}.")

    def _read_index(self, content: bytes) -> None:
        self._shards = 1
        self.entries: dict[str, Entry] = {}
        for key, value in _table(content):
            if key:
                self.entries[key.decode()] = _entry(value)
            else:
                self._shards = _header(value)
            if len(self.entries) > _MAX_ENTRIES:
                raise ValueError("it lists too many arrays")

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def file_size(self) -> int:
        """Return the size of all files of data together."""
        return sum(os.path.getsize(self._path(n)) for n in range(self._shards) if os.path.exists(self._path(n)))

    def _path(self, shard: int) -> str:
        return shard_path(self.prefix, shard, self._shards)

    def _entry(self, name: str) -> Entry:
        if name not in self.entries:
            raise KeyError(f"The checkpoint {self.prefix!r} holds no {name!r}. It holds: {sorted(self.entries)[:20]}")
        return self.entries[name]

    @contextlib.contextmanager
    def _place(self, name: str, entry: Entry) -> Iterator[BufferedReader]:
        """Yield the file of an array, where it begins."""
        if entry.in_slices:
            raise NotImplementedError(
                f"{self.prefix}: {name!r} was saved in slices by a partitioned variable, which is not read. Save it "
                "from one variable."
            )
        if not 0 <= entry.shard < self._shards:
            raise self.damaged(f"{name!r} is in file number {entry.shard} of {self._shards}")
        path = self._path(entry.shard)
        try:
            with open_regular(path, self._folder) as file:
                if entry.offset + entry.size > os.fstat(file.fileno()).st_size:
                    raise self.damaged(f"{os.path.basename(path)} ends before {name!r} does")
                file.seek(entry.offset)
                yield file
        except FileNotFoundError as error:
            raise FileNotFoundError(f"The checkpoint {self.prefix!r} lacks its file {path!r}.") from error

    def _bytes(self, name: str, entry: Entry) -> bytearray:
        with self._place(name, entry) as file:
            data = bytearray(entry.size)
            file.readinto(data)
        return data

    def read(self, name: str) -> np.ndarray:
        """Return an array: numbers, or bytes in an array of objects. bfloat16 comes as float32."""
        entry = self._entry(name)
        data = self._bytes(name, entry)
        if entry.type == STRING:
            return np.array([*self._texts(name, entry, data), None], object)[:-1].reshape(entry.shape)
        dtype = self.dtype(name)
        self._check(name, entry, masked(data))
        found = np.frombuffer(data, dtype).reshape(entry.shape)
        return (found.astype("<u4") << 16).view("<f4") if entry.type == _BFLOAT16 else found

    def _check(self, name: str, entry: Entry, checksum: int) -> None:
        if checksum != entry.checksum:
            raise self.damaged(f"the checksum of {name!r} does not fit")
        fits = math.prod(entry.shape) * self.dtype(name).itemsize == entry.size
        if not fits or math.prod(size or 1 for size in entry.shape) > _MAX_NUMBERS:
            raise self.damaged(f"{name!r} of shape {entry.shape} has {entry.size} bytes")

    def _verify(self, name: str) -> None:
        """Look at the checksum without keeping the array."""
        entry = self._entry(name)
        with self._place(name, entry) as file:
            self._check(name, entry, checksum(file, entry.size))

    def _read_into(self, name: str, target: Any) -> None:
        entry = self._entry(name)
        with self._place(name, entry) as file:
            place = raw_arrays.place_of_descriptor(file.fileno())
            if place is None:
                raise self.damaged(f"{name!r} cannot be read")
            with raw_arrays.Transfers():
                raw_arrays.read(place.moved(entry.offset), target.detach().numpy(), self.dtype(name))

    def _texts(self, name: str, entry: Entry, data: bytearray) -> Iterator[bytes]:
        """Yield strings: in front stand their lengths, and a checksum of these as fixed numbers."""
        count = math.prod(entry.shape)
        if count > len(data):
            raise self.damaged(f"{name!r} is too short for {count} strings")
        at, lengths = 0, []
        try:
            for _ in range(count):
                length, at = protobuf.read_varint(data, at)
                lengths.append(length)
        except ValueError as error:
            raise self.damaged(f"{name!r}: {error}") from error
        fixed = b"".join(struct.pack("<Q" if n > 0xFFFFFFFF else "<I", n) for n in lengths)
        if at + 4 + sum(lengths) != len(data) or struct.unpack_from("<I", data, at)[0] != masked(fixed):
            raise self.damaged(f"the lengths of the strings of {name!r} do not fit")
        if masked(fixed + data[at:]) != entry.checksum:
            raise self.damaged(f"the checksum of {name!r} does not fit")
        at += 4
        for length in lengths:
            yield bytes(data[at : at + length])
            at += length

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array."""
        return self._entry(name).shape

    def dtype_name(self, name: str) -> str:
        """Return what TensorFlow calls the type of an array."""
        number = self._entry(name).type
        if number not in TYPES:
            raise NotImplementedError(
                f"{self.prefix}: {name!r} has a type that is not read, TensorFlow's number {number}."
            )
        return TYPES[number]

    def dtype(self, name: str) -> np.dtype[Any]:
        """Return numpy's type of an array in the file; object for strings."""
        found = self.dtype_name(name)
        return np.dtype({"string": "object", "bfloat16": "uint16"}.get(found, found)).newbyteorder("<")

    def source(self, name: str) -> Source:
        """Return an array that is not read yet."""
        entry = self._entry(name)
        large = math.prod(entry.shape) >= LARGE and hasattr(os, "preadv")
        if not large or entry.type == _BFLOAT16 or self.dtype(name).kind not in "fiu":
            return Source(name, entry.shape, lambda: self.read(name))
        into, check = (functools.partial(method, name) for method in (self._read_into, self._verify))
        return Source(name, entry.shape, lambda: self.read(name), into, check)


def _table(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the entries of a table in order."""
    if len(content) < FOOTER or struct.unpack_from("<Q", content, len(content) - 8)[0] != MAGIC:
        raise ValueError("it has no end")
    _, at = _handle(content, len(content) - FOOTER)
    blocks, _ = _handle(content, at)
    end = 0
    for _, place in _block(content, blocks):
        handle, _ = _handle(place, 0)
        if handle[0] < end:
            raise ValueError("its blocks overlap")
        end = sum(handle)
        yield from _block(content, handle)


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    offset, at = protobuf.read_varint(data, at)
    size, at = protobuf.read_varint(data, at)
    return (offset, size), at


def _block(content: bytes, handle: tuple[int, int]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the entries of one block. Each says how much of the name before it its own name begins with."""
    start, size = handle
    names = 0
    end = start + size
    if size < 4 or end + _TRAILER > len(content):
        raise ValueError("a block lies outside of it")
    kind, checksum = struct.unpack_from("<BI", content, end)
    if kind:
        raise ValueError("it is compressed, as TensorFlow writes none")
    if masked(content[start : end + 1]) != checksum:
        raise ValueError("the checksum of a block does not fit")
    data = content[start:end]
    restarts = struct.unpack_from("<I", data, size - 4)[0]
    last, at, key = size - 4 - 4 * restarts, 0, b""
    if last < 0:
        raise ValueError("a block has no room for its entries")
    while at < last:
        shared, at = protobuf.read_varint(data, at)
        own, at = protobuf.read_varint(data, at)
        length, at = protobuf.read_varint(data, at)
        if shared > len(key) or at + own + length > last:
            raise ValueError("an entry lies outside of its block")
        key = key[:shared] + data[at : at + own]
        names += len(key)
        if names > _SMALL + _MAX_RATIO * size:
            raise ValueError("its names are longer than any that are known")
        at += own + length
        yield key, data[at - length : at]


def _header(value: bytes) -> int:
    """Return the number of files, of a `BundleHeaderProto`."""
    parts = dict((number, content) for number, _, content in protobuf.fields(value))
    shards = parts.get(1, 0)
    if parts.get(2, 0) or not isinstance(shards, int) or not 0 < shards <= _MAX_SHARDS:
        raise ValueError("its header is not of a little-endian checkpoint")
    return shards


def _entry(value: bytes) -> Entry:
    numbers, in_slices, checksum = {1: 0, 3: 0, 4: 0, 5: 0}, False, 0
    shape: tuple[int, ...] = ()
    for number, kind, content in protobuf.fields(value):
        if number in numbers and kind == protobuf.VARINT:
            numbers[number] = content
        elif number == 2 and kind == protobuf.BYTES:
            shape = shape_of(content)
        elif number == 6 and kind == protobuf.FOUR_BYTES:
            checksum = struct.unpack("<I", content)[0]
        elif number == 7:
            in_slices = True
    return Entry(numbers[1], shape, numbers[3], numbers[4], numbers[5], checksum, in_slices)


def shape_of(message: Any) -> tuple[int, ...]:
    """Return the sizes in a `TensorShapeProto`. ValueError if one is not known."""
    sizes = []
    for number, kind, content in protobuf.fields(message):
        if number == 2 and kind == protobuf.BYTES:
            sizes.append(
                next((protobuf.signed(size) for n, k, size in protobuf.fields(content) if (n, k) == (1, 0)), 0)
            )
    if any(size < 0 for size in sizes) or len(sizes) > _MAX_RANK:
        raise ValueError("an array has no shape")
    return tuple(sizes)
