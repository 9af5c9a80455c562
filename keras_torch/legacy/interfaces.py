"""`keras.legacy.interfaces`: the decorators that Keras 2 put on its own constructors, for scripts that import them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_torch.legacy import translated

_ROWS = {
    "legacy_add_weight_support": "Layer.add_weight",
    "legacy_batchnorm_support": "BatchNormalization",
    "legacy_conv1d_support": "Conv1D",
    "legacy_conv2d_support": "Conv2D",
    "legacy_conv3d_support": "Conv3D",
    "legacy_convlstm2d_support": "ConvLSTM2D",
    "legacy_cropping2d_support": "Cropping2D",
    "legacy_cropping3d_support": "Cropping3D",
    "legacy_deconv2d_support": "Conv2DTranspose",
    "legacy_dense_support": "Dense",
    "legacy_dropout_support": "Dropout",
    "legacy_embedding_support": "Embedding",
    "legacy_gaussiandropout_support": "GaussianDropout",
    "legacy_gaussiannoise_support": "GaussianNoise",
    "legacy_generator_methods_support": "Model.fit_generator",
    "legacy_get_updates_support": "Optimizer.get_updates",
    "legacy_global_pooling_support": "GlobalMaxPooling2D",
    "legacy_input_support": "Input",
    "legacy_lambda_support": "Lambda",
    "legacy_model_constructor_support": "Model",
    "legacy_pooling1d_support": "MaxPooling1D",
    "legacy_pooling2d_support": "MaxPooling2D",
    "legacy_pooling3d_support": "MaxPooling3D",
    "legacy_prelu_support": "PReLU",
    "legacy_recurrent_support": "LSTM",
    "legacy_separable_conv2d_support": "SeparableConv2D",
    "legacy_spatialdropout1d_support": "SpatialDropout1D",
    "legacy_spatialdropoutNd_support": "SpatialDropout2D",
    "legacy_upsampling1d_support": "UpSampling1D",
    "legacy_upsampling2d_support": "UpSampling2D",
    "legacy_upsampling3d_support": "UpSampling3D",
    "legacy_zeropadding2d_support": "ZeroPadding2D",
    "legacy_zeropadding3d_support": "ZeroPadding3D",
}


def __getattr__(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    if name not in _ROWS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return translated(_ROWS[name])
