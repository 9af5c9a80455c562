"""ResNet v2, with normalization and activation before each convolution (He et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_torch import layers
from keras_torch.applications.building import application
from keras_torch.applications.imagenet_utils import decode_predictions, preprocessing
from keras_torch.applications.resnet import DEPTHS, bn_relu, resnet
from keras_torch.symbolic import KerasTensor

__all__ = ["ResNet101V2", "ResNet152V2", "ResNet50V2", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("tf")


def _block(x: KerasTensor, axis: int, filters: int, name: str, stride: int, is_first: bool) -> KerasTensor:
    preactivated = bn_relu(x, axis, name + "_preact_bn")
    shortcut = x
    if is_first:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=name + "_0_conv")(preactivated)
    elif stride > 1:
        shortcut = layers.MaxPooling2D(1, strides=stride)(x)
    x = layers.Conv2D(filters, 1, use_bias=False, name=name + "_1_conv")(preactivated)
    x = bn_relu(x, axis, name + "_1_bn")
    x = layers.ZeroPadding2D(1, name=name + "_2_pad")(x)
    x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=name + "_2_conv")(x)
    x = bn_relu(x, axis, name + "_2_bn")
    x = layers.Conv2D(4 * filters, 1, name=name + "_3_conv")(x)
    return layers.Add(name=name + "_out")([shortcut, x])


def _stages(depths: tuple[int, ...]) -> Callable[[KerasTensor, int], KerasTensor]:
    def apply(x: KerasTensor, axis: int) -> KerasTensor:
        for stage, depth in enumerate(depths, 2):
            for block in range(1, depth + 1):
                stride = 2 if block == depth and stage < 5 else 1
                x = _block(x, axis, 2 ** (stage + 4), f"conv{stage}_block{block}", stride, block == 1)
        return x

    return apply


def _application(depth: int) -> Callable[..., Any]:
    title = f"ResNet{depth}V2"
    paper = "https://arxiv.org/abs/1603.05027"
    return application(title, resnet, title.lower(), _stages(DEPTHS[depth]), True, paper=paper)


ResNet50V2 = _application(50)
ResNet101V2 = _application(101)
ResNet152V2 = _application(152)
