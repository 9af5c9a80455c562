"""VGG with 19 layers of weights (Simonyan and Zisserman 2014)."""

from __future__ import annotations

from keras_torch.applications.building import application
from keras_torch.applications.imagenet_utils import decode_predictions, preprocess_input
from keras_torch.applications.vgg16 import PAPER, vgg
from keras_torch.applications.weight_files import GOOGLE, addresses

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

# Scripts for Keras 1 and 2 fetch the files themselves.
WEIGHTS_PATH, WEIGHTS_PATH_NO_TOP = TF_WEIGHTS_PATH, TF_WEIGHTS_PATH_NO_TOP = addresses(f"{GOOGLE}vgg19/vgg19")
VGG19 = application("VGG19", vgg, "vgg19", (2, 2, 4, 4, 4), paper=PAPER)
