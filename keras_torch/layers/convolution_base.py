"""What all convolution layers share: arguments, weights as views, memory, shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from keras_torch import activations, config, constraints, initializers, regularizers
from keras_torch.engine import InputSpec, Layer
from keras_torch.engine.input_spec import check_inputs
from keras_torch.engine.tensor_layout import IDENTITY, Layout
from keras_torch.layers.conv_modules import gives_view
from keras_torch.layers.spatial import (
    TO_CHANNELS_FIRST,
    TO_CHANNELS_LAST,
    check_positive,
    padding_name,
    whole_numbers,
    window_count,
)


class BaseConvolution(Layer):
    """A layer that moves a window of `kernel_size` over `rank` axes in steps of `strides`.

    Subclasses make their torch modules in `build` and define `_convolve` on (batch, channels, *space) views.
    """

    _accepts_integers = False

    rank: int
    activation: Any
    dilation_rate: tuple[int, ...]

    def _take_window(self, kernel_size: Any, strides: Any, padding: Any, paddings: Sequence[str]) -> None:
        name, rank = self.name, self.rank
        self.kernel_size = whole_numbers(kernel_size, rank, "kernel_size", name)
        self.strides = whole_numbers(strides, rank, "strides", name)
        self.padding = padding_name(padding, paddings, name)

    def _take_options(self, data_format: str | None, activation: Any, use_bias: bool) -> None:
        self.data_format = config.standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)

    def _take_weight(self, name: str, initializer: Any, regularizer: Any, constraint: Any) -> None:
        """Set `<name>_initializer`, `<name>_regularizer` and `<name>_constraint`."""
        setattr(self, f"{name}_initializer", initializers.get(initializer))
        setattr(self, f"{name}_regularizer", regularizers.get(regularizer))
        setattr(self, f"{name}_constraint", constraints.get(constraint))

    def _weight_options(self, name: str) -> dict[str, Any]:
        return {key: getattr(self, f"{name}_{key}") for key in ("initializer", "regularizer", "constraint")}

    def _weight_config(self, *names: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in names:
            options = self._weight_options(name)
            found[f"{name}_initializer"] = initializers.serialize(options["initializer"])
            found[f"{name}_regularizer"] = regularizers.serialize(options["regularizer"])
            found[f"{name}_constraint"] = constraints.serialize(options["constraint"])
        return found

    def _check_dilation(self) -> None:
        # Keras 1 and 2 left it to the backend, and Theano could do it as torch can.
        if max(self.strides) > 1 and max(self.dilation_rate) > 1 and not config.is_classic():
            raise ValueError(
                f"Layer {self.name!r}: `strides` above 1 and `dilation_rate` above 1 cannot be combined. "
                f"Received: strides={self.strides}, dilation_rate={self.dilation_rate}. Set one of them to 1."
            )

    @property
    def _channels_last(self) -> bool:
        return self.data_format == "channels_last"

    @property
    def _channel_axis(self) -> int:
        """Counted from the end, as there may be several batch axes."""
        return -1 if self._channels_last else -1 - self.rank

    def _split(self, shape: Sequence[int | None]) -> tuple[tuple[int | None, ...], tuple[int | None, ...], Any]:
        """Take a shape apart into batch sizes, spatial sizes and channels."""
        leading = len(shape) - self.rank - 1
        inner = tuple(shape[leading:])
        return tuple(shape[:leading]), *((inner[:-1], inner[-1]) if self._channels_last else (inner[1:], inner[0]))

    def _join(self, batch: tuple[int | None, ...], sizes: Sequence[int | None], channels: int) -> Any:
        return (*batch, *sizes, channels) if self._channels_last else (*batch, channels, *sizes)

    def _known_channels(self, input_shape: Any) -> int:
        """Return the channels of an input shape, and let the input spec ask for them. ValueError if unknown."""
        check_inputs(self.input_spec, [tuple(input_shape)], self.name)
        channels = self._split(input_shape)[2]
        if channels is None:
            raise ValueError(
                f"Layer {self.name!r}: the channel dimension of the inputs must be known. "
                f"Received: input shape {tuple(input_shape)}, data_format={self.data_format!r}. Give it in "
                "`Input(shape=...)`."
            )
        spec = self.input_spec
        self.input_spec = InputSpec(ndim=spec.ndim, min_ndim=spec.min_ndim, axes={self._channel_axis: channels})
        return channels

    def _window_sizes(self, input_shape: Any) -> list[int | None]:
        """Return the spatial sizes of the outputs. ValueError if the window does not fit."""
        windows = zip(self._split(input_shape)[1], self.kernel_size, self.strides, self.dilation_rate, strict=True)
        sizes = [window_count(size, kernel, step, self.padding, rate) for size, kernel, step, rate in windows]
        check_positive(sizes, self.name, input_shape)
        return sizes

    def _add_bias(self, path: str) -> None:
        self.bias = None
        if self.use_bias:
            self.add_view("bias", path, IDENTITY, **self._weight_options("bias"))

    def _add_kernel(self, name: str, path: str, layout: Layout, options: str) -> None:
        self.add_view(name, path, layout, **self._weight_options(options))

    def _convolve(self, inputs: torch.Tensor) -> tuple[torch.Tensor, nn.Module]:
        """Return the outputs, channels second, and the module that made them."""
        raise NotImplementedError(f"{type(self).__name__} must define `_convolve(inputs)`.")

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        rank = self.rank
        if inputs.dim() != rank + 2:
            outputs = self.call(inputs.flatten(0, -rank - 2))
            return outputs.unflatten(0, inputs.shape[: -rank - 1])
        channels_last, activation = self.data_format == "channels_last", self.activation
        if channels_last:
            inputs = inputs.permute(TO_CHANNELS_FIRST[rank])
        output, module = self._convolve(inputs)
        # See core.activate. A view is not overwritten, as its backward would copy all gradients.
        overwrite = activation is activations.relu and not module._forward_hooks and not gives_view(module)
        if overwrite:
            output = F.relu_(output)
        if channels_last:
            output = output.permute(TO_CHANNELS_LAST[rank])
        return output if overwrite else activation(output)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **self._weight_config("bias"),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
        }
