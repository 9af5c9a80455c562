"""Pooling over windows and over the whole input, written once for 1, 2 and 3 axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

from keras_torch import config
from keras_torch.engine import InputSpec, Layer
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

# torch.max_pool* is what F.max_pool* calls, after asking whether the indices are wanted.
MAX: dict[int, Callable[..., torch.Tensor]] = {1: torch.max_pool1d, 2: torch.max_pool2d, 3: torch.max_pool3d}
_HALF = (torch.float16, torch.bfloat16)
AVERAGE: dict[int, Callable[..., torch.Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
ADAPTIVE_MAX: dict[int, Callable[..., torch.Tensor]] = {
    1: F.adaptive_max_pool1d,
    2: F.adaptive_max_pool2d,
    3: F.adaptive_max_pool3d,
}
ADAPTIVE_AVERAGE: dict[int, Callable[..., torch.Tensor]] = {
    1: F.adaptive_avg_pool1d,
    2: F.adaptive_avg_pool2d,
    3: F.adaptive_avg_pool3d,
}


class Pooling(Layer):
    """Pool windows of `pool_size` with step `strides` (by default `pool_size`).

    Input (batch, *space, channels), channels second with `channels_first`. `padding="same"` gives ceil(size / stride)
    outputs; padded elements never win and are not counted.
    """

    rank: int

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        name, rank = self.name, self.rank
        self.pool_size = whole_numbers(pool_size, rank, "pool_size", name)
        self.strides = self.pool_size if strides is None else whole_numbers(strides, rank, "strides", name)
        self.padding = padding_name(padding, PADDINGS[:2], name)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=rank + 2)
        # Sequences are pooled as images of height 1, which keeps their memory channels_last.
        self._as_image = rank == 1 and self.data_format == "channels_last"
        extra = (1,) if self._as_image else ()
        self._windows, self._steps = (*extra, *self.pool_size), (*extra, *self.strides)
        count = len(self._windows)
        self._no_padding = (0,) * count
        self._orders = (TO_CHANNELS_FIRST[count], TO_CHANNELS_LAST[count])
        self._same = self.padding == "same"

    def build(self, input_shape: Any) -> None:
        """Check that the windows fit."""
        self.compute_output_shape(input_shape)
        self.built = True

    def _pool(self, inputs: torch.Tensor, padding: tuple[int, ...], ceil_mode: bool) -> torch.Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define `_pool(inputs, padding, ceil_mode)`.")

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        channels_last = self.data_format == "channels_last"
        if self._as_image:
            inputs = inputs.unsqueeze(1)
        if channels_last:
            inputs = inputs.permute(self._orders[0])
        output = self._pool_same(inputs) if self._same else self._pool(inputs, self._no_padding, False)
        if channels_last:
            output = output.permute(self._orders[1])
        return output.squeeze(1) if self._as_image else output

    def _pool_same(self, inputs: torch.Tensor) -> torch.Tensor:
        """Pool with TensorFlow's padding and without a padded copy.

        torch pads both sides alike. Where TensorFlow pads one more after than before, ceil_mode adds the last window;
        with stride 1 it cannot, so there one more is padded on both sides and the first window dropped.
        """
        padding, drop = [], []
        for axis, (kernel, stride) in enumerate(zip(self._windows, self._steps, strict=True), start=2):
            before, after = same_padding(inputs.shape[axis], kernel, stride)
            if stride == 1 and before != after:
                drop.append(axis)
                before = after
            padding.append(before)
        output = self._pool(inputs, tuple(padding), True)
        for axis in drop:
            output = output.narrow(axis, 1, output.shape[axis] - 1)
        return output

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        channels_last = self.data_format == "channels_last"
        batch, space, channels = split_shape(input_shape, channels_last)
        windows = zip(space, self.pool_size, self.strides, strict=True)
        sizes = [window_count(size, kernel, stride, self.padding) for size, kernel, stride in windows]
        check_positive(sizes, self.name, input_shape)
        return join_shape(batch, sizes, channels, channels_last)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class MaxPooling(Pooling):
    """The largest element of each window."""

    def _pool(self, inputs: torch.Tensor, padding: tuple[int, ...], ceil_mode: bool) -> torch.Tensor:
        dtype = inputs.dtype
        if not dtype.is_floating_point and inputs.device.type != "cpu":
            # torch finds maxima of whole numbers on the CPU only. These floats hold them (up to 2**53 of int64).
            inputs = inputs.to(torch.float32 if dtype.itemsize < 4 else torch.float64)
            return self._pool(inputs, padding, ceil_mode).to(dtype)
        return MAX[len(padding)](inputs, self._windows, self._steps, padding, 1, ceil_mode)


class AveragePooling(Pooling):
    """The mean of each window."""

    _accepts_integers = False

    def _pool(self, inputs: torch.Tensor, padding: tuple[int, ...], ceil_mode: bool) -> torch.Tensor:
        if len(padding) == 3 and inputs.dtype in _HALF and inputs.device.type == "cpu":
            # torch averages volumes in half precision on GPUs only.
            return self._pool(inputs.float(), padding, ceil_mode).to(inputs.dtype)
        return AVERAGE[len(padding)](inputs, self._windows, self._steps, padding, ceil_mode, False)


class MaxPooling1D(MaxPooling):
    """Maximum over windows of time."""

    rank = 1


class MaxPooling2D(MaxPooling):
    """Maximum over windows of images."""

    rank = 2


class MaxPooling3D(MaxPooling):
    """Maximum over windows of volumes."""

    rank = 3


class AveragePooling1D(AveragePooling):
    """Mean over windows of time."""

    rank = 1


class AveragePooling2D(AveragePooling):
    """Mean over windows of images."""

    rank = 2


class AveragePooling3D(AveragePooling):
    """Mean over windows of volumes."""

    rank = 3


class AdaptivePooling(Layer):
    """Pool windows chosen such that each spatial axis gets the size `output_size`.

    Input (batch, *space, channels), output (batch, *output_size, channels); channels second with `channels_first`.
    Window i reaches from floor(i * size / output_size) to ceil((i + 1) * size / output_size), as torch has it.
    """

    rank: int

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_size = whole_numbers(output_size, self.rank, "output_size", self.name)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _pool(self, inputs: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define `_pool(inputs, size)`.")

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.data_format == "channels_first":
            return self._pool(inputs, self.output_size)
        output = self._pool(inputs.permute(TO_CHANNELS_FIRST[self.rank]), self.output_size)
        return output.permute(TO_CHANNELS_LAST[self.rank])

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        channels_last = self.data_format == "channels_last"
        batch, _, channels = split_shape(input_shape, channels_last)
        return join_shape(batch, self.output_size, channels, channels_last)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_size": self.output_size, "data_format": self.data_format}


class AdaptiveMaxPooling(AdaptivePooling):
    """The largest element of each window."""

    def _pool(self, inputs: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
        return ADAPTIVE_MAX[self.rank](inputs, size)


class AdaptiveAveragePooling(AdaptivePooling):
    """The mean of each window."""

    _accepts_integers = False

    def _pool(self, inputs: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
        return ADAPTIVE_AVERAGE[self.rank](inputs, size)


class AdaptiveMaxPooling1D(AdaptiveMaxPooling):
    """Maximum over a fixed number of windows of time."""

    rank = 1


class AdaptiveMaxPooling2D(AdaptiveMaxPooling):
    """Maximum over a fixed number of windows of images."""

    rank = 2


class AdaptiveMaxPooling3D(AdaptiveMaxPooling):
    """Maximum over a fixed number of windows of volumes."""

    rank = 3


class AdaptiveAveragePooling1D(AdaptiveAveragePooling):
    """Mean over a fixed number of windows of time."""

    rank = 1


class AdaptiveAveragePooling2D(AdaptiveAveragePooling):
    """Mean over a fixed number of windows of images."""

    rank = 2


class AdaptiveAveragePooling3D(AdaptiveAveragePooling):
    """Mean over a fixed number of windows of volumes."""

    rank = 3


class GlobalPooling(Layer):
    """Reduce all spatial axes: (batch, *space, channels) to (batch, channels), or ones in their place (`keepdims`)."""

    rank: int

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)
        first = 1 if self.data_format == "channels_last" else 2
        self._axes = tuple(range(first, first + self.rank))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        channels_last = self.data_format == "channels_last"
        batch, _, channels = split_shape(input_shape, channels_last)
        space = (1,) * self.rank if self.keepdims else ()
        return join_shape(batch, space, channels, channels_last)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


class GlobalMaxPooling(GlobalPooling):
    """The maximum; equal maxima share the gradient, as in Keras."""

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.amax(inputs, self._axes, self.keepdims)


class GlobalAveragePooling(GlobalPooling):
    """The mean."""

    _accepts_integers = False

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.mean(inputs, self._axes, self.keepdims)


class GlobalMaxPooling1D(GlobalMaxPooling):
    """Maximum over time."""

    rank = 1


class GlobalMaxPooling2D(GlobalMaxPooling):
    """Maximum over images."""

    rank = 2


class GlobalMaxPooling3D(GlobalMaxPooling):
    """Maximum over volumes."""

    rank = 3


class GlobalAveragePooling1D(GlobalAveragePooling):
    """Mean over time; masked timesteps are left out."""

    rank = 1

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, keepdims=keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if mask is None:
            return super().call(inputs)
        if mask.shape != (inputs.shape[0], inputs.shape[self._axes[0]]):
            raise ValueError(
                f"Layer {self.name!r}: `mask` must have the shape (batch, time) of the inputs, which are of shape "
                f"{tuple(inputs.shape)}. Received: a mask of shape {tuple(mask.shape)}"
            )
        axis = self._axes[0]
        weights = mask.to(inputs.dtype).unsqueeze(2 if axis == 1 else 1)
        total = torch.sum(inputs * weights, axis, self.keepdims)
        return total / torch.sum(weights, axis, self.keepdims)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None


class GlobalAveragePooling2D(GlobalAveragePooling):
    """Mean over images."""

    rank = 2


class GlobalAveragePooling3D(GlobalAveragePooling):
    """Mean over volumes."""

    rank = 3
