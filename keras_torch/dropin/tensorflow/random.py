"""Random numbers: torch's, so `tf.random.set_seed` is `torch.manual_seed`. TensorFlow's streams are others."""

from __future__ import annotations

import functools
from typing import Any

import torch

from keras_torch import backend, config
from keras_torch.backend.tensors import recorded
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.dtypes import as_dtype, is_integer
from keras_torch.dropin.tensorflow.sizes import ints
from keras_torch.random.seeds import global_seed


def set_seed(seed: Any = None) -> None:
    """Make what is drawn from here on repeatable."""
    if seed is not None:
        torch.manual_seed(int(seed))


def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None) -> Any:
    """Values of the normal distribution."""
    drawn = backend.random_normal(_shape(shape, mean, stddev), 0.0, 1.0, as_dtype(dtype), seed)
    return drawn if (mean, stddev) == (0.0, 1.0) else drawn * stddev + mean


def _shape(shape: Any, *others: Any) -> Any:
    """Return the sizes that a shape has together with those of tensors of parameters."""
    found = ints(shape)
    shapes = [tuple(item.shape) for item in others if isinstance(item, torch.Tensor) and item.dim()]
    return list(torch.broadcast_shapes(tuple(found), *shapes)) if shapes else found


def uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", seed: Any = None) -> Any:
    """Values of the uniform distribution over [minval, maxval); an integer `dtype` needs `maxval`."""
    dtype = as_dtype(dtype)
    if is_integer(dtype):
        if maxval is None:
            raise ValueError(f"`maxval` must be given for random integers. Received: maxval=None, dtype={dtype}")
        return backend.random_uniform(ints(shape), int(minval), int(maxval), dtype, seed)
    drawn = backend.random_uniform(_shape(shape, minval, maxval), 0.0, 1.0, dtype, seed)
    maxval = 1.0 if maxval is None else maxval
    return drawn if (minval, maxval) == (0, 1.0) else drawn * (maxval - minval) + minval


def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None) -> Any:
    """Values of the normal distribution; those beyond two standard deviations are drawn again."""
    return backend.truncated_normal(ints(shape), 0.0, 1.0, as_dtype(dtype), seed) * stddev + mean


def shuffle(value: Any, seed: Any = None) -> Any:
    """Return the entries along the first axis in a random order."""
    value = convert_to_tensor(value)
    return value[torch.randperm(len(value), device="cpu", generator=_generator(seed)).to(value.device)]


def _generator(seed: Any) -> Any:
    return None if seed is None else torch.Generator().manual_seed(int(seed))


@recorded
def categorical(logits: Any, num_samples: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Draw numbers of classes for each row of unnormalized logarithms of probabilities, as int64."""
    probabilities = torch.softmax(convert_to_tensor(logits).detach().float(), -1)
    generator = None if seed is None else torch.Generator(probabilities.device).manual_seed(int(seed))
    drawn = torch.multinomial(probabilities, int(num_samples), replacement=True, generator=generator)
    return drawn.to(torch.int64 if dtype is None else as_dtype(dtype))


def gamma(shape: Any, alpha: Any, beta: Any = None, dtype: Any = "float32", seed: Any = None) -> Any:
    """Values of the gamma distribution of shape `alpha` and rate `beta`, `shape` for each."""
    alpha = torch.as_tensor(alpha, dtype=as_dtype(dtype), device=config.default_device())
    beta = torch.as_tensor(1.0 if beta is None else beta, dtype=alpha.dtype, device=alpha.device)
    return _seeded(lambda: torch.distributions.Gamma(alpha, beta).rsample(tuple(ints(shape))), seed)


def poisson(shape: Any, lam: Any, dtype: Any = "float32", seed: Any = None) -> Any:
    """Values of the Poisson distribution, `shape` for each rate."""
    rates = torch.as_tensor(lam, dtype=torch.float32, device=config.default_device())
    wanted = (*ints(shape), *rates.shape)
    return _seeded(lambda: torch.poisson(rates.expand(wanted)).to(as_dtype(dtype)), seed)


def _seeded(draw: Any, seed: Any) -> Any:
    if seed is None:
        return draw()
    with global_seed(config.default_device(), int(seed)):
        return draw()


def stateless(function: Any, place: int) -> Any:
    """Return the function that draws from a seed of two numbers alone, which may stand at a place of the arguments."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if "seed" not in kwargs:
            args, kwargs = (*args[:place], *args[place + 1 :]), {**kwargs, "seed": args[place]}
        seed = _joined(kwargs.pop("seed"))
        return _seeded(lambda: function(*args, **kwargs), seed)

    return call


def full_int(shape: Any, dtype: Any = "int32", seed: Any = None) -> Any:
    """Whole numbers of the whole range of a type."""
    dtype = as_dtype(dtype)
    words = torch.randint(0, 256, (*ints(shape), dtype.itemsize), dtype=torch.uint8, generator=_generator(seed))
    return words.view(dtype).squeeze(-1).to(config.default_device())


def _bounded_uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", alg: Any = None, seed: Any = None
) -> Any:
    """Values of the uniform distribution; whole numbers without bounds are drawn from all that there are."""
    if minval is None and maxval is None:
        return full_int(shape, dtype, seed) if is_integer(as_dtype(dtype)) else uniform(shape, 0, None, dtype, seed)
    return uniform(shape, minval, maxval, dtype, seed)


