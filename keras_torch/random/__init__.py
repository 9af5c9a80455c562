"""`keras.random`: random tensors as Keras 3 draws them on torch, number by number where a seed is given.

An integer as `seed` gives the same values at every call, a `SeedGenerator` others at each. Without a seed they come
from torch's generator, which `keras.utils.set_random_seed` seeds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional as F

from keras_torch import config
from keras_torch.backend.devices import to
from keras_torch.backend.tensors import axes_of, recorded, tensor
from keras_torch.random.seeds import SeedGenerator, generator_for, global_seed

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]


def _options(dtype: Any, seed: Any) -> dict[str, Any]:
    device, generator = generator_for(seed)
    return {"dtype": config.torch_dtype(dtype), "device": device, "generator": generator}


def _float_options(name: str, dtype: Any, seed: Any) -> dict[str, Any]:
    options = _options(dtype, seed)
    if not options["dtype"].is_floating_point:
        raise ValueError(
            f"`keras.random.{name}` needs a float `dtype`. Received: dtype={dtype!r}. Use `keras.random.randint` for "
            "whole numbers."
        )
    return options


@recorded
def normal(
    shape: Sequence[Any], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> torch.Tensor:
    """Return values of a normal distribution (`torch.normal`)."""
    options = _float_options("normal", dtype, seed)
    return torch.normal(float(mean), float(stddev), tuple(shape), **options)


@recorded
def uniform(
    shape: Sequence[Any], minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None
) -> torch.Tensor:
    """Return values of the uniform distribution over [minval, maxval) (`torch.rand`)."""
    return (maxval - minval) * torch.rand(tuple(shape), **_float_options("uniform", dtype, seed)) + minval


@recorded
def randint(shape: Sequence[Any], minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> torch.Tensor:
    """Return whole numbers from `minval` up to `maxval`, which is left out (`torch.randint`)."""
    options = _options(dtype, seed)
    if options["dtype"].is_floating_point:
        raise ValueError(
            f"`keras.random.randint` needs an integer `dtype`. Received: dtype={dtype!r}. Use `keras.random.uniform` "
            "for fractions."
        )
    return torch.randint(int(minval), int(maxval), tuple(shape), **options)


@recorded
def truncated_normal(
    shape: Sequence[Any], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> torch.Tensor:
    """Return values of a normal distribution within two standard deviations: of four draws the first that is."""
    drawn = torch.normal(0.0, 1.0, (*shape, 4), **_float_options("truncated_normal", dtype, seed))
    first = (drawn.abs() < 2).to(torch.uint8).argmax(-1, keepdim=True)
    return drawn.gather(-1, first).squeeze(-1) * stddev + mean


@recorded
def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> torch.Tensor:
    """Return numbers of classes, drawn by their logits (batch, classes): (batch, num_samples) (`torch.multinomial`)."""
    logits = tensor(logits)
    if logits.dim() != 2:
        raise ValueError(f"`logits` must have the shape (batch, classes). Received: shape {tuple(logits.shape)}")
    options = _options(dtype, seed)
    drawn = torch.multinomial(
        torch.softmax(to(logits, options["device"]), -1), int(num_samples), True, generator=options["generator"]
    )
    return drawn.to(options["dtype"])


@recorded
def dropout(inputs: Any, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Any = None) -> Any:
    """Set a fraction `rate` of the values to 0 and scale the others by `1 / (1 - rate)`."""
    inputs = tensor(inputs)
    if not 0 <= rate <= 1:
        raise ValueError(f"`rate` must be between 0 and 1. Received: rate={rate!r}")
    if rate in (0, 1):
        return inputs if rate == 0 else torch.zeros_like(inputs)
    unseeded = seed is None or (isinstance(seed, SeedGenerator) and seed._initial_seed is None)
    if unseeded and noise_shape is None:
        return F.dropout(inputs, rate)
    sizes = inputs.shape if noise_shape is None else [n or inputs.shape[axis] for axis, n in enumerate(noise_shape)]
    device, generator = generator_for(seed)
    inputs = to(inputs, device)
    kept = torch.bernoulli(torch.full(tuple(sizes), 1.0 - rate, device=device), generator=generator).bool()
    return torch.where(kept, inputs / (1.0 - rate), torch.zeros((), dtype=inputs.dtype, device=inputs.device))


@recorded
def shuffle(x: Any, axis: int = 0, seed: Any = None) -> torch.Tensor:
    """Return the entries along an axis in random order, each row of the axes before in one of its own."""
    x = tensor(x)
    (axis,) = axes_of(x, axis)
    device, generator = generator_for(seed)
    order = torch.rand(x.shape[: axis + 1], generator=generator, device=device).argsort(axis)
    return to(x, device).gather(axis, order.reshape(*order.shape, *[1] * (x.dim() - axis - 1)).expand(x.shape))


def _from_distribution(make: Callable[[], torch.distributions.Distribution], dtype: Any, seed: Any) -> torch.Tensor:
    """Draw one sample; distributions of torch know the global generators only, which are set back afterwards."""
    device = config.default_device()
    is_seeded = seed is not None and device.type != "meta"
    with global_seed(device, seed) if is_seeded else contextlib.nullcontext():
        return make().sample().to(config.torch_dtype(dtype))


def _spread(value: Any, shape: Sequence[Any]) -> torch.Tensor:
    return torch.broadcast_to(tensor(value).to(config.default_device(), config.torch_dtype(None)), tuple(shape))


@recorded
def gamma(shape: Sequence[Any], alpha: Any, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """Return values of the gamma distribution with rate 1."""
    rates = torch.ones(tuple(shape), device=config.default_device())
    return _from_distribution(lambda: torch.distributions.Gamma(_spread(alpha, shape), rates), dtype, seed)


@recorded
def binomial(
    shape: Sequence[Any], counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> torch.Tensor:
    """Return how many of `counts` trials succeed."""

    def make() -> torch.distributions.Distribution:
        return torch.distributions.Binomial(_spread(counts, shape), _spread(probabilities, shape))

    return _from_distribution(make, dtype, seed)


@recorded
def beta(shape: Sequence[Any], alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """Return values of the beta distribution."""
    return _from_distribution(
        lambda: torch.distributions.Beta(_spread(alpha, shape), _spread(beta, shape)), dtype, seed
    )
