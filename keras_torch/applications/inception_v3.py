"""Inception v3 (Szegedy et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_torch import config, layers
from keras_torch.applications.building import Request, application
from keras_torch.applications.imagenet_utils import decode_predictions, preprocessing
from keras_torch.applications.weight_files import GOOGLE, SUFFIXES, WeightFiles, addresses, pairs
from keras_torch.models import Model
from keras_torch.symbolic import KerasTensor

__all__ = ["InceptionV3", "conv2d_bn", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("tf")

_HASHES = {"inception_v3": ("9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63")}
_FILES = WeightFiles(GOOGLE + "inception_v3/", pairs(_HASHES, SUFFIXES))
# Scripts for Keras 1 and 2 fetch the files themselves.
WEIGHTS_PATH, WEIGHTS_PATH_NO_TOP = addresses(f"{_FILES.folder}inception_v3")

# A block is a list of branches, a branch a list of steps: "max", "avg", "avg 2" are poolings; numbers are filters,
# rows, columns and perhaps a stride of a convolution (2 comes without padding); a list is two of them side by side.
Branches = Sequence[Sequence[Any]]


def _square(filters_of_pool: int) -> Branches:
    return [
        [(64, 1, 1)],
        [(48, 1, 1), (64, 5, 5)],
        [(64, 1, 1), (96, 3, 3), (96, 3, 3)],
        ["avg", (filters_of_pool, 1, 1)],
    ]


def _factored(filters: int) -> Branches:
    return [
        [(192, 1, 1)],
        [(filters, 1, 1), (filters, 1, 7), (192, 7, 1)],
        [(filters, 1, 1), (filters, 7, 1), (filters, 1, 7), (filters, 7, 1), (192, 1, 7)],
        ["avg", (192, 1, 1)],
    ]


# In Keras 1 the network was another, with its own weights, and a convolution had a bias and ReLU before normalization.
_HASHES_1 = {"inception_v3": ("fe114b3ff2ea4bf891e9353d1bbfb32f", "2f3609166de1d967d1a481094754f691")}
_FILES_1 = WeightFiles(
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/", pairs(_HASHES_1, SUFFIXES)
)
TF_WEIGHTS_PATH, TF_WEIGHTS_PATH_NO_TOP = addresses(f"{_FILES_1.folder}inception_v3")
_SPLIT = [(384, 1, 3), (384, 3, 1)]
_WIDE: Branches = [
    [(320, 1, 1)],
    [(384, 1, 1), _SPLIT],
    [(448, 1, 1), (384, 3, 3), _SPLIT],
    ["avg", (192, 1, 1)],
]


def _mixed(dialect: str | None) -> list[Branches]:
    first, second, last = (32, 160, "avg 2") if dialect == "1" else (64, 192, "max")
    seventh = [list(steps) for steps in _factored(192)]
    seventh[2][0] = (second, 1, 1)
    return [
        _square(32),
        _square(first),
        _square(first),
        [[(384, 3, 3, 2)], [(64, 1, 1), (96, 3, 3), (96, 3, 3, 2)], ["max"]],
        _factored(128),
        _factored(160),
        _factored(160),
        seventh,
        [[(192, 1, 1), (320, 3, 3, 2)], [(192, 1, 1), (192, 1, 7), (192, 7, 1), (192, 3, 3, 2)], [last]],
        _WIDE,
        _WIDE,
    ]


def conv2d_bn(
    x: KerasTensor,
    filters: int,
    num_row: int,
    num_col: int,
    padding: str = "same",
    strides: Any = (1, 1),
    name: str | None = None,
) -> KerasTensor:
    """Put a convolution without bias, batch normalization and ReLU on a feature map."""
    axis = Request.axis()
    is_oldest = config.dialect() == "1"
    options: dict[str, Any] = {"activation": "relu"} if is_oldest else {"use_bias": False}
    options.update(strides=strides, padding=padding, name=name and name + "_conv")
    x = layers.Conv2D(filters, (num_row, num_col), **options)(x)
    x = layers.BatchNormalization(axis=axis, scale=is_oldest, name=name and name + "_bn")(x)
    return x if is_oldest else layers.Activation("relu", name=name)(x)


def _step(x: KerasTensor, step: Any, axis: int, name: str | None) -> KerasTensor:
    if step == "avg":
        return layers.AveragePooling2D(3, strides=1, padding="same")(x)
    if step == "avg 2":
        return layers.AveragePooling2D(3, strides=2)(x)
    if step == "max":
        return layers.MaxPooling2D(3, strides=2)(x)
    if isinstance(step, list):
        return layers.concatenate([conv2d_bn(x, *sizes) for sizes in step], axis=axis, name=name)
    filters, rows, columns, *stride = step
    return conv2d_bn(x, filters, rows, columns, strides=2, padding="valid") if stride else conv2d_bn(x, *step)


def _inception_v3(request: Request) -> Model:
    axis = request.channel_axis
    is_oldest = config.dialect() == "1"
    image = request.start(default_size=299, min_size=139 if is_oldest else 75)
    x = conv2d_bn(image, 32, 3, 3, strides=2, padding="valid")
    x = conv2d_bn(x, 32, 3, 3, padding="valid")
    x = conv2d_bn(x, 64, 3, 3)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = conv2d_bn(x, 80, 1, 1, padding="valid")
    x = conv2d_bn(x, 192, 3, 3, padding="valid")
    x = layers.MaxPooling2D(3, strides=2)(x)
    for number, branches in enumerate(_mixed(config.dialect())):
        ends = []
        for position, steps in enumerate(branches):
            end = x
            for step in steps:
                # Of the two pairs in a block only the first has a name.
                end = _step(end, step, axis, f"mixed9_{number - 9}" if position == 1 else None)
            ends.append(end)
        x = layers.concatenate(ends, axis=axis, name=f"mixed{number}")
    if is_oldest and request.include_top:
        x = layers.AveragePooling2D(8, strides=8, name="avg_pool")(x)
        x = request.classifier(layers.Flatten(name="flatten")(x))
    else:
        x = request.top(x, ("avg_pool", None) if request.include_top else (None, None))
    files = _FILES_1 if is_oldest else _FILES
    return request.model(image, x, "inception_v3", files, "inception_v3" + SUFFIXES[not request.include_top])


InceptionV3 = application("InceptionV3", _inception_v3, paper="https://arxiv.org/abs/1512.00567")
