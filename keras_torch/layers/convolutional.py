"""Convolutions; this module also carries the padding, resizing and pooling layers that stood beside them in Keras 1."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from keras_torch import activations, config, constraints, initializers, regularizers
from keras_torch.engine import InputSpec, Layer
from keras_torch.engine.tensor_layout import CONV, IDENTITY
from keras_torch.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from keras_torch.layers.resizing import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from keras_torch.layers.spatial import (
    PADDINGS,
    TO_CHANNELS_FIRST,
    TO_CHANNELS_LAST,
    check_positive,
    join_shape,
    padding_name,
    same_padding,
    split_shape,
    whole_numbers,
    window_count,
)

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "Convolution1D",
    "Convolution2D",
    "Convolution3D",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]


class ChannelsLastConv1d(nn.Conv1d):
    """An `nn.Conv1d` for transposed (batch, time, channels) memory.

    torch copies such inputs to (batch, channels, time); as a height-1 image they are channels_last memory, which it
    convolves directly (on the CPU 3 to 9 times faster), and the result is (batch, time, filters) memory again.
    """

    def _conv_forward(self, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        padding: Any = (0, self.padding[0])
        output = F.conv2d(
            input.unsqueeze(2), weight.unsqueeze(2), bias, (1, *self.stride), padding, (1, *self.dilation), self.groups
        )
        return output.squeeze(2)


MODULES: dict[int, type[nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


class Conv(Layer):
    """Convolution over `rank` axes by `nn.Conv{rank}d`; the constructors below set the rank.

    Input (batch, *space, channels), output (batch, *space, filters); channels second with `channels_first`.
    `padding="same"` pads as TensorFlow does (the odd element after), `"causal"` (1D) only before.
    """

    _accepts_integers = False

    rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        name, rank = self.name, self.rank
        self.filters = whole_numbers(filters, 1, "filters", name)[0]
        self.kernel_size = whole_numbers(kernel_size, rank, "kernel_size", name)
        self.strides = whole_numbers(strides, rank, "strides", name)
        self.padding = padding_name(padding, PADDINGS if rank == 1 else PADDINGS[:2], name)
        self.data_format = config.standardize_data_format(data_format)
        self.dilation_rate = whole_numbers(dilation_rate, rank, "dilation_rate", name)
        self.groups = whole_numbers(groups, 1, "groups", name)[0]
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=rank + 2)
        self._check_arguments()

    def _check_arguments(self) -> None:
        if self.filters % self.groups:
            raise ValueError(
                f"Layer {self.name!r}: `filters` must be a multiple of `groups`. "
                f"Received: filters={self.filters}, groups={self.groups}"
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"Layer {self.name!r}: `strides` above 1 and `dilation_rate` above 1 cannot be combined. "
                f"Received: strides={self.strides}, dilation_rate={self.dilation_rate}"
            )

    @property
    def _channels_last(self) -> bool:
        return self.data_format == "channels_last"

    def build(self, input_shape: Any) -> None:
        channels = split_shape(input_shape, self._channels_last)[2]
        if channels is None or channels % self.groups:
            raise ValueError(
                f"Layer {self.name!r}: the channel dimension of the inputs must be known and a multiple of `groups` "
                f"({self.groups}). Received: input shape {tuple(input_shape)}, data_format={self.data_format!r}"
            )
        self.compute_output_shape(input_shape)
        module = ChannelsLastConv1d if self.rank == 1 and self._channels_last else MODULES[self.rank]
        self.conv = module(
            channels,
            self.filters,
            self.kernel_size,
            stride=self.strides,
            padding=self._plan_padding(),
            dilation=self.dilation_rate,
            groups=self.groups,
            bias=self.use_bias,
            device="meta",
        )
        self._add_views()
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={-1 if self._channels_last else 1: channels})
        self.built = True

    def _plan_padding(self) -> tuple[int, ...]:
        """Return what torch's own symmetric padding covers, and keep in `_pads` what each call has to add.

        `_pads` is None for nothing, a list for `F.pad`, or True when it depends on the size of the input.
        """
        self._pads: Any = None
        pairs: list[tuple[int, int]] = [(0, 0)] * self.rank
        if self.padding == "causal":
            self._pads = self._pad_list([(self.dilation_rate[0] * (self.kernel_size[0] - 1), 0)])
        elif self.padding == "same" and max(self.strides) > 1:
            self._pads = True
        elif self.padding == "same":
            windows = zip(self.kernel_size, self.dilation_rate, strict=True)
            pairs = [same_padding(1, kernel, 1, dilation) for kernel, dilation in windows]
            if any(before != after for before, after in pairs):
                self._pads = self._pad_list(pairs)
                pairs = [(0, 0)] * self.rank
        return tuple(before for before, _ in pairs)

    def _pad_list(self, pairs: list[tuple[int, int]]) -> list[int]:
        """Return the argument of `F.pad`, which counts axes from the last."""
        flat = [amount for pair in reversed(pairs) for amount in pair]
        return [0, 0, *flat] if self._channels_last else flat

    def _add_views(self) -> None:
        self.add_view(
            "kernel",
            "conv.weight",
            CONV[self.rank],
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.add_view(
                "bias",
                "conv.bias",
                IDENTITY,
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def _pad(self, inputs: torch.Tensor) -> torch.Tensor:
        pads = self._pads
        if pads is True:
            sizes = inputs.shape[1:-1] if self._channels_last else inputs.shape[2:]
            pads = self._pad_list(
                [same_padding(*axis) for axis in zip(sizes, self.kernel_size, self.strides, strict=True)]
            )
        return F.pad(inputs, pads) if any(pads) else inputs

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if self._pads is not None:
            inputs = self._pad(inputs)
        conv, activation = self.conv, self.activation
        channels_last = self.data_format == "channels_last"
        if channels_last:
            inputs = inputs.permute(TO_CHANNELS_FIRST[self.rank])
        output = conv(inputs)
        overwrite = activation is activations.relu and not conv._forward_hooks  # see core.activate
        if overwrite:
            output = F.relu_(output)
        if channels_last:
            output = output.permute(TO_CHANNELS_LAST[self.rank])
        return output if overwrite else activation(output)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        batch, space, _ = split_shape(input_shape, self._channels_last)
        windows = zip(space, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        sizes = [window_count(size, kernel, step, self.padding, rate) for size, kernel, step, rate in windows]
        check_positive(sizes, self.name, input_shape)
        return join_shape(batch, sizes, self.filters, self._channels_last)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


class Conv1D(Conv):
    """Convolution over time: (batch, time, channels) to (batch, time, filters)."""

    rank = 1


class Conv2D(Conv):
    """Convolution over images: (batch, height, width, channels) to (batch, height, width, filters)."""

    rank = 2


class Conv3D(Conv):
    """Convolution over volumes: (batch, depth, height, width, channels) to the same with `filters` channels."""

    rank = 3


Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D
