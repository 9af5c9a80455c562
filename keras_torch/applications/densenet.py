"""DenseNet (Huang et al. 2016)."""

from __future__ import annotations

from keras_torch import config, layers
from keras_torch.applications.building import Request, application
from keras_torch.applications.imagenet_utils import decode_predictions, preprocessing
from keras_torch.applications.weight_files import GOOGLE, SUFFIXES, WeightFiles, addresses, pairs
from keras_torch.models import Model
from keras_torch.symbolic import KerasTensor

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("torch")

_HASHES = {
    "densenet121": ("9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"),
    "densenet169": ("d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"),
    "densenet201": ("1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"),
}
_FILES = WeightFiles(GOOGLE + "densenet/", pairs(_HASHES, SUFFIXES))
# Scripts for Keras 1 and 2 fetch the files themselves.
DENSENET121_WEIGHT_PATH, DENSENET121_WEIGHT_PATH_NO_TOP = addresses(f"{_FILES.folder}densenet121")
DENSENET169_WEIGHT_PATH, DENSENET169_WEIGHT_PATH_NO_TOP = addresses(f"{_FILES.folder}densenet169")
DENSENET201_WEIGHT_PATH, DENSENET201_WEIGHT_PATH_NO_TOP = addresses(f"{_FILES.folder}densenet201")
_GROWTH = 32


def _bn_relu(x: KerasTensor, axis: int, name: str, prefix: str) -> KerasTensor:
    x = layers.BatchNormalization(axis=axis, epsilon=1.001e-5, name=f"{name}{prefix}bn")(x)
    return layers.Activation("relu", name=f"{name}{prefix}relu")(x)


def _block(x: KerasTensor, axis: int, name: str) -> KerasTensor:
    new = _bn_relu(x, axis, name, "_0_")
    new = layers.Conv2D(4 * _GROWTH, 1, use_bias=False, name=name + "_1_conv")(new)
    new = _bn_relu(new, axis, name, "_1_")
    new = layers.Conv2D(_GROWTH, 3, padding="same", use_bias=False, name=name + "_2_conv")(new)
    return layers.Concatenate(axis=axis, name=name + "_concat")([x, new])


def _transition(x: KerasTensor, axis: int, name: str) -> KerasTensor:
    x = _bn_relu(x, axis, name, "_")
    x = layers.Conv2D(x.shape[axis] // 2, 1, use_bias=False, name=name + "_conv")(x)
    return layers.AveragePooling2D(2, strides=2, name=name + "_pool")(x)


def _densenet(request: Request, name: str, depths: tuple[int, ...]) -> Model:
    axis = request.channel_axis
    image = request.start(default_size=224)
    x = layers.ZeroPadding2D(3)(image)
    x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1/conv")(x)
    x = _bn_relu(x, axis, "conv1", "/")
    x = layers.ZeroPadding2D(1)(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, depth in enumerate(depths, 2):
        if stage > 2:
            x = _transition(x, axis, f"pool{stage - 1}")
        for number in range(1, depth + 1):
            x = _block(x, axis, f"conv{stage}_block{number}")
    x = _bn_relu(x, axis, "", "")
    x = request.top(x, name="fc1000" if config.is_classic() else "predictions")
    return request.model(image, x, name, _FILES, name + SUFFIXES[not request.include_top])


_PAPER = "https://arxiv.org/abs/1608.06993"
DenseNet121 = application("DenseNet121", _densenet, "densenet121", (6, 12, 24, 16), paper=_PAPER)
DenseNet169 = application("DenseNet169", _densenet, "densenet169", (6, 12, 32, 32), paper=_PAPER)
DenseNet201 = application("DenseNet201", _densenet, "densenet201", (6, 12, 48, 32), paper=_PAPER)
