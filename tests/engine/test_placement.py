"""`with keras.device(...)`: layers live where they are made, and tensors come to them.

Two GPUs that are not there: torch's fake tensors have devices such as cpu:1, and refuse to compute across them.
"""

from __future__ import annotations

import contextlib
import copy
import pickle
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import keras_torch as keras
from keras_torch import config, layers
from keras_torch.config import placement
from keras_torch.dropin.tensorflow import adapt, settings
from keras_torch.engine import placement as placement_of_layers
from keras_torch.engine.weights import WeightsMixin
from keras_torch.models import multi_gpu
from keras_torch.training import steps

CPU, FIRST, SECOND = torch.device("cpu"), torch.device("cpu", 1), torch.device("cpu", 2)


@pytest.fixture(autouse=True)
def nothing_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.Placement, "used", False)
    monkeypatch.setattr(WeightsMixin, "_call_impl", torch.nn.Module._call_impl, raising=False)
    monkeypatch.setattr(placement_of_layers.Fetching, "active", False)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(placement, "gpu_count", lambda: 2)
    monkeypatch.setattr(placement, "_gpu", lambda number: (FIRST, SECOND)[number])
    with FakeTensorMode():
        yield


def devices(model: keras.Model) -> dict[str, str]:
    return {weight.path.rpartition("/")[0]: str(weight.storages[0].device) for weight in model.weights}


def two_towers() -> keras.Model:
    a, b = keras.Input((5, 4)), keras.Input((5, 4))
    shared = layers.LSTM(6, name="shared")
    with keras.device("gpu:0"):
        encoded_a = shared(a)
    with keras.device("/gpu:1"):
        encoded_b = shared(layers.Dense(4, name="own")(b))
    with keras.device("cpu:0"):
        merged = layers.concatenate([encoded_a, encoded_b])
    return keras.Model([a, b], layers.Dense(1, name="end")(merged))


@pytest.mark.usefixtures("two_gpus")
def test_one_layer_computes_on_two_devices_and_learns_from_both():
    model = two_towers()
    assert devices(model) == {"shared/lstm_cell": "cpu:1", "own": "cpu:2", "end": "cpu"}
    outputs = model([torch.randn(3, 5, 4), torch.randn(3, 5, 4)])
    assert outputs.device == CPU
    outputs.sum().backward()
    assert all(parameter.grad.device == parameter.device for parameter in model.parameters())


@pytest.fixture
def optimizer() -> keras.optimizers.Optimizer:
    """One with real tensors."""
    return keras.optimizers.SGD(0.1)


def test_losses_and_penalties_on_several_devices_are_added_and_flow_back(
    optimizer: keras.optimizers.Optimizer, two_gpus: None
):
    inputs = keras.Input((4,))
    with keras.device("gpu:1"):
        hidden = layers.Dense(8, activation="relu", kernel_regularizer="l2")(inputs)
    with keras.device("cpu"):
        a = layers.Dense(1, name="a")(layers.LayerNormalization()(layers.Dropout(0.5)(hidden)))
    with keras.device("gpu:0"):
        b = layers.Dense(1, name="b", activity_regularizer="l2")(hidden)
    model = keras.Model(inputs, [a, b])
    model.compile(optimizer, "mse", loss_weights=[1.0, 2.0])
    targets, weights = [torch.randn(6, 1), torch.randn(6, 1)], [torch.ones(6), torch.ones(6)]
    _, loss = steps.forward(model, model._compiled, torch.randn(6, 4), targets, weights, True)
    loss.backward()
    assert all(parameter.grad.device == parameter.device for parameter in model.parameters())
    assert devices(model)["a"] == "cpu" and devices(model)["b"] == "cpu:1"


@pytest.mark.usefixtures("two_gpus")
def test_layers_in_models_of_ones_own_take_their_inputs_to_where_they_live():
    class Chain(keras.Model):
        def __init__(self):
            super().__init__()
            with keras.device("cuda:0"):
                self.a = layers.Embedding(9, 3, mask_zero=True)
            with keras.device("cuda:1"):
                self.b = layers.LSTM(3)
            self.c = layers.Dense(1)

        def call(self, x):
            return self.c(self.b(self.a(x)))

    model = Chain()
    assert model(torch.ones(2, 4, dtype=torch.long)).device == CPU
    assert [str(parameter.device) for parameter in model.b.parameters()][0] == "cpu:2"


@pytest.mark.usefixtures("two_gpus")
def test_a_layer_made_elsewhere_computes_in_the_block_with_copies_of_its_weights():
    layer = layers.Dense(2)
    layer.build((None, 4))
    x = keras.Input((4,))
    with keras.device("gpu:1"):
        y = layer(x)
    model = keras.Model(x, y)
    assert model(torch.ones(1, 4)).device == SECOND
    assert layer.kernel.device == CPU


def test_what_moves_a_layer_moves_its_place():
    config.Placement.used = True
    layer = layers.Dense(2)
    layer.build((None, 4))
    assert layer(torch.ones(1, 4)).device == CPU
    layer.to("meta")
    assert layer(torch.ones(1, 4)).is_meta


def test_a_layer_that_has_a_place_can_be_copied_and_pickled():
    config.Placement.used = True
    layer = layers.Dense(2)
    layer.build((None, 3))
    x = torch.ones(1, 3)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert vars(twin)["_call_impl"].args == (twin,) and twin._home == CPU
        torch.testing.assert_close(twin(x), layer(x))


def test_blocks_of_the_default_device_leave_no_trace():
    with keras.device("cpu"):
        layer = layers.Dense(2)
        x = keras.Input((3,))
        model = keras.Model(x, layer(x))
    assert not config.Placement.used
    assert "_call_impl" not in vars(layer)
    assert model(np.ones((2, 3), "float32")).shape == (2, 2)


