"""`timeseries_dataset_from_array`: windows of a series as batches of tensors."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch.data import LazyDataset
from keras_torch.data.conversion import from_numpy, to_numpy_or_tensor


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> LazyDataset:
    """Return windows of `sequence_length` steps of `data` as an iterable of batches `(windows, targets)`.

    Windows have the shape (batch, sequence_length, ...). They begin `sequence_stride` steps apart and take every
    `sampling_rate`-th step; the target of a window is the one at the place where it begins, none if `targets` is None.
    Only the steps from `start_index` to before `end_index` are used. `shuffle` mixes the windows in each pass.
    `batch_size=None` gives single windows. `format` names the libraries that Keras can choose between; the result is
    the same for both. ValueError for places outside of the data.
    """
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` must be "tf" or "grain". Received: {format!r}')
    series = _tensor(data, "`data`")
    _check(len(series), start_index, end_index, sampling_rate=sampling_rate, sequence_stride=sequence_stride)
    if sequence_length < 1:
        raise ValueError(f"`sequence_length` must be 1 or more. Received: {sequence_length!r}")
    start, end = start_index or 0, end_index or len(series)
    count = end - start - (sequence_length - 1) * sampling_rate
    values = None if targets is None else _tensor(targets, "`targets`")
    if values is not None:
        values = values[start:]
        count = min(count, len(values))
    first = torch.arange(start, start + max(count, 0), sequence_stride)
    offsets = torch.arange(0, sequence_length * sampling_rate, sampling_rate)

    def load(indices: list[int]) -> Any:
        places = first[indices]
        windows = series[places[:, None] + offsets]
        return windows if values is None else (windows, values[places - start])

    return LazyDataset(len(first), load, batch_size, shuffle, seed, workers=0)


def _tensor(values: Any, name: str) -> torch.Tensor:
    found = to_numpy_or_tensor(values, name)
    return found if isinstance(found, torch.Tensor) else from_numpy(found)


def _check(length: int, start_index: int | None, end_index: int | None, **steps: int) -> None:
    """Raise ValueError for places outside of the data and for steps that are too long."""
    if start_index and not 0 < start_index < length:
        raise ValueError(
            f"`start_index` must be from 0 to below the length {length} of `data`. Received: {start_index}"
        )
    if end_index and not (start_index or 0) < end_index < length:
        raise ValueError(
            f"`end_index` must be above `start_index={start_index}` and below the length {length} of `data`. "
            f"Received: {end_index}"
        )
    for name, step in steps.items():
        if not 0 < step < length:
            raise ValueError(f"`{name}` must be from 1 to below the length {length} of `data`. Received: {step!r}")
