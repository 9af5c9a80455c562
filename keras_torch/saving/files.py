"""Paths and file objects: what a file is (by its content), and whether one may be written."""

from __future__ import annotations

import os
from io import BufferedReader
from pathlib import Path
from typing import Any

from keras_torch.errors import FileFormatError, MissingFileError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_KINDS = ((HDF5_SIGNATURE, "hdf5"), (b"PK\x03\x04", "zip"))
# HDF5 allows a block of foreign data in front; the signature then stands at a power of two from 512 on.
_HDF5_OFFSETS = (512, 1024, 2048, 4096)


class DamagedFileError(FileFormatError, OSError):
    """A file cannot be read as what it claims to be (Keras raises OSError here)."""


def is_path(source: Any) -> bool:
    """Whether `source` is a path rather than an open file."""
    return isinstance(source, (str, bytes, os.PathLike))


def display_name(source: Any) -> str:
    """Return how error messages call `source`."""
    if is_path(source):
        return os.fsdecode(source)
    name = getattr(source, "filename", None) or getattr(source, "name", None)
    return str(name) if isinstance(name, (str, bytes)) else f"<{type(source).__name__} object>"


def kind(source: Any) -> str:
    """Return "hdf5", "zip", "directory", "json" or "unknown", judging by the content alone."""
    if is_path(source):
        path = Path(os.fsdecode(source))
        if path.is_dir():
            return "directory"
        if not path.exists():
            raise MissingFileError(f"There is no file {str(path)!r} (working directory: {os.getcwd()!r}).")
        with path.open("rb") as file:
            return _kind_of_stream(file)
    position = source.tell()
    try:
        return _kind_of_stream(source)
    finally:
        source.seek(position)


def open_regular(path: str, folder: str | None = None) -> BufferedReader:
    """Open a file for reading: a regular one, and if `folder` is given, none that a link has outside of it."""
    real = os.path.realpath(path)
    root = real if folder is None else os.path.realpath(folder)
    if os.path.commonpath([real, root]) != root:
        raise FileFormatError(f"{path} is refused: it leads out of the folder {folder}")
    if os.path.exists(real) and not os.path.isfile(real):
        raise DamagedFileError(f"{path} is refused: it is no regular file")
    return open(real, "rb")


def _kind_of_stream(file: Any) -> str:
    file.seek(0)
    head = file.read(8)
    for signature, name in _KINDS:
        if head.startswith(signature):
            return name
    for offset in _HDF5_OFFSETS:
        file.seek(offset)
        if file.read(8) == HDF5_SIGNATURE:
            return "hdf5"
    return "json" if head.lstrip().startswith(b"{") else "unknown"


def first_bytes(source: Any, count: int) -> bytes:
    """Return the beginning of a file, leaving an open one where it was."""
    if is_path(source):
        with Path(os.fsdecode(source)).open("rb") as file:
            return file.read(count)
    position = source.tell()
    try:
        source.seek(0)
        return source.read(count)
    finally:
        source.seek(position)


def may_write(path: str, overwrite: bool) -> bool:
    """Whether `path` may be written: with overwrite=False the user is asked about an existing file, as in Keras."""
    if overwrite or not os.path.exists(path):
        return True
    try:
        answer = input(f"{path} already exists. Overwrite it? [y/n] ")
    except EOFError:
        raise FileExistsError(
            f"{path!r} exists and `overwrite` is False. Pass `overwrite=True` or choose another name."
        ) from None
    return answer.strip().lower() in ("y", "yes")
