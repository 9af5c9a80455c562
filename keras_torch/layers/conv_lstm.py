"""Convolutional LSTM: the cell, and ConvLSTM1D, ConvLSTM2D and ConvLSTM3D (https://arxiv.org/abs/1506.04214)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from keras_torch import config
from keras_torch.engine.tensor_layout import CONV, IDENTITY
from keras_torch.layers.conv_modules import convolve, make_convolution
from keras_torch.layers.conv_rnn import ConvRNN
from keras_torch.layers.recurrent import BuiltInRNN, _from_cell
from keras_torch.layers.recurrent_cells import LSTMCell
from keras_torch.layers.recurrent_loop import Step
from keras_torch.layers.spatial import (
    PADDINGS,
    TO_CHANNELS_FIRST,
    TO_CHANNELS_LAST,
    check_positive,
    join_shape,
    padding_name,
    split_shape,
    whole_numbers,
    window_count,
)


class ConvLSTMCell(LSTMCell):
    """An LSTM cell whose products are convolutions: the input's as the arguments say, the state's `same` and unstrided.

    The four gates are one `nn.Conv{rank}d`. Inputs (batch, *space, channels), states and output (batch, *space,
    filters), channels second with `channels_first`; everything stays in that layout, of which the convolutions see a
    view. The subclasses set the rank.
    """

    rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            **kwargs,
        )
        name, rank = self.name, self.rank
        self.filters = whole_numbers(filters, 1, "filters", name)[0]
        self.kernel_size = whole_numbers(kernel_size, rank, "kernel_size", name)
        self.strides = whole_numbers(strides, rank, "strides", name)
        self.padding = padding_name(padding, PADDINGS[:2], name)
        self.data_format = config.standardize_data_format(data_format)
        self.dilation_rate = whole_numbers(dilation_rate, rank, "dilation_rate", name)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"Layer {name!r}: `strides` above 1 and `dilation_rate` above 1 cannot be combined. "
                f"Received: strides={self.strides}, dilation_rate={self.dilation_rate}"
            )
        self._input_shape: tuple[int | None, ...] | None = None

    @property
    def _channels_last(self) -> bool:
        return self.data_format == "channels_last"

    def build(self, input_shape: Any) -> None:
        """Make kernel (*kernel_size, channels, 4 * filters), recurrent_kernel and bias, for the images of one step."""
        channels = split_shape(input_shape, self._channels_last)[2]
        if channels is None:
            raise ValueError(
                f"Layer {self.name!r}: the channel dimension of the inputs must be known. Received: input shape "
                f"{tuple(input_shape)} of one step, data_format={self.data_format!r}"
            )
        self.compute_output_shape(input_shape)
        self._input_shape = tuple(input_shape)
        self.conv = self._module(channels, self.strides, self.padding, self.dilation_rate, self.use_bias)
        ones = (1,) * self.rank
        self.recurrent_conv = self._module(self.filters, ones, "same", ones, False)
        self._claimed_modules.update(("conv", "recurrent_conv"))
        paths = {"kernel": "conv.weight", "recurrent_kernel": "recurrent_conv.weight", "bias": "conv.bias"}
        self.bias = None
        for name, path in paths.items():
            if name == "bias" and not self.use_bias:
                continue
            prefix = name.removesuffix("_kernel")
            self.add_view(
                name,
                path,
                IDENTITY if name == "bias" else CONV[self.rank],
                initializer=self._bias_values() if name == "bias" else getattr(self, f"{prefix}_initializer"),
                regularizer=getattr(self, f"{prefix}_regularizer"),
                constraint=getattr(self, f"{prefix}_constraint"),
            )
        self.built = True

    def _module(self, channels: int, strides: Any, padding: str, dilation: Any, bias: bool) -> nn.Module:
        """Return the convolution to all gates."""
        return make_convolution(
            channels,
            4 * self.filters,
            kernel_size=self.kernel_size,
            strides=strides,
            dilation=dilation,
            padding=padding,
            channels_last=self._channels_last,
            bias=bias,
        )

    def _fits_torch(self) -> bool:
        return False

    def _loop(self) -> None:
        return None

    @property
    def _mask_count(self) -> int:
        return self.gates

    def _convolve(self, module: Any, images: list[Tensor]) -> Tensor:
        """Convolve one batch of images for all gates, or one for each gate."""
        if self._channels_last:
            images = [image.permute(TO_CHANNELS_FIRST[self.rank]) for image in images]
        x = images[0] if len(images) == 1 else torch.cat(images, 1)
        sums = module(x) if len(images) == 1 else convolve(module, x, module.weight, module.bias, len(images))
        return sums.permute(TO_CHANNELS_LAST[self.rank]) if self._channels_last else sums

    def _input_product(self, inputs: Tensor) -> Tensor:
        """Convolve the inputs of one step, or of all steps in one call with time folded into the batch."""
        if inputs.dim() == self.rank + 2:
            return self._input_product(inputs.unsqueeze(1)).squeeze(1)
        masks = self._step_mask("input", self.dropout, inputs[:, 0])
        sequences = [inputs] if masks is None else [inputs * mask.unsqueeze(1) for mask in masks]
        sums = self._convolve(self.conv, [sequence.flatten(0, 1) for sequence in sequences])
        return sums.unflatten(0, inputs.shape[:2])

    def _step(self, kernel: Tensor, bias: Tensor | None, masks: Tensor | None) -> Step:
        activation = self._activation_function("activation")
        gate = self._activation_function("recurrent_activation")
        axis = -1 if self._channels_last else 1

        def step(x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
            h, c = states
            before = [h] if masks is None else [h * mask for mask in masks]
            i, f, candidate, o = (x + self._convolve(self.recurrent_conv, before)).chunk(4, axis)
            c = torch.addcmul(gate(i) * activation(candidate), gate(f), c)
            h = gate(o) * activation(c)
            return h, [h, c]

        return step

    def get_initial_state(self, inputs: Any = None, batch_size: int | None = None, dtype: Any = None) -> Any:
        """Return zeros for both states: for inputs (batch, time, ...), or for a batch of images as in `build`."""
        if inputs is not None:
            shape = self.compute_output_shape((inputs.shape[0], *inputs.shape[2:]))[0]
            return [inputs.new_zeros(shape) for _ in range(2)]
        shape = self.compute_output_shape((batch_size or 0, *(self._input_shape or ())[1:]))[0]
        dtype = config.torch_dtype(dtype or self.compute_dtype)
        return [torch.zeros(shape, dtype=dtype, device=config.default_device()) for _ in range(2)]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the output and of the states of one step."""
        batch, space, _ = split_shape(input_shape, self._channels_last)
        windows = zip(space, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        sizes = [window_count(size, kernel, step, self.padding, rate) for size, kernel, step, rate in windows]
        check_positive(sizes, self.name, input_shape)
        output = join_shape(batch, sizes, self.filters, self._channels_last)
        return output, [output, output]

    def arguments(self) -> dict[str, Any]:
        """Return the part of the config that cell and layer share."""
        names = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")
        found = {name: getattr(self, name) for name in names}
        return found | {key: value for key, value in super().arguments().items() if key != "units"}


class _ConvLSTM1DCell(ConvLSTMCell):
    rank = 1


class ConvLSTM2DCell(ConvLSTMCell):
    """The cell of ConvLSTM2D, for images (batch, rows, columns, channels); Keras 2 ran it in a `ConvRNN2D`."""

    rank = 2


class _ConvLSTM3DCell(ConvLSTMCell):
    rank = 3


_CELLS: dict[int, type[ConvLSTMCell]] = {1: _ConvLSTM1DCell, 2: ConvLSTM2DCell, 3: _ConvLSTM3DCell}


class ConvLSTM(ConvRNN, BuiltInRNN):
    """LSTM over (batch, time, *space, channels) with convolutions for products; the constructors below set the rank.

    The input's convolution is one torch call for all steps. Returns the last output (batch, *space, filters), or with
    `return_sequences` all of them. See `ConvLSTMCell`.
    """

    filters = _from_cell("filters")
    kernel_size = _from_cell("kernel_size")
    strides = _from_cell("strides")
    padding = _from_cell("padding")
    data_format = _from_cell("data_format")
    dilation_rate = _from_cell("dilation_rate")
    recurrent_activation = _from_cell("recurrent_activation")
    unit_forget_bias = _from_cell("unit_forget_bias")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = _CELLS[self.rank](
            filters,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            name="conv_lstm_cell",
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )


class ConvLSTM1D(ConvLSTM):
    """Convolutional LSTM over sequences of rows (batch, time, columns, channels)."""

    rank = 1


class ConvLSTM2D(ConvLSTM):
    """Convolutional LSTM over sequences of images (batch, time, rows, columns, channels)."""

    rank = 2


class ConvLSTM3D(ConvLSTM):
    """Convolutional LSTM over sequences of volumes (batch, time, depth, rows, columns, channels)."""

    rank = 3
