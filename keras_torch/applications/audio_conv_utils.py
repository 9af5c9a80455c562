"""Sound as `MusicTaggerCRNN` of Keras 1 wants it, and what its predictions mean."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from keras_torch import config

__all__ = ["TAGS", "decode_predictions", "preprocess_input"]

_RATE, _SECONDS = 12000, 29.12
TAGS = [
    *("rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s", "alternative rock"),
    *("jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul", "indie rock", "Mellow"),
    *("electronica", "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard rock", "ambient"),
    *("acoustic", "experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country", "easy listening"),
    *("sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb", "indie pop", "sad"),
    *("House", "happy"),
]


def preprocess_input(audio_path: str, dim_ordering: str = "default") -> np.ndarray:
    """Return the mel spectrogram in decibels of the middle 29 s of a file: (96, 1366, 1), or (1, 96, 1366) for "th".

    Reads with librosa, an optional package; ImportError without it.
    """
    if dim_ordering not in ("default", "tf", "th"):
        raise ValueError(f"`dim_ordering` must be 'default', 'tf' or 'th'. Received: {dim_ordering!r}")
    try:
        librosa: Any = importlib.import_module("librosa")
    except ImportError as error:
        raise ImportError("Reading sound needs librosa: pip install librosa") from error
    samples, _ = librosa.load(audio_path, sr=_RATE)
    wanted = int(_SECONDS * _RATE)
    surplus = len(samples) - wanted
    if surplus < 0:
        samples = np.pad(samples, (0, -surplus))
    elif surplus > 0:
        samples = samples[surplus // 2 : (len(samples) + wanted) // 2]
    mel = librosa.feature.melspectrogram(y=samples, sr=_RATE, hop_length=256, n_fft=512, n_mels=96)
    decibels = librosa.power_to_db(mel**2, ref=1.0)
    is_first = dim_ordering == "th" or (dim_ordering == "default" and config.image_data_format() == "channels_first")
    return np.expand_dims(decibels, 0 if is_first else 2)


def decode_predictions(preds: Any, top_n: int = 5) -> list[list[tuple[str, float]]]:
    """Return, for each sample, the `top_n` likeliest tags and their probabilities."""
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != len(TAGS):
        raise ValueError(
            f"`decode_predictions` expects predictions of the {len(TAGS)} tags, an array of the shape "
            f"(samples, {len(TAGS)}). Received: shape {preds.shape}"
        )
    return [[(TAGS[n], row[n]) for n in np.argsort(-row, kind="stable")[:top_n]] for row in preds]
