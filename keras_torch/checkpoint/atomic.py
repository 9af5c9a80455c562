"""Replacing a file in one step: whoever reads it finds the former content or the new one, never half of it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator

# What systems answer that cannot force this kind of file onto the disk; anything else is a failure to write.
_CANNOT_FLUSH = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EROFS, errno.EACCES, errno.EPERM)


@contextlib.contextmanager
def replacing(path: str) -> Iterator[str]:
    """Yield the name of a new file beside `path`; when the block ends well it takes the place of `path`.

    The new file is flushed to disk first. When the block raises, it is removed and `path` stays as it was. A symbolic
    link at `path` is followed; missing folders are made; the permissions of an existing file are kept.
    """
    target = os.path.realpath(path)
    if os.path.isdir(target):
        raise IsADirectoryError(f"Cannot write a file: {path!r} is a folder. Give a file name, e.g. 'model.h5'.")
    folder = os.path.dirname(target)
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f"{temporary_prefix(target)}{secrets.token_hex(6)}.tmp")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
    try:
        yield temporary
        _flush(temporary)
        if os.path.exists(target):
            os.chmod(temporary, os.stat(target).st_mode & 0o7777)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    if os.name == "posix":
        with contextlib.suppress(PermissionError):
            _flush(folder)


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
    first brace is not looked at.
    """
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
