"""Layers that change the size of sequences, images and volumes: ZeroPadding, Cropping, UpSampling."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from keras_torch import config
from keras_torch.backend.images import check_interpolation, repeated, resize_images
from keras_torch.engine import InputSpec, Layer
from keras_torch.layers.spatial import (
    TO_CHANNELS_FIRST,
    TO_CHANNELS_LAST,
    join_shape,
    number_pairs,
    split_shape,
    whole_numbers,
)


class Resizing(Layer):
    """Base: spatial sizes change axis by axis. Sequences are always (batch, time, channels)."""

    rank: int

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def build(self, input_shape: Any) -> None:
        """Check that something is left."""
        self.compute_output_shape(input_shape)
        self.built = True

    def _new_size(self, axis: int, size: int) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define `_new_size(axis, size)`.")

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        channels_last = self.data_format == "channels_last"
        batch, space, channels = split_shape(input_shape, channels_last)
        sizes = [None if size is None else self._new_size(axis, size) for axis, size in enumerate(space)]
        least = 0 if config.is_classic() else 1
        if any(size is not None and size < least for size in sizes):
            raise ValueError(
                f"Layer {self.name!r}: nothing would be left of the inputs. Received: input shape {tuple(input_shape)}"
            )
        return join_shape(batch, sizes, channels, channels_last)

    def get_config(self) -> dict[str, Any]:
        base = super().get_config()
        return base if self.rank == 1 else {**base, "data_format": self.data_format}


class ZeroPadding(Resizing):
    """Add zeros before and after each spatial axis: an int, one for each axis, or a (before, after) pair for each."""

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.padding = number_pairs(padding, self.rank, "padding", self.name)
        flat = [amount for pair in reversed(self.padding) for amount in pair]
        self._pads = [0, 0, *flat] if self.data_format == "channels_last" else flat

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return F.pad(inputs, self._pads)

    def _new_size(self, axis: int, size: int) -> int:
        return size + sum(self.padding[axis])

    def get_config(self) -> dict[str, Any]:
        padding = self.padding[0] if self.rank == 1 else self.padding
        return {**super().get_config(), "padding": padding}


class ZeroPadding1D(ZeroPadding):
    """Zeros before and after a sequence (batch, time, channels); `data_format` came with Keras 3."""

    rank = 1

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class ZeroPadding2D(ZeroPadding):
    """Zeros around images."""

    rank = 2


class ZeroPadding3D(ZeroPadding):
    """Zeros around volumes."""

    rank = 3


class Cropping(Resizing):
    """Cut elements off before and after each spatial axis; a view."""

    def __init__(self, cropping: Any = 0, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.cropping = number_pairs(cropping, self.rank, "cropping", self.name)
        cuts = [slice(before, -after or None) for before, after in self.cropping]
        first = [slice(None)] if self.data_format == "channels_last" else [slice(None), slice(None)]
        self._slices = (*first, *cuts)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs[self._slices]

    def _new_size(self, axis: int, size: int) -> int:
        return size - sum(self.cropping[axis])

    def get_config(self) -> dict[str, Any]:
        cropping = self.cropping[0] if self.rank == 1 else self.cropping
        return {**super().get_config(), "cropping": cropping}


class Cropping1D(Cropping):
    """Cut timesteps off a sequence (batch, time, channels)."""

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(cropping, data_format="channels_last", **kwargs)


class Cropping2D(Cropping):
    """Cut the borders off images."""

    rank = 2


class Cropping3D(Cropping):
    """Cut the borders off volumes."""

    rank = 3

    def __init__(self, cropping: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format=data_format, **kwargs)


class UpSampling(Resizing):
    """Repeat each element `size` times along each spatial axis."""

    def __init__(self, size: Any = 2, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.size = whole_numbers(size, self.rank, "size", self.name)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        channels_last = self.data_format == "channels_last"
        if not inputs.is_floating_point():
            return repeated(inputs, self.size, 1 if channels_last else 2)
        factors = tuple(float(size) for size in self.size)
        if not channels_last:
            return F.interpolate(inputs, scale_factor=factors)
        # The memory of the channels-first view stays channels_last.
        output = F.interpolate(inputs.permute(TO_CHANNELS_FIRST[self.rank]), scale_factor=factors)
        return output.permute(TO_CHANNELS_LAST[self.rank])

    def _new_size(self, axis: int, size: int) -> int:
        return size * self.size[axis]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


class UpSampling1D(UpSampling):
    """Repeat each timestep of a sequence (batch, time, channels) `size` times."""

    rank = 1

    def __init__(self, size: Any = 2, **kwargs: Any) -> None:
        super().__init__(size, data_format="channels_last", **kwargs)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.repeat_interleave(self.size[0], 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size[0]}


class UpSampling2D(UpSampling):
    """Enlarge images by repetition, or by `interpolation` with one of the kernels of `tf.image.resize`.

    "bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian" or "mitchellcubic" (see `backend.images.resize`).
    Bilinear interpolation takes pixels as areas, since tf.keras; in dialect 2 as points, which moves the image.
    """

    rank = 2

    def __init__(
        self, size: Any = 2, data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ) -> None:
        super().__init__(size, data_format=data_format, **kwargs)
        self.interpolation = check_interpolation(interpolation, f"Layer {self.name!r}")

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.interpolation == "nearest":
            return super().call(inputs)
        return resize_images(inputs, *self.size, self.data_format, self.interpolation)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "interpolation": self.interpolation}


class UpSampling3D(UpSampling):
    """Enlarge volumes by repetition."""

    rank = 3
