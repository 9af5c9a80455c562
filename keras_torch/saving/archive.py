"""The one way into a zip archive, or the folder unpacked from one. Knows nothing of Keras.

An archive may come from a stranger, so it is looked through before anything is read: plain names below the root,
regular files only, each once, none overlapping another or the end of the file, no encryption, no methods beyond storing
and deflating, and no member that grows more than a hundredfold.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any

from keras_torch.errors import FileFormatError
from keras_torch.saving import files, raw_arrays
from keras_torch.saving.checksums import Sums
from keras_torch.saving.files import DamagedFileError
from keras_torch.saving.window import Window

MAX_MEMBERS = 10_000
MAX_DIRECTORY_BYTES = 16 * 2**20
MAX_TEXT_BYTES = 256 * 2**20
MAX_RATIO = 100
SMALL_BYTES = 2**20
# Text that is unpacked takes many times its size in memory. Keras does not compress it.
MAX_EXTRACTED_RATIO = 10
SMALL_EXTRACTED_BYTES = 16 * 2**20
_CHUNK = 4 * 2**20
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_ELSEWHERE = 2**32 - 1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, NotImplementedError),
    *(RuntimeError, OverflowError, IndexError, KeyError, MemoryError),
)


@contextlib.contextmanager
def reading(source: Any) -> Iterator[Archive | Folder]:
    """Open a path (of an archive or a folder) or a binary file object, look it through, and yield its members."""
    name = files.display_name(source)
    with contextlib.ExitStack() as stack:
        if files.is_path(source) and os.path.isdir(source):
            yield Folder(os.fsdecode(source), stack)
            return
        file = stack.enter_context(open(os.fsdecode(source), "rb")) if files.is_path(source) else source
        try:
            archive = Archive(file, name, stack)
        except FileFormatError:
            raise
        except _ZIP_ERRORS as error:
            raise DamagedFileError(f"{name} cannot be read as a zip archive: {error}") from error
        yield archive


class Archive:
    """The members of a zip file that was looked through."""

    def __init__(self, file: Any, name: str, stack: contextlib.ExitStack) -> None:
        self.file = name
        self._file = file
        self._stack = stack
        self._checks: list[_Check] = []
        self._size = file.seek(0, os.SEEK_END)
        directory = Window(file, 0, self._size, f"{name}: the table of contents", MAX_DIRECTORY_BYTES)
        self._zip = stack.enter_context(zipfile.ZipFile(directory))
        directory.limit = -1
        infos = self._zip.infolist()
        if len(infos) > MAX_MEMBERS:
            raise FileFormatError(f"{name} has {len(infos)} members, more than is allowed ({MAX_MEMBERS}).")
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._starts: dict[str, int] = {}
        for info in infos:
            self._look_at(info)
        self._check_places()

    def _refuse(self, member: str, what: str) -> FileFormatError:
        return FileFormatError(f"{self.file}: the member {member[:200]!r} {what}")

    def _look_at(self, info: zipfile.ZipInfo) -> None:
        name = info.orig_filename
        if not is_plain_name(name):
            raise self._refuse(name, "is refused: its name must be a relative path of plain parts")
        if name in self._members:
            raise self._refuse(name, "is refused: it is there twice")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise self._refuse(name, "is refused: it is no regular file (a link?)")
        if info.flag_bits & 0x2041:
            raise self._refuse(name, "is encrypted, which is refused")
        if info.compress_type not in _METHODS:
            raise self._refuse(name, f"is compressed by the method {info.compress_type}; known are {list(_METHODS)}")
        if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
            raise self._refuse(name, f"is stored in {info.compress_size} bytes, but declares {info.file_size}")
        if info.file_size > max(SMALL_BYTES, MAX_RATIO * info.compress_size):
            raise self._refuse(
                name,
                f"is refused: it declares {info.file_size} bytes but the file holds only {info.compress_size}, a "
                f"compression of more than {MAX_RATIO} to 1",
            )
        self._members[name] = info

    def _check_places(self) -> None:
        """Find where the data of each member lies; no two may share a byte of the file."""
        end_before, before = 0, ""
        for name, info in sorted(self._members.items(), key=lambda item: item[1].header_offset):
            if not 0 <= info.header_offset <= self._size - _LOCAL_HEADER.size:
                raise self._refuse(name, "lies outside the file")
            if info.header_offset < end_before:
                raise self._refuse(name, f"is refused: it overlaps {before!r}")
            self._file.seek(info.header_offset)
            header = _LOCAL_HEADER.unpack(self._file.read(_LOCAL_HEADER.size))
            if header[0] != b"PK\x03\x04":
                raise DamagedFileError(f"{self.file}: the member {name!r} has no header where it should begin")
            self._starts[name] = info.header_offset + _LOCAL_HEADER.size + header[-2] + header[-1]
            end_before, before = self._starts[name] + info.compress_size, name
            if end_before > self._size:
                raise self._refuse(name, "is larger than the file that should hold it; the file is cut short")
            self._compare(info, header)

    def _compare(self, info: zipfile.ZipInfo, header: tuple[Any, ...]) -> None:
        """Refuse a member that its own header and the table of contents describe differently.

        The sizes may be missing from the header: they then follow the data, or stand in an extension.
        """
        name = self._file.read(header[9]).decode("utf-8" if info.flag_bits & 0x800 else "cp437", "replace")
        later = header[2] & 8 or _ELSEWHERE in header[7:9]
        sizes = (info.compress_size, info.file_size) if later else header[7:9]
        if (name, header[3], *sizes) != (info.orig_filename, info.compress_type, info.compress_size, info.file_size):
            raise self._refuse(info.orig_filename, "is refused: its header and the table of contents contradict")

    def names(self) -> list[str]:
        """Return the names of the members that are files."""
        return [name for name in self._members if not name.endswith("/")]

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def size(self, name: str) -> int:
        """Return how many bytes a member has."""
        return self._info(name).file_size

    def _info(self, name: str) -> zipfile.ZipInfo:
        if name not in self._members:
            raise FileFormatError(f"{self.file}: there is no member {name!r}. It has: {self.names()[:20]}")
        return self._members[name]

    def read(self, name: str, limit: int = MAX_TEXT_BYTES) -> bytes:
        """Return the bytes of a member of at most `limit`; their checksum is compared."""
        info = self._info(name)
        if info.file_size > limit:
            raise self._refuse(name, f"has {info.file_size} bytes, more than is allowed ({limit})")
        try:
            with self._zip.open(info) as member:
                data = member.read()
        except _ZIP_ERRORS as error:
            raise self._damaged(name, error) from error
        if len(data) != info.file_size:
            raise self._damaged(name, "it is cut short")
        return data

    def text(self, name: str, limit: int = MAX_TEXT_BYTES) -> str:
        """Return a member of at most `limit` bytes as text."""
        return _decode(self.read(name, limit), f"{self.file}: the member {name!r}")

    def open(self, name: str) -> IO[bytes]:
        """Return a member as a seekable file. One that is stored is a window of the archive: nothing is copied.

        Its checksum is only looked at by `verify`.
        """
        info = self._info(name)
        if info.compress_type == zipfile.ZIP_STORED:
            window = Window(self._file, self._starts[name], info.file_size, f"{self.file} ({name})")
            self._checks.append(_Check(window, info.CRC, f"{self.file}: the member {name!r}"))
            return io.BufferedReader(window)
        copy = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed with the archive
        try:
            with self._zip.open(info) as member:
                shutil.copyfileobj(member, copy, _CHUNK)
        except _ZIP_ERRORS as error:
            raise self._damaged(name, error) from error
        copy.seek(0)
        return copy

    def extract(self, prefix: str, folder: str) -> None:
        """Write the members below `prefix/` to files below `folder`; they may grow tenfold (and to 16 MiB)."""
        size = sum(info.file_size for name, info in self._members.items() if name.startswith(f"{prefix}/"))
        limit = max(SMALL_EXTRACTED_BYTES, MAX_EXTRACTED_RATIO * self._size)
        if size > limit:
            raise self._refuse(f"{prefix}/", f"is refused: it grows to {size} bytes, more than is allowed ({limit})")
        _extract(self, prefix, folder)

    def verify(self) -> None:
        """Raise DamagedFileError if a member that was opened is not what its checksum says."""
        while self._checks:
            self._checks.pop().finish()

    def _damaged(self, name: str, error: Any) -> DamagedFileError:
        return DamagedFileError(f"{self.file}: the member {name!r} is damaged: {error}")


class _Check:
    """Compares the checksum of a stored member; what was read past its window meanwhile is not read again."""

    def __init__(self, window: Window, wanted: int, where: str) -> None:
        self._window, self._wanted, self._where = window, wanted, where
        window.sums = Sums()

    def finish(self) -> None:
        """Add up what is left and compare."""
        error: Any = ""
        try:
            right = raw_arrays.checksum(self._window) == self._wanted
        except OSError as caught:
            right, error = False, caught
        self._window.sums = None
        if not right:
            raise DamagedFileError(
                f"{self._where} is damaged: its checksum is not the one that the archive states ({error})"
            )


class Folder:
    """The files below a folder, with the methods of an archive. Links that lead out of the folder are refused."""

    def __init__(self, path: str, stack: contextlib.ExitStack) -> None:
        self.file = path
        self._root, self._stack = os.path.realpath(path), stack

    def _path(self, name: str) -> str:
        path = os.path.realpath(os.path.join(self._root, *name.split("/")))
        if not is_plain_name(name) or os.path.commonpath([path, self._root]) != self._root:
            raise FileFormatError(f"{self.file}: {name!r} is refused: it leads out of the folder")
        if not os.path.exists(path):
            raise FileFormatError(f"{self.file}: there is no file {name!r}. It has: {self.names()[:20]}")
        if not os.path.isfile(path):
            raise FileFormatError(f"{self.file}: {name!r} is refused: it is no regular file")
        return path

    def names(self) -> list[str]:
        """Return the names of all files, relative to the folder."""
        found: list[str] = []
        for folder, _, names in os.walk(self._root):
            for name in names:
                found.append(os.path.relpath(os.path.join(folder, name), self._root).replace(os.sep, "/"))
                if len(found) > MAX_MEMBERS:
                    raise FileFormatError(f"{self.file} has more than {MAX_MEMBERS} files.")
        return sorted(found)

    def __contains__(self, name: str) -> bool:
        return os.path.lexists(os.path.join(self._root, name))

    def size(self, name: str) -> int:
        """Return how many bytes a file has."""
        return os.path.getsize(self._path(name))

    def read(self, name: str, limit: int = MAX_TEXT_BYTES) -> bytes:
        """Return the bytes of a file of at most `limit`."""
        if self.size(name) > limit:
            raise FileFormatError(f"{self.file}: {name!r} has {self.size(name)} bytes, more than is allowed ({limit})")
        with open(self._path(name), "rb") as file:
            return file.read(limit)

    def text(self, name: str, limit: int = MAX_TEXT_BYTES) -> str:
        """Return a file of at most `limit` bytes as text."""
        return _decode(self.read(name, limit), f"{self.file}: {name!r}")

    def open(self, name: str) -> IO[bytes]:
        """Return a file, opened for reading."""
        return self._stack.enter_context(open(self._path(name), "rb"))

    def extract(self, prefix: str, folder: str) -> None:
        """Copy the files below `prefix/` to files below `folder`."""
        _extract(self, prefix, folder)

    def verify(self) -> None:
        """Do nothing: files in a folder have no checksums."""


def is_plain_name(name: str) -> bool:
    """Whether a member's name is a relative path without `..`, backslashes, drive letters, or anything odd."""
    parts = name.removesuffix("/").split("/")
    return (
        0 < len(name) <= 1000
        and not any(part in ("", ".", "..") for part in parts)
        and not any(mark in name for mark in "\\\0")
        and ":" not in parts[0]
    )


def _decode(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DamagedFileError(f"{where} is no UTF-8 text: {error}") from error


def _extract(archive: Archive | Folder, prefix: str, folder: str) -> None:
    for name in archive.names():
        if name.startswith(f"{prefix}/"):
            path = os.path.join(folder, *name.removeprefix(f"{prefix}/").split("/"))
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with archive.open(name) as member, open(path, "xb") as copy:
                    shutil.copyfileobj(member, copy, _CHUNK)
            except FileFormatError:
                raise
            except OSError as error:
                raise DamagedFileError(f"{archive.file}: {name!r} cannot be unpacked: {error}") from error
