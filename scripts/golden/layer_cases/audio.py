"""Spectrograms, which came with Keras 3."""

from __future__ import annotations

from typing import Any

import numpy as np

from layer_cases import Case

KERAS_3 = ("3.15",)
SIGNALS = [(2, 40)]
CHANNELS = [(2, 21, 3)]
SMALL = {"fft_length": 16, "sequence_stride": 6, "num_mel_bins": 5, "sampling_rate": 800, "max_freq": 390}


def _mel(images: list[Any] = SIGNALS, **arguments: Any) -> Case:
    return Case("MelSpectrogram", SMALL | arguments, images, keras=KERAS_3, tolerance=1e-4)


def _stft(images: list[Any] = CHANNELS, **arguments: Any) -> Case:
    return Case("STFTSpectrogram", {"frame_length": 8} | arguments, images, keras=KERAS_3, open_axes=True)


CASES: dict[str, Case] = {
    "mel": _mel(),
    "mel-one": _mel([(40,)]),
    "mel-power": _mel(power_to_db=False, mag_exp=1.5),
    "mel-hamming": _mel(window="hamming", sequence_length=12),
    "mel-rectangle": _mel(window=None, ref_power=3.0, min_power=1e-3),
    "mel-window": _mel(window=np.linspace(0.1, 1, 16).tolist(), top_db=10.0),
    **{f"stft-{mode}": _stft(mode=mode) for mode in ("log", "magnitude", "psd", "real", "imag", "angle", "stft")},
    "stft-same": _stft(padding="same", frame_step=3),
    "stft-long": _stft(fft_length=16, frame_step=8, mode="magnitude"),
    "stft-expand": _stft(expand_dims=True, mode="stft"),
    "stft-first": _stft([(2, 3, 21)], data_format="channels_first"),
    "stft-first-expand": _stft([(2, 3, 21)], data_format="channels_first", expand_dims=True, padding="same"),
}
