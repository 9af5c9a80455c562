"""Pickles and copies of models: equal to the last bit, and training goes on as if nothing had happened."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import layers, ops

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(16, 2)).astype("float32")


class Gain(layers.Layer):
    """A layer of a user without `get_config`, with a layer, a list of layers and a lambda inside."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner
        self.parts = [layers.Dense(4), layers.Dense(4)]
        self.last = layers.Dense(4)
        self.function = lambda x: 2 * x

    def call(self, inputs: Any) -> Any:
        return self.last(self.function(self.inner(inputs))) + self.parts[0](inputs) + self.parts[1](inputs)


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(3)
        self.parts = {"a": layers.Dense(2), "b": layers.Dense(2)}
        self.norm = layers.BatchNormalization()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        hidden = self.norm(self.first(inputs))
        return self.parts["a"](hidden) + self.parts["b"](hidden)


def stack() -> Any:
    return keras.Sequential(
        [
            layers.Dense(5, activation="relu", kernel_regularizer="l2", kernel_constraint=keras.constraints.MaxNorm(1)),
            layers.BatchNormalization(),
            layers.Dropout(0.3, seed=4),
            layers.Dense(2),
        ]
    )


def graph() -> Any:
    factor = 3.0
    start = keras.Input((4,))
    shared = layers.Dense(4)
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4)])
    hidden = torch.tanh(inner(shared(shared(start)))) + inner(start)
    return keras.Model(start, layers.Dense(2)(layers.Lambda(lambda x: factor * x)(hidden)))


def masked() -> Any:
    start = keras.Input((4,))
    steps = layers.Masking()(layers.Reshape((4, 1))(start))
    steps = layers.Bidirectional(layers.LSTM(3, return_sequences=True, dropout=0.1))(steps)
    return keras.Model(start, layers.Dense(2)(layers.GRU(3)(steps)))


def own() -> Any:
    start = keras.Input((4,))
    model = keras.Model(start, layers.Dense(2)(Gain(layers.Dense(4))(start)))
    model.add_loss(torch.mean(model.output**2))
    return model


def functions() -> Any:
    start = keras.Input((4,))
    hidden = ops.reshape(ops.relu(layers.Dense(4)(start)), (ops.shape(start)[0] * 2 // 2, 2, 2))
    return keras.Model(start, layers.Dense(2)(ops.mean(ops.cast(hidden, "float32"), axis=-1)))


BUILDERS = [stack, graph, functions, masked, own, Subclassed]
COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda item: pickle.loads(pickle.dumps(item)),
    "deepcopy": copy.deepcopy,
}


def train(model: Any) -> dict[str, list[float]]:
    torch.manual_seed(3)
    return model.fit(X, Y, epochs=2, batch_size=5, shuffle=False, verbose=0).history


def assert_same_arrays(left: list[Any], right: list[Any]) -> None:
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("build", BUILDERS)
def test_a_copy_of_a_trained_model_goes_on_training_with_the_same_numbers(build: Any, how: str) -> None:
    model = build()
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    model.compile(keras.optimizers.Adam(schedule), loss=lambda a, b: ((a - b) ** 2).mean(-1), metrics=["mae"])
    train(model)
    again = COPIES[how](model)
    assert_same_arrays(again.get_weights(), model.get_weights())
    before = [array.copy() for array in model.get_weights()]
    assert train(again) == train(model)
    assert_same_arrays(again.get_weights(), model.get_weights())
    assert any((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))
    assert_same_arrays(again.optimizer.get_weights(), model.optimizer.get_weights())
    assert_same_arrays([again.predict(X, verbose=0)], [model.predict(X, verbose=0)])
    assert [weight.name for weight in again.weights] == [weight.name for weight in model.weights]


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        lambda: keras.optimizers.Adam(use_ema=True, gradient_accumulation_steps=2),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Nadam()),
        lambda: keras.optimizers.TorchOptimizer(torch.optim.AdamW),
    ],
)
def test_the_state_of_every_kind_of_optimizer_comes_along(optimizer: Any, how: str) -> None:
    model = stack()
    model.compile(optimizer(), keras.losses.Huber(), weighted_metrics=[keras.metrics.MeanSquaredError()])
    train(model)
    again = COPIES[how](model)
    assert train(again) == train(model)
    assert_same_arrays(again.get_weights(), model.get_weights())


