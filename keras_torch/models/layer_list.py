"""`model.layers` before Keras 3: scripts of Keras 1 and 2 took layers out of it, in tf.keras it has operations, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, SupportsIndex

from keras_torch.models import functional_config
from keras_torch.models.network import Network


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


def with_operations(found: dict[int, Any], network: Network) -> list[Any]:
    """Return layers, given by their ids, as a list, with those that tf.keras has for functions in their places."""
    functions = network.operation_layers
    if functions is None:
        functions = network.operation_layers = functional_config.operation_layers(network)
    if not functions:
        return list(found.values())
    layers = {id(op): functions.get(id(op)) or found.get(id(op)) for op in network.operations}
    return [layer for layer in {**layers, **found}.values() if layer is not None]
