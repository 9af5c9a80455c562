"""Batches in parts on several devices. The devices are made up: CPUs that tensors are copied to."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch.backend import devices
from keras_torch.engine import placement
from keras_torch.models import multi_gpu
from keras_torch.utils import multi_gpu_model

layers = keras.layers


@pytest.fixture
def two_devices(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Two devices that are not where the model is, and the sizes of the tensors that were moved."""
    sizes: list[int] = []

    def moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
        sizes.append(len(tensor) if tensor.dim() else 0)
        return tensor.clone()

    monkeypatch.setattr(multi_gpu, "_available", lambda: [torch.device("cuda", 0), torch.device("cuda", 1)])
    monkeypatch.setattr(devices, "to", moved)
    monkeypatch.setattr(placement, "to", moved)
    monkeypatch.setattr(placement, "DeviceScope", lambda device: contextlib.nullcontext())
    return sizes


def two_inputs() -> keras.Model:
    images, words = keras.Input((5, 5, 1), name="images"), keras.Input((4,), name="words")
    a = layers.Flatten()(layers.Conv2D(2, 3, activation="relu")(images))
    b = layers.GRU(3, reset_after=False)(layers.Embedding(9, 4, mask_zero=True)(words))
    joined = layers.concatenate([a, b])
    return keras.Model([images, words], [layers.Dense(2, name="first")(joined), layers.Dense(1, name="second")(joined)])


def data(rows: int) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    x = [np.random.rand(rows, 5, 5, 1).astype("float32"), np.random.randint(0, 9, (rows, 4))]
    return x, {"first": np.random.rand(rows, 2), "second": np.random.rand(rows, 1)}


def test_training_in_parts_gives_the_numbers_of_training_whole(two_devices: list[int]):
    model, whole = two_inputs(), two_inputs()
    whole.set_weights(model.get_weights())
    parallel = multi_gpu_model(model, gpus=2)
    x, y = data(7)
    histories = []
    for trained in (parallel, whole):
        trained.compile("adam", {"first": "mse", "second": "mae"}, loss_weights={"first": 2.0, "second": 1.0})
        histories.append(trained.fit(x, y, batch_size=5, epochs=2, shuffle=False, verbose=0).history)
    assert {2, 3, 1} <= set(two_devices)
    assert histories[0].keys() == histories[1].keys() == {"loss", "first_loss", "second_loss"}
    for key, values in histories[0].items():
        assert values == pytest.approx(histories[1][key], rel=1e-5)
    for found, expected in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-6)
    for found, expected in zip(parallel.predict(x, verbose=0), whole.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_every_device_computes_with_its_own_copy(two_devices: list[int], monkeypatch: pytest.MonkeyPatch):
    def doubled(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
        return tensor * 2 if isinstance(tensor, torch.nn.Parameter) and device.index == 1 else tensor.clone()

    monkeypatch.setattr(placement, "to", doubled)
    model, other = two_inputs(), two_inputs()
    other.set_weights([2 * weight for weight in model.get_weights()])
    x, _ = data(5)
    found = multi_gpu_model(model, [0, 1]).predict(x, verbose=0)[0]
    np.testing.assert_allclose(found[:2], model.predict(x, verbose=0)[0][:2], atol=1e-6)
    np.testing.assert_allclose(found[2:], other.predict(x, verbose=0)[0][2:], atol=1e-6)


def test_the_model_is_one_of_the_layers_and_is_what_one_saves(two_devices: list[int], tmp_path: Path):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Dense(1, name="end")], name="template")
    parallel = multi_gpu_model(model)
    assert parallel.layers[-2] is parallel.get_layer("template") is model
    assert parallel.output_names == ["end"]
    parallel.compile("sgd", "mse")
    x = np.random.rand(4, 3)
    parallel.fit(x, np.zeros((4, 1)), verbose=0)
    for saved in (model, parallel):
        saved.save(tmp_path / "m.h5")
        loaded = keras.models.load_model(tmp_path / "m.h5", compile=False)
        np.testing.assert_allclose(loaded.predict(x, verbose=0), parallel.predict(x, verbose=0), atol=1e-6)


def test_statistics_are_taken_of_each_part_in_turn(two_devices: list[int]):
    model = keras.Sequential([keras.Input((1,)), layers.BatchNormalization(momentum=0.5)])
    parallel = multi_gpu_model(model, gpus=2)
    parallel(np.array([[1.0], [3.0], [10.0], [20.0]], "float32"), training=True)
    assert model.layers[0].moving_mean.numpy().tolist() == [(2 * 0.5 + 0) * 0.5 + 15 * 0.5]


def test_a_batch_smaller_than_the_number_of_devices_stays_whole(two_devices: list[int]):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    x = np.random.rand(1, 3)
    found = multi_gpu_model(model, gpus=2).predict(x, verbose=0)
    np.testing.assert_allclose(found, model.predict(x, verbose=0), atol=1e-6)
    assert two_devices == []


@pytest.mark.parametrize("gpus", [1, [0], None, 2, [0, 1], 8])
def test_gpus_that_are_not_there_are_counted(monkeypatch: pytest.MonkeyPatch, gpus):
    monkeypatch.setattr(multi_gpu, "_available", lambda: [torch.device("cuda", 0)])
    with pytest.raises(ValueError, match=r"this machine has 1"):
        multi_gpu_model(keras.Sequential([keras.Input((3,))]), gpus=gpus)
