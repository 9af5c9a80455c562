"""audio_dataset_from_directory: WAV files as batches."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from keras_torch.utils import audio_dataset_from_directory


def write(path: Path, data: np.ndarray, width: int, channels: int = 1, rate: int = 8000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data.tobytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "a" / "1.wav", np.array([0, 16384, -32768], "<i2"), 2)
    write(tmp_path / "b" / "2.wav", np.array([[1, 2], [3, 4]], "<i2") * 8192, 2, channels=2)
    return tmp_path


def audio(folder: Path, **kwargs: Any) -> Any:
    return audio_dataset_from_directory(folder, **{"shuffle": False, "verbose": False, **kwargs})


def test_shorter_audio_and_missing_channels_are_filled_with_zeros(folder: Path) -> None:
    [(sounds, labels)] = list(audio(folder))
    assert sounds.dtype == torch.float32
    assert sounds[0].tolist() == [[0.0, 0.0], [0.5, 0.0], [-1.0, 0.0]]
    assert sounds[1].tolist() == [[0.25, 0.5], [0.75, -1.0], [0.0, 0.0]]
    assert labels.tolist() == [0, 1]


@pytest.mark.parametrize("length", [2, 5])
def test_audio_is_cut_or_filled_to_a_length(folder: Path, length: int) -> None:
    [sounds] = list(audio(folder, labels=None, output_sequence_length=length))
    assert sounds.shape == (2, length, 2)
    assert sounds[0, :2, 0].tolist() == [0.0, 0.5]


def test_single_samples_have_their_own_length(folder: Path) -> None:
    assert [tuple(sound.shape) for sound, _ in audio(folder, batch_size=None)] == [(3, 1), (2, 2)]


@pytest.mark.parametrize(
    ("width", "data"),
    [
        (1, np.array([128, 192, 0], "u1")),
        (3, np.array([[0, 0, 0], [0, 0, 64], [0, 0, 128]], "u1")),
        (4, np.array([0, 2**30, -(2**31)], "<i4")),
    ],
)
def test_all_widths_are_read(tmp_path: Path, width: int, data: np.ndarray) -> None:
    write(tmp_path / "x.wav", data, width)
    [sounds] = list(audio(tmp_path, labels=None))
    assert sounds.flatten().tolist() == [0.0, 0.5, -1.0]


def test_audio_is_resampled(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    tone = np.sin(2 * np.pi * 50 * np.arange(800) / 8000)
    write(tmp_path / "x.wav", (tone * 30000).astype("<i2"), 2)
    [sounds] = list(audio(tmp_path, labels=None, sampling_rate=4000))
    assert sounds.shape == (1, 400, 1)
    np.testing.assert_allclose(sounds[0, 50:-50, 0], tone[100:-100:2] * 30000 / 32768, atol=5e-3)


def test_training_and_validation_come_as_a_pair(folder: Path) -> None:
    training, validation = audio(folder, validation_split=0.5, subset="both")
    assert [Path(path).name for path in (*training.file_paths, *validation.file_paths)] == ["1.wav", "2.wav"]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"ragged": True}, "`ragged=True` is not supported"),
        ({"sampling_rate": 0}, "`sampling_rate` must be"),
        ({"sampling_rate": 1.5}, "`sampling_rate` must be"),
    ],
)
def test_arguments_are_checked(folder: Path, kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        audio(folder, **kwargs)


def test_what_is_no_wav_file_is_named(folder: Path) -> None:
    (folder / "a" / "1.wav").write_bytes(b"RIFFxxxxnothing")
    with pytest.raises(ValueError, match=r"1\.wav.*no WAV file"):
        list(audio(folder))
