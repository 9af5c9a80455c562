"""Initializers that draw random numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keras_torch import config
from keras_torch.initializers.base import (
    Fill,
    IndependentValues,
    Initializer,
    Seed,
    check_axes,
    check_number,
    check_seed,
    compute_fans,
    number_of,
    random_tensor,
    seed_config,
)
from keras_torch.initializers.drawing import truncated_normal_, uniform_

Axes = Sequence[int] | None
# Standard deviation of a unit normal cut off at two standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


class RandomNormal(IndependentValues):
    """Normal distribution."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        self.mean = check_number(mean, "mean", type(self).__name__)
        self.stddev = check_number(stddev, "stddev", type(self).__name__, 0)
        self.seed = check_seed(seed, type(self).__name__)

    def _filler(self, shape: Sequence[int]) -> Fill:
        return lambda tensor, generator: tensor.normal_(self.mean, self.stddev, generator=generator)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, "seed": seed_config(self.seed)}


class TruncatedNormal(RandomNormal):
    """Normal distribution, cut off at two standard deviations."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        super().__init__(mean, stddev, seed)

    def _filler(self, shape: Sequence[int]) -> Fill:
        return lambda tensor, generator: truncated_normal_(
            tensor, self.mean, self.stddev, generator, self.seed is not None
        )


class RandomUniform(IndependentValues):
    """Uniform distribution on [`minval`, `maxval`); whole numbers for an integer dtype."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Seed = None) -> None:
        self.minval = check_number(minval, "minval", "RandomUniform")
        self.maxval = check_number(maxval, "maxval", "RandomUniform", minval)
        self.seed = check_seed(seed, "RandomUniform")

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        if config.torch_dtype(dtype).is_floating_point:
            return super().__call__(shape, dtype)
        low, high = math.ceil(self.minval), math.ceil(self.maxval)
        if low >= high:
            raise ValueError(
                f"RandomUniform has no whole number in [{self.minval}, {self.maxval}) for the dtype "
                f"{config.dtype_name(dtype)}. Give `minval` and `maxval` that are whole numbers."
            )
        return random_tensor(
            shape, dtype, self.seed, lambda tensor, generator: tensor.random_(low, high, generator=generator), True
        )

    def _filler(self, shape: Sequence[int]) -> Fill:
        return lambda tensor, generator: uniform_(tensor, self.minval, self.maxval, generator, self.seed is not None)

    def as_stored(self, shape: Sequence[int], stored: Sequence[int], dtype: Any) -> Tensor | None:
        return super().as_stored(shape, stored, dtype) if config.torch_dtype(dtype).is_floating_point else None

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, "seed": seed_config(self.seed)}


_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")


