"""The engine: layers, symbolic inputs, input checks."""

from __future__ import annotations

from keras_torch.engine.base_layer import Layer
from keras_torch.engine.input_layer import Input, InputLayer
from keras_torch.engine.input_spec import InputSpec
from keras_torch.engine.operation import Operation
from keras_torch.engine.scopes import RematScope, SymbolicScope, device, remat
from keras_torch.symbolic import get_source_inputs

__all__ = [
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "Operation",
    "RematScope",
    "SymbolicScope",
    "device",
    "get_source_inputs",
    "remat",
]
