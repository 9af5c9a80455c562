"""Locally connected layers: convolutions with a kernel of its own for each position. Keras 3 dropped them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from keras_torch import config
from keras_torch.backend.conv import connect_locally
from keras_torch.engine import InputSpec
from keras_torch.layers.convolution_base import BaseConvolution
from keras_torch.layers.spatial import PADDINGS, whole_numbers


def _all_of(tables: list[np.ndarray]) -> np.ndarray:
    """Combine one table (rows, columns) for each axis into one of shape (*rows, *columns)."""
    rank = len(tables)
    found = np.ones((1,) * 2 * rank, bool)
    for axis, table in enumerate(tables):
        shape = [1] * 2 * rank
        shape[axis], shape[axis + rank] = table.shape
        found = found & table.reshape(shape)
    return found


class LocallyConnected(BaseConvolution):
    """Multiply each window by its own matrix: windows as a view (`Tensor.unfold`), products by `torch.einsum`.

    Input (batch, *space, channels), output (batch, *positions, filters); channels second with `channels_first`. The
    sizes of the input must be known. `implementation` chooses how the kernel is stored, as in Keras 2: 1 a matrix
    (window, filters) for each position, `padding="valid"` only; 2 a full matrix from inputs to outputs, masked; 3 a
    vector of the connections in the order of outputs and inputs. The bias is (*positions, filters).
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        implementation: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = whole_numbers(filters, 1, "filters", self.name)[0]
        if implementation not in (1, 2, 3):
            raise ValueError(f"Layer {self.name!r}: `implementation` must be 1, 2 or 3. Received: {implementation!r}")
        self.implementation = implementation
        self._take_window(kernel_size, strides, padding, PADDINGS[:1] if implementation == 1 else PADDINGS[:2])
        self.dilation_rate = (1,) * self.rank
        self._take_options(data_format, activation, use_bias)
        self._take_weight("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self._take_weight("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def build(self, input_shape: Any) -> None:
        channels = self._known_channels(input_shape)
        sizes = self._split(input_shape)[1]
        if None in sizes:
            raise ValueError(
                f"Layer {self.name!r} has a kernel for each position, so the sizes of the inputs must be known. "
                f"Received: input shape {tuple(input_shape)}. Give them in `Input(shape=...)`."
            )
        self._positions: Any = tuple(self._window_sizes(input_shape))
        self._pads = self._amounts(sizes)
        axis = self._channel_axis
        shape = (None, *input_shape[1:])
        self.input_spec = InputSpec(shape=shape, axes={axis: channels})
        kernel_shape = self._connect(sizes, channels)
        self.kernel = self.add_weight(shape=kernel_shape, name="kernel", **self._weight_options("kernel"))
        self.bias: Any = None
        if self.use_bias:
            shape = (*self._positions, self.filters)
            self.bias = self.add_weight(shape=shape, name="bias", **self._weight_options("bias"))
        self.built = True

    def _amounts(self, sizes: Any) -> list[tuple[int, int]]:
        """Return how much the windows reach beyond both ends of each axis: Keras centers them, whatever the strides."""
        found = []
        for size, kernel, step, count in zip(sizes, self.kernel_size, self.strides, self._positions, strict=True):
            before = kernel // 2 if self.padding == "same" else 0
            found.append((before, max((count - 1) * step + kernel - before - size, 0)))
        return found

    def _connect(self, sizes: Any, channels: int) -> tuple[int, ...]:
        """Return the shape of the kernel, and keep what tells which of its elements are connections."""
        count, window = math.prod(self._positions), math.prod(self.kernel_size)
        features = window * channels
        if self.implementation == 1:
            return (count, features, self.filters)
        # Counted with numpy, as layers are also built on the meta device.
        starts = [
            np.arange(places) * step - before
            for places, step, (before, _) in zip(self._positions, self.strides, self._pads, strict=True)
        ]
        if self.implementation == 2:
            offsets = [np.arange(size)[:, None] - start for size, start in zip(sizes, starts, strict=True)]
            mask = _all_of([(o >= 0) & (o < kernel) for o, kernel in zip(offsets, self.kernel_size, strict=True)])
            inner, outer = (self.rank, 2 * self.rank + 1) if self._channels_last else (0, self.rank + 1)
            mask = np.expand_dims(np.expand_dims(mask, inner), outer)
            self.register_buffer("_mask", torch.as_tensor(mask, device=config.default_device()), persistent=False)
            return (*self._join((), sizes, channels), *self._join((), self._positions, self.filters))
        places = [start[:, None] + np.arange(kernel) for start, kernel in zip(starts, self.kernel_size, strict=True)]
        inside = _all_of([(p >= 0) & (p < size) for p, size in zip(places, sizes, strict=True)])
        inside = inside.reshape(count, window)
        if self._channels_last:
            inside = np.repeat(np.repeat(inside, channels, 1)[:, None], self.filters, 1)
        else:
            inside = np.repeat(np.tile(inside, (1, channels))[None], self.filters, 0)
        slots = np.flatnonzero(inside)
        self.register_buffer("_slots", torch.as_tensor(slots) if self.padding == "same" else None, persistent=False)
        return (len(slots),)

    def _matrices(self) -> torch.Tensor:
        """Return the kernel of implementation 1 or 3 as (positions, window * channels, filters)."""
        if self.implementation == 1:
            return self.kernel
        count = math.prod(self._positions)
        slots = self._slots
        values: torch.Tensor = self.kernel
        if slots is not None:
            channels = self.input_spec.axes[self._channel_axis]
            total = count * self.filters * channels * math.prod(self.kernel_size)
            values = values.new_zeros(total).index_copy(0, slots, values)
        if self._channels_last:
            return values.view(count, self.filters, -1).transpose(1, 2)
        return values.view(self.filters, count, -1).permute(1, 2, 0)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        shape = self._join((inputs.shape[0],), self._positions, self.filters)
        if self.implementation == 2:
            matrix = (self.kernel * self._mask).flatten(0, self.rank).flatten(1)
            output = (inputs.flatten(1) @ matrix).view(shape)
        else:
            if any(map(any, self._pads)):
                flat = [amount for pair in reversed(self._pads) for amount in pair]
                inputs = F.pad(inputs, [0, 0, *flat] if self._channels_last else flat)
            output = connect_locally(inputs, self._matrices(), self.kernel_size, self.strides, self.data_format)
        if self.bias is not None:
            # With channels_first Keras reshapes the bias, (*positions, filters), and does not transpose it.
            output = output + self.bias.view(shape[1:])
        return self.activation(output)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return self._join(self._split(input_shape)[0], self._window_sizes(input_shape), self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            **self._weight_config("kernel"),
            "implementation": self.implementation,
        }


class LocallyConnected1D(LocallyConnected):
    """A kernel of its own for each step: (batch, time, channels) to (batch, positions, filters)."""

    rank = 1


class LocallyConnected2D(LocallyConnected):
    """A kernel of its own for each place in images: (batch, height, width, channels) to (batch, ..., filters)."""

    rank = 2
