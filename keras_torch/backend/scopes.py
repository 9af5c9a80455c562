"""Of what weights are named after: the layers and the scopes around the place where they are made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from keras_torch import config

# The layers whose `build` or first call is under way, and scopes, outermost first.
around: list[Any] = []


class NamePart:
    """A part of the names of weights that is no layer's."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


@contextlib.contextmanager
def name_scope(name: Any = None, default_name: Any = None, values: Any = None) -> Iterator[Any]:
    """Put a name into the paths of the weights made meanwhile; up to Keras 2.15, what ends in "/" stands in no other.

    Operations have no names here.
    """
    text = str(name or default_name or "")
    if not text.strip("/"):
        yield name
        return
    before, part = list(around), NamePart(text.strip("/"))
    around[:] = [part] if text.endswith("/") and not config.is_modern() else [*before, part]
    try:
        yield name
    finally:
        around[:] = before
