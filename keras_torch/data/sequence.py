"""`Sequence` / `PyDataset`: batches by index, fetched in order, by threads or worker processes if asked."""

from __future__ import annotations

import math
import random
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from torch.utils.data import DataLoader, Dataset

from keras_torch.data.conversion import from_numpy
from keras_torch.data.structure import map_structure


class PyDataset:
    """Base class for data that gives one whole batch for each index.

    Subclasses implement `__getitem__(index)`, which gives `(inputs, targets)`, with sample weights as a third where
    there are any, and `__len__()` or `num_batches`; `on_epoch_end()` may change the data. With `workers > 1` at most
    `max_queue_size` batches are fetched ahead, by threads or (`use_multiprocessing=True`) by torch DataLoader's worker
    processes; they always arrive in order.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must implement `__getitem__(index)`, returning one batch.")

    @property
    def num_batches(self) -> int | None:
        """The number of batches in one pass."""
        raise NotImplementedError(f"{type(self).__name__} must implement `__len__()` or `num_batches`.")

    def __len__(self) -> int:
        count = self.num_batches
        if count is None:
            raise TypeError(f"{type(self).__name__} has no length: its `num_batches` is None.")
        return count

    def on_epoch_begin(self) -> None:
        """Hook before the first batch of an epoch."""

    def on_epoch_end(self) -> None:
        """Hook after the last batch of an epoch."""

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]


class Sequence(PyDataset):
    """The name that Keras 2 gave to `PyDataset`."""


def is_sequence(value: Any) -> bool:
    """Whether `value` gives batches by index: ours, or a class that only looks like Keras's."""
    return isinstance(value, PyDataset) or (
        hasattr(value, "__getitem__") and hasattr(value, "__len__") and hasattr(value, "on_epoch_end")
    )


class SequenceData:
    """A `Sequence` as batches. `shuffle` shuffles the order of the batches."""

    repeatable = True

    def __init__(
        self,
        sequence: Any,
        convert: Callable[[Any], Any],
        shuffle: bool | str = False,
        workers: int | None = None,
        use_multiprocessing: bool | None = None,
        max_queue_size: int | None = None,
    ) -> None:
        self.sequence = sequence
        self.shuffle = shuffle
        self.batch_size = getattr(sequence, "batch_size", None)
        self.workers = _first(workers, getattr(sequence, "workers", None), 1)
        self.use_multiprocessing = _first(use_multiprocessing, getattr(sequence, "use_multiprocessing", None), False)
        self.max_queue_size = max(1, _first(max_queue_size, getattr(sequence, "max_queue_size", None), 10))
        self._convert = convert
        self._check_length()

    def _check_length(self) -> None:
        if isinstance(self.sequence, PyDataset) and type(self.sequence).num_batches is not PyDataset.num_batches:
            return
        if not hasattr(self.sequence, "__len__"):
            raise TypeError(f"{type(self.sequence).__name__} must implement `__len__()`, the number of batches.")

    @property
    def num_batches(self) -> int | None:
        """The number of batches in one pass; None if it never ends."""
        if isinstance(self.sequence, PyDataset) and type(self.sequence).__len__ is PyDataset.__len__:
            return self.sequence.num_batches
        return len(self.sequence)

    def epoch(self) -> Iterator[Any]:
        """Yield the batches of one pass, converted to tensors."""
        if hasattr(self.sequence, "on_epoch_begin"):
            self.sequence.on_epoch_begin()
        yield from map(self._convert, self._fetch(self._indices()))

    def on_epoch_end(self) -> None:
        """Tell the sequence that an epoch is over."""
        self.sequence.on_epoch_end()

    def _indices(self) -> Iterator[int]:
        count = self.num_batches
        if count is None:
            index = 0
            while True:
                yield index
                index += 1
        order = list(range(count))
        if self.shuffle:
            random.shuffle(order)
        yield from order

    def _fetch(self, indices: Iterator[int]) -> Iterator[Any]:
        if self.use_multiprocessing and self.workers > 0:
            return self._fetch_with_processes(indices)
        if self.workers > 1:
            return self._fetch_with_threads(indices)
        return map(self.sequence.__getitem__, indices)

    def _fetch_with_threads(self, indices: Iterator[int]) -> Iterator[Any]:
        with ThreadPoolExecutor(self.workers, thread_name_prefix="batch") as pool:
            pending: deque[Any] = deque()
            for index in indices:
                pending.append(pool.submit(self.sequence.__getitem__, index))
                if len(pending) > self.max_queue_size:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def _fetch_with_processes(self, indices: Iterator[int]) -> Iterator[Any]:
        loader = DataLoader(
            _Indexed(self.sequence),
            batch_size=None,
            sampler=indices,
            num_workers=self.workers,
            prefetch_factor=max(1, math.ceil(self.max_queue_size / self.workers)),
            collate_fn=_share,
        )
        with warnings.catch_warnings():
            # DataLoader advises against more workers than cores; the number was the user's choice.
            warnings.filterwarnings("ignore", message="This DataLoader will create", category=UserWarning)
            return iter(loader)


class _Indexed(Dataset):
    def __init__(self, sequence: Any) -> None:
        self.sequence = sequence

    def __getitem__(self, index: int) -> Any:
        return self.sequence[index]


def _share(batch: Any) -> Any:
    """Turn numpy arrays into tensors, which cross a process boundary in shared memory."""
    return map_structure(lambda leaf: from_numpy(leaf) if _is_numeric(leaf) else leaf, batch)


def _is_numeric(leaf: Any) -> bool:
    return getattr(getattr(leaf, "dtype", None), "kind", None) in ("b", "i", "u", "f") and hasattr(leaf, "strides")


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
