"""`Sequence` / `PyDataset`: batches by index, fetched in order, by threads or worker processes if asked."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Callable, Generator, Iterator
from typing import Any

from keras_torch import config
from keras_torch.checkpoint import Attributes, has_state, pack, unpack
from keras_torch.data.workers import by_processes, by_threads

# Attributes of a Sequence up to this size are part of the state of a training.
KEPT_BYTES = 8 << 20


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
        """The number of batches in one pass; None if it never ends."""
        if type(self).__len__ is not PyDataset.__len__:
            return len(self)
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
        try:
            count = self.num_batches
        except NotImplementedError:
            count = None
        for index in itertools.count() if count is None else range(count):
            yield self[index]


class Sequence(PyDataset):
    """The name that Keras 2 gave to `PyDataset`."""


def is_sequence(value: Any) -> bool:
    """Whether `value` gives batches by index: ours, or a class that only looks like Keras's."""
    return isinstance(value, PyDataset) or (
        hasattr(value, "__getitem__") and hasattr(value, "__len__") and hasattr(value, "on_epoch_end")
    )


class SequenceData:
    """A `Sequence` as batches. `shuffle` shuffles the order of the batches.

    Not `for_model`, a single worker works ahead too, and arrays of worker processes do not become tensors.
    """

    repeatable = True

    def __init__(
        self,
        sequence: Any,
        convert: Callable[[Any], Any],
        shuffle: bool | str = False,
        workers: int | None = None,
        use_multiprocessing: bool | None = None,
        max_queue_size: int | None = None,
        for_model: bool = True,
    ) -> None:
        self.sequence = sequence
        self.shuffle = shuffle
        self.batch_size = getattr(sequence, "batch_size", None)
        self.workers = _first(workers, getattr(sequence, "workers", None), 1)
        self.use_multiprocessing = _first(use_multiprocessing, getattr(sequence, "use_multiprocessing", None), False)
        self.max_queue_size = max(1, _first(max_queue_size, getattr(sequence, "max_queue_size", None), 10))
        self._convert = convert
        self._for_model = for_model
        self._order: list[int] = []
        self._attributes: Attributes | None = None
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

    def epoch(self, start: int = 0) -> Iterator[Any]:
        """Yield the batches of one pass as tensors; with `start`, those from there on of the pass that was loaded."""
        if start and self._attributes is not None:
            self._attributes.check()
        elif not start and hasattr(self.sequence, "on_epoch_begin"):
            self.sequence.on_epoch_begin()
        return self._batches(self._indices(start))

    def _batches(self, indices: Iterator[int]) -> Iterator[Any]:
        with contextlib.closing(self._fetch(indices)) as batches:
            yield from map(self._convert, batches)

    def on_epoch_end(self) -> None:
        """Tell the sequence that an epoch is over."""
        self.sequence.on_epoch_end()

    def watch(self) -> None:
        """Look from now on which attributes of the sequence change."""
        if not has_state(self.sequence):
            self._attributes = Attributes(self.sequence, small=KEPT_BYTES)

    def state_dict(self) -> dict[str, Any]:
        """Return the order of the batches, and the state of the sequence: its `state_dict()`, or its attributes."""
        own = self.sequence.state_dict() if self._attributes is None else self._attributes.state_dict()
        return {"batches": self.num_batches, "order": self._order, "sequence": pack(own)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to what `state_dict` returned. A sequence of another length keeps its own attributes."""
        self._order = state["order"]
        if self._attributes is None:
            self.sequence.load_state_dict(unpack(state["sequence"]))
        elif state["batches"] == self.num_batches:
            self._attributes.load_state_dict(unpack(state["sequence"]))

    def _indices(self, start: int) -> Iterator[int]:
        count = self.num_batches
        if count is None:
            return itertools.count(start)
        # Keras 1 knew generators only, and took their batches as they came.
        if not self.shuffle or config.dialect() == "1":
            return iter(range(start, count))
        if not start:
            # Keras 2 shuffles one list again and again, and none without workers; later versions a new list each time.
            if not config.is_classic() or len(self._order) != count:
                self._order = list(range(count))
            if self.workers > 0 or not config.is_classic():
                random.shuffle(self._order)
        return iter(self._order[start:])

    def _fetch(self, indices: Iterator[int]) -> Generator[Any, None, None]:
        function = self.sequence.__getitem__
        if self.use_multiprocessing and self.workers > 0:
            return by_processes(function, indices, self.workers, self.max_queue_size, self._for_model)
        if self.workers > 1 or not self._for_model:
            return by_threads(function, indices, self.workers, self.max_queue_size)
        return (function(index) for index in indices)


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
