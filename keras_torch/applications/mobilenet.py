"""MobileNet: depthwise separable convolutions (Howard et al. 2017)."""

from __future__ import annotations

import warnings
from typing import Any

from keras_torch import activations, config, layers
from keras_torch.applications.building import STANDARD, Request, application
from keras_torch.applications.imagenet_utils import decode_predictions, preprocessing
from keras_torch.applications.weight_files import GOOGLE, WeightFiles
from keras_torch.models import Model
from keras_torch.symbolic import KerasTensor

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("tf")
# What files of Keras 2.0 and 2.1 name, and scripts hand over in `custom_objects`.
DepthwiseConv2D = layers.DepthwiseConv2D


def relu6(x: Any) -> Any:
    """Return x between 0 and 6."""
    return activations.relu(x, max_value=6)


_FILES = WeightFiles(GOOGLE + "mobilenet/", {})
# Scripts for Keras 1 and 2 fetch the files themselves.
BASE_WEIGHT_PATH = _FILES.folder
_ALPHAS = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}
_SIZES = (128, 160, 192, 224)
# Filters and stride of the blocks.
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


def trained_size(request: Request, sizes: tuple[int, ...], shape: tuple[int | None, ...] | None) -> int:
    """Return the size of the images for which there are weights: the given one if it is among `sizes`, or 224."""
    if shape is None or len(shape) != 3:
        return 224
    rows, columns = shape[1:] if request.channel_axis == 1 else shape[:2]
    return rows if rows == columns and rows in sizes else 224


def check_alpha(request: Request, alphas: list[float]) -> None:
    """Raise ValueError if there are no weights of ImageNet for the width that was asked for."""
    if request.is_pretrained and request["alpha"] not in alphas:
        raise ValueError(
            f"{request.title}: with weights='imagenet', `alpha` must be one of {alphas}. "
            f"Received: alpha={request['alpha']}. Pass weights=None."
        )


def rows_for(request: Request, sizes: tuple[int, ...]) -> int | None:
    """Return the rows of the image, which stand in the model's name; with weights, the size they are for."""
    rows, columns = request.input_shape[1:] if request.channel_axis == 1 else request.input_shape[:2]
    if request.is_pretrained and (rows != columns or rows not in sizes):
        warnings.warn(
            f"{request.title}: there are weights for square images of the sizes {sizes}. Received: input_shape="
            f"{request.input_shape}. Those for 224 x 224 are loaded.",
            stacklevel=4,
        )
        return 224
    return rows


def _bn_relu(x: KerasTensor, axis: int, name: str) -> KerasTensor:
    return layers.ReLU(6.0, name=name + "_relu")(layers.BatchNormalization(axis=axis, name=name + "_bn")(x))


def _block(x: KerasTensor, request: Request, filters: int, stride: int, number: int) -> KerasTensor:
    padding = "same"
    if stride == 2:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{number}")(x)
        padding = "valid"
    options = {"padding": padding, "strides": stride, "depth_multiplier": request["depth_multiplier"]}
    x = layers.DepthwiseConv2D(3, use_bias=False, name=f"conv_dw_{number}", **options)(x)
    x = _bn_relu(x, request.channel_axis, f"conv_dw_{number}")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"conv_pw_{number}")(x)
    return _bn_relu(x, request.channel_axis, f"conv_pw_{number}")


def _mobilenet(request: Request) -> Model:
    alpha = request["alpha"]
    check_alpha(request, list(_ALPHAS))
    if request.is_pretrained and request["depth_multiplier"] != 1:
        raise ValueError(
            "MobileNet: with weights='imagenet', `depth_multiplier` must be 1. "
            f"Received: depth_multiplier={request['depth_multiplier']}. Pass weights=None."
        )
    image = request.start(default_size=trained_size(request, _SIZES, request.input_shape))
    rows = rows_for(request, _SIZES)
    x, padding = image, "same"
    if config.is_classic():
        x, padding = layers.ZeroPadding2D(((0, 1), (0, 1)), name="conv1_pad")(x), "valid"
    x = layers.Conv2D(int(32 * alpha), 3, strides=2, padding=padding, use_bias=False, name="conv1")(x)
    x = _bn_relu(x, request.channel_axis, "conv1")
    for number, (filters, stride) in enumerate(_BLOCKS, 1):
        x = _block(x, request, int(filters * alpha), stride, number)
    x = _top(request, x) if request.include_top else request.pooled(x, (None, None))
    file = f"mobilenet_{_ALPHAS.get(alpha)}_{rows}_tf{'' if request.include_top else '_no_top'}.h5"
    return request.model(image, x, f"mobilenet_{alpha:0.2f}_{rows}", _FILES, file)


def _top(request: Request, x: KerasTensor) -> KerasTensor:
    is_classic = config.is_classic()
    x = layers.GlobalAveragePooling2D(keepdims=not is_classic)(x)
    if is_classic:
        shape = (x.shape[1], 1, 1) if request.channel_axis == 1 else (1, 1, x.shape[1])
        x = layers.Reshape(shape, name="reshape_1")(x)
    x = layers.Dropout(request["dropout"], name="dropout")(x)
    x = layers.Conv2D(request.classes, 1, padding="same", name="conv_preds")(x)
    if is_classic:
        return layers.Reshape((request.classes,), name="reshape_2")(request.activated(x, "act_softmax"))
    return request.activated(layers.Reshape((request.classes,), name="reshape_2")(x), "predictions")


MobileNet = application(
    "MobileNet",
    _mobilenet,
    order=("input_shape", "alpha", "depth_multiplier", "dropout", *(key for key in STANDARD if key != "input_shape")),
    paper="https://arxiv.org/abs/1704.04861",
    more="`alpha` scales the number of filters, `depth_multiplier` is that of the depthwise convolutions.",
    alpha=1.0,
    depth_multiplier=1,
    dropout=1e-3,
)
