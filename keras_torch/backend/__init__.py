"""Keras's backend functions on torch."""

from __future__ import annotations

from keras_torch.backend.variable import Variable, WeightView
from keras_torch.config import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)

__all__ = [
    "Variable",
    "WeightView",
    "epsilon",
    "floatx",
    "image_data_format",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
]
