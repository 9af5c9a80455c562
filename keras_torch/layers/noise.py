"""Layers that are random while training: Dropout and its relatives, Gaussian and alpha noise."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from keras_torch import config
from keras_torch.distributed import Share
from keras_torch.engine import InputSpec, Layer

_BITS = 32
# Keras 1 and 2 drew seeds below it.
_SEEDS = 10_000_000


def keep_mask(shape: Sequence[int], rate: float, like: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Return random booleans on the device of `like`, False with probability `rate`, exact to 2**-32.

    Draws 64 random bits for two elements (measured on the CPU: three to five times faster than `bernoulli_`).
    """
    if torch.compiler.is_compiling():
        return torch.rand(tuple(shape), device=like.device) >= rate
    count = math.prod(shape)
    bits = torch.empty((count + 1) // 2, dtype=torch.int64, device=like.device)
    bits.random_(-(2**63), None, generator=generator)
    threshold = round(rate * 2**_BITS) - 2 ** (_BITS - 1)
    return (bits.view(torch.int32)[:count] >= threshold).view(tuple(shape))


def dropout(
    inputs: torch.Tensor,
    rate: float,
    noise_shape: Sequence[int] | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Zero a fraction `rate` of the elements (equal along the axes where `noise_shape` is 1) and scale up the others.

    `F.dropout` where it is one fused kernel, else a product with a random mask.
    """
    plain = noise_shape is None and generator is None
    if plain and (inputs.device.type != "cpu" or rate == 1.0 or torch.compiler.is_compiling()):
        return F.dropout(inputs, rate)
    if rate == 1.0:
        return torch.zeros_like(inputs)
    mask = keep_mask(inputs.shape if noise_shape is None else noise_shape, rate, inputs, generator)
    scale = 1.0 / (1.0 - rate)
    if inputs.dtype == torch.float32:
        return inputs * (mask * scale)
    return inputs * mask.to(inputs.dtype).mul_(scale)


class Noise(Layer):
    """Base of the random layers: `seed` makes the numbers repeatable, independently of torch's global generator."""

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = self._checked_seed(seed)
        self.supports_masking = True
        self._generators: dict[torch.device, torch.Generator] = {}
        self._drawn_seed: int | None = None

    def _build_once(self, *shapes: Any) -> None:
        super()._build_once(*shapes)
        if self.seed is None and config.is_classic():
            # When the layer is first called, before training shuffles with the same generator.
            for _ in range(self._operations()):
                self._drawn_seed = int(np.random.randint(_SEEDS))

    def _operations(self) -> int:
        """How many random operations Keras 1 and 2 made for the layer, each with a seed of its own."""
        return int(0 < getattr(self, "rate", 0.5) < 1)

    def _generator(self, device: torch.device) -> torch.Generator | None:
        """Return this layer's generator on a device; None stands for torch's own.

        In dialects 1 and 2 an unseeded layer takes its seed from numpy when it is built, as those versions did. Inside
        torch.compile, which knows no other, torch's own generator serves seeded layers as well.
        """
        if self.seed is None and not config.is_classic():
            return None
        if torch.compiler.is_compiling() or device.type == "meta":
            return None
        generator = self._generators.get(device)
        if generator is None:
            seed = self._drawn_seed if self.seed is None else int(self.seed)
            seed = int(np.random.randint(_SEEDS)) if seed is None else seed
            seed += Share.offset()
            generator = self._generators[device] = torch.Generator(device).manual_seed(seed)
        return generator

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def _floating(self, inputs: torch.Tensor) -> torch.Tensor:
        """Noise makes floats of integers."""
        return inputs if inputs.is_floating_point() else inputs.to(self._compute_torch_dtype)

    def _checked_seed(self, seed: Any) -> Any:
        if seed is not None and (not isinstance(seed, numbers.Integral) or isinstance(seed, bool)):
            raise ValueError(f"Layer {self.name!r}: `seed` must be an integer or None. Received: {seed!r}")
        return seed

    def _checked_rate(self, rate: Any) -> Any:
        if not isinstance(rate, numbers.Real) or not 0 <= float(rate) <= 1:
            raise ValueError(f"Layer {self.name!r}: `rate` must be a number between 0 and 1. Received: {rate!r}")
        return rate


class ShapedNoise(Noise):
    """Base of the dropouts with a `noise_shape`."""

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.rate = self._checked_rate(rate)
        given: Any = noise_shape
        whole = isinstance(given, (list, tuple)) and all(
            size is None or (isinstance(size, numbers.Integral) and int(size) > 0) for size in given
        )
        if given is not None and not whole:
            raise ValueError(
                f"Layer {self.name!r}: `noise_shape` must be a tuple of positive integers and None. "
                f"Received: {noise_shape!r}"
            )
        self.noise_shape = None if given is None else tuple(given)

    def _noise_sizes(self, inputs: torch.Tensor) -> tuple[int, ...] | None:
        if self.noise_shape is None:
            return None
        sizes = zip(self.noise_shape, inputs.shape, strict=False)
        if len(self.noise_shape) != inputs.ndim or any(size not in (None, 1, actual) for size, actual in sizes):
            raise ValueError(
                f"Layer {self.name!r}: `noise_shape` must have an entry for each axis of the inputs, of shape "
                f"{tuple(inputs.shape)}: its size, 1 or None. Received: {self.noise_shape}"
            )
        return tuple(
            actual if size is None else size for size, actual in zip(self.noise_shape, inputs.shape, strict=True)
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}


class Dropout(ShapedNoise):
    """Set a fraction `rate` of the inputs to zero while training and scale the rest by `1 / (1 - rate)`.

    `noise_shape` has 1 on the axes along which all elements share their fate, and may have None for the input's size.
    """

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        if not (self.training if training is None else training) or self.rate == 0:
            return inputs
        inputs = self._floating(inputs)
        return dropout(inputs, self.rate, self._noise_sizes(inputs), self._generator(inputs.device))


class SpatialDropout(Dropout):
    """Dropout of whole feature maps. The constructors below set the rank."""

    rank: int

    def __init__(self, rate: float, data_format: str | None = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed=seed, **kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _noise_sizes(self, inputs: torch.Tensor) -> tuple[int, ...]:
        ones = (1,) * self.rank
        if self.data_format == "channels_last":
            return (inputs.shape[0], *ones, inputs.shape[-1])
        return (*inputs.shape[:2], *ones)

    def get_config(self) -> dict[str, Any]:
        # Keras 3 takes nothing but these; in particular neither `trainable` nor `noise_shape`.
        base = super().get_config()
        return {key: base[key] for key in ("name", "dtype", "rate", "seed", "batch_input_shape") if key in base}


class SpatialDropout1D(SpatialDropout):
    """Drop whole features of sequences (batch, time, features)."""

    rank = 1

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, data_format="channels_last", seed=seed, **kwargs)


class SpatialDropout2D(SpatialDropout):
    """Drop whole channels of images."""

    rank = 2

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class SpatialDropout3D(SpatialDropout2D):
    """Drop whole channels of volumes."""

    rank = 3


class GaussianNoise(Noise):
    """Add normal noise of standard deviation `stddev` while training."""

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, **kwargs)
        given: Any = stddev
        if not isinstance(given, numbers.Real) or float(given) < 0:
            raise ValueError(f"Layer {self.name!r}: `stddev` must be a number ≥ 0. Received: {stddev!r}")
        self.stddev = stddev

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        if not (self.training if training is None else training) or self.stddev == 0:
            return inputs
        inputs = self._floating(inputs)
        noise = torch.empty_like(inputs).normal_(0.0, self.stddev, generator=self._generator(inputs.device))
        return inputs + noise

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class GaussianDropout(Noise):
    """Multiply by normal noise of mean 1 and variance `rate / (1 - rate)` while training.

    https://jmlr.org/papers/v15/srivastava14a.html
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, **kwargs)
        self.rate = self._checked_rate(rate)

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        if not (self.training if training is None else training) or not 0 < self.rate < 1:
            return inputs
        inputs = self._floating(inputs)
        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        return inputs * torch.empty_like(inputs).normal_(1.0, stddev, generator=self._generator(inputs.device))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class AlphaDropout(ShapedNoise):
    """Dropout that keeps mean and variance of SELU activations (https://arxiv.org/abs/1706.02515).

    `noise_shape` is that of Dropout.
    """

    _DROPPED = -1.6732632423543772 * 1.0507009873554805

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        if not (self.training if training is None else training) or not 0 < self.rate < 1:
            return inputs
        inputs = self._floating(inputs)
        sizes = self._noise_sizes(inputs)
        kept = keep_mask(inputs.shape if sizes is None else sizes, self.rate, inputs, self._generator(inputs.device))
        scale = ((1 - self.rate) * (1 + self.rate * self._DROPPED**2)) ** -0.5
        shift = -scale * self._DROPPED * self.rate
        return torch.where(kept, inputs, self._DROPPED) * scale + shift
