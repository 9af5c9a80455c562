"""Converting models and weights between Keras's formats, and from and to plain PyTorch."""

from __future__ import annotations

from keras_torch.saving.convert.torch_weights import load_from_torch, weights_from_torch, weights_to_torch

__all__ = ["load_from_torch", "weights_from_torch", "weights_to_torch"]
