"""First values of weights. Shapes, and so fans, are those of Keras's layout."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from keras_torch import config as _config
from keras_torch import registry
from keras_torch.initializers.base import Initializer as Initializer
from keras_torch.initializers.base import compute_fans
from keras_torch.initializers.constant import Constant, Identity, Ones, Zeros
from keras_torch.initializers.random import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from keras_torch.initializers.stft import STFT
from keras_torch.legacy import saving

zero = zeros = Zeros
one = ones = Ones
constant = Constant
identity = IdentityInitializer = Identity
normal = random_normal = RandomNormal
uniform = random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
orthogonal = OrthogonalInitializer = Orthogonal
stft = STFTInitializer = STFT
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
lecun_normal = LecunNormal
lecun_uniform = LecunUniform

registry.initializers.add(
    [
        Constant, GlorotNormal, GlorotUniform, HeNormal, HeUniform, Identity, LecunNormal, LecunUniform, Ones,
        Orthogonal, RandomNormal, RandomUniform, STFT, TruncatedNormal, VarianceScaling, Zeros,
    ]
)  # fmt: skip
registry.initializers.add(
    {
        "IdentityInitializer": Identity,
        "OrthogonalInitializer": Orthogonal,
        "STFTInitializer": STFT,
        "stft": STFT,
        "normal": RandomNormal,
        "one": Ones,
        "uniform": RandomUniform,
        "zero": Zeros,
    }
)


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the initializer for a name, a config, an instance, a class, a function or an array of values."""
    if isinstance(identifier, (np.ndarray, torch.Tensor)):
        return _from_array(identifier)
    found = registry.initializers.get(identifier, custom_objects)
    return _with_dtype(found) if inspect.isfunction(found) else found


def _compute_fans(shape: Sequence[int], data_format: str = "channels_last") -> tuple[float, float]:
    """Return the fans of a weight; initializers written for Keras 2 call this by its private name."""
    if data_format == "channels_first" and len(shape) in (3, 4, 5):
        shape = (*shape[2:], shape[1], shape[0])
    return compute_fans(shape)


def _with_dtype(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that also takes `dtype`: those written for Keras 1 have only `(shape, name=None)`."""
    parameters = inspect.signature(function).parameters.values()
    if any(item.name == "dtype" or item.kind is inspect.Parameter.VAR_KEYWORD for item in parameters):
        return function

    @functools.wraps(function)
    def initialize(shape: Sequence[int], dtype: Any = None, **kwargs: Any) -> Any:
        return function(shape, **kwargs)

    return initialize


def _from_array(values: Any) -> Any:
    def initialize(shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        if tuple(shape) != tuple(values.shape):
            raise ValueError(
                f"An array given as initializer must have the weight's shape {tuple(shape)}. "
                f"Received: an array of shape {tuple(values.shape)}"
            )
        return torch.as_tensor(values).detach().to(_config.torch_dtype(dtype)).clone()

    return initialize


def serialize(initializer: Any, use_legacy_format: bool = False) -> Any:
    """Return an initializer's config, or the name of a function; tf.keras's older form if asked for."""
    if use_legacy_format:
        return saving.serialize_keras_object(initializer)
    return registry.initializers.serialize(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None, use_legacy_format: bool = False) -> Any:
    """Return the initializer for a config or a name; both forms are read, whatever `use_legacy_format` says."""
    return get(config, custom_objects)
