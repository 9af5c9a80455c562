"""Optimizers: Keras's arguments, numbers and state on top of `torch.optim`; this list is the registry."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from keras_torch import config as settings
from keras_torch import registry
from keras_torch.legacy import aliases
from keras_torch.optimizers import schedules
from keras_torch.optimizers.adam import Adam, Adamax, AdamW, Lamb, Nadam
from keras_torch.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from keras_torch.optimizers.base import Optimizer
from keras_torch.optimizers.others import Ftrl, Lion
from keras_torch.optimizers.sgd import SGD
from keras_torch.optimizers.torch_optimizer import TorchOptimizer

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "TorchOptimizer",
    "deserialize",
    "get",
    "legacy",
    "schedules",
    "serialize",
]

registry.optimizers.add([Adadelta, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, Nadam, RMSprop, SGD, TorchOptimizer])

from keras_torch.optimizers import legacy  # noqa: E402  its classes are the ones above

# Keras 1 and 2 had the classes under these names; here they cover the modules that are called the same.
adam, sgd = Adam, SGD
_ALIASES = {old: registry.optimizers.objects[new] for old, new in aliases.OPTIMIZERS.items()}


def __getattr__(name: str) -> Any:
    """Answer to the lower-case names that Keras 1 and 2 had."""
    if name in _ALIASES:
        return _ALIASES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return an optimizer for a name, a config dict, a class, an instance, or an optimizer (class) of `torch.optim`.

    ValueError, with the nearest known name, for anything else.
    """
    if isinstance(identifier, Optimizer) or identifier is None:
        return identifier
    if isinstance(identifier, torch.optim.Optimizer):
        return TorchOptimizer(identifier)
    if inspect.isclass(identifier) and issubclass(identifier, torch.optim.Optimizer):
        return TorchOptimizer(identifier)
    found = registry.optimizers.get(identifier, custom_objects)
    if isinstance(found, torch.optim.Optimizer):
        return TorchOptimizer(found)
    if not isinstance(found, Optimizer):
        raise ValueError(
            "Could not interpret the optimizer identifier; expected a name, a config dict, an Optimizer or one of "
            f"torch.optim. Received: {identifier!r} of type {type(identifier).__name__}"
        )
    return found


def serialize(optimizer: Optimizer) -> Any:
    """Return `{"class_name", "config"}` of an optimizer."""
    return registry.optimizers.serialize(optimizer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """Make an optimizer, without state, from its serialized form.

    In dialects 1 and 2 the class name in a dict is then spelled in lower case, as Keras leaves it there.
    """
    if settings.is_classic() and isinstance(config, dict):
        name = str(config.get("class_name", "")).lower()
        if name in _ALIASES:
            config["class_name"] = name
    return get(config, custom_objects)
