"""Where the files of the data sets are, and what is in them, judged by content. Keras 1's are pickles."""

from __future__ import annotations

import gzip
import io
import json
import os
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from keras_torch import config
from keras_torch.callbacks.output import print_message
from keras_torch.datasets.restricted_pickle import load_npy, load_pickle
from keras_torch.errors import FileFormatError
from keras_torch.saving import archive
from keras_torch.utils.file_utils import cache_folder

TODAY = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
KERAS_1 = "https://s3.amazonaws.com/"
MAX_BYTES = 4 * 2**30
_GZIP = b"\x1f\x8b"
_MAX_AXES = 8


class Source(NamedTuple):
    """A file by its default name: where it comes from, and the digests that the versions of Keras know."""

    name: str
    origin: str
    hashes: tuple[str, ...] = ()


def find(get_file: Callable[..., str], path: str | os.PathLike[str], *sources: Source) -> str:
    """Return where a file of a data set is, which is fetched if there is none.

    `path` is a name in the cache or a path of its own. One that is none of the default names is taken as it is, if it
    exists. Where a default one has an unknown digest and the right one cannot be fetched, it is used, with a message.
    """
    folder, name = os.path.split(os.fspath(path))
    subfolder = os.path.join("datasets", folder)
    cached = os.path.join(cache_folder(), subfolder, name)
    source = next((item for item in sources if item.name == name), None)
    if source is None:
        if os.path.exists(cached):
            return cached
        source = next((item for item in sources if (".pkl" in name) == (".pkl" in item.name)), sources[0])
    elif not os.path.exists(cached):
        # The same data in the form of another generation.
        others = (os.path.join(cache_folder(), subfolder, item.name) for item in sources if ".pkl" in name)
        for other in others:
            if os.path.exists(other):
                return other
    try:
        return get_file(
            fname=name, origin=source.origin + source.name, file_hash=source.hashes or None, cache_subdir=subfolder
        )
    except OSError as error:
        if not os.path.exists(cached):
            raise
        print_message(f"{cached} is used as it is, though its content is not the known one: {error}")
        return cached


def read_parts(path: str, *names: str) -> list[Any]:
    """Return the arrays `names` of an `.npz` file, or the content of a pickle (which may be compressed)."""
    if _starts(path, b"PK"):
        arrays = load_npz(path)
        missing = [name for name in names if name not in arrays]
        if missing:
            raise FileFormatError(f"{path} lacks the arrays {missing}. It has: {sorted(arrays)}")
        return [arrays[name] for name in names]
    content = read_pickle(path)
    try:
        parts = [part for pair in content for part in pair] if len(names) > 2 else list(content)
    except TypeError:
        parts = []
    if len(parts) != len(names):
        raise FileFormatError(f"{path} does not hold what it should: {', '.join(names)}")
    return parts


def load_npz(path: str) -> dict[str, np.ndarray]:
    """Return the arrays of an `.npz` file by name, those of objects too (see `restricted_pickle`)."""
    with archive.reading(path) as members:
        return {
            name.removesuffix(".npy"): load_npy(io.BytesIO(members.read(name, MAX_BYTES)), f"{path}: {name!r}")
            for name in members.names()
        }


def read_pickle(path: str, encoding: str = "latin1") -> Any:
    """Return the content of a pickle, which may be compressed by gzip."""
    if _starts(path, _GZIP):
        return load_pickle(io.BytesIO(read_gzip(path)), path, encoding)
    with open(path, "rb") as file:
        return load_pickle(file, path, encoding)


def read_gzip(path: str) -> bytes:
    """Return the content of a compressed file, of at most a hundred times its size (and 256 MiB)."""
    limit = max(archive.MAX_TEXT_BYTES, archive.MAX_RATIO * os.path.getsize(path))
    try:
        with gzip.open(path, "rb") as file:
            content = file.read(limit + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise FileFormatError(f"{path} is damaged: {error}. Remove it, so that it is fetched again.") from error
    if len(content) > limit:
        raise FileFormatError(f"{path} is refused: it grows to more than {limit} bytes")
    return content


def read_idx(path: str) -> np.ndarray:
    """Return the array of bytes in a compressed file of the form that MNIST had first."""
    content = read_gzip(path)
    axes = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    shape = [int.from_bytes(content[4 * axis : 4 * axis + 4], "big") for axis in range(1, axes + 1)]
    values = np.frombuffer(content, np.uint8)[4 + 4 * axes :]
    if not 0 < axes <= _MAX_AXES or len(values) != np.prod(shape, dtype=object):
        raise FileFormatError(
            f"{path} is no file of bytes in the form of MNIST. Remove it, so that it is fetched again."
        )
    return values.reshape(shape).copy()


def read_index(path: str) -> dict[str, int]:
    """Return the words with their numbers: JSON, or Keras 1's pickle."""
    if _starts(path, b"{"):
        with open(path, encoding="utf-8") as file:
            try:
                return json.load(file)
            except (ValueError, RecursionError) as error:
                raise FileFormatError(f"{path} is damaged: {error}. Remove it, so that it is fetched again.") from error
    found = read_pickle(path)
    if not isinstance(found, dict):
        raise FileFormatError(f"{path} does not hold words with their numbers, but a {type(found).__name__}")
    return found


def _starts(path: str, mark: bytes) -> bool:
    with open(path, "rb") as file:
        return file.read(len(mark)) == mark


def generator(seed: Any) -> Any:
    """Return numpy's generator of that seed: in the dialects 1 and 2 the global one, which their Keras seeded too."""
    if config.is_classic():
        np.random.seed(seed)
        return np.random
    return np.random.RandomState(seed)


def shuffled(count: int, source: Any) -> np.ndarray:
    """Return the numbers below `count` in an order from `source`."""
    order = np.arange(count)
    source.shuffle(order)
    return order


def split(x: np.ndarray, y: np.ndarray, test_split: float, seed: Any) -> tuple[Any, Any]:
    """Return the rows mixed by `seed`, the last `test_split` of them for tests."""
    check_split(test_split)
    order = shuffled(len(x), generator(seed))
    x, y = x[order], y[order]
    count = int(len(x) * (1 - test_split))
    return (x[:count].copy(), y[:count].copy()), (x[count:].copy(), y[count:].copy())


def check_split(test_split: float) -> None:
    """Raise ValueError if there would be no rows to train on."""
    if not 0 <= test_split < 1:
        raise ValueError(f"`test_split` must be from 0 to below 1. Received: {test_split!r}")
