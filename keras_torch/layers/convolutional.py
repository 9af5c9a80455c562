"""Convolutions; this module also carries the padding, resizing and pooling layers that stood beside them in Keras 1."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from keras_torch import config
from keras_torch.backend import conv as functions
from keras_torch.engine import InputSpec
from keras_torch.engine.tensor_layout import CONV
from keras_torch.layers.conv_modules import make_convolution
from keras_torch.layers.convolution_base import BaseConvolution
from keras_torch.layers.convolutional_transpose import (
    Conv1DTranspose,
    Conv2DTranspose,
    Conv3DTranspose,
    Convolution1DTranspose,
    Convolution2DTranspose,
    Convolution3DTranspose,
)
from keras_torch.layers.lora import LoRA
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
from keras_torch.layers.separable import (
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
    SeparableConvolution1D,
    SeparableConvolution2D,
)
from keras_torch.layers.spatial import PADDINGS, TO_CHANNELS_FIRST, TO_CHANNELS_LAST, whole_numbers

__all__ = [
    "AtrousConvolution1D",
    "AtrousConvolution2D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Convolution3DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Deconv2D",
    "Deconv3D",
    "Deconvolution2D",
    "Deconvolution3D",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]


class Conv(LoRA, BaseConvolution):
    """Convolution over `rank` axes by `nn.Conv{rank}d`; the constructors below set the rank.

    Input (batch, *space, channels), output (batch, *space, filters); channels second with `channels_first`; there
    may be several batch axes. `padding="same"` pads as TensorFlow does (the odd element after), `"causal"` (1D) only
    before, `"full"` (Keras 1 and 2 on Theano) by all but one element of the window on both sides.
    """

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
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = whole_numbers(filters, 1, "filters", self.name)[0]
        paddings = PADDINGS if self.rank == 1 else PADDINGS[:2]
        self._take_window(kernel_size, strides, padding, (*paddings, "full") if config.is_classic() else paddings)
        self.dilation_rate = whole_numbers(dilation_rate, self.rank, "dilation_rate", self.name)
        self.groups = whole_numbers(groups, 1, "groups", self.name)[0]
        self._take_lora(lora_rank, lora_alpha)
        self._take_options(data_format, activation, use_bias)
        self._take_weight("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self._take_weight("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.input_spec = InputSpec(min_ndim=self.rank + 2)
        self._check_dilation()
        if self.filters % self.groups:
            raise ValueError(
                f"Layer {self.name!r}: `filters` must be a multiple of `groups`. "
                f"Received: filters={self.filters}, groups={self.groups}"
            )

    def build(self, input_shape: Any) -> None:
        channels = self._known_channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                f"Layer {self.name!r}: the channel dimension of the inputs must be a multiple of `groups`, "
                f"{self.groups}. Received: input shape {tuple(input_shape)}, data_format={self.data_format!r}"
            )
        self._window_sizes(input_shape)
        conv = self.conv = make_convolution(
            channels,
            self.filters,
            kernel_size=self.kernel_size,
            strides=self.strides,
            dilation=self.dilation_rate,
            padding=self.padding,
            channels_last=self._channels_last,
            groups=self.groups,
            bias=self.use_bias,
        )
        self._add_kernel("kernel", "conv.weight", CONV[self.rank], "kernel")
        self._add_bias("conv.bias")
        weight: Any = conv._parameters["weight"]
        if weight.is_cuda and self.rank == 2 and self._channels_last:
            # As cuDNN wants it beside such images: torch would turn it, and its gradient, in each step.
            weight.data = weight.data.to(memory_format=torch.channels_last)
        if self.lora_rank:
            self._build_lora()
        self.built = True

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolve with a kernel (*space, channels, filters); what a subclass defines instead is used for its calls."""
        options = (self.strides, self.padding, self.data_format, self.dilation_rate, self.groups)
        return functions.convolve(inputs, functions.conv_weight(kernel), *options)

    def _convolve(self, inputs: torch.Tensor) -> tuple[torch.Tensor, nn.Module]:
        conv = self.conv
        if type(self).convolution_op is not _CONVOLUTION:
            return self._convolve_otherwise(inputs), conv
        return conv(inputs), conv

    def _convolve_otherwise(self, inputs: torch.Tensor) -> torch.Tensor:
        rank, last = self.rank, self._channels_last
        output = self.convolution_op(inputs.permute(TO_CHANNELS_LAST[rank]) if last else inputs, self.kernel)
        output = output.permute(TO_CHANNELS_FIRST[rank]) if last else output
        return output if self.bias is None else output + self.bias.reshape(-1, *(1,) * rank)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return self._join(self._split(input_shape)[0], self._window_sizes(input_shape), self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            **self._weight_config("kernel"),
            **self._lora_config(),
        }


_CONVOLUTION = Conv.convolution_op


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

AtrousConvolution1D = Conv1D
AtrousConvolution2D = Conv2D
Deconv2D = Deconvolution2D = Conv2DTranspose
Deconv3D = Deconvolution3D = Conv3DTranspose
