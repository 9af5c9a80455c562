"""Models: functional, Sequential and subclassed."""

from __future__ import annotations

from keras_torch import registry
from keras_torch.models.cloning import clone_model
from keras_torch.models.model import Model
from keras_torch.models.sequential import Sequential

Functional = Model

registry.layers.add({"Model": Model, "Functional": Model, "Sequential": Sequential})

__all__ = ["Functional", "Model", "Sequential", "clone_model"]
