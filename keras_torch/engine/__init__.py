"""The engine: layers, symbolic inputs, input checks."""

from __future__ import annotations

from keras_torch.engine.base_layer import Layer
from keras_torch.engine.input_layer import Input, InputLayer
from keras_torch.engine.input_spec import InputSpec
from keras_torch.symbolic import get_source_inputs

__all__ = ["Input", "InputLayer", "InputSpec", "Layer", "get_source_inputs"]
