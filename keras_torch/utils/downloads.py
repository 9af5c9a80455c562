"""Fetching one file: resumed where a former try broke off, put in its place in one step, once for all processes."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import http.client
import os
import re
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
_NUMBER = re.compile("[0-9]{1,18}")
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
# None is for the schemes without one.
_HOLDS_A_FILE = (None, http.client.OK, http.client.NON_AUTHORITATIVE_INFORMATION, http.client.PARTIAL_CONTENT)
# Ends of names of what is never a web page.
_BINARY = (
    *(".h5", ".hdf5", ".keras", ".pt", ".pth", ".safetensors", ".npy", ".npz", ".pkl", ".zip", ".tar", ".gz", ".tgz"),
    *(".bz2", ".xz", ".jpg", ".jpeg", ".png", ".gif", ".bmp", ".wav"),
)


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
    # `urllib` raises ValueError for a place that it cannot make out, to which a server may refer.
    except (OSError, http.client.HTTPException, ValueError) as error:
        kept = os.path.getsize(partial) if os.path.exists(f"{partial}.tag") else 0
        if not kept:
            _remove(partial)
        reason = getattr(error, "reason", None) or error
        code = f"HTTP {error.code} " if isinstance(error, urllib.error.HTTPError) else ""
        raise _failure(origin, path, " ".join(f"{code}{reason}".split()), kept) from error
    try:
        if _is_page(os.path.basename(path), partial):
            raise _failure(origin, path, "the server sent a web page, perhaps one that asks to sign in or to confirm")
        check(partial)
    except BaseException:
        _remove(partial)
        raise
    os.fsync(file.fileno())
    os.replace(partial, path)
    _remove(partial)


def _failure(origin: str, path: str, reason: str, kept: int = 0) -> OSError:
    return OSError(
        f"{os.path.basename(path)!r} is not in the cache, and fetching it from {origin} failed: {reason}. "
        f"Without a network, fetch it elsewhere and save it as {path!r}."
        + (f" The first {kept} bytes are kept, and the next call goes on from there." if kept else "")
    )


def _remove(partial: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(partial)
    _remove_tag(partial)


def _remove_tag(partial: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{partial}.tag")


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
        status = getattr(response, "status", None)
        if status not in _HOLDS_A_FILE:
            raise OSError(f"the server answered {status} {response.reason}, which holds no file")
        resumed = status == http.client.PARTIAL_CONTENT
        length = _length(headers)
        if resumed:
            _check_range(partial, headers.get("Content-Range", ""), start, length)
        else:
            start = 0
            file.truncate(0)
            _keep_tag(partial, headers)
        total = None if length is None else start + length
        progress = Progbar(total)
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            start += len(chunk)
            progress.update(start)
        file.flush()
        if total is not None and start != total:
            raise OSError(f"the connection ended after {start} of {total} bytes")


def _length(headers: Any) -> int | None:
    """Return how many bytes the server says follow, None if it does not say."""
    text = headers.get("Content-Length")
    if text is None or _NUMBER.fullmatch(text.strip()):
        return None if text is None else int(text)
    raise OSError(f"the server's `Content-Length` is no number of bytes: {text[:100]!r}")


def _check_range(partial: str, text: str, start: int, length: int | None) -> None:
    """Raise OSError unless a part of a file begins at `start` and ends where the file does."""
    found = _RANGE.fullmatch(text.strip())
    if found is None or int(found[1]) != start:
        problem = "another part than was asked for"
    elif found[3] != "*" and (int(found[2]) + 1 != int(found[3]) or length not in (None, int(found[3]) - start)):
        problem = "a part that does not reach the end of the file"
    else:
        return
    # Asking for a part again would end like this again.
    _remove_tag(partial)
    raise OSError(f"the server sent {problem}: {text[:100]!r}")


def _is_page(name: str, partial: str) -> bool:
    """Whether a file is a web page though its name is one of something else."""
    if not name.lower().endswith(_BINARY):
        return False
    with open(partial, "rb") as file:
        start = file.read(200).removeprefix(codecs.BOM_UTF8).lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html"))


def _tag(partial: str) -> str | None:
    with contextlib.suppress(FileNotFoundError), open(f"{partial}.tag", encoding="latin-1") as file:
        return file.read()
    return None


def _keep_tag(partial: str, headers: Any) -> None:
    """Keep what the server will know this very file by: its ETag, if that is an exact one, or its date."""
    tag = headers.get("ETag", "")
    tag = tag if tag.startswith('"') else headers.get("Last-Modified", "")
    _remove_tag(partial)
    if tag and headers.get("Accept-Ranges") != "none" and "\n" not in tag:
        with open(f"{partial}.tag", "w", encoding="latin-1") as file:
            file.write(tag)
