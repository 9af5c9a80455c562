"""EfficientNet B0 to B7 (Tan and Le 2019)."""

from __future__ import annotations

import math
from typing import Any

from keras_torch import layers
from keras_torch.applications.building import Request, application
from keras_torch.applications.imagenet_utils import correct_pad, decode_predictions, preprocessing
from keras_torch.applications.mobilenet_v2 import divisible
from keras_torch.applications.weight_files import WeightFiles, pairs
from keras_torch.models import Model
from keras_torch.symbolic import KerasTensor

__all__ = [*(f"EfficientNetB{number}" for number in range(8)), "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing(None)

# Scales of width and depth, size of the image, rate of the dropout at the top, hashes of the files.
_VARIANTS: tuple[tuple[float, float, int, float, tuple[str, str]], ...] = (
    (1.0, 1.0, 224, 0.2, ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d")),
    (1.0, 1.1, 240, 0.2, ("1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432")),
    (1.1, 1.2, 260, 0.3, ("b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39")),
    (1.2, 1.4, 300, 0.3, ("ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226")),
    (1.4, 1.8, 380, 0.4, ("18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba")),
    (1.6, 2.2, 456, 0.4, ("ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f")),
    (1.8, 2.6, 528, 0.5, ("165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743")),
    (2.0, 3.1, 600, 0.5, ("8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a")),
)
_FILES = WeightFiles(
    "https://storage.googleapis.com/keras-applications/",
    pairs({f"efficientnetb{number}": variant[-1] for number, variant in enumerate(_VARIANTS)}, (".h5", "_notop.h5")),
)
# Size of the kernel, blocks, filters, expansion, stride of the first block.
_STAGES = (
    (3, 1, 16, 1, 1),
    (3, 2, 24, 6, 2),
    (5, 2, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)
_DEVIATIONS = (0.229, 0.224, 0.225)


def init(scale: float = 2.0, distribution: str = "truncated_normal") -> dict[str, Any]:
    """The initializer of the convolutions; for the classifier with a third and "uniform"."""
    config = {"scale": scale, "mode": "fan_out", "distribution": distribution}
    return {"class_name": "VarianceScaling", "config": config}


def squeezed(x: KerasTensor, filters: int, activation: str, name: str, excite: str | None = None) -> KerasTensor:
    """Scale the channels by factors that depend on their means, through a bottleneck of `filters`."""
    axis = Request.axis()
    channels = x.shape[axis]
    factors = layers.GlobalAveragePooling2D(name=name + "se_squeeze")(x)
    shape = (channels, 1, 1) if axis == 1 else (1, 1, channels)
    factors = layers.Reshape(shape, name=name + "se_reshape")(factors)
    for count, function, part in ((filters, activation, "se_reduce"), (channels, "sigmoid", "se_expand")):
        conv = layers.Conv2D(count, 1, padding="same", activation=function, kernel_initializer=init(), name=name + part)
        factors = conv(factors)
    return layers.multiply([x, factors], name=name + "se_excite")


def dropped(x: KerasTensor, shortcut: KerasTensor, rate: float, name: str) -> KerasTensor:
    """Leave out whole samples of a branch in training, and add the shortcut."""
    if rate > 0:
        x = layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=name + "drop")(x)
    return layers.add([x, shortcut], name=name + "add")


def _bn(x: KerasTensor, axis: int, name: str, activation: str | None = None) -> KerasTensor:
    x = layers.BatchNormalization(axis=axis, name=name)(x)
    return x if activation is None else layers.Activation("swish", name=activation)(x)


def _conv(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    conv = layers.Conv2D(filters, 1, padding="same", use_bias=False, kernel_initializer=init(), name=name)
    return conv(x)


def _block(
    x: KerasTensor, axis: int, size: int, filters: int, expansion: int, stride: int, rate: float, name: str
) -> KerasTensor:
    shortcut, channels = x, x.shape[axis]
    if expansion != 1:
        x = _conv(x, channels * expansion, name + "expand_conv")
        x = _bn(x, axis, name + "expand_bn", name + "expand_activation")
    padding = "same"
    if stride == 2:
        x = layers.ZeroPadding2D(correct_pad(x, size), name=name + "dwconv_pad")(x)
        padding = "valid"
    x = layers.DepthwiseConv2D(
        size, strides=stride, padding=padding, use_bias=False, depthwise_initializer=init(), name=name + "dwconv"
    )(x)
    x = _bn(x, axis, name + "bn", name + "activation")
    x = squeezed(x, max(1, channels // 4), "swish", name)
    x = _bn(_conv(x, filters, name + "project_conv"), axis, name + "project_bn")
    return dropped(x, shortcut, rate, name) if stride == 1 and channels == filters else x


def _efficientnet(request: Request, name: str, width: float, depth: float, size: int, dropout: float) -> Model:
    axis = request.channel_axis
    image = request.start(default_size=size)
    x = layers.Rescaling(1.0 / 255.0)(image)
    x = layers.Normalization(axis=axis)(x)
    if request.is_pretrained:
        # The official weights were trained with the deviations where the normalization has variances.
        x = layers.Rescaling([1.0 / math.sqrt(deviation) for deviation in _DEVIATIONS])(x)
    x = layers.ZeroPadding2D(correct_pad(x, 3), name="stem_conv_pad")(x)
    stem = layers.Conv2D(
        divisible(32 * width), 3, strides=2, use_bias=False, kernel_initializer=init(), name="stem_conv"
    )
    x = _bn(stem(x), axis, "stem_bn", "stem_activation")
    repeats = [math.ceil(depth * stage[1]) for stage in _STAGES]
    number = 0
    for stage, (kernel, _, filters, expansion, stride) in enumerate(_STAGES):
        for position in range(repeats[stage]):
            rate = request["drop_connect_rate"] * number / sum(repeats)
            block = f"block{stage + 1}{chr(97 + position)}_"
            first = stride if position == 0 else 1
            x = _block(x, axis, kernel, divisible(filters * width), expansion, first, rate, block)
            number += 1
    x = _bn(_conv(x, divisible(1280 * width), "top_conv"), axis, "top_bn", "top_activation")
    x = dense_top(request, x, dropout)
    return request.model(image, x, name, _FILES, name + (".h5" if request.include_top else "_notop.h5"))


def dense_top(request: Request, x: KerasTensor, dropout: float) -> KerasTensor:
    """Put on the mean, dropout and the classifier, or the pooling that was asked for."""
    if not request.include_top:
        return request.pooled(x)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if dropout > 0:
        x = layers.Dropout(dropout, name="top_dropout")(x)
    return request.classifier(x, kernel_initializer=init(1.0 / 3.0, "uniform"))


def _application(number: int) -> Any:
    width, depth, size, dropout, _ = _VARIANTS[number]
    return application(
        f"EfficientNetB{number}",
        _efficientnet,
        *(f"efficientnetb{number}", width, depth, size, dropout),
        paper="https://arxiv.org/abs/1905.11946",
        more="The image has values of 0...255; the network normalizes it.",
        drop_connect_rate=0.2,
    )


EfficientNetB0 = _application(0)
EfficientNetB1 = _application(1)
EfficientNetB2 = _application(2)
EfficientNetB3 = _application(3)
EfficientNetB4 = _application(4)
EfficientNetB5 = _application(5)
EfficientNetB6 = _application(6)
EfficientNetB7 = _application(7)
