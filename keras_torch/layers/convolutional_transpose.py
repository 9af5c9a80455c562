"""Transposed convolutions, with TensorFlow's output sizes and cropping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from keras_torch.engine import InputSpec
from keras_torch.engine.tensor_layout import CONV
from keras_torch.layers.conv_modules import make_transposed
from keras_torch.layers.convolution_base import BaseConvolution
from keras_torch.layers.spatial import PADDINGS, whole_numbers

Sizes = tuple[int, ...]


class ConvTranspose(BaseConvolution):
    """The gradient of a convolution with respect to its inputs, as a layer: `nn.ConvTranspose{rank}d`.

    Input (batch, *space, channels), output (batch, *larger space, filters); channels second with `channels_first`. An
    axis of n elements becomes n * strides with `padding="same"`, n * strides + max(kernel - strides, 0) with "valid";
    `output_padding` (below `strides`) says instead how far the output reaches beyond what the window covers.
    `output_shape` is Keras 1's: it must be one of the sizes that a convolution turns into the input's.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        output_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self._wanted_shape: Sequence[int | None] | None = output_shape
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        name, rank = self.name, self.rank
        self.filters = whole_numbers(filters, 1, "filters", name)[0]
        self._take_window(kernel_size, strides, padding, PADDINGS[:2])
        self.output_padding: Sizes | None = None
        if output_padding is not None:
            self.output_padding = whole_numbers(output_padding, rank, "output_padding", name, minimum=0)
        self.dilation_rate = whole_numbers(dilation_rate, rank, "dilation_rate", name)
        self._take_options(data_format, activation, use_bias)
        self._take_weight("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self._take_weight("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.input_spec = InputSpec(min_ndim=rank + 2)
        self._check_dilation()
        self._check_output_padding()

    def _check_output_padding(self) -> None:
        pairs = zip(self.output_padding or (), self.strides, strict=False)
        if any(extra >= stride for extra, stride in pairs):
            raise ValueError(
                f"Layer {self.name!r}: `output_padding` must be below `strides` on every axis. "
                f"Received: output_padding={self.output_padding}, strides={self.strides}"
            )

    def _reaches(self) -> Sizes:
        return tuple((kernel - 1) * rate + 1 for kernel, rate in zip(self.kernel_size, self.dilation_rate, strict=True))

    def _tails(self) -> Sizes:
        """Return how far the output reaches beyond (n - 1) * stride, for each axis."""
        reaches, same = self._reaches(), self.padding == "same"
        if self.output_padding is None:
            return self.strides if same else tuple(map(max, reaches, self.strides))
        cores = [reach % 2 if same else reach for reach in reaches]
        return tuple(core + extra for core, extra in zip(cores, self.output_padding, strict=True))

    def _fit_to(self, input_shape: Any) -> None:
        """Set `output_padding` to what leads to Keras 1's `output_shape`. ValueError if nothing does."""
        sizes, wanted = self._split(input_shape)[1], self._wanted_shape
        if wanted is None:
            return
        if len(wanted) == len(input_shape):
            wanted = self._split(wanted)[1]
        elif len(wanted) == len(input_shape) - 1:
            wanted = self._split((None, *wanted))[1]
        elif len(wanted) != self.rank:
            raise ValueError(
                f"Layer {self.name!r}: `output_shape` must have {len(input_shape)} entries, the batch size first. "
                f"Received: {tuple(wanted)}"
            )
        steps, defaults, reaches = self.strides, self._tails(), self._reaches()
        known = [size is not None and total is not None for size, total in zip(sizes, wanted, strict=True)]
        tails = [
            total - (size - 1) * step if given else default  # type: ignore[operator]
            for given, size, total, step, default in zip(known, sizes, wanted, steps, defaults, strict=True)
        ]
        if tuple(tails) == defaults:
            return
        same = self.padding == "same"
        cores = [reach % 2 if same else reach for reach in reaches]
        extras = tuple(tail - core for tail, core in zip(tails, cores, strict=True))
        if any(not 0 <= extra < step for extra, step in zip(extras, steps, strict=True)):
            raise ValueError(
                f"Layer {self.name!r}: no convolution with these `kernel_size`, `strides` and `padding` leads from "
                f"`output_shape` to the input. Received: output_shape={tuple(self._wanted_shape or ())}, input shape "
                f"{tuple(input_shape)}. Leave `output_shape` out to get {self._sizes(sizes)}."
            )
        self.output_padding = extras

    def _sizes(self, sizes: Sequence[int | None]) -> Sequence[int | None]:
        windows = zip(sizes, self.strides, self._tails(), strict=True)
        return tuple(None if size is None else (size - 1) * stride + tail for size, stride, tail in windows)

    def build(self, input_shape: Any) -> None:
        channels = self._known_channels(input_shape)
        self._fit_to(input_shape)
        tails = self._tails()
        self.conv = make_transposed(
            channels,
            self.filters,
            kernel_size=self.kernel_size,
            strides=self.strides,
            dilation=self.dilation_rate,
            tails=tails,
            channels_last=self._channels_last,
            bias=self.use_bias,
        )
        self._add_kernel("kernel", "conv.weight", CONV[self.rank], "kernel")
        self._add_bias("conv.bias")
        self.built = True

    def _convolve(self, inputs: torch.Tensor) -> tuple[torch.Tensor, nn.Module]:
        conv = self.conv
        return conv(inputs), conv

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        if not self.built:
            self._fit_to(input_shape)
        batch, sizes, _ = self._split(input_shape)
        return self._join(batch, self._sizes(sizes), self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "output_padding": self.output_padding,
            "dilation_rate": self.dilation_rate,
            **self._weight_config("kernel"),
            **({"output_shape": self._wanted_shape} if self._wanted_shape is not None and not self.built else {}),
        }


class Conv1DTranspose(ConvTranspose):
    """Transposed convolution over time: (batch, time, channels) to (batch, longer time, filters)."""

    rank = 1


class Conv2DTranspose(ConvTranspose):
    """Transposed convolution over images: (batch, height, width, channels) to larger ones with `filters` channels."""

    rank = 2


class Conv3DTranspose(ConvTranspose):
    """Transposed convolution over volumes; `output_padding` stands behind `data_format`, as in Keras 3."""

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        output_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            output_padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            output_shape=output_shape,
            **kwargs,
        )


Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
