"""Python generators and torch DataLoaders as batches."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset, IterableDataset


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
        self._source = _ahead(generator, max_queue_size) if (workers or 0) > 1 else generator

    def epoch(self) -> Iterator[Any]:
        """Yield the batches that are left."""
        return map(self._convert, self._source)

    def on_epoch_end(self) -> None:
        """Generators are not told about epochs."""


class LoaderData:
    """A torch `DataLoader`, or another iterable that can be iterated once an epoch."""

    repeatable = True

    def __init__(self, loader: Iterable[Any], convert: Callable[[Any], Any]) -> None:
        self.loader = loader
        self._convert = convert
        self.batch_size = getattr(loader, "batch_size", None)
        try:
            self.num_batches: int | None = len(loader)  # type: ignore[arg-type]
        except TypeError:
            self.num_batches = None

    def epoch(self) -> Iterator[Any]:
        """Yield the batches of one pass."""
        return map(self._convert, iter(self.loader))

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


def _ahead(generator: Iterator[Any], size: int) -> Iterator[Any]:
    """Yield from `generator`, which a background thread runs up to `size` items ahead. Its exceptions arrive here."""
    items: queue.Queue[tuple[str, Any]] = queue.Queue(max(1, size))
    stop = threading.Event()

    def put(item: tuple[str, Any]) -> bool:
        while not stop.is_set():
            try:
                items.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in generator:
                if not put(("item", item)):
                    return
            put(("end", None))
        except BaseException as error:
            put(("error", error))

    thread = threading.Thread(target=work, name="generator", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = items.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        stop.set()
