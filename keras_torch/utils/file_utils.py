"""Files from the net in a cache: fetched once, compared with their digest, unpacked."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.parse
import warnings
from typing import Any

from keras_torch import config
from keras_torch.callbacks.output import print_message
from keras_torch.legacy import translated
from keras_torch.utils.archives import extract_archive
from keras_torch.utils.downloads import download, stamp

__all__ = ["cache_folder", "extract_archive", "get_file", "hash_file", "validate_file"]

_ALGORITHMS = ("auto", "sha256", "md5")


@translated("get_file")
def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | tuple[str, ...] | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: Any = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Return the path of a file from the URL `origin`, which is fetched if the cache lacks it.

    It lies in `cache_dir` (None is `KERAS_HOME` or `~/.keras`) under `cache_subdir` by the name `fname`, or its name
    in `origin`. A file with another digest than `file_hash` (or than all of a tuple) is fetched anew. With `extract` or
    `untar` the path of the folder with the unpacked files is returned. Keras 1 and 2 unpacked beside the archive and
    returned its own path, or with `untar` that without `.tar.gz`, as do their dialects. OSError if the file cannot be
    fetched: it names the URL and the place; ValueError for a wrong digest and for archives that would write elsewhere
    (see `extract_archive`).
    """
    if not isinstance(origin, str):
        raise ValueError(f"`origin` must be the URL of a file. Received: {origin!r}")
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    folder = os.path.join(cache_folder(cache_dir), os.fspath(cache_subdir))
    name = os.fspath(fname) if fname else os.path.basename(urllib.parse.urlsplit(origin).path)
    if not name:
        raise ValueError(f"`origin` tells no file name, so `fname` must be given. Received: origin={origin!r}")
    target, unpacked, result = _places(folder, name, bool(fname), extract, untar)
    before = stamp(target)
    if force_download or not _is_cached(target, file_hash, hash_algorithm):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        print_message(f"Downloading data from {origin}")
        download(origin, target, lambda path: _check(path, origin, file_hash, hash_algorithm), before)
    done = untar and result != unpacked and os.path.exists(result)
    if (extract or untar) and not done and not extract_archive(target, unpacked, "tar" if untar else archive_format):
        warnings.warn(
            f"{target!r} was not unpacked: it is no archive of the kind `archive_format={archive_format!r}`.",
            stacklevel=3,
        )
    return result


def _places(folder: str, name: str, named: bool, extract: bool, untar: bool) -> tuple[str, str, str]:
    """Return where the file goes, where its content goes if it is an archive, and what the caller gets."""
    if config.dialect() in ("1", "2", "tf"):
        if untar:
            result = os.path.join(folder, name.removesuffix(".tar.gz"))
            return f"{result}.tar.gz", folder, result
        target = os.path.join(folder, name)
        return target, folder, target
    if os.path.basename(name) != name:
        raise ValueError(
            f"`fname` must be a name without folders; pass those as `cache_dir` or `cache_subdir`. Received: {name!r}"
        )
    target = os.path.join(folder, name)
    if not (extract or untar):
        return target, "", target
    stem, dot, _ = name.partition(".")
    if named and dot:
        unpacked = os.path.join(folder, f"{stem}_extracted")
        return target, unpacked, unpacked
    return f"{target}_archive", target, target


def cache_folder(cache_dir: Any = None) -> str:
    """Return the folder of all cached files; one for temporary files where nothing can be written there."""
    base = os.path.expanduser(config.keras_home() if cache_dir is None else os.fspath(cache_dir))
    try:
        os.makedirs(base, exist_ok=True)
    except OSError:
        pass
    else:
        if os.access(base, os.W_OK):
            return base
    fallback = os.path.join(tempfile.gettempdir(), ".keras")
    os.makedirs(fallback, mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and os.stat(fallback).st_uid != os.getuid():
        raise PermissionError(
            f"The cache {base!r} is not writable, and {fallback!r}, which would serve instead, belongs to another "
            "user. Pass `cache_dir`, or set the environment variable KERAS_HOME."
        )
    return fallback


def _is_cached(path: str, file_hash: str | tuple[str, ...] | None, algorithm: str) -> bool:
    if not os.path.exists(path):
        return False
    if _is_expected(path, file_hash, algorithm):
        return True
    print_message(f"{path} is incomplete or of another version: its digest is not {file_hash}. It is fetched again.")
    return False


def _is_expected(path: str, file_hash: str | tuple[str, ...] | None, algorithm: str) -> bool:
    hashes = (file_hash,) if isinstance(file_hash, str) else file_hash
    return not hashes or any(validate_file(path, item, algorithm) for item in hashes)


def _check(path: str, origin: str, file_hash: str | tuple[str, ...] | None, algorithm: str) -> None:
    if not _is_expected(path, file_hash, algorithm):
        found = {name: hash_file(path, name) for name in ("sha256", "md5")}
        raise ValueError(
            f"What came from {origin} is incomplete or not the expected file, and was removed: its digests are "
            f"{found}, expected was {file_hash}."
        )


@translated("validate_file")
def validate_file(
    fpath: str | os.PathLike[str], file_hash: str, algorithm: str = "auto", chunk_size: int = 65535
) -> bool:
    """Return whether a file has the given SHA-256 or MD5 digest (`algorithm`: "auto" goes by its length)."""
    return hash_file(fpath, _resolved(file_hash, algorithm), chunk_size) == str(file_hash)


def _resolved(file_hash: str, algorithm: str) -> str:
    if algorithm == "auto":
        return "sha256" if len(file_hash) == 64 else "md5"
    return algorithm


def hash_file(fpath: str | os.PathLike[str], algorithm: Any = "sha256", chunk_size: int = 65535) -> str:
    """Return the digest of a file: "sha256", "md5" (also "auto", as in Keras), or by an object of `hashlib`."""
    if isinstance(algorithm, str):
        if algorithm not in _ALGORITHMS:
            raise ValueError(f"`algorithm` must be 'auto', 'sha256' or 'md5'. Received: {algorithm!r}")
        algorithm = hashlib.new("sha256" if algorithm == "sha256" else "md5", usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            algorithm.update(chunk)
    return algorithm.hexdigest()
