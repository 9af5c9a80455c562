"""Keras 2's path of array helpers."""

from keras_torch.utils.numerical import normalize, to_categorical

__all__ = ["normalize", "to_categorical"]
