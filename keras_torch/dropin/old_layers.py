"""Base classes of layers that packages import from the files of Keras, to subclass them or to ask for their kind."""

from __future__ import annotations

from keras_torch.layers.convolutional import Conv
from keras_torch.layers.separable import DepthwiseConv

BaseConv = Conv
BaseDepthwiseConv = DepthwiseConv

__all__ = ["BaseConv", "BaseDepthwiseConv", "Conv", "DepthwiseConv"]
