"""The data of `adapt` as batches: arrays, lists, tensors, torch Datasets and DataLoaders, PyDatasets, generators."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset


def batches(
    data: Any, batch_size: int | None, steps: int | None, layer: str, lists_are_batches: bool = True
) -> Iterator[Any]:
    """Return the batches in `data`. An array is one batch, or several of `batch_size`; a list of arrays is several.

    TypeError if `data`, or what it yields, cannot be read so. `layer` is the name for messages.
    """
    if isinstance(data, (str, bytes, Mapping)) or data is None or not _is_readable(data):
        raise TypeError(
            f"Layer {layer!r}: `adapt` takes an array, a tensor, a list, a torch Dataset or DataLoader, a PyDataset or "
            f"a generator of batches. Received: {data!r} of type {type(data).__name__}"
        )
    if hasattr(data, "to_numpy"):
        data = data.to_numpy()
    if isinstance(data, (list, tuple)) and not (lists_are_batches and all(map(_is_batch, data))):
        data = _as_array(list(data))
    if isinstance(data, (np.ndarray, torch.Tensor)) or (isinstance(data, list) and data and not _is_batch(data[0])):
        found: Iterator[Any] = _slices(data, batch_size)
    elif isinstance(data, (Dataset, DataLoader)):
        loader = data if isinstance(data, DataLoader) else _loader(data, batch_size)
        found = map(_inputs_of_loaded, loader)
    else:
        found = map(_inputs, _walk(data))
    return itertools.islice(found, steps)


def _is_readable(data: Any) -> bool:
    return hasattr(data, "__iter__") or (hasattr(data, "__getitem__") and hasattr(data, "__len__"))


def _is_array(item: Any) -> bool:
    return isinstance(item, (np.ndarray, torch.Tensor)) and item.ndim > 0


def _is_batch(item: Any) -> bool:
    return _is_array(_inputs(item))


def _as_array(items: list[Any]) -> Any:
    """Return a rectangular array; lists of different lengths stay a list."""
    if any(isinstance(item, torch.Tensor) for item in items):
        items = [item.detach().cpu().numpy() if isinstance(item, torch.Tensor) else item for item in items]
    try:
        return np.asarray(items)
    except ValueError:
        return items


def _slices(data: Any, size: int | None) -> Iterator[Any]:
    if size is None:
        return iter([data])
    return (data[start : start + size] for start in range(0, len(data), size))


def _loader(dataset: Dataset, batch_size: int | None) -> DataLoader:
    return DataLoader(dataset, batch_size or 32, shuffle=None if isinstance(dataset, IterableDataset) else False)


def _walk(data: Any) -> Iterator[Any]:
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        return (data[index] for index in range(len(data)))
    return iter(data)


def _inputs(batch: Any) -> Any:
    """Return the inputs of a batch, which are what the targets follow in a tuple."""
    return batch[0] if isinstance(batch, tuple) and batch else batch


def _inputs_of_loaded(batch: Any) -> Any:
    """The same for a DataLoader, which makes lists of what were tuples, and of strings."""
    return batch[0] if isinstance(batch, (list, tuple)) and batch and not isinstance(batch[0], (str, bytes)) else batch