def test_objects_that_are_pickled_together_stay_connected() -> None:
    start = keras.Input((4,))
    encoder = keras.Model(start, layers.Dense(3, name="code")(start))
    whole = keras.Model(start, layers.Dense(4)(encoder(start)))
    again, part = pickle.loads(pickle.dumps((whole, encoder)))
    part.get_layer("code").bias.assign(np.arange(3.0))
    assert any(np.array_equal(array, np.arange(3.0)) for array in again.get_weights())
    assert not any(np.array_equal(array, np.arange(3.0)) for array in whole.get_weights())


@pytest.mark.parametrize("how", COPIES)
def test_a_part_of_a_model_comes_without_the_rest(how: str) -> None:
    start = keras.Input((500,))
    encoder = keras.Model(start, layers.Dense(500)(start))
    decoder = keras.Sequential([keras.Input((500,)), layers.Dense(2)])
    whole = keras.Model(start, decoder(encoder(start)))
    assert len(pickle.dumps(decoder)) < 50_000 < 1_000_000 < len(pickle.dumps(whole))
    assert len(pickle.dumps(whole.layers[-1].layers[0])) < 50_000
    again = COPIES[how](decoder)
    further = keras.Model(start, again(encoder(start)))
    data = np.ones((1, 500), "float32")
    np.testing.assert_array_equal(further.predict(data, verbose=0), whole.predict(data, verbose=0))
    assert keras.models.model_from_json(COPIES[how](whole).to_json()).count_params() == whole.count_params()


def test_a_pickle_is_read_by_another_process(tmp_path: Any) -> None:
    model = graph()
    model.compile("adam", "mse")
    train(model)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    np.savez(tmp_path / "data.npz", x=X, y=Y)
    code = (
        "import pickle, sys, numpy as np, torch; torch.set_num_threads(1); "
        "model = pickle.load(open(sys.argv[1] + '/model.pickle', 'rb')); data = np.load(sys.argv[1] + '/data.npz'); "
        "print(model.train_on_batch(data['x'], data['y']), model.train_on_batch(data['x'], data['y']))"
    )
    shown = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True)
    assert shown.stdout.split() == [str(model.train_on_batch(X, Y)) for _ in range(2)]


@pytest.mark.parametrize("how", COPIES)
def test_layers_losses_and_metrics_are_copied(how: str) -> None:
    copied = COPIES[how]
    dense = layers.Dense(3)
    dense(torch.ones(1, 4))
    again = copied(dense)
    assert_same_arrays(again.get_weights(), dense.get_weights())
    again.kernel.assign(np.zeros((4, 3)))
    assert dense.get_weights()[0].any()
    for layer in (layers.LSTM(3), layers.StringLookup(vocabulary=["a"]), layers.Normalization(mean=1.0, variance=2.0)):
        assert type(copied(layer)) is type(layer) and copied(layer).name == layer.name
    loss = keras.losses.LossFunctionWrapper(lambda a, b: (a - b).abs().mean(-1))
    assert copied(loss)(torch.ones(2, 2), torch.zeros(2, 2)) == 1
    metric = keras.metrics.MeanMetricWrapper(lambda a, b: (a - b).abs().mean(-1))
    metric.update_state(torch.ones(2, 2), torch.zeros(2, 2))
    twin = copied(metric)
    twin.update_state(torch.zeros(2, 2), torch.zeros(2, 2))
    assert (float(twin.result()), float(metric.result())) == (0.5, 1.0)


def test_a_shallow_copy_shares_its_layers() -> None:
    model = stack()
    model.build((None, 4))
    again = copy.copy(model)
    assert again.layers[0] is model.layers[0]
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
