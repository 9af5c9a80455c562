"""Convolutions that treat each channel by itself: depthwise, and separable, which mix the channels afterwards."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from keras_torch import config
from keras_torch.engine import InputSpec
from keras_torch.engine.tensor_layout import CONV, DepthwiseKernel
from keras_torch.layers.conv_modules import make_convolution
from keras_torch.layers.convolution_base import BaseConvolution
from keras_torch.layers.spatial import PADDINGS, whole_numbers


class ChannelwiseConvolution(BaseConvolution):
    """Base: `depth_multiplier` filters for each channel, by a grouped `nn.Conv{rank}d`."""

    depth_multiplier: int

    def _take_depth(self, depth_multiplier: Any, dilation_rate: Any) -> None:
        self.depth_multiplier = whole_numbers(depth_multiplier, 1, "depth_multiplier", self.name)[0]
        self.dilation_rate = whole_numbers(dilation_rate, self.rank, "dilation_rate", self.name)
        if config.dialect() in ("1", "2", "tf"):
            self._check_dilation()

    def _make_depthwise(self, channels: int, bias: bool) -> nn.Module:
        return make_convolution(
            channels,
            channels * self.depth_multiplier,
            kernel_size=self.kernel_size,
            strides=self.strides,
            dilation=self.dilation_rate,
            padding=self.padding,
            channels_last=self._channels_last,
            groups=channels,
            bias=bias,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "dilation_rate": self.dilation_rate,
            "depth_multiplier": self.depth_multiplier,
            **self._weight_config("depthwise"),
        }


class DepthwiseConv(ChannelwiseConvolution):
    """Convolve each channel with `depth_multiplier` filters of its own.

    Input (batch, *space, channels), output (batch, *space, channels * depth_multiplier); channels second with
    `channels_first`. Kernel (*kernel_size, channels, depth_multiplier). Strides need not be equal on all axes.
    """

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._take_window(kernel_size, strides, padding, PADDINGS[:2])
        self._take_depth(depth_multiplier, dilation_rate)
        self._take_options(data_format, activation, use_bias)
        self._take_weight("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self._take_weight("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.input_spec = InputSpec(min_ndim=self.rank + 2)

    def build(self, input_shape: Any) -> None:
        channels = self._known_channels(input_shape)
        self._window_sizes(input_shape)
        self.conv = self._make_depthwise(channels, self.use_bias)
        self._add_kernel("kernel", "conv.weight", DepthwiseKernel(channels), "depthwise")
        self.kernel._classic_path = "depthwise_kernel"
        self._add_bias("conv.bias")
        self.built = True

    @property
    def depthwise_kernel(self) -> Any:
        """The name of `kernel` until Keras 3."""
        return self.kernel

    def _convolve(self, inputs: torch.Tensor) -> tuple[torch.Tensor, nn.Module]:
        conv = self.conv
        return conv(inputs), conv

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        batch, _, channels = self._split(input_shape)
        return self._join(batch, self._window_sizes(input_shape), channels * self.depth_multiplier)


class DepthwiseConv1D(DepthwiseConv):
    """Depthwise convolution over time: (batch, time, channels)."""

    rank = 1


class DepthwiseConv2D(DepthwiseConv):
    """Depthwise convolution over images: (batch, height, width, channels)."""

    rank = 2


class SeparableConv(ChannelwiseConvolution):
    """A depthwise convolution, then one with windows of a single element that mixes the channels.

    Input (batch, *space, channels), output (batch, *space, filters); channels second with `channels_first`. Kernels
    (*kernel_size, channels, depth_multiplier) and (1, ..., channels * depth_multiplier, filters).
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = whole_numbers(filters, 1, "filters", self.name)[0]
        self._take_window(kernel_size, strides, padding, PADDINGS if self.rank == 1 else PADDINGS[:2])
        self._take_depth(depth_multiplier, dilation_rate)
        self._take_options(data_format, activation, use_bias)
        self._take_weight("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self._take_weight("pointwise", pointwise_initializer, pointwise_regularizer, pointwise_constraint)
        self._take_weight("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.input_spec = InputSpec(min_ndim=self.rank + 2)

    def build(self, input_shape: Any) -> None:
        channels, ones = self._known_channels(input_shape), (1,) * self.rank
        self._window_sizes(input_shape)
        self.depthwise = self._make_depthwise(channels, False)
        self.pointwise = make_convolution(
            channels * self.depth_multiplier,
            self.filters,
            kernel_size=ones,
            strides=ones,
            dilation=ones,
            padding="valid",
            channels_last=self._channels_last,
            bias=self.use_bias,
        )
        self._add_kernel("depthwise_kernel", "depthwise.weight", DepthwiseKernel(channels), "depthwise")
        self._add_kernel("pointwise_kernel", "pointwise.weight", CONV[self.rank], "pointwise")
        self._add_bias("pointwise.bias")
        self.built = True

    def _convolve(self, inputs: torch.Tensor) -> tuple[torch.Tensor, nn.Module]:
        pointwise = self.pointwise
        return pointwise(self.depthwise(inputs)), pointwise

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return self._join(self._split(input_shape)[0], self._window_sizes(input_shape), self.filters)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, **self._weight_config("pointwise")}


class SeparableConv1D(SeparableConv):
    """Separable convolution over time, also `padding="causal"`: (batch, time, channels) to (batch, time, filters)."""

    rank = 1


class SeparableConv2D(SeparableConv):
    """Separable convolution over images: (batch, height, width, channels) to (batch, height, width, filters)."""

    rank = 2


SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
