"""MobileNet v3, small and large (Howard et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_torch import layers
from keras_torch.applications.building import Request, application
from keras_torch.applications.imagenet_utils import correct_pad, decode_predictions, preprocessing
from keras_torch.applications.mobilenet import rows_for
from keras_torch.applications.mobilenet_v2 import check_input_tensor, divisible
from keras_torch.applications.weight_files import GOOGLE, WeightFiles, pairs
from keras_torch.models import Model
from keras_torch.symbolic import KerasTensor

__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing(None)

_HASHES = {
    "large_224_0.75_float": ("765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e"),
    "large_224_1.0_float": ("59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
    "large_minimalistic_224_1.0_float": ("675e7b876c45c57e9e63e6d90a36599c", "ec5221f64a2f6d1ef965a614bdae7973"),
    "small_224_0.75_float": ("cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819"),
    "small_224_1.0_float": ("8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
    "small_minimalistic_224_1.0_float": ("99cd97fb2fcdad2bf028eb838de69e37", "cde8136e733e811080d9fcd8a252f7e4"),
}
_FILES = WeightFiles(
    GOOGLE + "mobilenet_v3/",
    pairs({f"weights_mobilenet_v3_{name}": hashes for name, hashes in _HASHES.items()}, (".h5", "_no_top_v2.h5")),
)

# Expansion, filters, size of the kernel (0: 5, or 3 if minimalistic), stride, whether the block squeezes, and whether
# its activation is hard swish (ReLU if minimalistic) rather than ReLU.
Block = tuple[float, int, int, int, bool, bool]
_SMALL: tuple[Block, ...] = (
    (1, 16, 3, 2, True, False),
    (72 / 16, 24, 3, 2, False, False),
    (88 / 24, 24, 3, 1, False, False),
    (4, 40, 0, 2, True, True),
    (6, 40, 0, 1, True, True),
    (6, 40, 0, 1, True, True),
    (3, 48, 0, 1, True, True),
    (3, 48, 0, 1, True, True),
    (6, 96, 0, 2, True, True),
    (6, 96, 0, 1, True, True),
    (6, 96, 0, 1, True, True),
)
_LARGE: tuple[Block, ...] = (
    (1, 16, 3, 1, False, False),
    (4, 24, 3, 2, False, False),
    (3, 24, 3, 1, False, False),
    (3, 40, 0, 2, True, False),
    (3, 40, 0, 1, True, False),
    (3, 40, 0, 1, True, False),
    (6, 80, 3, 2, False, True),
    (2.5, 80, 3, 1, False, True),
    (2.3, 80, 3, 1, False, True),
    (2.3, 80, 3, 1, False, True),
    (6, 112, 3, 1, True, True),
    (6, 112, 3, 1, True, True),
    (6, 160, 0, 2, True, True),
    (6, 160, 0, 1, True, True),
    (6, 160, 0, 1, True, True),
)


def _relu(x: KerasTensor) -> KerasTensor:
    return layers.ReLU()(x)


def _hard_sigmoid(x: Any) -> KerasTensor:
    return layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)


def _hard_swish(x: KerasTensor) -> KerasTensor:
    return layers.Multiply()([x, _hard_sigmoid(x)])


def _bn(x: KerasTensor, axis: int, name: str) -> KerasTensor:
    return layers.BatchNormalization(axis=axis, epsilon=1e-3, momentum=0.999, name=name)(x)


def _squeezed(x: KerasTensor, filters: int, prefix: str) -> KerasTensor:
    prefix += "squeeze_excite/"
    factors = layers.GlobalAveragePooling2D(keepdims=True, name=prefix + "AvgPool")(x)
    factors = layers.Conv2D(divisible(filters * 0.25), 1, padding="same", name=prefix + "Conv")(factors)
    factors = layers.ReLU(name=prefix + "Relu")(factors)
    factors = layers.Conv2D(filters, 1, padding="same", name=prefix + "Conv_1")(factors)
    return layers.Multiply(name=prefix + "Mul")([x, _hard_sigmoid(factors)])


def _block(x: KerasTensor, axis: int, filters: int, block: Block, activation: Any, number: int) -> KerasTensor:
    expansion, _, kernel, stride, squeezes, _ = block
    shortcut, channels = x, x.shape[axis]
    prefix = f"expanded_conv_{number}/" if number else "expanded_conv/"
    expanded = divisible(channels * expansion)
    if number:
        x = layers.Conv2D(expanded, 1, padding="same", use_bias=False, name=prefix + "expand")(x)
        x = activation(_bn(x, axis, prefix + "expand/BatchNorm"))
    if stride == 2:
        x = layers.ZeroPadding2D(correct_pad(x, kernel), name=prefix + "depthwise/pad")(x)
    padding = "same" if stride == 1 else "valid"
    x = layers.DepthwiseConv2D(kernel, strides=stride, padding=padding, use_bias=False, name=prefix + "depthwise")(x)
    x = activation(_bn(x, axis, prefix + "depthwise/BatchNorm"))
    if squeezes:
        x = _squeezed(x, expanded, prefix)
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=prefix + "project")(x)
    x = _bn(x, axis, prefix + "project/BatchNorm")
    return layers.Add(name=prefix + "Add")([shortcut, x]) if stride == 1 and channels == filters else x


def _start(request: Request) -> KerasTensor:
    """Return the image; unlike other networks this one takes any size, even with the classifier."""
    request.check()
    check_input_tensor(request)
    if request.is_pretrained and request["alpha"] not in ((1.0,) if request["minimalistic"] else (0.75, 1.0)):
        raise ValueError(
            f"{request.title}: with weights='imagenet', `alpha` must be 0.75 or 1.0, or 1.0 if minimalistic. "
            f"Received: alpha={request['alpha']}, minimalistic={request['minimalistic']}. Pass weights=None."
        )
    if request.input_shape is None:
        shape = (3, None, None) if request.channel_axis == 1 else (None, None, 3)
        request.input_shape = shape if request.input_tensor is None else tuple(request.input_tensor.shape)[1:]
    sizes = request.input_shape[1:] if request.channel_axis == 1 else request.input_shape[:2]
    if any(size is not None and size < 32 for size in sizes):
        raise ValueError(
            f"{request.title}: Input size must be at least 32x32. Received: input_shape={request.input_shape}"
        )
    if request.is_pretrained and None not in sizes:
        rows_for(request, (224,))
    return request.image()


def _mobilenet_v3(request: Request, kind: str, blocks: tuple[Block, ...], last: int) -> Model:
    alpha, axis, minimalistic = request["alpha"], request.channel_axis, request["minimalistic"]
    activation = _relu if minimalistic else _hard_swish
    x = image = _start(request)
    if request["include_preprocessing"]:
        x = layers.Rescaling(scale=1.0 / 127.5, offset=-1.0)(x)
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="Conv")(x)
    x = activation(_bn(x, axis, "Conv/BatchNorm"))
    for number, (expansion, filters, kernel, stride, squeezes, is_swish) in enumerate(blocks):
        block = (
            expansion,
            filters,
            kernel or (3 if minimalistic else 5),
            stride,
            squeezes and not minimalistic,
            is_swish,
        )
        x = _block(x, axis, divisible(filters * alpha), block, activation if is_swish else _relu, number)
    x = layers.Conv2D(divisible(x.shape[axis] * 6), 1, padding="same", use_bias=False, name="Conv_1")(x)
    x = activation(_bn(x, axis, "Conv_1/BatchNorm"))
    if request.include_top:
        x = _top(request, x, divisible(last * alpha) if alpha > 1 else last, activation)
    else:
        x = request.pooled(x)
    variant = f"{kind}{'_minimalistic' if minimalistic else ''}_224_{alpha}_float"
    file = f"weights_mobilenet_v3_{variant}{'.h5' if request.include_top else '_no_top_v2.h5'}"
    return request.model(image, x, f"MobilenetV3{kind}", _FILES, file)


def _top(request: Request, x: KerasTensor, filters: int, activation: Callable[[KerasTensor], KerasTensor]) -> Any:
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = activation(layers.Conv2D(filters, 1, padding="same", name="Conv_2")(x))
    if request["dropout_rate"] > 0:
        x = layers.Dropout(request["dropout_rate"])(x)
    x = layers.Conv2D(request.classes, 1, padding="same", name="Logits")(x)
    return request.activated(layers.Flatten()(x), "Predictions")


def _application(title: str, *given: Any) -> Callable[..., Model]:
    return application(
        title,
        _mobilenet_v3,
        *given,
        order=(
            *("input_shape", "alpha", "minimalistic", "include_top", "weights", "input_tensor", "classes", "pooling"),
            *("dropout_rate", "classifier_activation", "include_preprocessing"),
        ),
        paper="https://arxiv.org/abs/1905.02244",
        more="`alpha` scales the number of filters; `minimalistic` leaves out what slow hardware lacks. The image has\n"
        "    values of 0...255, or with `include_preprocessing=False` of -1...1.",
        alpha=1.0,
        minimalistic=False,
        dropout_rate=0.2,
    )


MobileNetV3Small = _application("MobileNetV3Small", "small", _SMALL, 1024)
MobileNetV3Large = _application("MobileNetV3Large", "large", _LARGE, 1280)
