"""Random tensors. Without `seed` they come from torch's generator, so `torch.manual_seed` repeats them.

With a `seed` they come from a generator of that seed, which goes on from call to call as an operation of TensorFlow's
graph does.
"""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend.tensors import is_symbolic, recorded
from keras_torch.backend.variable import Variable
from keras_torch.backend.variables import builds_program
from keras_torch.distributed import Share
from keras_torch.legacy import translated
from keras_torch.symbolic import FunctionOp, KerasTensor, Node

F = TypeVar("F", bound=Callable[..., Any])

_generators: dict[tuple[int, str], torch.Generator] = {}
# In the place of a seed.
_UNSEEDED = -1


def generator(seed: int | None, device: torch.device) -> torch.Generator | None:
    """Return the generator of a seed on a device; None, torch's own, without a seed and for shapes only.

    In dialects 1 and 2, where operations without a seed took one from numpy's generator, theirs depends on its state
    on first use, which it leaves as it is.
    """
    if device.type == "meta" or (seed is None and (not config.is_classic() or torch.compiler.is_compiling())):
        return None
    key = (_UNSEEDED if seed is None else int(seed), str(device))
    if key not in _generators:
        if seed is None:
            peek = np.random.RandomState()
            peek.set_state(np.random.get_state())
            seed = int(peek.randint(10_000_000))
        # Processes that compute parts of one batch must not drop the same units in all of them.
        _generators[key] = torch.Generator(device).manual_seed(int(seed) + Share.offset())
    return _generators[key]


def forget_generators() -> None:
    """Start all seeds anew."""
    _generators.clear()


def get_rng_state() -> dict[str, Any]:
    """Return the state of every global generator: Python's, numpy's, torch's on all devices, and those of seeds."""
    used = torch.cuda.is_available() and torch.cuda.is_initialized()
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(legacy=False),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if used else [],
        "seeds": [(seed, device, source.get_state()) for (seed, device), source in _generators.items()],
    }


def set_rng_state(state: Mapping[str, Any]) -> None:
    """Go back to what `get_rng_state` returned. Devices that are not there any more are left out."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    for index, values in enumerate(state["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(values, index)
    _generators.clear()
    for seed, device, values in state["seeds"]:
        _generators[seed, device] = torch.Generator(device)
        _generators[seed, device].set_state(values)


def _options(dtype: Any, seed: int | None) -> dict[str, Any]:
    device = config.default_device()
    return {"dtype": config.torch_dtype(dtype), "device": device, "generator": generator(seed, device)}


def _drawn(function: F) -> F:
    """Function decorator: in a script of Keras 1 or 2, the result is symbolic and drawn whenever it is computed."""
    eager = recorded(function)

    @functools.wraps(function)
    def call(shape: Any, *args: Any, **kwargs: Any) -> Any:
        if not builds_program() or is_symbolic([shape, *args, *kwargs.values()]):
            return eager(shape, *args, **kwargs)
        given = inspect.signature(function).bind(shape, *args, **kwargs).arguments
        made = KerasTensor(tuple(shape), config.dtype_name(config.torch_dtype(given.get("dtype"))))
        Node(FunctionOp(function), (shape, *args), kwargs, made)
        return made

    return call  # type: ignore[return-value]


@translated("backend.random_normal")
@_drawn
def random_normal(
    shape: Sequence[Any], mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Return values of a normal distribution."""
    return torch.randn(tuple(shape), **_options(dtype, seed)) * stddev + mean


@translated("backend.random_uniform")
@_drawn
def random_uniform(
    shape: Sequence[Any], minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Return values of the uniform distribution over [minval, maxval); an integer `dtype` gives integers."""
    options = _options(dtype, seed)
    if not options["dtype"].is_floating_point:
        return torch.randint(minval, maxval, tuple(shape), **options)
    return torch.rand(tuple(shape), **options) * (maxval - minval) + minval


@_drawn
def random_bernoulli(shape: Sequence[Any], p: Any = 0.0, dtype: Any = None, seed: int | None = None) -> Any:
    """Return 1 with probability `p`, else 0."""
    options = _options(None, seed)
    return (torch.rand(tuple(shape), **options) < p).to(config.torch_dtype(dtype))


random_binomial = random_bernoulli


@_drawn
def truncated_normal(
    shape: Sequence[Any], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Return values of a normal distribution, those beyond two standard deviations drawn again."""
    options = _options(dtype, seed)
    source = options.pop("generator")
    return torch.nn.init.trunc_normal_(torch.empty(tuple(shape), **options), generator=source) * stddev + mean


def random_normal_variable(
    shape: Sequence[int], mean: float, scale: float, dtype: Any = None, name: str | None = None, seed: int | None = None
) -> Variable:
    """Return a variable of values of a normal distribution with the standard deviation `scale`."""
    return Variable(inspect.unwrap(random_normal)(shape, mean, scale, dtype, seed), name=name or "variable")


def random_uniform_variable(
    shape: Sequence[int], low: float, high: float, dtype: Any = None, name: str | None = None, seed: int | None = None
) -> Variable:
    """Return a variable of values of the uniform distribution over [low, high)."""
    return Variable(inspect.unwrap(random_uniform)(shape, low, high, dtype, seed), name=name or "variable")
