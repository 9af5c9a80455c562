"""Writing a zip archive of stored members, or a folder in its place, in one step at the end."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from keras_torch.checkpoint import replacing
from keras_torch.saving import files, raw_arrays
from keras_torch.saving.checksums import Sums
from keras_torch.saving.window import Window

_CHUNK = 4 * 2**20


@contextlib.contextmanager
def writing(target: Any, zipped: bool = True) -> Iterator[Writer | FolderWriter]:
    """Yield a writer of a zip archive. A path is replaced in one step at the end; a file object gets the bytes then.

    With `zipped=False` the members become files below the folder `target`, which appear together at the end.
    """
    if not zipped:
        with contextlib.ExitStack() as stack:
            yield FolderWriter(os.fsdecode(target), stack)
        return
    if files.is_path(target):
        with replacing(os.fsdecode(target)) as temporary, _File(temporary, "w+b") as file:
            yield from _write(file)
        return
    with tempfile.TemporaryFile() as nameless, _File(nameless.fileno(), "w+b", closefd=False) as file:
        yield from _write(file)
        file.seek(0)
        shutil.copyfileobj(file, target, _CHUNK)


def _write(file: Any) -> Iterator[Writer]:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        yield Writer(archive, file)


class _File(io.FileIO):
    """A file without a buffer that writes all it is given."""

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            done += super().write(view[done:]) or 0
        return done


class Writer:
    """Adds members, stored as they are, to an archive under construction."""

    def __init__(self, archive: zipfile.ZipFile, file: Any) -> None:
        self._zip = archive
        self._file = file

    def write(self, name: str, data: bytes | str) -> None:
        """Add a member of the given content."""
        self._zip.writestr(name, data)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[Window]:
        """Yield a seekable file to write a member of any size to: it is a window of the archive's own file."""
        info = zipfile.ZipInfo(name, time.localtime()[:6])
        info.external_attr = 0o600 << 16
        with self._zip.open(info, "w", force_zip64=True):
            window = Window(self._file, self._file.tell(), name=name)
            window.sums = Sums()
            yield window
            self._file.seek(window.start + window.length)
        # To `zipfile` the member is empty, as none of it went through its hands.
        info.CRC = raw_arrays.checksum(window)
        info.file_size = info.compress_size = window.length
        self._file.seek(info.header_offset)
        self._file.write(info.FileHeader(zip64=True))
        self._file.seek(window.start + window.length)


class FolderWriter:
    """The methods of a `Writer` for files below a folder."""

    def __init__(self, path: str, stack: contextlib.ExitStack) -> None:
        if os.path.isfile(path):
            raise NotADirectoryError(f"Cannot write a folder: {path!r} is a file. Give another name.")
        self._root, self._stack = path, stack

    def write(self, name: str, data: bytes | str) -> None:
        """Add a file of the given content."""
        with self.open(name) as file:
            file.write(data.encode() if isinstance(data, str) else data)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Yield a file to write to."""
        temporary = self._stack.enter_context(replacing(os.path.join(self._root, *name.split("/"))))
        with open(temporary, "w+b") as file:
            yield file
