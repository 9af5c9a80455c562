"""Old names of classes and functions → the name that exists today. The namespaces export these as plain aliases."""

from __future__ import annotations

from typing import Any

from keras_torch import config

LAYERS: dict[str, str] = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Deconv2D": "Conv2DTranspose",
    "Deconv3D": "Conv3DTranspose",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "Convolution1DTranspose": "Conv1DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose",
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
    "DepthwiseConvolution2D": "DepthwiseConv2D",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
    "MaxPool3D": "MaxPooling3D",
    "AvgPool1D": "AveragePooling1D",
    "AvgPool2D": "AveragePooling2D",
    "AvgPool3D": "AveragePooling3D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalMaxPool3D": "GlobalMaxPooling3D",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalAvgPool3D": "GlobalAveragePooling3D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "GroupedQueryAttention": "GroupQueryAttention",
    "LSTMV1": "LSTM",
    "LSTMV2": "LSTM",
    "GRUV1": "GRU",
    "GRUV2": "GRU",
}

# Today's class → what Keras 1 called it, where that shows: in the default names of layers, and in summaries.
KERAS_1_LAYERS: dict[str, str] = {
    "Conv1D": "Convolution1D",
    "Conv2D": "Convolution2D",
    "Conv3D": "Convolution3D",
    "Conv2DTranspose": "Deconvolution2D",
    "SeparableConv2D": "SeparableConvolution2D",
    **dict.fromkeys(("Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"), "Merge"),
}

OPTIMIZERS: dict[str, str] = {
    "sgd": "SGD",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
    "adam": "Adam",
    "adamax": "Adamax",
    "nadam": "Nadam",
}

REGULARIZERS: dict[str, str] = {
    "l1l2": "l1_l2",
    "L1L2Regularizer": "L1L2",
    "WeightRegularizer": "L1L2",
    "ActivityRegularizer": "L1L2",
    "activity_l1": "l1",
    "activity_l2": "l2",
    "activity_l1l2": "l1_l2",
}

CONSTRAINTS: dict[str, str] = {
    "maxnorm": "MaxNorm",
    "nonneg": "NonNeg",
    "unitnorm": "UnitNorm",
}


def shown_class_name(layer: Any) -> str:
    """Return the name of a layer's class, in dialect 1 as Keras 1 called it."""
    name = type(layer).__name__
    if config.dialect() != "1":
        return name
    rates = getattr(layer, "dilation_rate", 1)
    spread = any(rate != 1 for rate in (rates if isinstance(rates, (list, tuple)) else [rates]))
    return ("Atrous" if spread and name in ("Conv1D", "Conv2D") else "") + KERAS_1_LAYERS.get(name, name)
