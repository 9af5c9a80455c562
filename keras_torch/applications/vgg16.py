"""VGG with 16 layers of weights (Simonyan and Zisserman 2014)."""

from __future__ import annotations

from keras_torch import layers
from keras_torch.applications.building import Request, application
from keras_torch.applications.imagenet_utils import decode_predictions, preprocess_input
from keras_torch.applications.weight_files import GOOGLE, SUFFIXES, WeightFiles, addresses, pairs
from keras_torch.models import Model

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

PAPER = "https://arxiv.org/abs/1409.1556"
_HASHES = {
    "vgg16": ("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
    "vgg19": ("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"),
}
# Scripts for Keras 1 and 2 fetch the files themselves.
WEIGHTS_PATH, WEIGHTS_PATH_NO_TOP = TF_WEIGHTS_PATH, TF_WEIGHTS_PATH_NO_TOP = addresses(f"{GOOGLE}vgg16/vgg16")
_FILTERS = (64, 128, 256, 512, 512)


def vgg(request: Request, name: str, depths: tuple[int, ...]) -> Model:
    """Five blocks of 3x3 convolutions and a pooling each, then three Dense layers."""
    x = image = request.start(default_size=224)
    for block, (filters, depth) in enumerate(zip(_FILTERS, depths, strict=True), 1):
        for number in range(1, depth + 1):
            conv = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"block{block}_conv{number}")
            x = conv(x)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    if request.include_top:
        x = layers.Flatten(name="flatten")(x)
        for number in (1, 2):
            x = layers.Dense(4096, activation="relu", name=f"fc{number}")(x)
        x = request.classifier(x)
    else:
        x = request.pooled(x, (None, None))
    files = WeightFiles(f"{GOOGLE}{name}/", pairs(_HASHES, SUFFIXES))
    return request.model(image, x, name, files, name + SUFFIXES[not request.include_top])


VGG16 = application("VGG16", vgg, "vgg16", (2, 2, 3, 3, 3), paper=PAPER)