def test_blocks_nest_and_end():
    with keras.device("meta"):
        assert torch.ones(1).is_meta and config.default_device().type == "meta"
        with keras.device("cpu"):
            assert torch.ones(1).device == config.default_device() == CPU
        assert keras.ops.zeros((2,)).is_meta
    assert config.current_device() is None and torch.ones(1).device == CPU
    assert keras.device("meta")(lambda: torch.ones(1))().is_meta


@pytest.mark.parametrize("name", ["gpu:2", "/device:GPU:2", "cuda:2", "/job:localhost/replica:0/task:0/device:GPU:2"])
def test_a_gpu_that_is_not_there_is_told_with_those_that_are(monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setattr(placement, "gpu_count", lambda: 2)
    with pytest.raises(ValueError, match=r"this machine has 2 GPUs, \['gpu:0', 'gpu:1'\]"):
        keras.device(name)
    assert keras.device(name.replace("2", "1")) == torch.device("cuda", 1)


def test_without_gpus_the_error_names_the_processor():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="no GPU that torch can use. Use 'cpu'"):
        keras.device("gpu:0")


@pytest.mark.parametrize("name", ["banana", "gpu:one", "gpu:1:2", ""])
def test_what_is_no_name_of_a_device_is_refused(name: str):
    with pytest.raises(ValueError, match="A device is named by its kind"):
        keras.device(name)


def test_tf_device_falls_back_to_the_default_device_unless_told_not_to(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(placement, "gpu_count", lambda: 0)
    for name in ("/gpu:1", "/job:localhost/replica:0/task:0/device:GPU:0", "TPU:0", None, lambda operation: "/gpu:0"):
        with settings.device(name):
            assert torch.ones(1).device == config.default_device()
    with pytest.raises(ValueError, match="A device is named by its kind"):
        settings.device("/banana:0")
    settings.set_soft_device_placement(False)
    try:
        with pytest.raises(ValueError, match="There is no device '/gpu:1'"):
            settings.device("/gpu:1")
    finally:
        settings.set_soft_device_placement(True)
    assert settings.get_soft_device_placement()


def test_functions_of_tensorflow_take_tensors_to_the_device_of_the_block():
    double = adapt.adapted(lambda x: x * 2)
    with config.DeviceScope(torch.device("meta")):
        assert double(torch.ones(2)).is_meta
    assert not double(torch.ones(2)).is_meta


def test_models_whose_layers_have_places_compile_into_one_graph():
    config.Placement.used = True
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.ops.relu(layers.Dense(2)(layers.Dense(3)(inputs))) + 1)
    x = torch.ones(2, 4)
    found = torch.compile(model, backend="eager", fullgraph=True)(x)
    torch.testing.assert_close(found, model(x))


def in_parts(*places: torch.device | None) -> keras.Model:
    def scope(place: torch.device | None) -> contextlib.AbstractContextManager:
        return contextlib.nullcontext() if place is None else config.DeviceScope(place)

    a, b = keras.Input((7,)), keras.Input((7,))
    shared, norm = layers.LSTM(6), layers.BatchNormalization()
    embedding = layers.Embedding(9, 4, mask_zero=True)
    with scope(places[0]):
        encoded_a = norm(shared(embedding(a)))
    with scope(places[1]):
        encoded_b = norm(shared(embedding(b)))
    with scope(places[2]):
        merged = layers.concatenate([encoded_a, encoded_b]) * 2
    return keras.Model([a, b], layers.Dense(1)(merged))


def test_a_model_in_parts_learns_what_a_whole_one_does():
    """Devices such as cpu:1 hold real numbers, too: tensors say that they lie on cpu there, so all are copied."""
    whole, model = in_parts(None, None, None), in_parts(FIRST, SECOND, CPU)
    assert config.Placement.used
    model.set_weights(whole.get_weights())
    random = np.random.default_rng(0)
    x, y = [random.integers(0, 9, (20, 7)) for _ in range(2)], random.random((20, 1))
    found = []
    for trained in (whole, model):
        trained.compile("adam", "mse", metrics=["mae"])
        history = trained.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0, validation_split=0.2).history
        found.append([*history.values(), trained.predict(x, verbose=0), *trained.get_weights()])
    for expected, value in zip(*found, strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-6)


def test_a_model_under_a_launcher_goes_to_the_device_of_its_process():
    with config.DeviceScope(FIRST):
        inputs = keras.Input((3,))
        model = keras.Model(inputs, keras.ops.relu(layers.Dense(2)(inputs)))
    assert any(node.device == FIRST for node in model._network.nodes)
    multi_gpu._relocate(model)
    assert all(node.device is None for node in model._network.nodes)
    assert model.layers[1]._home == CPU
    assert model(np.ones((1, 3), "float32")).shape == (1, 2)


@pytest.mark.usefixtures("two_gpus")
def test_layers_without_a_place_fetch_what_was_made_in_a_block():
    recurrent, dense = layers.LSTM(3), layers.Dense(2)
    recurrent.build((None, 5, 4))
    dense.build((None, 3))
    with keras.device("gpu:1"):
        x = torch.ones(2, 5, 4)
    assert x.device == SECOND and not config.Placement.used
    assert dense(recurrent(x)).device == CPU


def test_errors_of_layers_stay_what_they_are():
    class Fails(layers.Dense):
        def call(self, inputs):
            raise RuntimeError("mine")

    placement_of_layers.scope_of(FIRST)
    assert WeightsMixin._call_impl is not torch.nn.Module._call_impl
    with pytest.raises(RuntimeError, match="mine"):
        Fails(2)(torch.ones(1, 3))
