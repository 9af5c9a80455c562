"""`audio_dataset_from_directory`: the WAV files below a directory as batches of tensors."""

from __future__ import annotations

import math
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from keras_torch.data import LazyDataset
from keras_torch.data.workers import in_threads, spare_threads
from keras_torch.utils.directories import DirectoryFiles


def audio_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> LazyDataset | tuple[LazyDataset, LazyDataset]:
    """Return the WAV files below a directory as an iterable of batches `(audio, labels)`, read when they are needed.

    Audio is float32 from -1 to 1 with shape (batch, samples, channels), cut or filled with zeros to
    `output_sequence_length` samples or to the longest of the batch. `sampling_rate` resamples with
    `scipy.signal.resample_poly`. The other arguments are those of `image_dataset_from_directory`. WAV files of whole
    numbers with 8 to 32 bits can be read. There are no ragged tensors: `ragged=True` is a ValueError.
    """
    if ragged:
        raise ValueError(
            "`ragged=True` is not supported: tensors of torch are dense. Leave it out, and shorter audio is filled "
            "with zeros; or use `batch_size=None` for single samples of any length."
        )
    if sampling_rate is not None and (not isinstance(sampling_rate, int) or sampling_rate <= 0):
        raise ValueError(f"`sampling_rate` must be a positive whole number. Received: {sampling_rate!r}")
    files = DirectoryFiles(
        *("audio", directory, (".wav",), labels, label_mode, class_names),
        *(shuffle, seed, validation_split, subset, follow_links, verbose),
    )

    def read(paths: list[str]) -> torch.Tensor:
        sounds = list(in_threads(lambda path: read_wav(path, sampling_rate), paths, spare_threads()))
        return _stacked(sounds, output_sequence_length)

    datasets = files.datasets(read, batch_size)
    return (datasets[0], datasets[1]) if isinstance(datasets, list) else datasets


def _stacked(sounds: list[np.ndarray], length: int | None) -> torch.Tensor:
    length = max(map(len, sounds)) if length is None else length
    batch = np.zeros((len(sounds), length, max(sound.shape[1] for sound in sounds)), "float32")
    for row, sound in zip(batch, sounds, strict=True):
        row[: len(sound), : sound.shape[1]] = sound[:length]
    return torch.from_numpy(batch)


def read_wav(path: str, sampling_rate: int | None = None) -> np.ndarray:
    """Return a WAV file as float32 from -1 to 1 with shape (samples, channels). ValueError for other kinds of files."""
    try:
        with wave.open(path, "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path!r} is no WAV file of whole numbers (PCM): {error}") from error
    sound = _decoded(data[: len(data) // (width * channels) * width * channels], width).reshape(-1, channels)
    return sound if sampling_rate in (None, rate) else _resampled(sound, rate, sampling_rate)


def _decoded(data: bytes, width: int) -> np.ndarray:
    """Return samples of `width` bytes as floats; one byte has no sign, three are filled up to four."""
    if width == 1:
        return (np.frombuffer(data, "u1").astype("float32") - 128) / 128
    if width == 3:
        padded = np.zeros((len(data) // 3, 4), "u1")
        padded[:, 1:] = np.frombuffer(data, "u1").reshape(-1, 3)
        data, width = padded.tobytes(), 4
    return (np.frombuffer(data, f"<i{width}") / 2.0 ** (8 * width - 1)).astype("float32")


def _resampled(sound: np.ndarray, rate: int, new_rate: int | None) -> np.ndarray:
    try:
        from scipy.signal import resample_poly
    except ImportError as error:
        raise ImportError("`sampling_rate` needs the package SciPy: `pip install scipy`.") from error
    assert new_rate is not None
    common = math.gcd(rate, new_rate)
    return resample_poly(sound, new_rate // common, rate // common).astype("float32")
