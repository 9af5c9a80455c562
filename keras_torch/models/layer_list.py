"""`model.layers` of Keras 1 and 2, from whose list scripts took the last layers to put others in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, SupportsIndex


class LayerList(list):
    """A list of layers that tells its model when one is taken out by `pop`, `remove` or `del`."""

    def __init__(self, layers: Iterable[Any], taken_out: Callable[[Any], object]) -> None:
        super().__init__(layers)
        self._taken_out = taken_out

    def __reduce__(self) -> Any:
        return list, (list(self),)

    def pop(self, index: SupportsIndex = -1) -> Any:
        """Take one layer out and return it."""
        layer = super().pop(index)
        self._taken_out(layer)
        return layer

    def remove(self, value: Any) -> None:
        """Take a layer out."""
        self.pop(self.index(value))

    def __delitem__(self, key: Any) -> None:
        layers = self[key] if isinstance(key, slice) else [self[key]]
        super().__delitem__(key)
        for layer in reversed(layers):
            self._taken_out(layer)
