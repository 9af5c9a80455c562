"""Replacing a file in one step: whoever reads it finds the former content or the new one, never half of it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterator

from keras_torch.distributed import is_main, main_writes

# What systems answer that cannot force this kind of file onto the disk; anything else is a failure to write.
_CANNOT_FLUSH = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EROFS, errno.EACCES, errno.EPERM)


# A file that a writer left without ending it, and that nobody has written to for so long, is taken for abandoned.
_ABANDONED_SECONDS = 3600


@contextlib.contextmanager
def replacing(path: str) -> Iterator[str]:
    """Yield the name of a new file beside `path`; when the block ends well it takes the place of `path`.

    The new file is flushed to disk first. When the block raises, it is removed and `path` stays as it was; an error of
    the system names `path`. What writers of `path` left that were killed long ago is removed. A symbolic link at
    `path` is followed; missing folders are made; the permissions of an existing file are kept.

    Where several processes train together the main one's file is kept, and the others wait for it.
    """
    with main_writes(path, "file") as here:
        if here:
            with _replacing(path) as temporary:
                yield temporary
        else:
            with tempfile.TemporaryDirectory() as folder:
                yield os.path.join(folder, os.path.basename(path))


@contextlib.contextmanager
def _replacing(path: str) -> Iterator[str]:
    target = os.path.realpath(path)
    if os.path.isdir(target):
        raise IsADirectoryError(f"Cannot write a file: {path!r} is a folder. Give a file name, e.g. 'model.h5'.")
    temporary = f"{temporary_prefix(target)}{secrets.token_hex(6)}.tmp"
    temporary = os.path.join(os.path.dirname(target), temporary)
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _remove_abandoned(target)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
        yield temporary
        _flush(temporary)
        if os.path.exists(target):
            os.chmod(temporary, os.stat(target).st_mode & 0o7777)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        better = _naming(path, temporary, error)
        if better is not None:
            raise better from error
        raise
    if os.name == "posix":
        with contextlib.suppress(PermissionError):
            _flush(os.path.dirname(target))


def _naming(path: str, temporary: str, error: BaseException) -> OSError | None:
    """Return the error of the system that says which file cannot be written; None for errors of other kinds.

    Of a full disk the HDF5 library tells by a RuntimeError with the number in its text, torch by one that was raised
    while the system's was handled.
    """
    found = re.search(r"\berrno = (\d+)", str(error)) if isinstance(error, (OSError, RuntimeError)) else None
    if found:
        return OSError(int(found[1]), f"cannot write {path!r}: {os.strerror(int(found[1]))}")
    if isinstance(error, RuntimeError) and error.__context__ is not None:
        return _naming(path, temporary, error.__context__)
    if not isinstance(error, OSError) or type(error).__module__ != "builtins" or error.errno is None:
        return None
    reason = error.strerror or str(error)
    if reason.startswith("cannot write "):
        return None
    place = "" if error.filename in (None, temporary, path) else f" ({error.filename!r})"
    return OSError(error.errno, f"cannot write {path!r}: {reason}{place}")


def _remove_abandoned(target: str) -> None:
    """Remove the files that killed writers of `target` left."""
    pattern = re.compile(re.escape(temporary_prefix(target)) + r"[0-9a-f]{12}\.tmp")
    with contextlib.suppress(OSError), os.scandir(os.path.dirname(target)) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name) and time.time() - entry.stat().st_mtime > _ABANDONED_SECONDS:
                os.unlink(entry.path)


def temporary_prefix(path: str) -> str:
    """Return how the names of the files begin that `replacing` makes beside `path`."""
    return f".{os.path.basename(path)[:100]}."


def _flush(path: str) -> None:
    """Force what was written to `path` onto the disk; some file systems cannot do that, above all for folders."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise
    finally:
        os.close(descriptor)


def check_writable(path: str, owner: str) -> None:
    """Raise an OSError that names `owner` if no file `path` could be written, before hours of training are spent.

    Folders that do not exist yet count as writable if they could be made. `path` may be a template: what follows its
    first brace is not looked at. Only asked where files are written, in the main one of several processes.
    """
    if not is_main():
        return
    if os.path.isdir(path):
        raise IsADirectoryError(f"{owner} needs the name of a file. Received: {path!r}, which is a folder")
    head, brace, _ = path.partition("{")
    folder = os.path.dirname(os.path.abspath(head + ("x" if brace else "")))
    while not os.path.lexists(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise NotADirectoryError(f"{owner} cannot write {path!r}: {folder!r} is no folder.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{owner} cannot write {path!r}: the folder {folder!r} is not writable.")