class VarianceScaling(IndependentValues):
    """Zero-mean distribution whose variance is `scale / fan`.

    `mode` chooses the fan: `"fan_in"`, `"fan_out"` or their mean `"fan_avg"`. `distribution` is `"truncated_normal"`
    (also called `"normal"`), `"untruncated_normal"` or `"uniform"`. `input_axes` and `output_axes`, given together,
    name the axes of the weight that count as inputs and as outputs (Keras 3.15).
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Seed = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        if check_number(scale, "scale", "VarianceScaling") <= 0:
            raise ValueError(f"`scale` of VarianceScaling must be positive. Received: {scale!r}")
        if str(mode).lower() not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"`mode` of VarianceScaling must be 'fan_in', 'fan_out' or 'fan_avg'. Received: {mode!r}")
        distribution = str(distribution).lower()
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if distribution not in _DISTRIBUTIONS:
            raise ValueError(
                f"`distribution` of VarianceScaling must be one of {_DISTRIBUTIONS}. Received: {distribution!r}"
            )
        self.scale = scale
        self.mode = mode.lower()
        self.distribution = distribution
        self.seed = check_seed(seed, type(self).__name__)
        self.input_axes = check_axes(input_axes, "input_axes", type(self).__name__)
        self.output_axes = check_axes(output_axes, "output_axes", type(self).__name__)

    def _filler(self, shape: Sequence[int]) -> Fill:
        return self._of_fans(compute_fans(shape, self.input_axes, self.output_axes))

    def sample(self, shape: Sequence[int], dtype: Any, fans: tuple[float, float]) -> Tensor:
        """Return values for a weight that has these numbers of inputs and outputs."""
        return random_tensor(shape, dtype, self.seed, self._of_fans(fans))

    def _of_fans(self, fans: tuple[float, float]) -> Fill:
        fan_in, fan_out = fans
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev = math.sqrt(self.scale / max(1.0, fan))

        def fill(tensor: Tensor, generator: torch.Generator | None) -> None:
            if self.distribution == "uniform":
                limit = math.sqrt(3.0) * stddev
                uniform_(tensor, -limit, limit, generator, self.seed is not None)
            elif self.distribution == "truncated_normal":
                truncated_normal_(tensor, 0.0, stddev / _TRUNCATED_STDDEV, generator, self.seed is not None)
            else:
                tensor.normal_(0.0, stddev, generator=generator)

        return fill

    def get_config(self) -> dict[str, Any]:
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "seed": seed_config(self.seed),
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


def _normal() -> str:
    # Keras 1 did not cut its normal distributions off.
    return "untruncated_normal" if config.dialect() == "1" else "truncated_normal"


class _Named(VarianceScaling):
    """A `VarianceScaling` of fixed scale, mode and distribution."""

    def get_config(self) -> dict[str, Any]:
        return {"seed": seed_config(self.seed), "input_axes": self.input_axes, "output_axes": self.output_axes}


class GlorotUniform(_Named):
    """Uniform on ±`sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio, 2010)."""

    def __init__(self, seed: Seed = None, input_axes: Axes = None, output_axes: Axes = None) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed, input_axes, output_axes)


class GlorotNormal(_Named):
    """Truncated normal with variance `2 / (fan_in + fan_out)`; in dialect "1" not truncated."""

    def __init__(self, seed: Seed = None, input_axes: Axes = None, output_axes: Axes = None) -> None:
        super().__init__(1.0, "fan_avg", _normal(), seed, input_axes, output_axes)


class HeUniform(_Named):
    """Uniform on ±`sqrt(6 / fan_in)` (https://arxiv.org/abs/1502.01852)."""

    def __init__(self, seed: Seed = None, input_axes: Axes = None, output_axes: Axes = None) -> None:
        super().__init__(2.0, "fan_in", "uniform", seed, input_axes, output_axes)


class HeNormal(_Named):
    """Truncated normal with variance `2 / fan_in`; in dialect "1" not truncated."""

    def __init__(self, seed: Seed = None, input_axes: Axes = None, output_axes: Axes = None) -> None:
        super().__init__(2.0, "fan_in", _normal(), seed, input_axes, output_axes)


class LecunUniform(_Named):
    """Uniform on ±`sqrt(3 / fan_in)` (LeCun and others, 1998)."""

    def __init__(self, seed: Seed = None, input_axes: Axes = None, output_axes: Axes = None) -> None:
        super().__init__(1.0, "fan_in", "uniform", seed, input_axes, output_axes)


class LecunNormal(_Named):
    """Truncated normal with variance `1 / fan_in`."""

    def __init__(self, seed: Seed = None, input_axes: Axes = None, output_axes: Axes = None) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class Orthogonal(Initializer):
    """`gain` times a random (semi-)orthogonal matrix, by `torch.nn.init.orthogonal_`.

    A weight of higher rank is seen as the matrix `(product of the leading dimensions, last dimension)`. In dialects 1
    and 2 the values are those that Keras made of numbers from numpy's global generator, which a `seed` sets.
    """

    def __init__(self, gain: float = 1.0, seed: Seed = None) -> None:
        self.gain = check_number(gain, "gain", "Orthogonal")
        self.seed = check_seed(seed, "Orthogonal")

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal needs a weight of at least two dimensions. Received: shape {tuple(shape)}")
        flat = (math.prod(shape[:-1]), shape[-1])
        if config.is_classic() and torch.empty(()).device.type != "meta":
            return torch.as_tensor(self._of_numpy(shape, flat)).to(config.torch_dtype(dtype))
        matrix = random_tensor(
            flat,
            dtype,
            self.seed,
            lambda tensor, generator: torch.nn.init.orthogonal_(tensor, self.gain, generator=generator),
        )
        return matrix.reshape(tuple(shape))

    def _of_numpy(self, shape: Sequence[int], flat: tuple[int, int]) -> np.ndarray:
        if config.dialect() == "1":
            flat = (shape[0], math.prod(shape[1:]))
        if self.seed is not None:
            np.random.seed(number_of(self.seed))
        left, _, right = np.linalg.svd(np.random.normal(size=flat), full_matrices=False)
        return self.gain * (left if left.shape == flat else right).reshape(tuple(shape))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, "seed": seed_config(self.seed)}
