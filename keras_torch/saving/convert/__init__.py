"""Converting models and weights between Keras's formats, and from and to plain PyTorch."""

from __future__ import annotations

from keras_torch.saving.convert.conversion import convert
from keras_torch.saving.convert.exported import export_model
from keras_torch.saving.convert.plain import to_torch
from keras_torch.saving.convert.torch_weights import load_from_torch, weights_from_torch, weights_to_torch

__all__ = ["convert", "export_model", "load_from_torch", "to_torch", "weights_from_torch", "weights_to_torch"]
