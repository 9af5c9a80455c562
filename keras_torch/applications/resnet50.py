"""ResNet50 under its own path, which in Keras 1 and Keras 2 up to 2.3 had layers of other names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_torch import config, layers
from keras_torch.applications import resnet
from keras_torch.applications.building import Request, application
from keras_torch.applications.imagenet_utils import decode_predictions, preprocess_input
from keras_torch.applications.weight_files import SUFFIXES, WeightFiles, addresses, folder, members, pairs
from keras_torch.models import Model
from keras_torch.symbolic import KerasTensor

__all__ = ["ResNet50", "conv_block", "decode_predictions", "identity_block", "preprocess_input"]

_HASHES = {"resnet50": ("a7b3fe01876f51b976af0dea6bc144eb", "a268eb855778b3df3c7506639542a6af")}
_FILES = WeightFiles(
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/", pairs(_HASHES, SUFFIXES)
)
# Scripts for Keras 1 and 2 fetch the files themselves.
WEIGHTS_PATH, WEIGHTS_PATH_NO_TOP = TF_WEIGHTS_PATH, TF_WEIGHTS_PATH_NO_TOP = addresses(f"{_FILES.folder}resnet50")


def _is_classic(request: Request) -> bool:
    """Whether the layers get their old names: the file of weights decides, or without one the dialect."""
    path = request.weights
    if request.is_pretrained:
        path = folder() / ("resnet50" + SUFFIXES[not request.include_top])
    names = [] if path is None else members(path)
    return "res2a_branch2a" in names if names else config.is_classic()


def _bn_relu(x: KerasTensor, axis: int, name: str) -> KerasTensor:
    return layers.Activation("relu")(layers.BatchNormalization(axis=axis, name=name)(x))


def _block(
    x: KerasTensor, size: Any, filters: Sequence[int], stage: int, block: str, strides: Any, is_first: bool
) -> KerasTensor:
    axis = Request.axis()
    conv, bn = f"res{stage}{block}_branch", f"bn{stage}{block}_branch"
    init: dict[str, Any] = {"kernel_initializer": "glorot_uniform" if config.dialect() == "1" else "he_normal"}
    shortcut = x
    x = layers.Conv2D(filters[0], 1, strides=strides, name=conv + "2a", **init)(x)
    x = _bn_relu(x, axis, bn + "2a")
    x = layers.Conv2D(filters[1], size, padding="same", name=conv + "2b", **init)(x)
    x = _bn_relu(x, axis, bn + "2b")
    x = layers.Conv2D(filters[2], 1, name=conv + "2c", **init)(x)
    x = layers.BatchNormalization(axis=axis, name=bn + "2c")(x)
    if is_first:
        shortcut = layers.Conv2D(filters[2], 1, strides=strides, name=conv + "1", **init)(shortcut)
        shortcut = layers.BatchNormalization(axis=axis, name=bn + "1")(shortcut)
    return layers.Activation("relu")(layers.add([x, shortcut]))


def identity_block(input_tensor: KerasTensor, kernel_size: Any, filters: Sequence[int], stage: int, block: str) -> Any:
    """Put a block whose shortcut is the input on a feature map. `filters` are those of its three convolutions."""
    return _block(input_tensor, kernel_size, filters, stage, block, 1, False)


def conv_block(
    input_tensor: KerasTensor, kernel_size: Any, filters: Sequence[int], stage: int, block: str, strides: Any = (2, 2)
) -> Any:
    """Put a block whose shortcut is a convolution on a feature map. `filters` are those of its three convolutions."""
    return _block(input_tensor, kernel_size, filters, stage, block, strides, True)


def _classic(request: Request) -> Model:
    axis = request.channel_axis
    # In Keras 1 the pooling of the stem is not padded, and a fixed window averages the last feature map.
    is_oldest = config.dialect() == "1"
    image = request.start(default_size=224, min_size=197 if is_oldest else 32)
    x = layers.ZeroPadding2D(3, name=None if is_oldest else "conv1_pad")(image)
    x = layers.Conv2D(
        64, 7, strides=2, kernel_initializer="glorot_uniform" if is_oldest else "he_normal", name="conv1"
    )(x)
    x = _bn_relu(x, axis, "bn_conv1")
    if not is_oldest:
        x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2)(x)
    for stage, depth in enumerate(resnet.DEPTHS[50], 2):
        for block in range(depth):
            filters = 2 ** (stage + 4)
            stride = 2 if block == 0 and stage > 2 else 1
            x = _block(x, 3, (filters, filters, 4 * filters), stage, chr(97 + block), stride, block == 0)
    if is_oldest:
        x = layers.AveragePooling2D(7, name="avg_pool")(x)
        if request.include_top:
            x = layers.Flatten()(x)
            x = request.classifier(x, name="fc1000")
    elif request.include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = request.classifier(x, name="fc1000")
    else:
        x = request.pooled(x, (None, None))
    return request.model(image, x, "resnet50", _FILES, "resnet50" + SUFFIXES[not request.include_top])


def _resnet50(request: Request) -> Model:
    if _is_classic(request):
        return _classic(request)
    return resnet.resnet(request, "resnet50", resnet.stages(resnet.DEPTHS[50]))


ResNet50 = application(
    "ResNet50",
    _resnet50,
    paper=resnet.PAPER,
    more="A file of weights with the layer names of Keras 1 and 2.0 to 2.3 (`res2a_branch2a`) gets a network with\n"
    "    these; without a file they come in dialects 1 and 2.",
)
