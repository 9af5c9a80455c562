"""Splitting a dataset in two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset, StackDataset, Subset, TensorDataset

from keras_torch import config
from keras_torch.data import pipeline
from keras_torch.data.conversion import from_numpy, to_numpy_or_tensor
from keras_torch.data.rows import Rows
from keras_torch.data.structure import flatten, is_nested, map_structure


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Return two torch Datasets: the first `left_size` and the last `right_size` samples of a dataset.

    In tf.keras they are a tf.data.Dataset each, unless they are parts of a torch Dataset.

    `dataset` is an array, a list, tuple or dict of arrays, a torch Dataset or a tf.data.Dataset. Sizes are shares
    (floats between 0 and 1) or numbers of samples (ints); a missing one is the rest. `shuffle` mixes the samples first,
    by `seed`. Without it the order is kept, as Keras has it on TensorFlow (on torch it mixes them all the same).
    ValueError if a part would be empty, TypeError for what is no dataset.
    """
    if preferred_backend not in (None, "torch"):
        raise ValueError(f"`preferred_backend` can only be 'torch' here. Received: {preferred_backend!r}")
    if left_size is None and right_size is None:
        raise ValueError("`left_size` or `right_size` must be given. Received: None for both")
    dataset = _indexable(dataset)
    count = _length(dataset)
    left, right = _sizes(left_size, right_size, count)
    order = torch.arange(count)
    if shuffle:
        generator = torch.Generator()
        generator.seed() if seed is None else generator.manual_seed(seed)
        order = torch.randperm(count, generator=generator)
    return _part(dataset, order[:left], shuffle), _part(dataset, order[count - right :], shuffle)


def _indexable(dataset: Any) -> Any:
    """Return a map-style torch Dataset, or a structure of tensors."""
    if hasattr(dataset, "as_numpy_iterator"):
        dataset = (dataset.unbatch() if hasattr(dataset, "_batch_size") else dataset).as_numpy_iterator()
        return _stack(list(dataset))
    if isinstance(dataset, Dataset):
        return list(dataset) if isinstance(dataset, IterableDataset) else dataset
    if is_nested(dataset) or hasattr(dataset, "shape") or hasattr(dataset, "to_numpy"):
        tensors = map_structure(_tensor, dataset)
        sizes = [int(leaf.shape[0]) for leaf in flatten(tensors)]
        if len(set(sizes)) != 1:
            raise ValueError(f"All arrays of `dataset` must have the same number of samples. Received: {sizes}")
        return tensors
    raise TypeError(
        "`dataset` must be an array, a list, tuple or dict of arrays, a torch Dataset or a tf.data.Dataset. "
        f"Received: {dataset!r:.100} of type {type(dataset).__name__}"
    )


def _tensor(array: Any) -> torch.Tensor:
    value = to_numpy_or_tensor(array, "`dataset`")
    value = value.read() if isinstance(value, Rows) else value
    value = value if isinstance(value, torch.Tensor) else from_numpy(value)
    if not value.dim():
        raise ValueError(f"`dataset` must hold arrays of samples. Received: a single number, {array!r}")
    return value


def _stack(samples: list[Any]) -> Any:
    """Return the structure of one sample, with all samples' arrays joined along a new first axis."""
    if not samples:
        raise ValueError("`dataset` must not be empty. Received: a dataset without samples")
    columns = iter([from_numpy(np.stack(column)) for column in zip(*map(flatten, samples), strict=True)])
    return map_structure(lambda _: next(columns), samples[0])


def _length(dataset: Any) -> int:
    return len(flatten(dataset)[0]) if _is_structure(dataset) else len(dataset)


def _is_structure(dataset: Any) -> bool:
    return isinstance(dataset, (torch.Tensor, tuple, Mapping)) or (
        isinstance(dataset, list) and all(isinstance(item, torch.Tensor) for item in flatten(dataset))
    )


def _part(dataset: Any, index: torch.Tensor, shuffled: bool) -> Any:
    if not _is_structure(dataset):
        return Subset(dataset, index.tolist())
    start, count = int(index[0]), len(index)
    kept = map_structure(lambda t: t[index] if shuffled else t[start : start + count], dataset)
    if config.dialect() == "tf":
        return pipeline.Dataset.from_tensor_slices(tuple(kept) if isinstance(kept, list) else kept)
    return _as_dataset(kept, top=True)


def _as_dataset(tensors: Any, top: bool = False) -> Any:
    if isinstance(tensors, torch.Tensor):
        return TensorDataset(tensors) if top else tensors
    if isinstance(tensors, Mapping):
        return StackDataset(**{name: _as_dataset(item) for name, item in tensors.items()})
    if top and all(isinstance(item, torch.Tensor) for item in tensors):
        return TensorDataset(*tensors)
    return StackDataset(*map(_as_dataset, tensors))


def _sizes(left: Any, right: Any, count: int) -> tuple[int, int]:
    """Return both sizes as numbers of samples."""
    for name, size in (("left_size", left), ("right_size", right)):
        if size is None:
            continue
        if isinstance(size, bool) or not isinstance(size, (int, float)):
            raise TypeError(f"`{name}` must be an int, a float or None. Received: {size!r} of type {type(size)}")
        if not 0 < size < (1 if isinstance(size, float) else count):
            raise ValueError(
                f"`{name}` must be a share between 0 and 1, or a number of samples between 1 and {count - 1}. "
                f"Received: {size!r}"
            )
    if isinstance(left, float) and isinstance(right, float) and left + right > 1:
        raise ValueError(f"`left_size` and `right_size` must not add up to more than 1. Received: {left} + {right}")
    parts = [round(size * count) if isinstance(size, float) else size for size in (left, right)]
    first = count - parts[1] if parts[0] is None else parts[0]
    last = count - parts[0] if parts[1] is None else parts[1]
    if first + last > count or not first or not last:
        raise ValueError(
            f"`left_size={left}` and `right_size={right}` of {count} samples make parts of {first} and {last}; both "
            "must hold a sample, and not more than there are together."
        )
    return first, last
