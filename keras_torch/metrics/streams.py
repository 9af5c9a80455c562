"""Metrics within a function that is a metric: TensorFlow 1's `tf.metrics` in functions for Keras 1 and 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Streams:
    """A context for each call of a function that is a metric; what it asks for is made in the first call and kept.

    Later calls find the same again by its order: the functions described a graph that was made once.
    """

    current: Streams | None = None

    def __init__(self) -> None:
        self._kept: list[Any] = []
        self._asked = 0

    def __enter__(self) -> Streams:
        self._asked = 0
        self._outer, Streams.current = Streams.current, self
        return self

    def __exit__(self, *exc: object) -> None:
        Streams.current = self._outer

    def next(self, make: Callable[[], Any]) -> Any:
        """Return what this call asks for next."""
        self._asked += 1
        if self._asked > len(self._kept):
            self._kept.append(make())
        return self._kept[self._asked - 1]
