"""Python generators and torch DataLoaders as batches."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset

from keras_torch.backend.random import get_rng_state, set_rng_state
from keras_torch.checkpoint import has_state, pack, unpack
from keras_torch.data import pipeline
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
        self._generator = generator
        self._drawn = _count_of(generator)
        self._given = self._drawn[0]
        self._rng: dict[str, Any] = {}
        self._ahead = (workers or 0) > 1
        counted = _counting(generator, self._drawn)
        self._source = by_one_thread(counted, max_queue_size) if self._ahead else counted

    def epoch(self, start: int = 0) -> Iterator[Any]:
        """Yield the batches that are left."""
        for batch in self._source:
            self._given += 1
            yield self._convert(batch)

    def close(self) -> None:
        """End the thread, if there is one; the generator itself is the user's."""
        if self._ahead:
            self._source.close()  # type: ignore[attr-defined]

    def on_epoch_end(self) -> None:
        """Generators are not told about epochs."""

    def watch(self) -> None:
        """Keep the state of the random generators, from which a generator may draw."""
        self._rng = get_rng_state()

    def state_dict(self) -> dict[str, Any]:
        """Return the generator's own state, or how many batches it has given."""
        own = pack(self._generator.state_dict()) if has_state(self._generator) else None  # type: ignore[attr-defined]
        return {"given": self._given, "own": own, "rng": pack(self._rng)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where the generator was: by its `load_state_dict`, or by drawing as many batches as it had given.

        ValueError if it has given more already, or ends too early.
        """
        if state["own"] is not None:
            self._generator.load_state_dict(unpack(state["own"]))  # type: ignore[attr-defined]
            return
        missing = state["given"] - self._drawn[0]
        if missing < 0:
            raise ValueError(
                f"The generator has given {self._drawn[0]} batches, more than the {state['given']} up to the backup, "
                "and cannot go back. Make a new one, or give it `state_dict()` and `load_state_dict(state)`."
            )
        self._rng = unpack(state["rng"])
        set_rng_state(self._rng)
        skipped = sum(1 for _ in itertools.islice(self._source, missing))
        if skipped < missing:
            raise ValueError(
                f"The generator ended after {self._drawn[0]} batches; up to the backup it had given {state['given']}. "
                "Give `fit` the same generator again, from its start."
            )
        self._given = state["given"]


_counts: weakref.WeakKeyDictionary[Any, list[int]] = weakref.WeakKeyDictionary()


def _count_of(generator: Iterator[Any]) -> list[int]:
    """Return the counter of the batches that a generator has given in this process."""
    try:
        return _counts.setdefault(generator, [0])
    except TypeError:
        return [0]


def _counting(generator: Iterator[Any], drawn: list[int]) -> Iterator[Any]:
    for batch in generator:
        drawn[0] += 1
        yield batch


class LoaderData:
    """A torch `DataLoader`, a `tf.data.Dataset`, or another iterable that can be iterated once an epoch."""

    repeatable = True

    def __init__(self, loader: Any, convert: Callable[[Any], Any]) -> None:
        self.loader = loader
        self._convert = convert
        self._watched = False
        self._origin: dict[str, Any] = {}
        self._sampler = distributed_sampler(loader)
        self.batch_size = getattr(loader, "batch_size", None)
        try:
            self.num_batches: int | None = len(loader)
        except TypeError:
            self.num_batches = None

    def epoch(self, start: int = 0) -> Iterator[Any]:
        """Yield the batches of one pass; with `start`, those from there on of the pass in `load_state_dict`.

        A loader without `load_state_dict` makes the batches before `start` once more.
        """
        again = start and not has_state(self.loader)
        if again:
            set_rng_state(self._origin["rng"])
            for generator, state in zip(self._generators(), self._origin["generators"], strict=True):
                generator.set_state(state)
        elif self._watched:
            self._origin = {"rng": get_rng_state(), "generators": [g.get_state() for g in self._generators()]}
        # TensorFlow's own dataset gives arrays as well as tensors of its own.
        foreign = not isinstance(self.loader, pipeline.Dataset)
        as_arrays = getattr(self.loader, "as_numpy_iterator", None) if foreign else None
        batches = iter(self.loader) if as_arrays is None else as_arrays()
        if again:
            next(itertools.islice(batches, start - 1, start), None)
        return self._converted(batches)

    def _converted(self, batches: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from map(self._convert, batches)
        finally:
            if not getattr(self.loader, "persistent_workers", False):
                end_processes(batches)

    def on_epoch_end(self) -> None:
        """Of a DataLoader only a DistributedSampler is told about epochs: each has its order."""
        if self._sampler is not None:
            self._sampler.set_epoch(self._sampler.epoch + 1)

    def watch(self) -> None:
        """Keep the state of the random generators at the start of each pass."""
        self._watched = True

    def state_dict(self) -> dict[str, Any]:
        """Return the loader's own state, or that of the random generators when the pass began."""
        own = pack(self.loader.state_dict()) if has_state(self.loader) else None  # type: ignore[attr-defined]
        return {"own": own, "origin": pack(self._origin), "epoch": getattr(self._sampler, "epoch", 0)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let `epoch(start)` go on with the pass of which this is the state."""
        if state["own"] is not None:
            self.loader.load_state_dict(unpack(state["own"]))  # type: ignore[attr-defined]
        self._origin = unpack(state["origin"])
        if self._sampler is not None:
            self._sampler.set_epoch(state["epoch"])

    def _generators(self) -> list[torch.Generator]:
        """The generators that the user gave to a DataLoader and to its sampler."""
        sampler = getattr(self.loader, "sampler", None)
        found = (getattr(owner, "generator", None) for owner in (self.loader, sampler))
        return [generator for generator in found if isinstance(generator, torch.Generator)]


def distributed_sampler(loader: Any) -> Any:
    """Return the torch DistributedSampler of a loader, by which each process gets batches of its own, or None."""
    samplers = [getattr(owner, "sampler", None) for owner in (loader, getattr(loader, "batch_sampler", None))]
    return next((sampler for sampler in samplers if isinstance(sampler, DistributedSampler)), None)


def loader_for(dataset: Dataset, batch_size: int, shuffle: bool | str, workers: int | None) -> DataLoader:
    """Return a DataLoader for a torch `Dataset` or `IterableDataset` of single samples."""
    iterable = isinstance(dataset, IterableDataset)
    return DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=None if iterable else bool(shuffle),
        num_workers=workers if workers and workers > 1 else 0,
    )
