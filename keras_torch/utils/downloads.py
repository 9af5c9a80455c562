"""Fetching one file: resumed where a former try broke off, put in its place in one step, once for all processes."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import IO, Any

from keras_torch.utils.progbar import Progbar

fcntl: Any
try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

SCHEMES = ("http", "https", "ftp", "file")
_TIMEOUT = 60
_CHUNK = 2**18


def download(origin: str, path: str, check: Callable[[str], None], before: int | None) -> None:
    """Fetch the URL `origin` into the file `path`, unless that is not the file any more whose `stamp` is `before`.

    What was received of a file lies beside `path` under a hidden name, and the next call asks for the rest only, if the
    server says that the file is still the same. `check` gets the whole file, and raises to refuse it, before it takes
    the place of `path`. Other processes that want the same file wait for it. OSError, which says what to put where by
    hand, if the file cannot be had.
    """
    if urllib.parse.urlsplit(origin).scheme.lower() not in SCHEMES:
        raise ValueError(f"`origin` must be a URL that begins with one of {SCHEMES}. Received: {origin!r}")
    folder, name = os.path.split(path)
    mark = hashlib.sha256(origin.encode()).hexdigest()[:8]
    partial = os.path.join(folder, f".{name[:100]}.{mark}.part")
    while True:
        with open(partial, "ab") as file:
            _lock(file)
            if stamp(path) not in (None, before):
                # Another process finished while this one waited.
                _remove_own(partial, file)
                return
            if stamp(partial) == os.fstat(file.fileno()).st_ino:
                _complete(origin, path, partial, file, check)
                return


def stamp(path: str) -> int | None:
    """Return what tells a file from one that took its place; None if there is no file."""
    with contextlib.suppress(FileNotFoundError):
        return os.stat(path).st_ino
    return None


def _remove_own(partial: str, file: IO[bytes]) -> None:
    """Remove the empty file that this process has just made, not one that another fills."""
    if stamp(partial) == os.fstat(file.fileno()).st_ino and not os.path.getsize(partial):
        _remove(partial)


def _lock(file: IO[bytes]) -> None:
    if fcntl is not None:
        # Some network file systems have no locks.
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)


def _complete(origin: str, path: str, partial: str, file: IO[bytes], check: Callable[[str], None]) -> None:
    try:
        _receive(origin, partial, file)
    except (OSError, http.client.HTTPException) as error:
        kept = os.path.getsize(partial)
        if not kept or not os.path.exists(f"{partial}.tag"):
            _remove(partial)
        reason = getattr(error, "reason", None) or error
        code = f"HTTP {error.code} " if isinstance(error, urllib.error.HTTPError) else ""
        raise OSError(
            f"{os.path.basename(path)!r} is not in the cache, and fetching it from {origin} failed: {code}{reason}. "
            f"Without a network, fetch it elsewhere and save it as {path!r}."
            + (f" The first {kept} bytes are kept, and the next call goes on from there." if kept else "")
        ) from error
    try:
        check(partial)
    except BaseException:
        _remove(partial)
        raise
    os.fsync(file.fileno())
    os.replace(partial, path)
    _remove(partial)


def _remove(partial: str) -> None:
    for name in (partial, f"{partial}.tag"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _receive(origin: str, partial: str, file: IO[bytes]) -> None:
    """Write the whole of `origin`, or what is missing of it, into the file."""
    start = os.path.getsize(partial)
    tag = _tag(partial) if start else None
    request = urllib.request.Request(origin)
    if tag:
        request.add_header("Range", f"bytes={start}-")
        request.add_header("If-Range", tag)
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if not tag or error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        response = urllib.request.urlopen(origin, timeout=_TIMEOUT)
    with response:
        headers = response.headers
        resumed = getattr(response, "status", None) == http.client.PARTIAL_CONTENT
        if resumed and not headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise OSError(f"the server sent another part than was asked for, {headers.get('Content-Range')!r}")
        if not resumed:
            start = 0
            file.truncate(0)
            _keep_tag(partial, headers)
        length = headers.get("Content-Length")
        total = None if length is None else start + int(length)
        progress = Progbar(total)
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            start += len(chunk)
            progress.update(start)
        file.flush()
        if total is not None and start != total:
            raise OSError(f"the connection ended after {start} of {total} bytes")


def _tag(partial: str) -> str | None:
    with contextlib.suppress(FileNotFoundError), open(f"{partial}.tag", encoding="latin-1") as file:
        return file.read()
    return None


def _keep_tag(partial: str, headers: Any) -> None:
    """Keep what the server will know this very file by: its ETag, if that is an exact one, or its date."""
    tag = headers.get("ETag", "")
    tag = tag if tag.startswith('"') else headers.get("Last-Modified", "")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{partial}.tag")
    if tag and headers.get("Accept-Ranges") != "none" and "\n" not in tag:
        with open(f"{partial}.tag", "w", encoding="latin-1") as file:
            file.write(tag)
