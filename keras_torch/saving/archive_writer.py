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
from keras_torch.saving import files
from keras_torch.saving.window import Window

_CHUNK = 4 * 2**20
# What stays in a processor's cache between being read and being summed up.
_HOT = 2**18


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
        with replacing(os.fsdecode(target)) as temporary, open(temporary, "w+b", buffering=0) as file:
            yield from _write(file)
        return
    with tempfile.TemporaryFile(buffering=0) as file:
        yield from _write(file)
        file.seek(0)
        shutil.copyfileobj(file, target, _CHUNK)


def _write(file: Any) -> Iterator[Writer]:
    inner = _InPlace(file)
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[arg-type]
        yield Writer(archive, inner)


class _InPlace(io.RawIOBase):
    """A file for `zipfile` to write to, that can be told that the bytes of a member are there already."""

    def __init__(self, file: Any) -> None:
        super().__init__()
        self.file = file
        self.there = False

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.file.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self.file.seek(offset, whence)

    def write(self, data: Any) -> int:
        if self.there:
            self.file.seek(len(data), os.SEEK_CUR)
            return len(data)
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            done += self.file.write(view[done:])
        return done


class Writer:
    """Adds members, stored as they are, to an archive under construction."""

    def __init__(self, archive: zipfile.ZipFile, file: _InPlace) -> None:
        self._zip = archive
        self._inner = file

    def write(self, name: str, data: bytes | str) -> None:
        """Add a member of the given content."""
        self._zip.writestr(name, data)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[Window]:
        """Yield a seekable file to write a member of any size to: it is a window of the archive's own file."""
        info = zipfile.ZipInfo(name, time.localtime()[:6])
        info.external_attr = 0o600 << 16
        with self._zip.open(info, "w", force_zip64=True) as member:
            start = self._inner.tell()
            window = Window(self._inner.file, start, name=name)
            yield window
            self._inner.seek(start)
            self._inner.there = True
            try:
                self._add_up(member, window)
            finally:
                self._inner.there = False

    @staticmethod
    def _add_up(member: Any, window: Window) -> None:
        """Let `zipfile` see what was written, for its checksum and size."""
        buffer = memoryview(bytearray(_HOT))
        done = 0
        while done < window.end:
            window.seek(done)
            count = window.readinto(buffer[: window.end - done])
            if not count:
                raise OSError(f"{window.name}: what was written cannot be read back")
            window.file.seek(window.start + done)
            member.write(buffer[:count])
            done += count


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
