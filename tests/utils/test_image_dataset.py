"""image_dataset_from_directory; its values are compared with real Keras's in tests/preprocessing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch.utils import image_dataset_from_directory

PIL = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, name in enumerate(("a/1.png", "a/2.png", "b/3.png", "b/4.png", "b/5.png")):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        PIL.fromarray(np.full((4, 2 + index % 2 * 4, 3), 50 * index, "uint8")).save(file)
    return tmp_path


def dataset(folder: Path, **kwargs: Any) -> Any:
    return image_dataset_from_directory(folder, **{"image_size": (4, 4), "verbose": False, "seed": 1, **kwargs})


def test_batches_are_float_tensors_of_the_asked_size(folder: Path) -> None:
    images, labels = next(iter(dataset(folder, batch_size=3, image_size=6, shuffle=False)))
    assert images.shape == (3, 6, 6, 3)
    assert images.dtype == torch.float32
    assert images[:, 0, 0, 0].tolist() == [0.0, 50.0, 100.0]
    assert labels.tolist() == [0, 0, 1]


def test_channels_can_come_first(folder: Path) -> None:
    images, _ = next(iter(dataset(folder, data_format="channels_first", color_mode="grayscale")))
    assert images.shape == (5, 1, 4, 4)


def test_the_rest_is_filled_with_zeros(folder: Path) -> None:
    images, _ = next(iter(dataset(folder, shuffle=False, pad_to_aspect_ratio=True, interpolation="nearest")))
    assert images[4, 2, :, 0].tolist() == [0.0, 200.0, 200.0, 0.0]


def test_a_model_trains_evaluates_and_predicts_with_the_datasets(folder: Path) -> None:
    training, validation = dataset(folder, validation_split=0.4, subset="both", label_mode="binary", batch_size=2)
    model = keras.Sequential(
        [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(training, validation_data=validation, epochs=2, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()
    assert model.predict(validation, verbose=0).shape == (2, 1)
    model.evaluate(validation, verbose=0)


def test_a_normalization_adapts_to_it(folder: Path) -> None:
    layer = keras.layers.Normalization(axis=None)
    layer.adapt(dataset(folder, labels=None))
    assert float(np.ravel(keras.ops.convert_to_numpy(layer.mean))[0]) == pytest.approx(100.0)


def test_a_seed_gives_the_same_order_again(folder: Path) -> None:
    order = [labels.tolist() for _, labels in dataset(folder, batch_size=1)]
    again = [labels.tolist() for _, labels in dataset(folder, batch_size=1)]
    assert order == again


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"color_mode": "hsv"}, "`color_mode` must be"),
        ({"image_size": (1, 2, 3)}, "`image_size` must be"),
        ({"interpolation": "sinc"}, "`interpolation` must be one of"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "Only one of"),
        ({"format": "torch"}, "`format` must be"),
        ({"batch_size": 0}, "`batch_size` must be"),
    ],
)
def test_arguments_are_checked(folder: Path, kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataset(folder, **kwargs)


def test_the_argument_of_tensorflow_2_3_still_works(folder: Path) -> None:
    cut = dataset(folder, smart_resize=True, shuffle=False, labels=None)
    np.testing.assert_array_equal(
        next(iter(cut)), next(iter(dataset(folder, crop_to_aspect_ratio=True, shuffle=False, labels=None)))
    )
