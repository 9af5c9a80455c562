"""VGG with 19 layers of weights (Simonyan and Zisserman 2014)."""

from __future__ import annotations

from keras_torch.applications.building import application
from keras_torch.applications.imagenet_utils import decode_predictions, preprocess_input
from keras_torch.applications.vgg16 import PAPER, vgg

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

VGG19 = application("VGG19", vgg, "vgg19", (2, 2, 4, 4, 4), paper=PAPER)
