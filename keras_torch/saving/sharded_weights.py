"""Weights spread over several files: `<name>.weights.json`, which tells the file of each object, and those beside it.

Keras 3 writes them for `save_weights(..., max_shard_size=...)`. Each file has the layout of `weights_store`; the arrays
of one object may be in several.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np
import torch

from keras_torch.backend import Variable, WeightView
from keras_torch.checkpoint import replacing
from keras_torch.errors import FileFormatError
from keras_torch.saving import files, hdf5
from keras_torch.saving.legacy_config import parse_json
from keras_torch.saving.legacy_weights import write_array
from keras_torch.saving.weights_store import Stored, Variables

_ENDING = ".weights.json"
_MAX_SHARDS = 500
_MAX_MAP = 64 * 2**20


@contextlib.contextmanager
def reading(path: Any) -> Iterator[ShardedStored]:
    """Open the files that a `.weights.json` lists, when they are needed."""
    path = os.fsdecode(path)
    text = files.first_bytes(path, _MAX_MAP + 1)
    if len(text) > _MAX_MAP:
        raise FileFormatError(f"{path} has more than {_MAX_MAP} bytes, which is more than is allowed.")
    found = parse_json(text.decode("utf-8", "replace"), path)
    places = found.get("weight_map") if isinstance(found, Mapping) else None
    if not isinstance(places, Mapping):
        raise FileFormatError(
            f"{path} lists no files of weights (there is no object `weight_map`). An architecture in JSON is read with "
            "`model_from_json`."
        )
    with contextlib.ExitStack() as stack:
        yield ShardedStored(path, places, stack)


class ShardedStored:
    """The groups `vars` of several files, by path."""

    def __init__(self, path: str, places: Mapping[str, Any], stack: contextlib.ExitStack) -> None:
        self.file = path
        self._places = places
        self._stack = stack
        self._opened: dict[str, Stored] = {}

    def variables(self, path: str) -> Variables | None:
        """Return the arrays of the object at a path, from all its files; None if there is no such object."""
        names = self._places.get(f"/{path}/vars" if path else "/vars")
        if names is None:
            return None
        found = [self._open(name).variables(path) for name in self._listed(names)]
        return Variables(
            {key: place for part in found if part is not None for key, place in part.places.items()}, named=True
        )

    def files(self) -> Iterator[hdf5.Group]:
        """Yield the root group of each listed file."""
        seen: set[str] = set()
        for names in self._places.values():
            for name in self._listed(names):
                stored = self._open(name)
                if name not in seen:
                    yield stored.root
                seen.add(name)

    def _listed(self, names: Any) -> list[str]:
        found = names if isinstance(names, list) else [names]
        for name in found:
            if not isinstance(name, str):
                raise FileFormatError(f"{self.file} must name files that lie beside it. Received: {name!r}")
        return found

    def _open(self, name: str) -> Stored:
        if name not in self._opened:
            if name != os.path.basename(name) or name in ("", ".", ".."):
                raise FileFormatError(f"{self.file} must name files that lie beside it. Received: {name!r}")
            if len(self._opened) >= _MAX_SHARDS:
                raise FileFormatError(f"{self.file} lists more than {_MAX_SHARDS} files.")
            path = os.path.join(os.path.dirname(self.file), name)
            if os.path.islink(path) or not os.path.isfile(path):
                raise FileFormatError(f"{self.file} lists the file {name!r}, which does not lie beside it.")
            self._opened[name] = Stored(self._stack.enter_context(hdf5.reading(path)))
        return self._opened[name]


@contextlib.contextmanager
def writing(path: str, max_shard_size: float) -> Iterator[ShardWriter]:
    """Yield a writer of files of at most `max_shard_size` GB (but one array at least); all appear at the end."""
    if not isinstance(max_shard_size, (int, float)) or not max_shard_size > 0:
        raise ValueError(f"`max_shard_size` must be a positive number of GB. Received: {max_shard_size!r}")
    for ending in (".weights.h5", _ENDING):
        path = path.removesuffix(ending)
    with contextlib.ExitStack() as stack:
        writer = ShardWriter(path, max_shard_size * 1024**3, stack)
        yield writer
        with open(stack.enter_context(replacing(path + _ENDING)), "w", encoding="utf-8") as file:
            metadata = {"total_size": float(writer.total)}
            json.dump({"metadata": metadata, "weight_map": writer.places}, file, indent=4)


class ShardWriter:
    """Spreads arrays over files in the order in which they come."""

    def __init__(self, path: str, limit: float, stack: contextlib.ExitStack) -> None:
        self.places: dict[str, list[str]] = {}
        self.total = 0
        self._path, self._limit, self._stack = path, limit, stack
        self._count, self._used = 0, 0
        self._file = self._next()

    def _next(self) -> h5py.File:
        self._name = f"{self._path}_{self._count:05}.weights.h5"
        self._count, self._used = self._count + 1, 0
        temporary = self._stack.enter_context(replacing(self._name))
        self._file = self._stack.enter_context(h5py.File(temporary, "w"))
        return self._file

    def make(self, path: str, name: str | None) -> _Target:
        """Return a mapping to put the arrays of one object into."""
        return _Target(self, f"{path}/vars" if path else "vars", name)

    def put(self, group: str, name: str | None, key: str, value: Any) -> None:
        """Write one array to the file of the moment, or to a new one if it does not fit."""
        size = _size(value)
        if self._used and self._used + size > self._limit:
            self._next()
        place = self._file.require_group(group)
        if name is not None:
            place.attrs["name"] = name
        write_array(place, key, value)
        self._used += size
        self.total += size
        listed = self.places.setdefault(f"/{group}", [])
        if os.path.basename(self._name) not in listed:
            listed.append(os.path.basename(self._name))


def _size(value: Any) -> int:
    """Return how many bytes a weight or array takes in a file, where bfloat16 is float32."""
    if isinstance(value, (Variable, WeightView)):
        item = 4 if value.dtype is torch.bfloat16 else value.dtype.itemsize
        return math.prod(value.shape) * item
    return np.asarray(value).nbytes


class _Target:
    def __init__(self, writer: ShardWriter, group: str, name: str | None) -> None:
        self._writer, self._group, self._name = writer, group, name

    def __setitem__(self, key: str, value: Any) -> None:
        self._writer.put(self._group, self._name, key, value)
