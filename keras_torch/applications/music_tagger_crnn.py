"""The tagger of music that Keras 1 had (Choi et al. 2016)."""

from __future__ import annotations

import os
from typing import Any

from keras_torch import config, layers
from keras_torch.applications.audio_conv_utils import decode_predictions, preprocess_input
from keras_torch.applications.weight_files import WeightFiles
from keras_torch.models import Model
from keras_torch.symbolic import KerasTensor, get_source_inputs

__all__ = ["MusicTaggerCRNN", "decode_predictions", "preprocess_input"]

_FILES = WeightFiles("https://github.com/fchollet/deep-learning-models/releases/download/v0.3/", {})
# Filters of the convolutions and sizes of the poolings behind them.
_BLOCKS = ((64, 2), (128, 3), (128, 4), (128, 4))


def MusicTaggerCRNN(
    weights: str | os.PathLike[str] | None = "msd",
    input_tensor: KerasTensor | None = None,
    include_top: bool = True,
    classes: int = 50,
) -> Model:
    """Return the network: four convolutions and two GRUs over mel spectrograms of 29 s, then a sigmoid for each tag.

    `weights` "msd" loads those of the Million Song Dataset, a path a file of yours; None leaves random values.
    `audio_conv_utils` makes the spectrograms. Paper: https://arxiv.org/abs/1609.04243
    """
    if weights == "msd" and include_top and classes != 50:
        raise ValueError(f"With weights='msd' and include_top=True, `classes` must be 50. Received: classes={classes}")
    if weights not in ("msd", None) and not os.path.exists(weights):  # type: ignore[arg-type]
        raise ValueError(f"`weights` must be None, 'msd' or the path of a file that exists. Received: {weights!r}")
    first = config.image_data_format() == "channels_first"
    channel_axis, time_axis = (1, 3) if first else (3, 2)
    image = layers.Input(shape=(1, 96, 1366) if first else (96, 1366, 1)) if input_tensor is None else input_tensor
    x = layers.ZeroPadding2D((0, 37))(image)
    x = layers.BatchNormalization(axis=time_axis, name="bn_0_freq")(x)
    for number, (filters, size) in enumerate(_BLOCKS, 1):
        x = layers.Conv2D(filters, 3, padding="same", name=f"conv{number}")(x)
        x = layers.ELU()(layers.BatchNormalization(axis=channel_axis, name=f"bn{number}")(x))
        x = layers.MaxPooling2D(size, strides=size, name=f"pool{number}")(x)
    if first:
        x = layers.Permute((3, 1, 2))(x)
    x = layers.Reshape((15, 128))(x)
    options: dict[str, Any] = {"recurrent_activation": "hard_sigmoid", "reset_after": False}
    x = layers.GRU(32, return_sequences=True, name="gru1", **options)(x)
    x = layers.GRU(32, name="gru2", **options)(x)
    if include_top:
        x = layers.Dense(classes, activation="sigmoid", name="output")(x)
    inputs = image if input_tensor is None else get_source_inputs(input_tensor)
    model = Model(inputs, x, name="music_tagger_crnn")
    if weights == "msd":
        ordering = "th" if first else "tf"
        model.load_weights(
            _FILES.fetch(f"music_tagger_crnn_weights_tf_kernels_{ordering}_dim_ordering.h5"), by_name=True
        )
    elif weights is not None:
        model.load_weights(os.fspath(weights))
    return model
