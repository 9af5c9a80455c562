"""Where an epoch is: which batches of the data are used up."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Generator, Iterator
from typing import Any

import torch

from keras_torch import config
from keras_torch.checkpoint import pack, unpack
from keras_torch.data import SequenceData
from keras_torch.data.structure import flatten, map_structure, rebuilder, unpack_x_y_sample_weight


class Steps:
    """The batches of each epoch: all of a source, or `steps` at a time, going on where the last epoch stopped.

    With `fresh`, as in validation, each epoch starts at the first batch again, except in Keras 1 and 2. So does every
    epoch of a Sequence in tf.keras. Keras 1, 2 and tf.keras start over in the middle of an epoch of other sources.
    `exhausted` says that a source which cannot start again, such as a generator, has come to its end.
    `keras.config.set_max_steps_per_epoch` caps the number.
    """

    def __init__(self, source: Any, steps: int | None = None, fresh: bool = False) -> None:
        limit = config.max_steps_per_epoch()
        if limit is not None and limit < (steps or source.num_batches or limit + 1):
            steps = limit
        self.source = source
        self.steps = steps
        self.count: int | None = steps if steps is not None else source.num_batches
        self.exhausted = False
        dialect = config.dialect()
        fresh = fresh or (dialect == "tf" and isinstance(source, SequenceData))
        self._fresh = fresh and source.repeatable and not config.is_classic()
        self._cycles = not self._fresh and source.repeatable and dialect in ("1", "2", "tf")
        self._iterator: Iterator[Any] | None = None
        self._epoch: Generator[Any, None, None] | None = None
        # Batches given in this pass through the source, in this epoch, and in an epoch that another process began.
        self._used = 0
        self._given = 0
        self._first = 0
        self._watched = False
        self._example: Any = None

    def epoch(self) -> Iterator[Any]:
        """Yield the batches of one epoch, with a warning if the data ends too early."""
        self._epoch = self._whole() if self.steps is None else self._some(self.steps)
        return self._described(self._epoch) if self._watched and self._example is None else self._epoch

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, *error: Any) -> None:
        """End what prepares batches: after an error its traceback would keep threads and processes alive."""
        for iterator in (self._epoch, self._iterator, self.source):
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
        self._epoch = self._iterator = None

    def _whole(self) -> Generator[Any, None, None]:
        seen, self._first = self._first, 0
        batches, self._iterator = self._iterator or self.source.epoch(), None
        for data in batches:
            seen += 1
            self._used = self._given = seen
            yield data
        if seen == 0:
            raise ValueError(
                "The data has no batches, so nothing could be done. "
                f"Received: {type(self.source).__name__} that gives {self.source.num_batches or 0} batches"
            )
        if self.count is None:
            self.count = seen
        self._finish_pass()

    def _some(self, steps: int) -> Generator[Any, None, None]:
        available = self.source.num_batches
        first, self._first = self._first, 0
        for given in range(first, steps):
            data = self._next()
            if data is _END and self._cycles:
                data = self._next()
            if data is _END:
                warn_exhausted()
                return
            self._used += 1
            self._given = given + 1
            yield data
        if self._fresh or (available is not None and self._used >= available):
            self._finish_pass()

    def _described(self, batches: Iterator[Any]) -> Iterator[Any]:
        first = next(batches, _END)
        if first is _END:
            return iter(())
        inputs = unpack_x_y_sample_weight(first)[0]
        self._example = map_structure(lambda leaf: torch.empty_like(leaf, device="meta"), inputs)
        return itertools.chain([first], batches)

    def _next(self) -> Any:
        if self._iterator is None:
            self._iterator = iter(self.source.epoch())
        data = next(self._iterator, _END)
        if data is _END:
            self._finish_pass()
        return data

    def _finish_pass(self) -> None:
        self._iterator = None
        self._used = 0
        self.exhausted = not self.source.repeatable
        self.source.on_epoch_end()

    def watch(self) -> None:
        """Keep from now on what `state_dict` needs."""
        self._watched = True
        self.source.watch()

    def state_dict(self, midway: bool) -> dict[str, Any]:
        """Return how far the source is read, within an epoch or between two."""
        example = [] if self._example is None else flatten(self._example)
        return {
            "first": self._given if midway else 0,
            "used": self._used,
            "count": self.count,
            "exhausted": self.exhausted,
            "data": self._kind(),
            "source": self.source.state_dict(),
            "example": (pack(map_structure(lambda leaf: None, self._example)), [_form(leaf) for leaf in example]),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next epoch go on where the state was taken. ValueError if the data is not what it was."""
        if state["used"] and state["data"] != self._kind():
            raise ValueError(
                "The backup was made in the middle of an epoch, and the data changed since, so that the epoch cannot "
                f"be continued. It had {_named(state['data'])}; received: {_named(self._kind())}. Give `fit` the same "
                "data, or remove the backup."
            )
        self.count = state["count"] if self.count is None else self.count
        self.exhausted = state["exhausted"]
        self._used, self._first = state["used"], state["first"]
        self.source.load_state_dict(state["source"])
        if self._used:
            self._iterator = iter(self.source.epoch(self._used))

    def _kind(self) -> list[Any]:
        source = self.source
        return [source.num_batches, source.batch_size, getattr(source, "size", None), self.steps]


_END = object()


def example_of(state: dict[str, Any]) -> Any:
    """Return an input like those that the model got, of zeros."""
    structure, forms = state["example"]
    leaves = [torch.zeros(shape, dtype=getattr(torch, dtype)) for shape, dtype in forms]
    rebuild = rebuilder(unpack(structure))
    return rebuild(leaves) if rebuild else leaves[0] if leaves else None


def _form(leaf: torch.Tensor) -> tuple[list[int], str]:
    return list(leaf.shape), str(leaf.dtype).removeprefix("torch.")


def _named(kind: list[Any]) -> str:
    names = ("batches", "samples in a batch", "samples", "steps in an epoch")
    return (
        ", ".join(f"{value} {name}" for value, name in zip(kind, names, strict=True) if value is not None) or "nothing"
    )


def warn_exhausted() -> None:
    """Tell that a source ended before the epochs did."""
    warnings.warn(
        "The data ran out of batches before all steps were made, so the run ends here. Give at least "
        "`steps_per_epoch * epochs` batches, or leave the number of steps out.",
        stacklevel=3,
    )
