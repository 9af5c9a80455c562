"""MobileNet v2: inverted residuals with linear bottlenecks (Sandler et al. 2018)."""

from __future__ import annotations

from keras_torch import config, layers
from keras_torch.applications.building import STANDARD, Request, application
from keras_torch.applications.imagenet_utils import correct_pad, decode_predictions, preprocessing
from keras_torch.applications.mobilenet import check_alpha, rows_for, trained_size
from keras_torch.applications.weight_files import GOOGLE, WeightFiles
from keras_torch.models import Model
from keras_torch.symbolic import KerasTensor

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("tf")

_FILES = WeightFiles(GOOGLE + "mobilenet_v2/", {})
# Scripts for Keras 1 and 2 fetch the files themselves.
BASE_WEIGHT_PATH = _FILES.folder
_ALPHAS = [0.35, 0.5, 0.75, 1.0, 1.3, 1.4]
_SIZES = (96, 128, 160, 192, 224)
# Filters, stride of the first block, number of blocks.
_STAGES = ((16, 1, 1), (24, 2, 2), (32, 2, 3), (64, 2, 4), (96, 1, 3), (160, 2, 3), (320, 1, 1))


def divisible(value: float, divisor: int = 8, minimum: int | None = None) -> int:
    """Return the multiple of `divisor` nearest to a value, but not below nine tenths of it."""
    rounded = max(minimum or divisor, int(value + divisor / 2) // divisor * divisor)
    return int(rounded + divisor if rounded < 0.9 * value else rounded)


def _bn(x: KerasTensor, axis: int, name: str) -> KerasTensor:
    return layers.BatchNormalization(axis=axis, epsilon=1e-3, momentum=0.999, name=name)(x)


def _bn_relu(x: KerasTensor, axis: int, name: str, relu: str) -> KerasTensor:
    return layers.ReLU(6.0, name=relu)(_bn(x, axis, name))


def _block(x: KerasTensor, axis: int, filters: int, stride: int, number: int) -> KerasTensor:
    shortcut, channels = x, x.shape[axis]
    prefix = f"block_{number}_" if number else "expanded_conv_"
    if number:
        x = layers.Conv2D(6 * channels, 1, padding="same", use_bias=False, name=prefix + "expand")(x)
        x = _bn_relu(x, axis, prefix + "expand_BN", prefix + "expand_relu")
    if stride == 2:
        x = layers.ZeroPadding2D(correct_pad(x, 3), name=prefix + "pad")(x)
    padding = "same" if stride == 1 else "valid"
    x = layers.DepthwiseConv2D(3, strides=stride, padding=padding, use_bias=False, name=prefix + "depthwise")(x)
    x = _bn_relu(x, axis, prefix + "depthwise_BN", prefix + "depthwise_relu")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=prefix + "project")(x)
    x = _bn(x, axis, prefix + "project_BN")
    return layers.Add(name=prefix + "add")([shortcut, x]) if channels == filters and stride == 1 else x


def check_input_tensor(request: Request) -> None:
    """Raise ValueError if `input_shape` is not that of `input_tensor`."""
    if request.input_tensor is None or request.input_shape is None:
        return
    shape = tuple(request.input_tensor.shape)[1:]
    if len(shape) != len(request.input_shape) or any(
        one is not None and other is not None and one != other
        for one, other in zip(shape, request.input_shape, strict=True)
    ):
        raise ValueError(
            f"{request.title}: `input_shape` must be the shape of `input_tensor`, {shape}. "
            f"Received: input_shape={request.input_shape}. Leave it out."
        )


def _mobilenet_v2(request: Request) -> Model:
    alpha, axis = request["alpha"], request.channel_axis
    check_alpha(request, _ALPHAS)
    check_input_tensor(request)
    given = request.input_shape
    if given is None and request.input_tensor is not None:
        given = tuple(request.input_tensor.shape)[1:]
    image = request.start(default_size=trained_size(request, _SIZES, given))
    rows = rows_for(request, _SIZES)
    x = image
    if config.is_classic():
        x = layers.ZeroPadding2D(correct_pad(x, 3), name="Conv1_pad")(x)
    padding = "valid" if config.is_classic() else "same"
    x = layers.Conv2D(divisible(32 * alpha), 3, strides=2, padding=padding, use_bias=False, name="Conv1")(x)
    x = _bn_relu(x, axis, "bn_Conv1", "Conv1_relu")
    number = 0
    for filters, stride, depth in _STAGES:
        for position in range(depth):
            x = _block(x, axis, divisible(int(filters * alpha)), stride if position == 0 else 1, number)
            number += 1
    x = layers.Conv2D(divisible(1280 * alpha) if alpha > 1 else 1280, 1, use_bias=False, name="Conv_1")(x)
    x = _bn_relu(x, axis, "Conv_1_bn", "out_relu")
    x = request.top(x, (None, None), name="Logits" if config.is_classic() else "predictions")
    top = "" if request.include_top else "_no_top"
    file = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{rows}{top}.h5"
    return request.model(image, x, f"mobilenetv2_{alpha:0.2f}_{rows}", _FILES, file)


MobileNetV2 = application(
    "MobileNetV2",
    _mobilenet_v2,
    order=("input_shape", "alpha", *(key for key in STANDARD if key != "input_shape")),
    paper="https://arxiv.org/abs/1801.04381",
    more="`alpha` scales the number of filters.",
    alpha=1.0,
)