def _gamma_of_shape(shape: Any, alpha: Any, beta: Any = None, dtype: Any = "float32") -> Any:
    """Values of the gamma distribution, as many as `shape` says, to which `alpha` and `beta` broadcast."""
    return gamma((), torch.as_tensor(alpha, dtype=as_dtype(dtype)).expand(tuple(ints(shape))), beta, dtype)


def _poisson_of_shape(shape: Any, lam: Any, dtype: Any = "int32") -> Any:
    """Values of the Poisson distribution, as many as `shape` says, to which the rates broadcast."""
    return poisson((), torch.as_tensor(lam).expand(tuple(ints(shape))), dtype)


def _joined(seed: Any) -> int:
    first, second = ints(seed)
    return (first * 0x9E3779B1 + second) % 2**63


def stateless_split(seed: Any, num: int = 2, alg: Any = None) -> torch.Tensor:
    """Return so many new seeds for the stateless functions, one a row, that a seed decides."""
    generator = torch.Generator().manual_seed(_joined(seed))
    return torch.randint(2**31, (int(num), 2), generator=generator).to(torch.int32)


def stateless_fold_in(seed: Any, data: Any, alg: Any = None) -> torch.Tensor:
    """Return a new seed that a seed and a whole number decide."""
    generator = torch.Generator().manual_seed((_joined(seed) + 0x9E3779B97F4A7C15 * (int(data) + 1)) % 2**63)
    return torch.randint(2**31, (2,), generator=generator).to(torch.int32)


class Generator:
    """Draws values of its own, whatever is drawn elsewhere: a `torch.Generator` with TensorFlow's methods."""

    def __init__(self, seed: int | None = None) -> None:
        self._torch = torch.Generator()
        self._torch.seed() if seed is None else self._torch.manual_seed(int(seed))

    @classmethod
    def from_seed(cls, seed: Any, alg: Any = None) -> Generator:
        """Return a generator that starts at a seed."""
        return cls(int(seed))

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """Return a generator that starts anywhere."""
        return cls()

    def normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", name: Any = None) -> Any:
        """Values of the normal distribution."""
        drawn = torch.randn(tuple(ints(shape)), dtype=as_dtype(dtype), generator=self._torch)
        return drawn.to(config.default_device()) * stddev + mean

    def uniform(self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", name: Any = None) -> Any:
        """Values of the uniform distribution over [minval, maxval)."""
        sizes, dtype = tuple(ints(shape)), as_dtype(dtype)
        if is_integer(dtype):
            drawn = torch.randint(int(minval), int(maxval), sizes, dtype=dtype, generator=self._torch)
            return drawn.to(config.default_device())
        drawn = torch.rand(sizes, dtype=dtype, generator=self._torch).to(config.default_device())
        return drawn * ((1.0 if maxval is None else maxval) - minval) + minval

    def truncated_normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", name: Any = None
    ) -> Any:
        """Values of the normal distribution, none beyond two standard deviations."""
        drawn = torch.empty(tuple(ints(shape)), dtype=as_dtype(dtype))
        torch.nn.init.trunc_normal_(drawn, generator=self._torch)
        return drawn.to(config.default_device()) * stddev + mean

    def make_seeds(self, count: int = 1) -> torch.Tensor:
        """Return seeds for the stateless functions, one a column."""
        return torch.randint(2**31, (2, count), generator=self._torch)

    def split(self, count: int = 1) -> list[Generator]:
        """Return generators that this one's state decides."""
        return [Generator(int(seed)) for seed in self.make_seeds(count)[0]]

    def reset_from_seed(self, seed: Any) -> None:
        """Start at a seed."""
        self._torch.manual_seed(int(seed))


_global: list[Generator] = []


def get_global_generator() -> Generator:
    """Return the generator that everybody shares."""
    if not _global:
        _global.append(Generator())
    return _global[0]


def set_global_generator(generator: Generator) -> None:
    """Let everybody share a generator from now on."""
    _global[:] = [generator]


NAMES = {
    "random.Generator random.experimental.Generator": Generator,
    "random.categorical": categorical,
    "random.gamma": gamma,
    "random.get_global_generator random.experimental.get_global_generator": get_global_generator,
    "random.normal": normal,
    "random.poisson": poisson,
    "random.set_seed": set_seed,
    "random.shuffle": shuffle,
    "random.fold_in random.experimental.stateless_fold_in": stateless_fold_in,
    "random.set_global_generator": set_global_generator,
    "random.split random.experimental.stateless_split": stateless_split,
    "random.stateless_categorical": stateless(categorical, 2),
    "random.stateless_gamma": stateless(_gamma_of_shape, 1),
    "random.stateless_normal": stateless(normal, 1),
    "random.stateless_poisson": stateless(_poisson_of_shape, 1),
    "random.stateless_truncated_normal": stateless(truncated_normal, 1),
    "random.stateless_uniform": stateless(_bounded_uniform, 1),
    "random.truncated_normal": truncated_normal,
    "random.uniform": uniform,
}
VERSION_1 = {
    "multinomial random.multinomial": categorical,
    "random_gamma": gamma,
    "random_normal": normal,
    "random_poisson": poisson,
    "random_shuffle": shuffle,
    "random_uniform": uniform,
    "set_random_seed random.set_random_seed": set_seed,
    "truncated_normal": truncated_normal,
}
