"""Models: functional, Sequential and subclassed."""

from __future__ import annotations

from typing import Any

from keras_torch import registry
from keras_torch.engine import Input, InputLayer, Layer
from keras_torch.layers import Merge
from keras_torch.models.cloning import clone_model
from keras_torch.models.graph import Graph
from keras_torch.models.model import Model
from keras_torch.models.premade import LinearModel, WideDeepModel
from keras_torch.models.sequential import Sequential
from keras_torch.optimizers import optimizer_from_config
from keras_torch.symbolic import Node, get_source_inputs

Functional = Model

registry.layers.add({"Model": Model, "Functional": Model, "Sequential": Sequential, "Graph": Graph})

# Users look for these here; they live above models, so they are fetched when asked for.
_SAVING = ("load_model", "model_from_config", "model_from_json", "model_from_yaml", "save_model")

__all__ = [
    "Functional",
    "Graph",
    "Input",
    "InputLayer",
    "Layer",
    "LinearModel",
    "Merge",
    "Model",
    "Node",
    "Sequential",
    "WideDeepModel",
    "clone_model",
    "get_source_inputs",
    "optimizer_from_config",
    *_SAVING,
]


def __getattr__(name: str) -> Any:
    if name in _SAVING:
        from keras_torch import saving

        return getattr(saving, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
