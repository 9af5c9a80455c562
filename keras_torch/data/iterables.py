"""Python generators and torch DataLoaders as batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset, IterableDataset

from keras_torch.data.workers import by_one_thread, end_processes


class GeneratorData:
    """A Python generator (or any iterator) of batches. It goes on where it stopped and cannot start again.

    With `workers > 1` one thread prepares up to `max_queue_size` batches ahead; a generator cannot run in several.
    """

    repeatable = False
    num_batches = None
    batch_size = None

    def __init__(
        self,
        generator: Iterator[Any],
        convert: Callable[[Any], Any],
        workers: int | None = None,
        max_queue_size: int = 10,
    ) -> None:
        self._convert = convert
        self._ahead = (workers or 0) > 1
        self._source = by_one_thread(generator, max_queue_size) if self._ahead else generator

    def epoch(self) -> Iterator[Any]:
        """Yield the batches that are left."""
        return map(self._convert, self._source)

    def close(self) -> None:
        """End the thread, if there is one; the generator itself is the user's."""
        if self._ahead:
            self._source.close()  # type: ignore[attr-defined]

    def on_epoch_end(self) -> None:
        """Generators are not told about epochs."""


class LoaderData:
    """A torch `DataLoader`, a `tf.data.Dataset`, or another iterable that can be iterated once an epoch."""

    repeatable = True

    def __init__(self, loader: Any, convert: Callable[[Any], Any]) -> None:
        self.loader = loader
        self._convert = convert
        self.batch_size = getattr(loader, "batch_size", None)
        try:
            self.num_batches: int | None = len(loader)
        except TypeError:
            self.num_batches = None

    def epoch(self) -> Iterator[Any]:
        """Yield the batches of one pass."""
        # A tf.data.Dataset gives arrays as well as its own tensors.
        as_arrays = getattr(self.loader, "as_numpy_iterator", None)
        batches = iter(self.loader) if as_arrays is None else as_arrays()
        try:
            yield from map(self._convert, batches)
        finally:
            if not getattr(self.loader, "persistent_workers", False):
                end_processes(batches)

    def on_epoch_end(self) -> None:
        """A DataLoader is not told about epochs."""


def loader_for(dataset: Dataset, batch_size: int, shuffle: bool | str, workers: int | None) -> DataLoader:
    """Return a DataLoader for a torch `Dataset` or `IterableDataset` of single samples."""
    iterable = isinstance(dataset, IterableDataset)
    return DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=None if iterable else bool(shuffle),
        num_workers=workers if workers and workers > 1 else 0,
    )
