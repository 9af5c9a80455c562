"""Writing a checkpoint that TensorFlow reads: the arrays to `prefix.data-00000-of-00001`, then `prefix.index`.

The format is described in `bundle`, which reads it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from keras_torch.checkpoint import replacing
from keras_torch.saving import raw_arrays
from keras_torch.saving.array_conversions import LARGE
from keras_torch.saving.tensorflow import protobuf
from keras_torch.saving.tensorflow.bundle import FOOTER, INDEX, MAGIC, STRING, TYPES, Entry, checksum, shard_path
from keras_torch.saving.tensorflow.crc32c import masked

_NUMBERS = {name: number for number, name in TYPES.items()}
# How many bytes of entries a block of the index has, and after how many of them one has its whole name.
_BLOCK, _RESTART = 2**18, 16
# `num_shards` 1 and `version` { producer: 1 } of a `BundleHeaderProto`.
_HEADER = protobuf.number_field(1, 1) + protobuf.field(3, protobuf.number_field(1, 1))


def write(prefix: str, arrays: Mapping[str, Any]) -> None:
    """Write variables, tensors, arrays, and strings as bytes, by name.

    Both files are complete before the first takes the place of a former one, so that an error leaves those alone. Large
    arrays are not copied.
    """
    with replacing(prefix + INDEX) as index, replacing(shard_path(prefix, 0, 1)) as data:
        with open(data, "r+b") as file:
            entries = _write_arrays(file, arrays)
        named = {name.encode(): _message(entry) for name, entry in entries.items()}
        Path(index).write_bytes(_table({b"": _HEADER, **named}))


def _write_arrays(file: BinaryIO, arrays: Mapping[str, Any]) -> dict[str, Entry]:
    entries, large, end = {}, [], 0
    place = raw_arrays.place_of_descriptor(file.fileno())
    with raw_arrays.Transfers():
        for name, value in arrays.items():
            shape: tuple[int, ...] = ()
            content: bytes | None
            if isinstance(value, bytes):
                content, found = _text(value)
                kind, size = STRING, len(content)
            else:
                kind, shape, array = _as_stored(value)
                size, found, content = array.nbytes, 0, None
                if array.size >= LARGE and place is not None:
                    raw_arrays.write(place.moved(end), array)
                    large.append(name)
                else:
                    content = array.tobytes()
                    found = masked(content)
            if content is not None:
                file.seek(end)
                file.write(content)
            entries[name] = Entry(kind, shape, 0, end, size, found, False)
            end += size
    file.flush()
    for name in large:
        entry = entries[name]
        file.seek(entry.offset)
        entries[name] = Entry(**{**vars(entry), "checksum": checksum(file, entry.size)})
    return entries


def _as_stored(value: Any) -> tuple[int, tuple[int, ...], np.ndarray]:
    """Return TensorFlow's number for the type, the shape, and the numbers as raw_arrays writes them."""
    tensor = torch.as_tensor(getattr(value, "value", value)).detach().cpu()
    shape, name = tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")
    if name not in _NUMBERS:
        raise TypeError(f"Checkpoints of TensorFlow have no arrays of the type {name}. Convert it first.")
    tensor = tensor.resolve_conj().resolve_neg()
    if tensor.dtype is torch.bfloat16:
        tensor = tensor.view(torch.int16)
    return _NUMBERS[name], shape, (torch.view_as_real(tensor) if tensor.is_complex() else tensor).numpy()


def _text(value: bytes) -> tuple[bytes, int]:
    """Return one string with its length and the checksum of that in front, and the checksum of it all."""
    fixed = struct.pack("<Q" if len(value) > 0xFFFFFFFF else "<I", len(value))
    behind = struct.pack("<I", masked(fixed)) + value
    return protobuf.varint(len(value)) + behind, masked(fixed + behind)


def _message(entry: Entry) -> bytes:
    sizes = b"".join(protobuf.field(2, protobuf.number_field(1, size)) for size in entry.shape)
    numbers = b"".join(
        protobuf.number_field(number, value) for number, value in ((4, entry.offset), (5, entry.size)) if value
    )
    found = protobuf.varint(6 << 3 | protobuf.FOUR_BYTES) + struct.pack("<I", entry.checksum)
    return protobuf.number_field(1, entry.type) + protobuf.field(2, sizes) + numbers + found


def _table(entries: Mapping[bytes, bytes]) -> bytes:
    """Return a table of LevelDB's format."""
    content, places = bytearray(), {}
    for rows in _parts(sorted(entries.items())):
        places[rows[-1][0]] = _append(content, rows)
    nothing = _append(content, [])
    index = _append(content, sorted(places.items()))
    return bytes(content) + (nothing + index).ljust(FOOTER - 8, b"\0") + struct.pack("<Q", MAGIC)


def _parts(rows: list[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    start = size = 0
    for number, (key, value) in enumerate(rows, 1):
        size += len(key) + len(value)
        if size >= _BLOCK or number == len(rows):
            yield rows[start:number]
            start, size = number, 0


def _append(content: bytearray, rows: list[tuple[bytes, bytes]]) -> bytes:
    """Add a block, and return its handle. Names begin with what they have in common with the one before."""
    block, restarts, before = bytearray(), [0], b""
    for number, (key, value) in enumerate(rows):
        shared = 0
        if number % _RESTART == 0:
            restarts[number // _RESTART :] = [len(block)]
        else:
            shared = next((at for at in range(len(before)) if before[at : at + 1] != key[at : at + 1]), len(before))
        block += b"".join(map(protobuf.varint, (shared, len(key) - shared, len(value)))) + key[shared:] + value
        before = key
    block += struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts)) + b"\0"
    handle = protobuf.varint(len(content)) + protobuf.varint(len(block) - 1)
    content += block + struct.pack("<I", masked(block))
    return handle
