"""Keras 2's path of data helpers."""

from keras_torch.data import PyDataset, Sequence

__all__ = ["PyDataset", "Sequence"]
