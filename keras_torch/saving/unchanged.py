"""Layers keep what they are and have if a file proves to be damaged while they read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


class unchanged:  # noqa: N801 - a context manager, called like those of contextlib
    """Put back the attributes of layers, and of the layers in them, if an error comes out: numbers, texts, weights,
    arrays, and what lists, sets and dicts hold. Objects of other kinds are the same ones, but may have changed.
    """

    def __init__(self, layers: Sequence[Any]) -> None:
        self._before = [(layer, layer.get_weights(), _memory(layer)) for layer in layers]

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, *_: object) -> None:
        for layer, arrays, put_back in () if kind is None else self._before:
            for step in put_back:
                step()
            layer.set_weights(arrays)


def _memory(layer: Any) -> list[Callable[[], None]]:
    steps: list[Callable[[], None]] = []
    known: set[int] = set()
    for module in layer.modules():
        _remember(vars(module), steps, known)
    return steps


def _remember(value: Any, steps: list[Callable[[], None]], known: set[int]) -> None:
    """Note how a container, and those in it, get their contents back."""
    if id(value) in known or not isinstance(value, (dict, list, tuple, set, np.ndarray)):
        return
    known.add(id(value))
    if isinstance(value, np.ndarray):
        steps.append(_copying(value, value.copy()) if value.flags.writeable else _nothing)
        return
    if isinstance(value, dict):
        steps.append(_refilling(value, value.update, dict(value)))
    elif isinstance(value, (list, set)):
        steps.append(_refilling(value, value.extend if isinstance(value, list) else value.update, list(value)))
    for item in value.values() if isinstance(value, dict) else value:
        _remember(item, steps, known)


def _copying(array: np.ndarray, content: np.ndarray) -> Callable[[], None]:
    return lambda: np.copyto(array, content)


def _refilling(container: Any, fill: Callable[[Any], None], content: Any) -> Callable[[], None]:
    def put_back() -> None:
        container.clear()
        fill(content)

    return put_back


def _nothing() -> None:
    pass
