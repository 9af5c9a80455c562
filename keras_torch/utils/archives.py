"""The one way by which downloaded tar and zip archives are unpacked.

An archive may come from a stranger. Its members go into a new folder first, and to their places only when all of them
turned out to be in order: regular files below the folder, bounded in number and size.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, NamedTuple

from keras_torch.errors import FileFormatError

MAX_MEMBERS = 5_000_000
MAX_RATIO = 100
# Text that repeats itself shrinks a lot: small archives may grow by more than the ratio.
SMALL_BYTES = 256 * 2**20
_CHUNK = 2**20
_FORMATS = ("tar", "zip")
_COMPRESSED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError)


class _Member(NamedTuple):
    """A member as its archive describes it; `link` is where a link leads, None for what is no link."""

    name: str
    kind: str
    size: int
    link: str | None
    open: Callable[[], IO[bytes] | None]


def extract_archive(file_path: Any, path: Any = ".", archive_format: str | Iterable[str] | None = "auto") -> bool:
    """Unpack a tar archive (plain, gzip, bzip2, xz) or a zip archive into the folder `path`; False if it is neither.

    `archive_format` is "tar", "zip", a list of them, "auto" for both, or None for none. Files of the same name are
    replaced. Links and devices are left out, with a warning. FileFormatError, before anything is written, where the
    name of a member or a link leads out of the folder, for encrypted members, and where the members grow to more than a
    hundred times the size of the archive (and 256 MiB).
    """
    archive, folder = os.fspath(file_path), os.fspath(path)
    for kind in _formats(archive_format):
        with contextlib.ExitStack() as stack:
            members = _open_tar(archive, stack) if kind == "tar" else _open_zip(archive, stack)
            if members is not None:
                _unpack(archive, members, folder)
                return True
    return False


def _formats(given: str | Iterable[str] | None) -> tuple[str, ...]:
    formats = _FORMATS if given == "auto" else (given,) if isinstance(given, str) else tuple(given or ())
    if not set(formats) <= set(_FORMATS):
        raise ValueError(
            f"`archive_format` must be 'tar', 'zip', 'auto', a list of 'tar' and 'zip', or None. Received: {given!r}"
        )
    return formats


def _limit(archive: str) -> int:
    return max(SMALL_BYTES, MAX_RATIO * os.path.getsize(archive))


class _Bounded:
    """A stream that refuses to give more than a number of bytes: headers of a tar archive can be of any size too."""

    def __init__(self, stream: IO[bytes], archive: str) -> None:
        self._stream, self._archive, self._left = stream, archive, _limit(archive)

    def read(self, count: int = -1) -> bytes:
        data = self._stream.read(min(count, _CHUNK) if count >= 0 else _CHUNK)
        self._left -= len(data)
        if self._left < 0:
            raise _refuse(self._archive, f"it grows to more than {_limit(self._archive)} bytes")
        return data


def _refuse(archive: str, why: str) -> FileFormatError:
    return FileFormatError(f"The archive {archive!r} is refused: {why}. Nothing was unpacked.")


def _open_tar(archive: str, stack: contextlib.ExitStack) -> Iterator[_Member] | None:
    with open(archive, "rb") as file:
        start = file.read(6)
    opener = next((function for mark, function in _COMPRESSED.items() if start.startswith(mark)), open)
    stream = _Bounded(stack.enter_context(opener(archive, "rb")), archive)
    try:
        tar = stack.enter_context(tarfile.open(fileobj=stream, mode="r|"))  # type: ignore[call-overload]  # noqa: SIM115
    except FileFormatError:
        raise
    except _DAMAGED:
        return None
    return (
        _Member(
            item.name,
            "file" if item.isreg() else "folder" if item.isdir() else "other",
            item.size,
            (item.linkname if item.islnk() else _beside(item.name, item.linkname))
            if item.islnk() or item.issym()
            else None,
            lambda item=item: tar.extractfile(item),  # type: ignore[misc]
        )
        for item in tar
    )


def _beside(name: str, link: str) -> str:
    """Return where a symbolic link leads, seen from the root of the archive."""
    return link if os.path.isabs(link) else os.path.normpath(os.path.join(os.path.dirname(name), link))


def _open_zip(archive: str, stack: contextlib.ExitStack) -> Iterator[_Member] | None:
    if not zipfile.is_zipfile(archive):
        return None
    try:
        file = stack.enter_context(zipfile.ZipFile(archive))
    except _DAMAGED as error:
        raise FileFormatError(f"The archive {archive!r} is damaged: {error}") from error
    return (_zip_member(file, info) for info in file.infolist())


def _zip_member(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    mode = stat.S_IFMT(info.external_attr >> 16)
    link = None
    if stat.S_ISLNK(mode):
        target = file.read(info) if info.file_size < 4096 else b"/"
        link = _beside(info.filename, os.fsdecode(target))
    kind = "folder" if info.is_dir() else "file" if mode in (0, stat.S_IFREG) else "other"
    return _Member(info.filename, kind, info.file_size, link, lambda: file.open(info))


def _unpack(archive: str, members: Iterator[_Member], folder: str) -> None:
    """Write all members below a new folder inside `folder`, then move them to their places."""
    made = not os.path.isdir(folder)
    os.makedirs(folder, exist_ok=True)
    temporary = tempfile.mkdtemp(prefix=".unpacking-", dir=folder)
    try:
        left_out = _write_all(archive, members, temporary)
        _move_all(archive, temporary, folder)
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise FileFormatError(f"The archive {archive!r} is damaged: {error}. Nothing was unpacked.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if made:
            with contextlib.suppress(OSError):
                os.rmdir(folder)
    if left_out:
        warnings.warn(
            f"{len(left_out)} members of the archive {archive!r} are links or devices and were left out: "
            f"{left_out[:10]}",
            stacklevel=4,
        )


def _write_all(archive: str, members: Iterator[_Member], temporary: str) -> list[str]:
    """Write the regular files below `temporary`; return the names of what was left out."""
    limit = left = _limit(archive)
    left_out = []
    for count, member in enumerate(members, 1):
        if count > MAX_MEMBERS:
            raise _refuse(archive, f"it has more than {MAX_MEMBERS} members")
        parts = _parts(archive, member.name)
        if member.link is not None:
            _parts(archive, member.link, f"the link {member.name!r} leads out of the folder, to")
        path = os.path.join(temporary, *parts)
        if member.kind == "folder":
            os.makedirs(path, exist_ok=True)
        elif member.kind == "file" and parts:
            left -= member.size
            if left < 0:
                raise _refuse(archive, f"it grows to more than {limit} bytes")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _write(archive, member, path)
        else:
            left_out.append(member.name)
    return left_out


def _write(archive: str, member: _Member, path: str) -> None:
    source = member.open()
    if source is None:
        raise _refuse(archive, f"the member {member.name!r} has no content")
    with source, open(path, "wb") as file:
        left = member.size + 1
        while data := source.read(min(left, _CHUNK)):
            left -= len(data)
            file.write(data)
    if os.path.getsize(path) != member.size:
        raise _refuse(archive, f"the member {member.name!r} has not the {member.size} bytes that it declares")


def _parts(archive: str, name: str, what: str = "a member leads out of the folder, to") -> list[str]:
    """Return the parts of a name below the folder."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith(("/", "\\")) or ".." in parts or "\0" in name or os.path.splitdrive(name)[0]:
        raise _refuse(archive, f"{what} {name[:200]!r}")
    return parts


def _move_all(archive: str, temporary: str, folder: str) -> None:
    root = os.path.realpath(folder)
    for source, _, names in os.walk(temporary):
        target = os.path.join(root, os.path.relpath(source, temporary))
        if os.path.commonpath([os.path.realpath(target), root]) != root:
            raise _refuse(archive, f"a link in {folder!r} leads out of it, at {target!r}")
        os.makedirs(target, exist_ok=True)
        for name in names:
            os.replace(os.path.join(source, name), os.path.join(target, name))
