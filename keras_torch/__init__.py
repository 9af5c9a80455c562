"""Keras's API on PyTorch: `import keras_torch as keras`, or run a Keras script untouched with `keras-torch run`."""

from __future__ import annotations

from keras_torch import (
    activations,
    backend,
    callbacks,
    config,
    constraints,
    engine,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    saving,
    utils,
)
from keras_torch.backend import Variable
from keras_torch.engine import Input, InputSpec, Layer
from keras_torch.initializers import Initializer
from keras_torch.losses import Loss
from keras_torch.metrics import Metric
from keras_torch.models import Model, Sequential
from keras_torch.optimizers import Optimizer
from keras_torch.regularizers import Regularizer
from keras_torch.symbolic import KerasTensor

__version__ = "0.1.0"


def version() -> str:
    """Return `__version__`; under `dropin.install` that of the Keras stood in for."""
    return __version__


__all__ = [
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Variable",
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "engine",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "saving",
    "utils",
    "version",
]
