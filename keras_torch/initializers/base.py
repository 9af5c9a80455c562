"""The base class of initializers, and how they get their random numbers."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keras_torch import config
from keras_torch.legacy import adapt
from keras_torch.random.seeds import SeedGenerator

# Keras 2 drew the seeds of unseeded initializers below this number.
_SEEDS = 10_000_000


class Initializer:
    """Base class: `__call__(shape, dtype=None)` returns the first values of a weight, in Keras's layout."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("keras_torch"):
            adapt(cls)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """Return a tensor of `shape` and `dtype` (default: `floatx()`)."""
        raise NotImplementedError(f"{type(self).__name__} must define `__call__(self, shape, dtype=None)`.")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Initializer:
        """Build the initializer from `get_config()`; the `dtype` that TensorFlow 1 wrote there has no meaning."""
        return cls(**{key: value for key, value in config.items() if key != "dtype"})

    def clone(self) -> Initializer:
        """Return a new initializer with the same config."""
        return type(self).from_config(self.get_config())


Seed = int | SeedGenerator | None


def check_seed(seed: Any, owner: str) -> Seed:
    """Return `seed` as an int, a SeedGenerator (made from its config, if need be) or None; ValueError for others."""
    if isinstance(seed, dict) and seed.get("class_name") == "SeedGenerator":
        return SeedGenerator.from_config(seed["config"])
    if seed is None or isinstance(seed, SeedGenerator):
        return seed
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return int(seed)
    raise ValueError(f"`seed` of {owner} must be an integer, a SeedGenerator or None. Received: {seed!r}")


def seed_config(seed: Seed) -> Any:
    """Return what stands for a seed in a config: for a SeedGenerator the form of Keras 3."""
    if not isinstance(seed, SeedGenerator):
        return seed
    return {
        "module": "keras.random",
        "class_name": "SeedGenerator",
        "config": seed.get_config(),
        "registered_name": None,
    }


def number_of(seed: int | SeedGenerator) -> int:
    """Return the number to seed a generator of torch's or numpy's with; all processes draw the same one."""
    return int(seed.next().sum()) & 0xFFFFFFFF if isinstance(seed, SeedGenerator) else seed


def check_axes(axes: Any, name: str, owner: str) -> Any:
    """Return `axes` if it is None or a sequence of integers; ValueError otherwise."""
    several = isinstance(axes, (list, tuple)) and all(isinstance(axis, numbers.Integral) for axis in axes)
    if axes is None or several:
        return axes
    raise ValueError(f"`{name}` of {owner} must be a list of integers or None. Received: {axes!r}")


def check_number(value: Any, name: str, owner: str, minimum: float | None = None) -> Any:
    """Return `value` if it is a number, of at least `minimum`; ValueError otherwise."""
    if not isinstance(value, numbers.Real) or (minimum is not None and float(value) < minimum):
        wanted = "a number" if minimum is None else f"a number ≥ {minimum:g}"
        raise ValueError(f"`{name}` of {owner} must be {wanted}. Received: {value!r}")
    return value


# Fills a tensor in place with numbers of a generator; None is torch's global one.
Fill = Callable[[Tensor, torch.Generator | None], Any]


class IndependentValues(Initializer):
    """Base of those that draw each value by itself, wherever in the weight it stands."""

    seed: Seed

    def _filler(self, shape: Sequence[int]) -> Fill:
        """Return what draws the values of a weight of that shape."""
        raise NotImplementedError(f"{type(self).__name__} must define `_filler(self, shape)`.")

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return random_tensor(shape, dtype, self.seed, self._filler(shape))

    def as_stored(self, shape: Sequence[int], stored: Sequence[int], dtype: Any) -> Tensor | None:
        """Return values for a weight of `shape` in the shape that it has in memory.

        None with a seed, whose values have their places in `shape`.
        """
        return random_tensor(stored, dtype, None, self._filler(shape)) if self.seed is None else None


def random_tensor(
    shape: Sequence[int],
    dtype: Any,
    seed: Seed,
    fill: Fill,
    integers: bool = False,
) -> Tensor:
    """Return a new tensor filled in place by `fill(tensor, generator)`.

    Without a seed the numbers come from torch's global generator; in dialects "1" and "2" from a seed that numpy's
    global generator gives, so that `np.random.seed` alone makes an old script repeatable.
    """
    wanted = config.torch_dtype(dtype)
    if not (wanted.is_floating_point or integers):
        raise ValueError(f"Random initial values need a floating-point `dtype`. Received: {config.dtype_name(dtype)!r}")
    # torch's samplers are coarse or missing in half precision: sample in float32.
    working = torch.float32 if wanted in (torch.float16, torch.bfloat16) else wanted
    tensor = torch.empty(tuple(int(size) for size in shape), dtype=working)
    if tensor.device.type == "meta":
        return tensor.to(wanted)
    if seed is None and config.is_classic():
        seed = int(np.random.randint(_SEEDS))
    generator = None if seed is None else torch.Generator(tensor.device).manual_seed(number_of(seed))
    with torch.no_grad():
        fill(tensor, generator)
    return tensor.to(wanted)


def compute_fans(
    shape: Sequence[int], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[float, float]:
    """Return the numbers of inputs and outputs of a weight in Keras's layout: `(*receptive_field, in, out)`.

    `input_axes` and `output_axes`, given together, name the axes whose sizes make the two numbers instead. For shapes
    that are neither a matrix nor a convolution kernel, Keras 1 and 2 used the root of the size.
    """
    if input_axes is not None and output_axes is not None:
        if not all(-len(shape) <= axis < len(shape) for axis in (*input_axes, *output_axes)):
            raise ValueError(
                f"`input_axes` and `output_axes` must name axes of the weight, of shape {tuple(shape)}. "
                f"Received: {input_axes} and {output_axes}"
            )
        fan_in, fan_out = (math.prod(shape[axis] for axis in axes) for axes in (input_axes, output_axes))
        return float(fan_in), float(fan_out)
    if config.is_classic() and len(shape) not in (2, 3, 4, 5):
        root = math.sqrt(math.prod(shape))
        return root, root
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    field = math.prod(shape[:-2])
    return float(shape[-2] * field), float(shape[-1] * field)
