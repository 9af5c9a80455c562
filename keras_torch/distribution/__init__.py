"""Keras 3's `keras.distribution`: devices in meshes, and how data and weights lie on them.

A device is a process that `keras-torch run --gpus N` or torchrun started. `DataParallel` is what `fit` does in any case
when there are several; these classes check it, and describe it in Keras's words.
"""

from keras_torch.distribution.layouts import DeviceMesh, LayoutMap, TensorLayout, distribute_tensor
from keras_torch.distribution.processes import get_device_count, initialize, list_devices
from keras_torch.distribution.strategies import DataParallel, ModelParallel, distribution, set_distribution

__all__ = [
    "DataParallel",
    "DeviceMesh",
    "LayoutMap",
    "ModelParallel",
    "TensorLayout",
    "distribute_tensor",
    "distribution",
    "get_device_count",
    "initialize",
    "list_devices",
    "set_distribution",
]
