"""Layers that live on one GPU, on two, or beside one on the processor."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config, layers
from keras_torch.utils import multi_gpu_model

pytestmark = pytest.mark.gpu
PLACES = [("gpu:0", "cpu"), ("cpu", "gpu:0"), ("gpu:0", "gpu:1"), ("gpu:1", "gpu:0")]


@pytest.fixture(autouse=True)
def nothing_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.Placement, "used", False)


def need(*places: str) -> None:
    if "gpu:1" in places and torch.cuda.device_count() < 2:
        pytest.skip("one CUDA device only")


def towers(first: str, second: str) -> keras.Model:
    """One LSTM on two devices, joined on the processor."""
    a, b = keras.Input((7, 4)), keras.Input((7, 4))
    shared = layers.LSTM(6)
    with keras.device(first):
        encoded_a = shared(layers.Dense(4, activation="relu")(a))
    with keras.device(second):
        encoded_b = shared(layers.Dense(4, activation="relu")(b))
    with keras.device("cpu"):
        merged = layers.concatenate([encoded_a, encoded_b])
    return keras.Model([a, b], layers.Dense(1)(layers.BatchNormalization()(merged)))


def data() -> tuple[list[np.ndarray], np.ndarray]:
    random = np.random.default_rng(0)
    return [random.random((48, 7, 4), dtype="float32") for _ in range(2)], random.random((48, 1), dtype="float32")


@pytest.mark.parametrize("places", PLACES)
def test_a_model_in_parts_on_two_devices_trains_as_on_one(places: tuple[str, str]):
    need(*places)
    model, whole = towers(*places), towers("gpu:0", "gpu:0")
    whole.set_weights(model.get_weights())
    x, y = data()
    histories = []
    for trained in (model, whole):
        trained.compile("adam", "mse", metrics=["mae"])
        histories.append(trained.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0).history)
    for key, values in histories[0].items():
        assert values == pytest.approx(histories[1][key], rel=1e-3, abs=1e-4)
    np.testing.assert_allclose(model.predict(x, verbose=0), whole.predict(x, verbose=0), rtol=1e-2, atol=1e-3)


def test_layers_live_where_they_were_made_and_their_inputs_come_to_them():
    with keras.device("cpu"):
        layer = layers.Dense(2)
    x = torch.ones(3, 4, device="cuda")
    assert layer(x).device.type == "cpu" and layer.kernel.device.type == "cpu"
    with keras.device("gpu:0"):
        inputs = keras.Input((4,))
        model = keras.Model(inputs, layer(inputs))
    assert model(x).device == torch.device("cuda", 0) and layer.kernel.device.type == "cpu"
    layer.to("cuda")
    assert layer(x).device.type == "cuda"


def test_every_gpu_can_be_named_and_the_next_one_is_not_there():
    count = torch.cuda.device_count()
    for index in range(count):
        with keras.device(f"gpu:{index}"):
            assert torch.ones(1).device == torch.device("cuda", index)
    with pytest.raises(ValueError, match=rf"this machine has {count} GPU"):
        keras.device(f"gpu:{count}")


def test_a_model_of_the_processor_is_computed_in_parts_on_all_gpus():
    if torch.cuda.device_count() < 2:
        with pytest.raises(ValueError, match="this machine has 1"):
            multi_gpu_model(keras.Sequential([keras.Input((3,))]), gpus=[0])
        return
    with keras.device("cpu"):
        model = keras.Sequential([keras.Input((5,)), layers.Dense(8, activation="relu"), layers.Dense(1)])
    parallel = multi_gpu_model(model, gpus=2)
    parallel.compile("sgd", "mse")
    x = np.random.rand(10, 5).astype("float32")
    parallel.fit(x, x[:, :1], batch_size=5, verbose=0)
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}
    np.testing.assert_allclose(parallel.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
