"""Networks for images, with the weights that Keras's authors trained on ImageNet."""

from __future__ import annotations

from keras_torch.applications import imagenet_utils
from keras_torch.applications.mobilenet import MobileNet
from keras_torch.applications.resnet import ResNet101, ResNet152
from keras_torch.applications.resnet50 import ResNet50
from keras_torch.applications.resnet_v2 import ResNet50V2, ResNet101V2, ResNet152V2
from keras_torch.applications.vgg16 import VGG16
from keras_torch.applications.vgg19 import VGG19

__all__ = [
    "MobileNet",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "VGG19",
    "imagenet_utils",
]
