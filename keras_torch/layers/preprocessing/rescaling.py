"""Rescaling of values to another range."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.engine import Layer


class Rescaling(Layer):
    """`inputs * scale + offset` in the layer's dtype, in training and inference alike; integers become floats.

    `scale` and `offset` are numbers or arrays that broadcast, such as one number for each channel.
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.scale = _plain(scale, self.name, "scale")
        self.offset = _plain(offset, self.name, "offset")
        self._channels_first = config.image_data_format() == "channels_first"

    def _factor(self, value: Any, inputs: torch.Tensor, by_channel: bool) -> Any:
        if not isinstance(value, list):
            return value
        found = torch.tensor(value, dtype=self._compute_torch_dtype, device=inputs.device)
        return found.reshape((*found.shape, *(1,) * (3 - found.dim()))) if by_channel and found.dim() < 3 else found

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        scale = self._factor(self.scale, inputs, self._channels_first)
        return inputs.to(self._compute_torch_dtype) * scale + self._factor(self.offset, inputs, False)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def _symbolic_dtype(self, input_dtype: str | None) -> str:
        return self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Make the layer from its config; Keras 3 writes arrays as objects with their values inside."""
        config = dict(config)
        for key in ("scale", "offset"):
            value = config.get(key)
            if isinstance(value, dict) and value.get("class_name") in ("__numpy__", "__tensor__"):
                config[key] = value["config"]["value"]
        return super().from_config(config, custom_objects)


def _plain(value: Any, layer_name: str, argument: str) -> Any:
    """Return a number, or a list for an array."""
    array = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"Layer {layer_name!r}: `{argument}` must be a number or an array. Received: {value!r}")
    return array.tolist()
