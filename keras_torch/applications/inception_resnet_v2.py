"""Inception-ResNet v2 (Szegedy et al. 2016)."""

from __future__ import annotations

from typing import Any

from keras_torch import config, layers
from keras_torch.applications.building import Request, application
from keras_torch.applications.imagenet_utils import decode_predictions, preprocessing
from keras_torch.applications.weight_files import GOOGLE, SUFFIXES, WeightFiles, pairs
from keras_torch.layers.residual import CustomScaleLayer
from keras_torch.models import Model
from keras_torch.symbolic import KerasTensor

__all__ = [
    "CustomScaleLayer",
    "InceptionResNetV2",
    "conv2d_bn",
    "decode_predictions",
    "inception_resnet_block",
    "preprocess_input",
]

preprocess_input = preprocessing("tf")

_HASHES = {"inception_resnet_v2": ("e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4")}
_FILES = WeightFiles(GOOGLE + "inception_resnet_v2/", pairs(_HASHES, SUFFIXES))
# Scripts for Keras 1 and 2 fetch the files themselves.
BASE_WEIGHT_PATH = _FILES.folder

# A branch is a list of convolutions: filters, size and perhaps a stride (2 comes without padding).
_BLOCKS: dict[str, list[list[tuple[Any, ...]]]] = {
    "block35": [[(32, 1)], [(32, 1), (32, 3)], [(32, 1), (48, 3), (64, 3)]],
    "block17": [[(192, 1)], [(128, 1), (160, (1, 7)), (192, (7, 1))]],
    "block8": [[(192, 1)], [(192, 1), (224, (1, 3)), (256, (3, 1))]],
}
_MIXED_5B: list[list[tuple[Any, ...]]] = [[(96, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)]]
_MIXED_6A: list[list[tuple[Any, ...]]] = [[(384, 3, 2)], [(256, 1), (256, 3), (384, 3, 2)]]
_MIXED_7A: list[list[tuple[Any, ...]]] = [
    [(256, 1), (384, 3, 2)],
    [(256, 1), (288, 3, 2)],
    [(256, 1), (288, 3), (320, 3, 2)],
]


def conv2d_bn(
    x: KerasTensor,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "same",
    activation: str | None = "relu",
    use_bias: bool = False,
    name: str | None = None,
) -> KerasTensor:
    """Put a convolution, batch normalization if it has no bias, and an activation on a feature map."""
    x = layers.Conv2D(filters, kernel_size, strides=strides, padding=padding, use_bias=use_bias, name=name)(x)
    if not use_bias:
        x = layers.BatchNormalization(axis=Request.axis(), scale=False, name=name and name + "_bn")(x)
    return x if activation is None else layers.Activation(activation, name=name and name + "_ac")(x)


def _branches(x: KerasTensor, table: list[list[tuple[Any, ...]]]) -> list[KerasTensor]:
    ends = []
    for steps in table:
        end = x
        for filters, size, *stride in steps:
            end = conv2d_bn(end, filters, size, strides=2, padding="valid") if stride else conv2d_bn(end, filters, size)
        ends.append(end)
    return ends


def inception_resnet_block(
    x: KerasTensor, scale: float, block_type: str, block_idx: int, activation: str | None = "relu"
) -> KerasTensor:
    """Put a "block35", "block17" or "block8" with a shortcut on a feature map; `scale` is that of the branches."""
    if block_type not in _BLOCKS:
        raise ValueError(f"`block_type` must be one of {list(_BLOCKS)}. Received: block_type={block_type!r}")
    axis = Request.axis()
    name = f"{block_type}_{block_idx}"
    mixed = layers.Concatenate(axis=axis, name=name + "_mixed")(_branches(x, _BLOCKS[block_type]))
    up = conv2d_bn(mixed, x.shape[axis], 1, activation=None, use_bias=True, name=name + "_conv")
    # In Keras 2 a Lambda that is called after the block.
    x = CustomScaleLayer(scale, name=name if config.is_classic() else None)([x, up])
    return x if activation is None else layers.Activation(activation, name=name + "_ac")(x)


def _inception_resnet_v2(request: Request) -> Model:
    axis = request.channel_axis
    image = request.start(default_size=299, min_size=75)
    x = conv2d_bn(image, 32, 3, strides=2, padding="valid")
    x = conv2d_bn(x, 32, 3, padding="valid")
    x = conv2d_bn(x, 64, 3)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = conv2d_bn(x, 80, 1, padding="valid")
    x = conv2d_bn(x, 192, 3, padding="valid")
    x = layers.MaxPooling2D(3, strides=2)(x)
    ends = _branches(x, _MIXED_5B)
    ends.append(conv2d_bn(layers.AveragePooling2D(3, strides=1, padding="same")(x), 64, 1))
    x = layers.Concatenate(axis=axis, name="mixed_5b")(ends)
    for number in range(1, 11):
        x = inception_resnet_block(x, 0.17, "block35", number)
    x = _reduced(x, _MIXED_6A, axis, "mixed_6a")
    for number in range(1, 21):
        x = inception_resnet_block(x, 0.1, "block17", number)
    x = _reduced(x, _MIXED_7A, axis, "mixed_7a")
    for number in range(1, 10):
        x = inception_resnet_block(x, 0.2, "block8", number)
    x = inception_resnet_block(x, 1.0, "block8", 10, activation=None)
    x = conv2d_bn(x, 1536, 1, name="conv_7b")
    x = request.top(x, ("avg_pool", None) if request.include_top else (None, None))
    name = "inception_resnet_v2"
    return request.model(image, x, name, _FILES, name + SUFFIXES[not request.include_top])


def _reduced(x: KerasTensor, table: list[list[tuple[Any, ...]]], axis: int, name: str) -> KerasTensor:
    ends = [*_branches(x, table), layers.MaxPooling2D(3, strides=2)(x)]
    return layers.Concatenate(axis=axis, name=name)(ends)


InceptionResNetV2 = application("InceptionResNetV2", _inception_resnet_v2, paper="https://arxiv.org/abs/1602.07261")
