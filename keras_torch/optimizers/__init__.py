"""Optimizers: Keras's arguments, numbers and state on top of `torch.optim`; this list is the registry."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import torch

from keras_torch import config as settings
from keras_torch import registry
from keras_torch.legacy import aliases
from keras_torch.optimizers import schedules
from keras_torch.optimizers.adam import Adam, Adamax, AdamW, Nadam, ScheduleFreeAdamW
from keras_torch.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from keras_torch.optimizers.base import Optimizer
from keras_torch.optimizers.gradients import clip_norm
from keras_torch.optimizers.loss_scale import LossScaleOptimizer
from keras_torch.optimizers.multi import MultiOptimizer, OptimizerMap
from keras_torch.optimizers.others import Ftrl, Lion
from keras_torch.optimizers.sgd import SGD
from keras_torch.optimizers.torch_optimizer import TorchOptimizer
from keras_torch.optimizers.whole import Adafactor, Lamb, Muon

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "TFOptimizer",
    "TorchOptimizer",
    "clip_norm",
    "deserialize",
    "get",
    "legacy",
    "optimizer_from_config",
    "schedules",
    "serialize",
]

registry.optimizers.add(
    [
        *(Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, Muon, Nadam, RMSprop, SGD),
        *(LossScaleOptimizer, MultiOptimizer, OptimizerMap, ScheduleFreeAdamW, TorchOptimizer),
    ]
)

# Classes of tf.keras before and since 2.11.
registry.optimizers.add({"LossScaleOptimizerV1": LossScaleOptimizer, "LossScaleOptimizerV3": LossScaleOptimizer})

from keras_torch.optimizers import legacy  # noqa: E402  its classes derive from the ones above

# Keras 1 and 2 had the classes under these names; here they cover the modules that are called the same.
adam, sgd = Adam, SGD
# Keras's wrapper of the optimizers of its backend.
TFOptimizer = TorchOptimizer
_ALIASES = {old: registry.optimizers.objects[new] for old, new in aliases.OPTIMIZERS.items()}


def __getattr__(name: str) -> Any:
    """Answer to the lower-case names that Keras 1 and 2 had."""
    if name in _ALIASES:
        return _ALIASES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return an optimizer for a name, a config dict, a class or an instance.

    An optimizer of torch, its class, or a `functools.partial` of that is wrapped in TorchOptimizer. ValueError, with
    the nearest known name, for anything else.
    """
    if isinstance(identifier, Optimizer) or identifier is None:
        return identifier
    if isinstance(identifier, torch.optim.Optimizer) or _makes_torch_optimizer(identifier):
        return TorchOptimizer(identifier)
    if isinstance(identifier, Mapping) and "legacy" in str(identifier.get("module")):
        found = getattr(legacy, str(identifier.get("class_name")), None)
        if found is not None:
            return found.from_config(dict(identifier.get("config") or {}))
    found = registry.optimizers.get(identifier, custom_objects)
    if isinstance(found, torch.optim.Optimizer):
        return TorchOptimizer(found)
    if not isinstance(found, Optimizer):
        raise ValueError(
            "Could not interpret the optimizer identifier; expected a name, a config dict, an Optimizer or one of "
            f"torch.optim. Received: {identifier!r} of type {type(identifier).__name__}"
        )
    return found


def _makes_torch_optimizer(identifier: Any) -> bool:
    kind = identifier.func if isinstance(identifier, functools.partial) else identifier
    return inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer)


def serialize(optimizer: Optimizer) -> Any:
    """Return `{"class_name", "config"}` of an optimizer, with `"module"` for one of `keras.optimizers.legacy`."""
    found = registry.optimizers.serialize(optimizer)
    if type(optimizer).__module__ == legacy.__name__:
        return {"module": "keras.optimizers.legacy", **found}
    return found


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """Make an optimizer, without state, from its serialized form.

    In dialects 1 and 2 the class name in a dict is then spelled in lower case, as Keras leaves it there.
    """
    if settings.is_classic() and isinstance(config, dict):
        name = str(config.get("class_name", "")).lower()
        if name in _ALIASES:
            config["class_name"] = name
    return get(config, custom_objects)


# Keras 1's name.
optimizer_from_config = deserialize
