"""`np.random.seed` alone makes scripts of Keras 1 and 2 repeatable, and orders the batches as it did there."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import backend as K
from keras_torch import callbacks, config, layers, models, optimizers

GOLDEN = Path(__file__).parents[1] / "golden"
ORDERS = {
    dialect: json.loads((GOLDEN / f"shuffling_keras{version}.json").read_text())
    for dialect, version in (("1", "122"), ("2", "224"))
}
RANDOM = {
    "dropout": lambda: [layers.Dropout(0.5), layers.GaussianNoise(0.1), layers.Flatten()],
    "spatial": lambda: [layers.SpatialDropout1D(0.5), layers.GaussianDropout(0.2), layers.Flatten()],
    "alpha": lambda: [layers.AlphaDropout(0.3), layers.Flatten()],
    "recurrent": lambda: [layers.LSTM(3, dropout=0.3, recurrent_dropout=0.2)],
    "function": lambda: [layers.Lambda(lambda t: K.dropout(t, 0.5) + K.random_normal(K.shape(t))), layers.Flatten()],
}


def trained(middle) -> list[np.ndarray]:
    np.random.seed(1337)
    K.clear_session()
    model = models.Sequential([layers.Dense(4, input_shape=(5, 3)), *middle(), layers.Dense(2)])
    model.compile("adam", "mse")
    x, y = np.random.rand(20, 5, 3), np.random.rand(20, 2)
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    return model.get_weights()


@pytest.mark.parametrize("dialect", ["1", "2"])
@pytest.mark.parametrize("kind", sorted(RANDOM))
def test_a_script_with_a_seed_of_numpy_gives_the_same_weights_twice(kind: str, dialect: str) -> None:
    with config.dialect_scope(dialect):
        first, second = trained(RANDOM[kind]), trained(RANDOM[kind])
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dialect", ["1", "2"])
@pytest.mark.parametrize("number", range(4))
def test_batches_come_in_the_order_of_old_keras(number: int, dialect: str) -> None:
    case = dict(ORDERS[dialect]["cases"][number])
    expected, count = case.pop("losses"), case.pop("count")
    found: list[float] = []
    note = callbacks.LambdaCallback(on_batch_end=lambda batch, logs: found.append(float(logs["loss"])))
    with config.dialect_scope(dialect):
        model = models.Sequential([layers.Dense(1, input_shape=(1,)), layers.Dropout(1e-9)])
        model.compile(optimizers.SGD(lr=0.0), "mse")
        model.set_weights([np.ones((1, 1)), np.zeros(1)])
        x = np.arange(1.0, count + 1)[:, None]
        np.random.seed(ORDERS[dialect]["seed"])
        for _ in range(2):
            model.fit(x, 0 * x, verbose=0, callbacks=[note], **case)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_seeds_are_drawn_when_layers_are_called() -> None:
    with config.dialect_scope("2"):
        for layer, draws in ((layers.Dropout(0.3), 1), (layers.Dropout(0.0), 0), (layers.GaussianNoise(1.0), 1)):
            np.random.seed(4)
            layer(layers.Input((3,)))
            after = np.random.rand()
            np.random.seed(4)
            [np.random.randint(10**7) for _ in range(draws)]
            assert np.random.rand() == after
    np.random.seed(4)
    before = np.random.get_state()[1].tolist()
    keras.layers.Dropout(0.3)(keras.layers.Input((3,)))
    assert np.random.get_state()[1].tolist() == before


@pytest.mark.parametrize("dialect", ["1", "2"])
def test_orthogonal_values_and_what_numpy_draws_then_are_those_of_old_keras(dialect: str) -> None:
    golden = ORDERS[dialect]["orthogonal"]
    with config.dialect_scope(dialect):
        np.random.seed(ORDERS[dialect]["seed"])
        for shape, expected in zip(golden["shapes"], golden["values"], strict=True):
            values = keras.initializers.Orthogonal()(tuple(shape))
            np.testing.assert_allclose(values.numpy(), expected, atol=2e-6)
    assert np.random.rand() == golden["next"]


class Parts(keras.utils.Sequence):
    """Four batches."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return np.full((2, 3), index / 4), np.full((2, 1), index)


def flowing() -> Any:
    x = np.random.RandomState(0).rand(8, 4, 4, 1)
    images = keras.preprocessing.image.ImageDataGenerator(horizontal_flip=True).flow(x, np.arange(8), batch_size=2)
    return ((batch.reshape(len(batch), 16)[:, :3], y) for batch, y in images)


@pytest.mark.parametrize("dialect", ["1", "2"])
@pytest.mark.parametrize("source", [Parts, flowing])
def test_seeds_make_trainings_on_sequences_and_changed_images_the_same(source: Any, dialect: str) -> None:
    found = []
    with config.dialect_scope(dialect):
        for _ in range(2):
            np.random.seed(5)
            random.seed(5)
            model = models.Sequential([layers.Dense(4, input_shape=(3,)), layers.Dropout(0.5), layers.Dense(1)])
            model.compile("sgd", "mse")
            model.fit_generator(source(), steps_per_epoch=4, epochs=2, verbose=0)
            found.append(model.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
