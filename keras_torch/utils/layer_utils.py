"""Keras 2's path of layer helpers."""

from keras_torch.utils.summary import count_params, print_summary

__all__ = ["count_params", "print_summary"]
