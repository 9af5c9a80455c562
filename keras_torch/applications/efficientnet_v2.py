"""EfficientNet v2 B0 to B3, S, M and L (Tan and Le 2021)."""

from __future__ import annotations

import math
from typing import Any

from keras_torch import layers
from keras_torch.applications.building import STANDARD, Request, application
from keras_torch.applications.efficientnet import dense_top, dropped, init, squeezed
from keras_torch.applications.imagenet_utils import decode_predictions, preprocessing
from keras_torch.applications.weight_files import GOOGLE, WeightFiles, pairs
from keras_torch.models import Model
from keras_torch.symbolic import KerasTensor

__all__ = [
    *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "L", "M", "S")),
    "decode_predictions",
    "preprocess_input",
]

preprocess_input = preprocessing(None)

_HASHES = {
    "efficientnetv2-b0": ("21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff"),
    "efficientnetv2-b1": ("069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37"),
    "efficientnetv2-b2": ("424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb"),
    "efficientnetv2-b3": ("1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856"),
    "efficientnetv2-s": ("e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070"),
    "efficientnetv2-m": ("a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342"),
    "efficientnetv2-l": ("27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615"),
}
_FILES = WeightFiles(GOOGLE + "efficientnet_v2/", pairs(_HASHES, (".h5", "_notop.h5")))

# Whether the block is fused (and does not squeeze), number of blocks, filters, expansion, stride of the first.
Stage = tuple[bool, int, int, int, int]
_BASE: tuple[Stage, ...] = (
    (True, 1, 16, 1, 1),
    (True, 2, 32, 4, 2),
    (True, 2, 48, 4, 2),
    (False, 3, 96, 4, 2),
    (False, 5, 112, 6, 1),
    (False, 8, 192, 6, 2),
)
_STAGES: dict[str, tuple[Stage, ...]] = {
    "s": (
        (True, 2, 24, 1, 1),
        (True, 4, 48, 4, 2),
        (True, 4, 64, 4, 2),
        (False, 6, 128, 4, 2),
        (False, 9, 160, 6, 1),
        (False, 15, 256, 6, 2),
    ),
    "m": (
        (True, 3, 24, 1, 1),
        (True, 5, 48, 4, 2),
        (True, 5, 80, 4, 2),
        (False, 7, 160, 4, 2),
        (False, 14, 176, 6, 1),
        (False, 18, 304, 6, 2),
        (False, 5, 512, 6, 1),
    ),
    "l": (
        (True, 4, 32, 1, 1),
        (True, 7, 64, 4, 2),
        (True, 7, 96, 4, 2),
        (False, 10, 192, 4, 2),
        (False, 19, 224, 6, 1),
        (False, 25, 384, 6, 2),
        (False, 7, 640, 6, 1),
    ),
}


def _rounded(filters: float) -> int:
    return max(8, int(filters + 4) // 8 * 8)


def _bn(x: KerasTensor, axis: int, name: str, activation: str | None = None) -> KerasTensor:
    x = layers.BatchNormalization(axis=axis, momentum=0.9, name=name)(x)
    return x if activation is None else layers.Activation("swish", name=activation)(x)


def _conv(x: KerasTensor, filters: int, size: int, stride: int, name: str) -> KerasTensor:
    conv = layers.Conv2D(
        filters, size, strides=stride, padding="same", use_bias=False, kernel_initializer=init(), name=name
    )
    return conv(x)


def _block(
    x: KerasTensor, axis: int, fused: bool, filters: int, expansion: int, stride: int, rate: float, name: str
) -> KerasTensor:
    shortcut, channels = x, x.shape[axis]
    if expansion != 1:
        size, step = (3, stride) if fused else (1, 1)
        x = _conv(x, channels * expansion, size, step, name + "expand_conv")
        x = _bn(x, axis, name + "expand_bn", name + "expand_activation")
    if not fused:
        x = layers.DepthwiseConv2D(
            3, strides=stride, padding="same", use_bias=False, depthwise_initializer=init(), name=name + "dwconv2"
        )(x)
        x = _bn(x, axis, name + "bn", name + "activation")
        x = squeezed(x, max(1, channels // 4), "swish", name)
    is_single = fused and expansion == 1
    x = _conv(x, filters, 3 if is_single else 1, stride if is_single else 1, name + "project_conv")
    x = _bn(x, axis, name + "project_bn", name + "project_activation" if is_single else None)
    return dropped(x, shortcut, rate, name) if stride == 1 and channels == filters else x


def _preprocessed(request: Request, x: KerasTensor, name: str) -> KerasTensor:
    if name[-2] == "b" and request.input_shape[request.channel_axis - 1] == 3:
        x = layers.Rescaling(scale=1.0 / 255)(x)
        mean, variance = [0.485, 0.456, 0.406], [0.229**2, 0.224**2, 0.225**2]
        return layers.Normalization(mean=mean, variance=variance, axis=request.channel_axis)(x)
    return layers.Rescaling(scale=1.0 / 128.0, offset=-1)(x)


def _efficientnet_v2(request: Request, name: str, width: float, depth: float, size: int) -> Model:
    axis = request.channel_axis
    x = image = request.start(default_size=size)
    if request["include_preprocessing"]:
        x = _preprocessed(request, x, name)
    stages = _STAGES.get(name[-1], _BASE)
    stem = _rounded((stages[0][2] if stages is not _BASE else 32) * width)
    x = _bn(_conv(x, stem, 3, 2, "stem_conv"), axis, "stem_bn", "stem_activation")
    number, total = 0, sum(stage[1] for stage in stages)
    for stage, (fused, repeats, filters, expansion, stride) in enumerate(stages, 1):
        for position in range(math.ceil(depth * repeats)):
            rate = request["drop_connect_rate"] * number / total
            block = f"block{stage}{chr(97 + position)}_"
            first = stride if position == 0 else 1
            x = _block(x, axis, fused, _rounded(filters * width), expansion, first, rate, block)
            number += 1
    x = _bn(_conv(x, _rounded(1280 * width), 1, 1, "top_conv"), axis, "top_bn", "top_activation")
    x = dense_top(request, x, 0.2)
    return request.model(image, x, name, _FILES, name + (".h5" if request.include_top else "_notop.h5"))


def _application(size: str, width: float, depth: float, image: int) -> Any:
    return application(
        f"EfficientNetV2{size}",
        _efficientnet_v2,
        *(f"efficientnetv2-{size.lower()}", width, depth, image),
        order=(*STANDARD, "include_preprocessing"),
        paper="https://arxiv.org/abs/2104.00298",
        more="The image has values of 0...255, or with `include_preprocessing=False` of -1...1.",
        drop_connect_rate=0.2,
    )


EfficientNetV2B0 = _application("B0", 1.0, 1.0, 224)
EfficientNetV2B1 = _application("B1", 1.0, 1.1, 240)
EfficientNetV2B2 = _application("B2", 1.1, 1.2, 260)
EfficientNetV2B3 = _application("B3", 1.2, 1.4, 300)
EfficientNetV2S = _application("S", 1.0, 1.0, 384)
EfficientNetV2M = _application("M", 1.0, 1.0, 480)
EfficientNetV2L = _application("L", 1.0, 1.0, 480)
