"""ResNet (He et al. 2015) as Keras names its layers since 2.2.5, and the network it shares with ResNet v2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_torch import layers
from keras_torch.applications.building import Request, application
from keras_torch.applications.imagenet_utils import decode_predictions, preprocess_input
from keras_torch.applications.weight_files import GOOGLE, SUFFIXES, WeightFiles, pairs
from keras_torch.models import Model
from keras_torch.symbolic import KerasTensor

__all__ = ["ResNet101", "ResNet152", "ResNet50", "decode_predictions", "preprocess_input"]

PAPER = "https://arxiv.org/abs/1512.03385"
_HASHES = {
    "resnet50": ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
    "resnet101": ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
    "resnet152": ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    "resnet50v2": ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
    "resnet101v2": ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
    "resnet152v2": ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
}
FILES = WeightFiles(GOOGLE + "resnet/", pairs(_HASHES, SUFFIXES))
# The number of blocks in each of the four stages.
DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def bn_relu(x: KerasTensor, axis: int, name: str, relu: str | None = None) -> KerasTensor:
    """Batch normalization and, unless `relu` is "", ReLU of that name."""
    x = layers.BatchNormalization(axis=axis, epsilon=1.001e-5, name=name)(x)
    return x if relu == "" else layers.Activation("relu", name=relu or name.replace("_bn", "_relu"))(x)


def resnet(
    request: Request, name: str, stages: Callable[[KerasTensor, int], KerasTensor], is_preactivated: bool = False
) -> Model:
    """The stem, the stages and the classifier; with preactivation the normalization comes after the stages."""
    axis = request.channel_axis
    image = request.start(default_size=224)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(image)
    x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    if not is_preactivated:
        x = bn_relu(x, axis, "conv1_bn")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    x = stages(x, axis)
    if is_preactivated:
        x = bn_relu(x, axis, "post_bn")
    return request.model(image, request.top(x), name, FILES, name + SUFFIXES[not request.include_top])


def _block(x: KerasTensor, axis: int, filters: int, name: str, stride: int, is_first: bool) -> KerasTensor:
    shortcut = x
    if is_first:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=name + "_0_conv")(x)
        shortcut = bn_relu(shortcut, axis, name + "_0_bn", relu="")
    x = layers.Conv2D(filters, 1, strides=stride, name=name + "_1_conv")(x)
    x = bn_relu(x, axis, name + "_1_bn")
    x = layers.Conv2D(filters, 3, padding="same", name=name + "_2_conv")(x)
    x = bn_relu(x, axis, name + "_2_bn")
    x = layers.Conv2D(4 * filters, 1, name=name + "_3_conv")(x)
    x = bn_relu(x, axis, name + "_3_bn", relu="")
    x = layers.Add(name=name + "_add")([shortcut, x])
    return layers.Activation("relu", name=name + "_out")(x)


def stages(depths: tuple[int, ...]) -> Callable[[KerasTensor, int], KerasTensor]:
    def apply(x: KerasTensor, axis: int) -> KerasTensor:
        for stage, depth in enumerate(depths, 2):
            for block in range(1, depth + 1):
                stride = 2 if block == 1 and stage > 2 else 1
                x = _block(x, axis, 2 ** (stage + 4), f"conv{stage}_block{block}", stride, block == 1)
        return x

    return apply


def _application(depth: int) -> Callable[..., Any]:
    return application(f"ResNet{depth}", resnet, f"resnet{depth}", stages(DEPTHS[depth]), paper=PAPER)


ResNet50 = _application(50)
ResNet101 = _application(101)
ResNet152 = _application(152)
