"""Xception: depthwise separable convolutions with shortcuts (Chollet 2016)."""

from __future__ import annotations

from collections.abc import Sequence

from keras_torch import layers
from keras_torch.applications.building import Request, application
from keras_torch.applications.imagenet_utils import decode_predictions, preprocessing
from keras_torch.applications.weight_files import GOOGLE, SUFFIXES, WeightFiles, addresses, pairs
from keras_torch.models import Model
from keras_torch.symbolic import KerasTensor

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("tf")

_HASHES = {"xception": ("0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97")}
_FILES = WeightFiles(GOOGLE + "xception/", pairs(_HASHES, SUFFIXES))
# Scripts for Keras 1 and 2 fetch the files themselves.
WEIGHTS_PATH, WEIGHTS_PATH_NO_TOP = TF_WEIGHTS_PATH, TF_WEIGHTS_PATH_NO_TOP = addresses(f"{_FILES.folder}xception")
# The filters of the separable convolutions of blocks 2, 3, ... 13; those of three have no pooling.
_BLOCKS = ((128, 128), (256, 256), (728, 728), *[(728, 728, 728)] * 8, (728, 1024))


def _bn(x: KerasTensor, axis: int, name: str | None = None) -> KerasTensor:
    return layers.BatchNormalization(axis=axis, name=name and name + "_bn")(x)


def _separable(x: KerasTensor, axis: int, filters: int, name: str) -> KerasTensor:
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return _bn(x, axis, name)


def _block(x: KerasTensor, axis: int, filters: Sequence[int], number: int) -> KerasTensor:
    shortcut = x
    is_reducing = len(filters) == 2
    if is_reducing:
        shortcut = layers.Conv2D(filters[-1], 1, strides=2, padding="same", use_bias=False)(x)
        shortcut = _bn(shortcut, axis)
    for position, count in enumerate(filters, 1):
        name = f"block{number}_sepconv{position}"
        if (number, position) != (2, 1):
            x = layers.Activation("relu", name=name + "_act")(x)
        x = _separable(x, axis, count, name)
    if is_reducing:
        x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{number}_pool")(x)
    return layers.add([x, shortcut])


def _xception(request: Request) -> Model:
    axis = request.channel_axis
    x = image = request.start(default_size=299, min_size=71)
    for filters, stride, name in ((32, 2, "block1_conv1"), (64, 1, "block1_conv2")):
        x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=name)(x)
        x = layers.Activation("relu", name=name + "_act")(_bn(x, axis, name))
    for number, block in enumerate(_BLOCKS, 2):
        x = _block(x, axis, block, number)
    for filters, name in ((1536, "block14_sepconv1"), (2048, "block14_sepconv2")):
        x = layers.Activation("relu", name=name + "_act")(_separable(x, axis, filters, name))
    x = request.top(x, ("avg_pool", None) if request.include_top else (None, None))
    return request.model(image, x, "xception", _FILES, "xception" + SUFFIXES[not request.include_top])


Xception = application("Xception", _xception, paper="https://arxiv.org/abs/1610.02357")
