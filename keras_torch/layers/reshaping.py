"""Layers that only rearrange: Flatten, Reshape, Permute, RepeatVector."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import torch

from keras_torch import config
from keras_torch.engine import InputSpec, Layer
from keras_torch.layers.spatial import whole_numbers
from keras_torch.symbolic import KerasTensor, record_function


def _product(sizes: Sequence[int | None]) -> int | None:
    return None if None in sizes else math.prod(sizes)  # type: ignore[arg-type]


class Flatten(Layer):
    """Make one axis of all axes but the first; `channels_first` inputs are read in channels_last order, as Keras does.

    A view in memory order, after a convolution too.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = inputs.movedim(1, -1)
        return inputs.flatten(1) if inputs.ndim > 1 else inputs.unsqueeze(1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return input_shape[0], _product(input_shape[1:])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Layer):
    """Give each sample the shape `target_shape`, in which one entry may be -1."""

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        shape: tuple[Any, ...] = tuple(target_shape) if hasattr(target_shape, "__len__") else (target_shape,)
        whole = all(isinstance(size, numbers.Integral) and int(size) >= -1 for size in shape)
        if not whole or shape.count(-1) > 1:
            raise ValueError(
                f"Layer {self.name!r}: `target_shape` must hold whole numbers, at most one of them -1. "
                f"Received: {target_shape!r}"
            )
        self.target_shape = tuple(int(size) for size in shape)

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if isinstance(inputs, KerasTensor):
            return record_function(self.call, (inputs,), {})
        return inputs.reshape(inputs.shape[0], *self._sizes(math.prod(inputs.shape[1:]), inputs.shape))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        size = _product(input_shape[1:])
        if size is None:
            return (input_shape[0], *(None if entry == -1 else entry for entry in self.target_shape))
        return (input_shape[0], *self._sizes(size, input_shape))

    def _sizes(self, size: int, input_shape: Any) -> list[int]:
        """Return the target shape for samples of `size` elements; torch could not fill in -1 for an empty batch."""
        target = list(self.target_shape)
        product = math.prod(target)
        is_open = -1 in target
        if (product == 0 or size % product) if is_open else product != size:
            raise self._mismatch(input_shape)
        if is_open:
            target[target.index(-1)] = size // -product
        return target

    def _mismatch(self, input_shape: Any) -> ValueError:
        return ValueError(
            f"Layer {self.name!r}: the total size of a sample must stay the same; `target_shape` is "
            f"{self.target_shape}. Received: input shape {tuple(input_shape)}"
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """Reorder the axes after the first: `dims` counts them from 1. A view."""

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims) if isinstance(dims, (list, tuple)) else ()
        if not self.dims or sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Layer {self.name!r}: `dims` must be a permutation of 1..n (the batch axis is not counted). "
                f"Received: {dims!r}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.permute(0, *self.dims)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """Repeat each sample `n` times: (batch, features) to (batch, n, features)."""

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = whole_numbers(n, 1, "n", self.name)[0]
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.unsqueeze(1).repeat(1, self.n, 1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return input_shape[0], self.n, input_shape[1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n": self.n}
