"""Every layer; this import list is also the table by which names and configs become layers."""

from __future__ import annotations

from typing import Any

from keras_torch import registry
from keras_torch.engine import Input, InputLayer, InputSpec, Layer
from keras_torch.errors import suggest
from keras_torch.layers.added import AddLoss, AddMetric
from keras_torch.layers.advanced_activations import ELU, LeakyReLU, PReLU, ReLU, Softmax, ThresholdedReLU
from keras_torch.layers.attention import AdditiveAttention, Attention
from keras_torch.layers.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM2DCell, ConvLSTM3D
from keras_torch.layers.conv_rnn import ConvRNN2D
from keras_torch.layers.convolutional import Conv1D, Conv2D, Conv3D
from keras_torch.layers.convolutional_transpose import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose
from keras_torch.layers.core import Activation, ActivityRegularization, Dense, Identity, Masking
from keras_torch.layers.cudnn_recurrent import CuDNNGRU, CuDNNLSTM
from keras_torch.layers.einsum_dense import EinsumDense
from keras_torch.layers.embeddings import Embedding
from keras_torch.layers.keras_1 import (
    Highway,
    MaxoutDense,
    ParametricSoftplus,
    SReLU,
    TimeDistributedDense,
    time_distributed_dense,
)
from keras_torch.layers.kernelized import RandomFourierFeatures
from keras_torch.layers.lambda_layer import Lambda
from keras_torch.layers.local import LocallyConnected1D, LocallyConnected2D
from keras_torch.layers.merge import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Merge,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    merge,
    minimum,
    multiply,
    subtract,
)
from keras_torch.layers.merge import _Merge as _Merge
from keras_torch.layers.multi_head_attention import GroupQueryAttention, MultiHeadAttention
from keras_torch.layers.noise import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from keras_torch.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    SyncBatchNormalization,
    UnitNormalization,
)
from keras_torch.layers.pooling import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from keras_torch.layers.preprocessing.augmentation_policies import AugMix, RandAugment
from keras_torch.layers.preprocessing.base import PreprocessingLayer
from keras_torch.layers.preprocessing.category_encoding import CategoryEncoding
from keras_torch.layers.preprocessing.discretization import Discretization
from keras_torch.layers.preprocessing.equalization import (
    AutoContrast,
    ContrastLimitedAdaptiveHistogramEqualization,
    Equalization,
)
from keras_torch.layers.preprocessing.hashed_crossing import HashedCrossing
from keras_torch.layers.preprocessing.hashing import Hashing
from keras_torch.layers.preprocessing.image_mixing import CutMix, MixUp
from keras_torch.layers.preprocessing.image_sizes import CenterCrop, RandomCrop, RandomHeight, RandomWidth, Resizing
from keras_torch.layers.preprocessing.integer_lookup import IntegerLookup
from keras_torch.layers.preprocessing.normalization import Normalization
from keras_torch.layers.preprocessing.pipeline import MaxNumBoundingBoxes, Pipeline
from keras_torch.layers.preprocessing.random_colors import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomContrast,
    RandomGrayscale,
    RandomHue,
    RandomInvert,
    RandomPosterization,
    RandomSaturation,
    RandomSharpness,
    Solarization,
)
from keras_torch.layers.preprocessing.random_moves import (
    RandomFlip,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from keras_torch.layers.preprocessing.random_warps import (
    RandomElasticTransform,
    RandomErasing,
    RandomGaussianBlur,
    RandomPerspective,
)
from keras_torch.layers.preprocessing.rescaling import Rescaling
from keras_torch.layers.preprocessing.spectrograms import MelSpectrogram, STFTSpectrogram
from keras_torch.layers.preprocessing.string_lookup import StringLookup
from keras_torch.layers.preprocessing.text_vectorization import TextVectorization
from keras_torch.layers.recurrent import (
    GRU,
    LSTM,
    RNN,
    GRUCell,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
)
from keras_torch.layers.recurrent_base import AbstractRNNCell, ConvRecurrent2D, Recurrent
from keras_torch.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from keras_torch.layers.residual import CustomScaleLayer, LayerScale, StochasticDepth
from keras_torch.layers.resizing import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from keras_torch.layers.reversible_embedding import ReversibleEmbedding
from keras_torch.layers.separable import DepthwiseConv1D, DepthwiseConv2D, SeparableConv1D, SeparableConv2D
from keras_torch.layers.spectral_normalization import SpectralNormalization
from keras_torch.layers.torch_module import TorchModuleWrapper
from keras_torch.layers.unavailable import DenseFeatures, FlaxLayer, JaxLayer, TFSMLayer
from keras_torch.layers.wrappers import Bidirectional, TimeDistributed, Wrapper
from keras_torch.legacy import aliases, saving

registry.layers.add(
    [
        AbstractRNNCell,
        Activation,
        ActivityRegularization,
        AdaptiveAveragePooling1D,
        AdaptiveAveragePooling2D,
        AdaptiveAveragePooling3D,
        AdaptiveMaxPooling1D,
        AdaptiveMaxPooling2D,
        AdaptiveMaxPooling3D,
        Add,
        AdditiveAttention,
        AddLoss,
        AddMetric,
        AlphaDropout,
        Attention,
        AugMix,
        AutoContrast,
        Average,
        AveragePooling1D,
        AveragePooling2D,
        AveragePooling3D,
        BatchNormalization,
        Bidirectional,
        CategoryEncoding,
        CenterCrop,
        Concatenate,
        ContrastLimitedAdaptiveHistogramEqualization,
        Conv1D,
        Conv1DTranspose,
        Conv2D,
        Conv2DTranspose,
        Conv3D,
        Conv3DTranspose,
        ConvLSTM1D,
        ConvLSTM2D,
        ConvLSTM2DCell,
        ConvLSTM3D,
        ConvRecurrent2D,
        ConvRNN2D,
        Cropping1D,
        Cropping2D,
        Cropping3D,
        CuDNNGRU,
        CuDNNLSTM,
        CustomScaleLayer,
        CutMix,
        Dense,
        DepthwiseConv1D,
        DepthwiseConv2D,
        Discretization,
        Dot,
        Dropout,
        EinsumDense,
        ELU,
        Embedding,
        Equalization,
        Flatten,
        GaussianDropout,
        GaussianNoise,
        GlobalAveragePooling1D,
        GlobalAveragePooling2D,
        GlobalAveragePooling3D,
        GlobalMaxPooling1D,
        GlobalMaxPooling2D,
        GlobalMaxPooling3D,
        GroupNormalization,
        GroupQueryAttention,
        GRU,
        GRUCell,
        HashedCrossing,
        Hashing,
        Highway,
        Identity,
        InputLayer,
        IntegerLookup,
        Lambda,
        LayerNormalization,
        LayerScale,
        LeakyReLU,
        LocallyConnected1D,
        LocallyConnected2D,
        LSTM,
        LSTMCell,
        Masking,
        Maximum,
        MaxNumBoundingBoxes,
        MaxoutDense,
        MaxPooling1D,
        MaxPooling2D,
        MaxPooling3D,
        MelSpectrogram,
        Merge,
        Minimum,
        MixUp,
        MultiHeadAttention,
        Multiply,
        Normalization,
        ParametricSoftplus,
        Permute,
        Pipeline,
        PReLU,
        PreprocessingLayer,
        RandAugment,
        RandomBrightness,
        RandomColorDegeneration,
        RandomColorJitter,
        RandomContrast,
        RandomCrop,
        RandomElasticTransform,
        RandomErasing,
        RandomFlip,
        RandomFourierFeatures,
        RandomGaussianBlur,
        RandomGrayscale,
        RandomHeight,
        RandomHue,
        RandomInvert,
        RandomPerspective,
        RandomPosterization,
        RandomRotation,
        RandomSaturation,
        RandomSharpness,
        RandomShear,
        RandomTranslation,
        RandomWidth,
        RandomZoom,
        Recurrent,
        ReLU,
        RepeatVector,
        Rescaling,
        Reshape,
        Resizing,
        ReversibleEmbedding,
        RMSNormalization,
        RNN,
        SeparableConv1D,
        SeparableConv2D,
        SimpleRNN,
        SimpleRNNCell,
        Softmax,
        Solarization,
        SpatialDropout1D,
        SpatialDropout2D,
        SpatialDropout3D,
        SpectralNormalization,
        SReLU,
        StackedRNNCells,
        StochasticDepth,
        STFTSpectrogram,
        StringLookup,
        Subtract,
        SyncBatchNormalization,
        TextVectorization,
        ThresholdedReLU,
        TimeDistributed,
        TimeDistributedDense,
        TorchModuleWrapper,
        UnitNormalization,
        UpSampling1D,
        UpSampling2D,
        UpSampling3D,
        Wrapper,
        ZeroPadding1D,
        ZeroPadding2D,
        ZeroPadding3D,
    ]
)

# The name in Keras 2.0, which attention layers of that time import.
_time_distributed_dense = time_distributed_dense
_ALIASES = {old: registry.layers.objects[new] for old, new in aliases.LAYERS.items() if new in registry.layers.objects}
registry.layers.add(_ALIASES)

__all__ = [
    *registry.layers.objects,
    "add",
    "average",
    "concatenate",
    "DenseFeatures",
    "deserialize",
    "dot",
    "FlaxLayer",
    "Input",
    "InputSpec",
    "JaxLayer",
    "Layer",
    "maximum",
    "merge",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
    "TFSMLayer",
    "time_distributed_dense",
]


def __getattr__(name: str) -> Any:
    """Answer to the old names of layers."""
    if name in _ALIASES:
        return _ALIASES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{suggest(name, __all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)


def serialize(layer: Layer, use_legacy_format: bool = False) -> dict[str, Any]:
    """Return `{"class_name", "config"}` of a layer; tf.keras's older form if asked for."""
    if use_legacy_format:
        return saving.serialize_keras_object(layer)
    return registry.layers.serialize(layer)


def deserialize(
    config: dict[str, Any], custom_objects: dict[str, Any] | None = None, use_legacy_format: bool = False
) -> Any:
    """Make a layer from what `serialize` returned. Unknown classes must be in `custom_objects`.

    Both forms are read, whatever `use_legacy_format` says.
    """
    return registry.layers.from_dict(config, custom_objects)
