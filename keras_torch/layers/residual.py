"""Layers of residual branches that only the networks of `applications` have; files of Keras name these classes."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch import initializers
from keras_torch.engine import Layer
from keras_torch.layers.noise import keep_mask


class CustomScaleLayer(Layer):
    """The first of two inputs plus `scale` times the second, in Inception-ResNet."""

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        """Return the sum."""
        return torch.add(inputs[0], inputs[1], alpha=self.scale)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the first input."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {**super().get_config(), "scale": self.scale}


class LayerScale(Layer):
    """One factor for each channel, `init_values` at first, in ConvNeXt (Touvron et al. 2021)."""

    def __init__(self, init_values: float, projection_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, input_shape: Any) -> None:
        """Make the factors."""
        initializer = initializers.Constant(self.init_values)
        self.gamma = self.add_weight(shape=(self.projection_dim,), initializer=initializer, name="gamma")

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the input times the factors."""
        return inputs * self.gamma

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {**super().get_config(), "init_values": self.init_values, "projection_dim": self.projection_dim}


class StochasticDepth(Layer):
    """In training, leave out whole samples with the probability `drop_path_rate` (Huang et al. 2016)."""

    def __init__(self, drop_path_rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= drop_path_rate < 1:
            raise ValueError(
                f"Layer {self.name!r}: `drop_path_rate` must be in [0, 1). Received: drop_path_rate={drop_path_rate!r}"
            )
        self.drop_path_rate = drop_path_rate

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        """Return the input; in training zeros in place of some samples, and the rest scaled up."""
        if not training:
            return inputs
        mask = keep_mask((inputs.shape[0], *[1] * (inputs.ndim - 1)), self.drop_path_rate, inputs, None)
        return inputs * mask / (1 - self.drop_path_rate)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {**super().get_config(), "drop_path_rate": self.drop_path_rate}
