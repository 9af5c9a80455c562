"""Keras 1's `keras.initializations`: functions of a shape that return a new variable at once.

Old layers call them in `build`: `self.W = self.init((n, m), name="W")`; old scripts wrap them:
`init=lambda shape, name=None: initializations.normal(shape, scale=0.01, name=name)`.
`dim_ordering` says where the channels of a kernel are; other than in Keras 1 it is `"tf"` unless given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from keras_torch import registry
from keras_torch.backend import Variable
from keras_torch.errors import suggest
from keras_torch.initializers.base import Initializer, compute_fans
from keras_torch.initializers.constant import Identity, Ones, Zeros
from keras_torch.initializers.random import Orthogonal, RandomNormal, RandomUniform, VarianceScaling

Shape = Sequence[int]
Initialization = Callable[..., Variable]


def _variable(initializer: Initializer, shape: Shape, name: str | None) -> Variable:
    return Variable(initializer(tuple(shape)), name=name or "variable")


def get_fans(shape: Shape, dim_ordering: str = "tf") -> tuple[float, float]:
    """Return the numbers of inputs and outputs of a weight; the root of its size if it is no matrix and no kernel."""
    if dim_ordering not in ("tf", "th"):
        raise ValueError(f"`dim_ordering` must be 'tf' or 'th'. Received: {dim_ordering!r}")
    if len(shape) not in (2, 4, 5):
        root = math.sqrt(math.prod(shape))
        return root, root
    if dim_ordering == "th" and len(shape) > 2:
        shape = (*shape[2:], shape[1], shape[0])
    return compute_fans(shape)


def uniform(shape: Shape, scale: float = 0.05, name: str | None = None, dim_ordering: str = "tf") -> Variable:
    """Uniform on ±`scale`."""
    return _variable(RandomUniform(-scale, scale), shape, name)


def normal(shape: Shape, scale: float = 0.05, name: str | None = None, dim_ordering: str = "tf") -> Variable:
    """Normal with standard deviation `scale`."""
    return _variable(RandomNormal(0.0, scale), shape, name)


def _scaled(scale: float, mode: str, distribution: str) -> Initialization:
    def initialize(shape: Shape, name: str | None = None, dim_ordering: str = "tf") -> Variable:
        fans = get_fans(shape, dim_ordering)
        return Variable(VarianceScaling(scale, mode, distribution).sample(shape, None, fans), name=name or "variable")

    return initialize


lecun_uniform = _scaled(1.0, "fan_in", "uniform")
glorot_normal = _scaled(1.0, "fan_avg", "untruncated_normal")
glorot_uniform = _scaled(1.0, "fan_avg", "uniform")
he_normal = _scaled(2.0, "fan_in", "untruncated_normal")
he_uniform = _scaled(2.0, "fan_in", "uniform")


def orthogonal(shape: Shape, scale: float = 1.1, name: str | None = None, dim_ordering: str = "tf") -> Variable:
    """`scale` times an orthogonal matrix."""
    return _variable(Orthogonal(scale), shape, name)


def identity(shape: Shape, scale: float = 1.0, name: str | None = None, dim_ordering: str = "tf") -> Variable:
    """`scale` times the identity matrix."""
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"`identity` needs a square matrix. Received: shape {tuple(shape)}")
    return _variable(Identity(scale), shape, name)


def zero(shape: Shape, name: str | None = None, dim_ordering: str = "tf") -> Variable:
    """All zeros."""
    return _variable(Zeros(), shape, name)


def one(shape: Shape, name: str | None = None, dim_ordering: str = "tf") -> Variable:
    """All ones."""
    return _variable(Ones(), shape, name)


_FUNCTIONS: dict[str, Initialization] = {
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "identity": identity,
    "lecun_uniform": lecun_uniform,
    "normal": normal,
    "one": one,
    "orthogonal": orthogonal,
    "uniform": uniform,
    "zero": zero,
}
for _name, _function in _FUNCTIONS.items():
    # Configs hold the name of the function.
    _function.__name__ = _name


def get(identifier: Any, dim_ordering: str = "tf") -> Initialization:
    """Return the function for a name; functions pass through."""
    if callable(identifier):
        return identifier
    custom = registry.known_custom_objects().get(identifier)
    if custom is None and identifier not in _FUNCTIONS:
        raise ValueError(f"Unknown initialization: {identifier!r}.{suggest(identifier, _FUNCTIONS)}")
    return custom or _FUNCTIONS[identifier]
