"""Keras 1's and 2's path of helpers around files: arrays that stay in an HDF5 file, and saving of single arrays."""

from __future__ import annotations

import importlib
import itertools
import os
from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_torch.data.rows import read_rows

if TYPE_CHECKING:
    import h5py

__all__ = ["H5Dict", "HDF5Matrix", "ask_to_proceed_with_overwrite", "h5dict", "load_array", "save_array"]

# HDF5 keeps attributes in a header of at most 64 KiB.
_ATTRIBUTE_LIMIT = 64512


def _library() -> Any:
    """Import h5py when a file is opened: that takes longer than all of `keras_torch.utils`."""
    return importlib.import_module("h5py")


class HDF5Matrix:
    """A dataset of an HDF5 file (or its rows from `start` to `end`) in place of an array, read batch by batch.

    `normalizer` is called on all rows that are read, and may change their shape and dtype. Rows are asked for by a
    number, a slice, or a list or array of positions in any order. Files are opened once for all, for reading, and kept
    in `HDF5Matrix.refs` by path. IndexError for rows beyond the end.
    """

    refs: dict[Any, h5py.File] = {}

    def __init__(
        self,
        datapath: str | os.PathLike[str],
        dataset: str,
        start: int = 0,
        end: int | None = None,
        normalizer: Callable[[Any], Any] | None = None,
    ) -> None:
        file = self.refs.get(datapath)
        if not file:
            file = self.refs[datapath] = _library().File(datapath, "r")
        if dataset not in file:
            raise KeyError(f"The file {str(datapath)!r} has no dataset {dataset!r}. It has: {sorted(file)}")
        self.data = file[dataset]
        count = self.data.shape[0]
        end = count if end is None else end
        if not 0 <= start <= end <= count:
            raise ValueError(
                f"HDF5Matrix must lie within the {count} rows of dataset {dataset!r}: `0 <= start <= end <= {count}`. "
                f"Received: start={start}, end={end}"
            )
        self.start = start
        self.end = end
        self.normalizer = normalizer
        first = np.asarray(self._normalize(self.data[0:1]))
        self._row_shape = first.shape[1:]
        self.dtype = first.dtype

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            start, stop = key.start or 0, len(self) if key.stop is None else key.stop
            if start < 0 or stop < 0 or key.step not in (None, 1):
                start, stop, step = key.indices(len(self))
                return self[np.arange(start, stop, step)]
            if stop > start:
                self._check(stop - 1)
            return self._normalize(self.data[start + self.start : stop + self.start])
        if isinstance(key, (int, np.integer)):
            self._check(int(key))
            return self._normalize(self.data[(key + len(self) if key < 0 else key) + self.start])
        if key is None or isinstance(key, (str, tuple)):
            raise TypeError(f"Rows are asked for by a number, a slice or a list of numbers. Received: {key!r}")
        positions = np.asarray(list(key) if isinstance(key, range) else key)
        if positions.dtype == bool:
            positions = np.flatnonzero(positions)
        if len(positions):
            self._check(positions.max())
            self._check(positions.min())
        positions = np.where(positions < 0, positions + len(self), positions).astype(np.int64)
        return self._normalize(read_rows(self.data, positions + self.start))

    def _check(self, position: int) -> None:
        if not -len(self) <= position < len(self):
            raise IndexError(f"Row {position} does not exist: the matrix has {len(self)} rows.")

    def _normalize(self, rows: Any) -> Any:
        return rows if self.normalizer is None else self.normalizer(rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape after normalization."""
        return (len(self), *self._row_shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of values."""
        return int(np.prod(self.shape))


def save_array(array: np.ndarray, name: str | os.PathLike[str]) -> None:
    """Write one array into a new HDF5 file, as the dataset `data`."""
    with _library().File(name, "w") as file:
        file["data"] = array


def load_array(name: str | os.PathLike[str]) -> np.ndarray:
    """Read the array from a file of `save_array`, or of Keras 1's, which wrote the same form with PyTables."""
    with _library().File(name, "r") as file:
        if "data" not in file:
            raise ValueError(f"The file {str(name)!r} is none of `save_array`: it lacks the dataset 'data'.")
        return file["data"][()]


def ask_to_proceed_with_overwrite(filepath: str | os.PathLike[str]) -> bool:
    """Ask on the terminal whether an existing file may be overwritten, until the answer is y or n."""
    answer = input(f"[WARNING] {filepath} exists already. Overwrite it? [y/n] ").strip().lower()
    while answer not in ("y", "n"):
        answer = input('Enter "y" to overwrite it, "n" to cancel: ').strip().lower()
    if answer == "y":
        print("[TIP] With overwrite=True there is no question.")
    return answer == "y"


class H5Dict:
    """Keras 2.2's view of an HDF5 file, a group or a plain dict as a dict of arrays, lists, strings and sub-groups.

    A missing key becomes a new sub-group, unless `mode` is "r". Values are written once: KeyError for a second time.
    """

    def __init__(self, path: str | os.PathLike[str] | h5py.Group | MutableMapping[str, Any], mode: str = "a") -> None:
        self.data: Any
        self._is_file = isinstance(path, (str, os.PathLike))
        if self._is_file:
            self.data = _library().File(path, mode)
        elif isinstance(path, (_library().Group, MutableMapping)):
            self.data = path
            if mode == "w" and isinstance(path, dict):
                path.clear()
        else:
            raise TypeError(f"H5Dict needs a path, an h5py.Group or a dict. Received: {path!r} of type {type(path)}")
        self.read_only = mode == "r"

    def __setitem__(self, key: str | bytes, value: Any) -> None:
        key = _text(key)
        if self.read_only:
            raise ValueError(f"The H5Dict was opened for reading only, so {key!r} cannot be set. Use another `mode`.")
        if isinstance(self.data, dict):
            self.data[key] = value
        elif key in self.data:
            raise KeyError(f"{key!r} is there already and is not overwritten.")
        elif isinstance(value, (np.ndarray, np.generic)):
            self.data[key] = value
        elif isinstance(value, list):
            self._set_list(key, value)
        else:
            self.data.attrs[key] = value

    def _set_list(self, key: str, value: list[Any]) -> None:
        array = np.asarray([item.encode() if isinstance(item, str) else item for item in value])
        if array.size and array.nbytes // len(array) > _ATTRIBUTE_LIMIT:
            raise RuntimeError(f"An item of {key!r} is larger than the {_ATTRIBUTE_LIMIT} bytes that HDF5 allows.")
        parts = np.array_split(array, -(-array.nbytes // _ATTRIBUTE_LIMIT)) if array.nbytes else [array]
        while any(part.nbytes > _ATTRIBUTE_LIMIT for part in parts):
            parts = np.array_split(array, len(parts) + 1)
        for number, part in enumerate(parts):
            self.data.attrs[f"{key}{number}" if len(parts) > 1 else key] = part

    def __getitem__(self, key: str | bytes) -> Any:
        key = _text(key)
        if isinstance(self.data, dict):
            value = self.data[key] if key in self.data else self._new_group(key)
            return H5Dict(value, self._mode) if isinstance(value, dict) else value
        attributes = self.data.attrs
        if key in attributes:
            value = attributes[key]
            return value.tolist() if isinstance(value, np.ndarray) and value.dtype.kind == "S" else value
        if key in self.data:
            value = self.data[key]
            return value[()] if isinstance(value, _library().Dataset) else H5Dict(value, self._mode)
        if f"{key}0" in attributes:
            present = itertools.takewhile(attributes.__contains__, (f"{key}{number}" for number in itertools.count()))
            items = [item for name in present for item in attributes[name].tolist()]
            return [item.decode() if isinstance(item, bytes) else item for item in items]
        return H5Dict(self._new_group(key), self._mode)

    @property
    def _mode(self) -> str:
        return "r" if self.read_only else "a"

    def _new_group(self, key: str) -> Any:
        if self.read_only:
            raise ValueError(f"The H5Dict was opened for reading only and has no {key!r}, which would be a new group.")
        if isinstance(self.data, dict):
            return self.data.setdefault(key, {})
        return self.data.create_group(key)

    def __contains__(self, key: str | bytes) -> bool:
        key = _text(key)
        return key in self.data or (not isinstance(self.data, dict) and key in self.data.attrs)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, `default` if it is missing."""
        return self[key] if key in self else default  # noqa: SIM401

    def close(self) -> None:
        """Write what is pending; close the file if this object opened it."""
        if isinstance(self.data, _library().Group):
            self.data.file.flush()
            if self._is_file:
                self.data.close()


def _text(key: str | bytes) -> str:
    return key.decode() if isinstance(key, bytes) else key


h5dict = H5Dict
