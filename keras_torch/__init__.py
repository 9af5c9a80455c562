"""Keras's API on PyTorch: `import keras_torch as keras`, or run a Keras script untouched with `keras-torch run`."""

from __future__ import annotations

import gc
import importlib
from typing import TYPE_CHECKING, Any

# The many new objects would make Python look through all of torch's several times for garbage, of which there is none:
# a third of the time that importing takes.
_collects = gc.isenabled()
gc.disable()
try:
    from keras_torch import (
        activations,
        backend,
        callbacks,
        config,
        constraints,
        distillation,
        dtype_policies,
        engine,
        export,
        initializers,
        layers,
        losses,
        metrics,
        mixed_precision,
        models,
        ops,
        optimizers,
        regularizers,
        utils,
    )
    from keras_torch.backend import Variable, name_scope
    from keras_torch.backend.stateless import StatelessScope
    from keras_torch.config import DTypePolicy, FloatDTypePolicy
    from keras_torch.engine import Input, InputSpec, Layer, Operation, RematScope, SymbolicScope, device, remat
    from keras_torch.initializers import Initializer
    from keras_torch.losses import Loss
    from keras_torch.metrics import Metric
    from keras_torch.models import Model, Sequential
    from keras_torch.models.function import Function
    from keras_torch.optimizers import Optimizer
    from keras_torch.regularizers import Regularizer
    from keras_torch.symbolic import KerasTensor
finally:
    if _collects:
        gc.enable()

if TYPE_CHECKING:
    from keras_torch import (
        applications,
        datasets,
        distribution,
        preprocessing,
        quantizers,
        random,
        saving,
        tree,
        visualization,
        wrappers,
    )
    from keras_torch.quantizers import Quantizer

__version__ = "0.1.0"

_ON_DEMAND = {
    "applications",
    "datasets",
    "distribution",
    "preprocessing",
    "quantizers",
    "random",
    "saving",
    "tree",
    "visualization",
    "wrappers",
}


def version() -> str:
    """Return `__version__`; under `dropin.install` that of the Keras stood in for."""
    return __version__


def __getattr__(name: str) -> Any:
    """Import a namespace of `_ON_DEMAND` when it is asked for: h5py and PyYAML take longer than all the rest."""
    if name in _ON_DEMAND:
        return importlib.import_module(f"keras_torch.{name}")
    if name == "Quantizer":
        return importlib.import_module("keras_torch.quantizers").Quantizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "DTypePolicy",
    "FloatDTypePolicy",
    "Function",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Operation",
    "Optimizer",
    "Quantizer",
    "Regularizer",
    "RematScope",
    "Sequential",
    "StatelessScope",
    "SymbolicScope",
    "Variable",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "device",
    "distillation",
    "distribution",
    "dtype_policies",
    "engine",
    "export",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "preprocessing",
    "quantizers",
    "random",
    "regularizers",
    "remat",
    "saving",
    "tree",
    "utils",
    "version",
    "visualization",
    "wrappers",
]
