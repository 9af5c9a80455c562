"""Keras 2's path of array helpers."""

from keras_torch.utils.conv_utils import conv_input_length, conv_output_length, convert_kernel
from keras_torch.utils.numerical import normalize, to_categorical

__all__ = ["conv_input_length", "conv_output_length", "convert_kernel", "normalize", "to_categorical"]
