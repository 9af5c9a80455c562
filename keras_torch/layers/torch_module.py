"""Any `torch.nn.Module` as a Keras layer."""

from __future__ import annotations

from typing import Any

from torch import nn

from keras_torch import config
from keras_torch.engine import Layer


class TorchModuleWrapper(Layer):
    """Wraps a torch module so that it can be stacked, named, counted and saved as a layer (Keras 3's name).

    Inputs are passed to the module as they are: images keep the axes that the module expects, usually channels first.
    """

    def __init__(self, module: nn.Module, name: str | None = None, **kwargs: Any) -> None:
        if not isinstance(module, nn.Module):
            raise TypeError(f"`module` must be a torch.nn.Module. Received: {module!r} of type {type(module).__name__}")
        super().__init__(name=name, **kwargs)
        self.module = module.to(config.default_device())

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module."""
        return self.module(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Raise: a torch module cannot be written into a Keras config."""
        raise ValueError(
            f"Layer {self.name!r} wraps the torch module {type(self.module).__name__}, which has no Keras config. Save "
            "the weights with `save_weights`, or define a Layer with `get_config` around the module."
        )
