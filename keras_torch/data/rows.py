"""Arrays that must not be copied whole: memory-mapped, in an HDF5 file, sparse. Rows become tensors batch by batch."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from keras_torch.data.numpy_bridge import from_numpy

# Lists of positions slow an HDF5 file down more than in proportion to their length.
_POSITIONS_AT_ONCE = 1000
# Rows between the first and the last one wanted are read along with them if they are at most this many times as many.
_READ_THROUGH = 4
_BLOCK_BYTES = 8 << 20
# How much of a mapped file may stay in the process's memory after it was read.
_RESIDENT_BYTES = 64 << 20
_PAGE_BYTES = mmap.PAGESIZE


class Rows:
    """An array outside memory, with the few methods of tensors that checks and batches ask for.

    `fetch` gives the rows at a slice or at an array of positions; `shape` and `dtype` (torch's) say what the whole has.
    Shapes and types can be changed without reading: `unsqueeze(-1)`, `squeeze(-1)`, `to(dtype)`, `rows[start:stop]`.
    `narrow` and `index_select` read, into tensors.
    """

    device = torch.device("cpu")
    requires_grad = False

    def __init__(self, fetch: Callable[[Any], Any], shape: tuple[int, ...], dtype: torch.dtype) -> None:
        self._fetch = fetch
        self._start = 0
        self.shape = tuple(int(size) for size in shape)
        self.dtype = dtype

    def _like(self, **changes: Any) -> Rows:
        new = object.__new__(Rows)
        new.__dict__.update(self.__dict__, **changes)
        return new

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: slice) -> Rows:
        start, stop, _ = key.indices(len(self))
        return self._like(_start=self._start + start, shape=(max(0, stop - start), *self.shape[1:]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.read().numpy().astype(dtype or None, copy=False)

    def dim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def numel(self) -> int:
        """Number of values in the whole array."""
        return int(np.prod(self.shape, dtype=np.int64))

    def element_size(self) -> int:
        """Bytes of one value."""
        return self.dtype.itemsize

    def is_floating_point(self) -> bool:
        """Whether the values are floats."""
        return self.dtype.is_floating_point

    def to(self, *args: Any) -> Rows:
        """Return the rows with another dtype, which they get when they are read; a device makes no difference."""
        dtype = next((item for item in args if isinstance(item, torch.dtype)), self.dtype)
        return self if dtype == self.dtype else self._like(dtype=dtype)

    def long(self) -> Rows:
        """Return the rows as int64."""
        return self.to(torch.int64)

    def detach(self) -> Rows:
        """Return the rows themselves."""
        return self

    def unsqueeze(self, axis: int) -> Rows:
        """Return the rows with a last axis of size 1."""
        return self._like(shape=(*self.shape, 1))

    def squeeze(self, axis: int) -> Rows:
        """Return the rows without their last axis, which has size 1."""
        return self._like(shape=self.shape[:-1])

    def narrow(self, axis: int, start: int, length: int) -> torch.Tensor:
        """Read `length` rows from `start` on."""
        start += self._start
        return self._finish(self._fetch(slice(start, start + length)))

    def read(self) -> torch.Tensor:
        """Read everything."""
        return self.narrow(0, 0, len(self))

    def index_select(self, axis: int, index: torch.Tensor) -> torch.Tensor:
        """Read the rows at the given positions."""
        return self._finish(self._fetch(index.cpu().numpy() + self._start))

    def blocks(self) -> Iterator[torch.Tensor]:
        """Read everything, a few megabytes at a time."""
        row = max(1, self.numel() * self.element_size() // max(1, len(self)))
        step = max(1, _BLOCK_BYTES // row)
        for start in range(0, len(self), step):
            yield self.narrow(0, start, min(step, len(self) - start))

    def _finish(self, values: Any) -> torch.Tensor:
        tensor = values if isinstance(values, torch.Tensor) else from_numpy(np.asarray(values))
        return tensor.to(self.dtype).reshape(-1, *self.shape[1:])


def rows_of(value: Any) -> Rows | None:
    """Return arrays that must not be copied whole as Rows; None for all else.

    These are memory-mapped numpy arrays and shared torch tensors, sparse matrices (scipy's, torch's and tf's), and
    array-likes that are read in parts: h5py datasets, `HDF5Matrix`, zarr and dask arrays, anything with `shape`,
    `dtype` and `[...]` that does not offer itself as a numpy array.
    """
    if isinstance(value, torch.Tensor):
        return _of_tensor(value)
    if isinstance(value, np.ndarray):
        mapped = mapping_of(value)
        numeric = value.dtype.kind in "biuf" and value.ndim > 0
        return _of_mapped(value, mapped) if numeric and mapped is not None else None
    if hasattr(value, "tocsr"):
        return _of_sparse(value)
    if getattr(type(value), "is_sparse", None) is True:
        return _of_sparse_tensor(value.coordinates())
    if hasattr(value, "shape") and hasattr(value, "dtype") and hasattr(value, "__getitem__"):
        chunked = hasattr(value, "chunks") or not (hasattr(value, "__array__") or hasattr(value, "to_numpy"))
        numeric = getattr(value.dtype, "kind", None) in ("b", "i", "u", "f") and len(value.shape) > 0
        if chunked and numeric:
            return Rows(lambda key: read_rows(value, key), tuple(value.shape), _torch_dtype(value.dtype))
    return None


def mapping_of(array: Any) -> np.memmap | None:
    """Return the memory-mapped array that `array` is, or is a view of."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap) and getattr(array, "_mmap", None) is not None:
            return array
        array = array.base
    return None


def _of_mapped(array: np.ndarray, mapped: np.memmap) -> Rows:
    file: Any = mapped._mmap  # type: ignore[attr-defined]
    touched_by_row = max(_PAGE_BYTES, array[:1].nbytes)
    # Private mappings (mode "c") hold changes of the user's that would be lost.
    can_release = hasattr(mmap, "MADV_DONTNEED") and mapped.mode != "c"
    touched = 0

    def fetch(key: Any) -> np.ndarray:
        nonlocal touched
        if can_release and touched > _RESIDENT_BYTES:
            # What was read stays in the system's cache, but counts as the process's memory no longer.
            file.madvise(mmap.MADV_DONTNEED)
            touched = 0
        rows = array[key]
        touched += rows.nbytes if isinstance(key, slice) else len(key) * touched_by_row
        return rows

    return Rows(fetch, array.shape, _torch_dtype(array.dtype))


def _torch_dtype(dtype: Any) -> torch.dtype:
    return from_numpy(np.empty(0, dtype)).dtype


def _of_tensor(tensor: torch.Tensor) -> Rows | None:
    if tensor.layout is not torch.strided:
        return _of_sparse_tensor(tensor)
    if tensor.device.type != "cpu" or not tensor.dim() or tensor.untyped_storage().filename is None:
        return None

    def fetch(key: Any) -> torch.Tensor:
        return tensor[key] if isinstance(key, slice) else tensor.index_select(0, torch.from_numpy(key))

    return Rows(fetch, tuple(tensor.shape), tensor.dtype)


def _of_sparse_tensor(tensor: torch.Tensor) -> Rows:
    sparse = tensor.detach().to_sparse_coo().coalesce()

    def fetch(key: Any) -> torch.Tensor:
        index = torch.arange(key.start, key.stop) if isinstance(key, slice) else torch.from_numpy(key)
        return sparse.index_select(0, index.to(sparse.device)).to_dense().cpu()

    return Rows(fetch, tuple(sparse.shape), sparse.dtype)


def _of_sparse(value: Any) -> Rows | None:
    if len(value.shape) != 2:
        return None
    matrix = value.tocsr()
    return Rows(lambda key: matrix[key].toarray(), matrix.shape, _torch_dtype(matrix.dtype))


def read_rows(source: Any, key: Any) -> np.ndarray:
    """Read rows of an HDF5 dataset or the like, at a slice or at positions in any order, also repeated.

    Such files only take increasing positions, and are much faster in one piece: positions that lie close together are
    read with what is between them.
    """
    if isinstance(key, slice) or len(key) == 0:
        return np.asarray(source[key if isinstance(key, slice) else slice(0, 0)])
    positions, inverse = np.unique(np.asarray(key), return_inverse=True)
    first, span = int(positions[0]), int(positions[-1] - positions[0]) + 1
    if span <= _READ_THROUGH * len(positions):
        return np.asarray(source[first : first + span])[np.asarray(key) - first]
    parts = [
        np.asarray(source[positions[start : start + _POSITIONS_AT_ONCE].tolist()])
        for start in range(0, len(positions), _POSITIONS_AT_ONCE)
    ]
    return np.concatenate(parts)[inverse]
