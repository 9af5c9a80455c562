"""TFRecord files: each record stands between its length and checksums (CRC-32C)."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from keras_torch.data.pipeline import Dataset
from keras_torch.data.pipeline.sources import Items
from keras_torch.dropin.tensorflow.debugging import DataLossError
from keras_torch.dropin.tensorflow.files import Content, as_bytes, as_path
from keras_torch.saving.tensorflow.crc32c import masked


def paths(filenames: Any) -> Iterator[str]:
    """Yield the paths in a path, several, or a dataset of paths."""
    if isinstance(filenames, Dataset):
        for element in filenames:
            yield from map(as_path, np.ravel(element))
    else:
        yield from map(as_path, np.ravel(np.asarray(filenames, object)))


def opened(path: str, compression: Any, mode: str = "rb") -> Any:
    """Open a file that may be compressed."""
    kind = str(compression or "")
    if kind not in ("", "GZIP"):
        raise ValueError(f"`compression_type` must be '' or 'GZIP'. Received: {compression!r}")
    return gzip.open(path, mode) if kind else open(path, mode)


class TFRecordDataset(Dataset):
    """The records of TFRecord files, as bytes. DataLossError if a checksum or a length is wrong."""

    def __init__(
        self,
        filenames: Any,
        compression_type: str | None = None,
        buffer_size: int | None = None,
        num_parallel_reads: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(Items(lambda: _records(filenames, compression_type)))


def _records(filenames: Any, compression: Any) -> Iterator[Content]:
    for path in paths(filenames):
        with opened(path, compression) as file:
            try:
                yield from _records_of(file, path)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise DataLossError(f"The file {path!r} cannot be unpacked as {compression}: {error}") from error


def _records_of(file: Any, path: str) -> Iterator[Content]:
    while head := file.read(12):
        if len(head) < 12:
            raise DataLossError(f"The file {path!r} ends within the head of a record.")
        length, checksum = struct.unpack("<QI", head)
        if masked(head[:8]) != checksum:
            raise DataLossError(
                f"The file {path!r} holds no TFRecords, or is damaged or compressed: a length is wrong."
            )
        # Read in parts: a damaged length must not ask for all memory at once.
        data = b"".join(iter(_parts(file, length)))
        end = file.read(4)
        if len(data) < length or len(end) < 4:
            raise DataLossError(f"The file {path!r} ends within a record of {length} bytes.")
        if masked(data) != struct.unpack("<I", end)[0]:
            raise DataLossError(f"A record of {length} bytes in the file {path!r} is damaged: its checksum is another.")
        yield Content(data)


def _parts(file: Any, length: int) -> Iterator[bytes]:
    while length > 0:
        part = file.read(min(length, 1 << 20))
        if not part:
            return
        length -= len(part)
        yield part


class TFRecordOptions(SimpleNamespace):
    """How records are written: `compression_type` "" or "GZIP"."""

    def __init__(self, compression_type: Any = None, **settings: Any) -> None:
        super().__init__(compression_type=compression_type, **settings)


class TFRecordWriter:
    """Writes records to a file; `options` is "GZIP" or a TFRecordOptions. A context manager."""

    def __init__(self, path: Any, options: Any = None) -> None:
        self._file = opened(as_path(path), getattr(options, "compression_type", options), "wb")

    def write(self, record: Any) -> None:
        """Append a record, a message or bytes."""
        data = as_bytes(record.SerializeToString() if hasattr(record, "SerializeToString") else record)
        length = struct.pack("<Q", len(data))
        self._file.write(b"".join((length, struct.pack("<I", masked(length)), data, struct.pack("<I", masked(data)))))

    def flush(self) -> None:
        """Write out what is buffered."""
        self._file.flush()

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class DatasetWriter:
    """`tf.data.experimental.TFRecordWriter`: writes the elements of a dataset, which are text or bytes."""

    def __init__(self, filename: Any, compression_type: Any = None) -> None:
        self._arguments = os.fspath(filename), compression_type

    def write(self, dataset: Dataset) -> None:
        """Write all elements."""
        with TFRecordWriter(*self._arguments) as writer:
            for element in dataset:
                writer.write(element)


def record_iterator(path: Any, options: Any = None) -> Iterator[bytes]:
    """Yield the records of a file (TensorFlow 1)."""
    return iter(TFRecordDataset(path, getattr(options, "compression_type", options)))


NAMES = {
    "data.TFRecordDataset": TFRecordDataset,
    "data.experimental.TFRecordWriter": DatasetWriter,
    "io.TFRecordOptions": TFRecordOptions,
    "io.TFRecordWriter": TFRecordWriter,
}
VERSION_1 = {
    "io.tf_record_iterator python_io.tf_record_iterator": record_iterator,
    "python_io.TFRecordCompressionType io.TFRecordCompressionType": SimpleNamespace(NONE="", GZIP="GZIP"),
    "python_io.TFRecordOptions": TFRecordOptions,
    "python_io.TFRecordWriter": TFRecordWriter,
}
