"""Which batches an epoch of `steps_per_epoch` or `validation_steps` takes, as seen with real Keras 2.15 and 3.15.

There are four batches, whose losses are 0.5, 2.5, 4.5 and 6.5, since the model returns its input and learns nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config

X, Y = np.arange(8.0, dtype="float32")[:, None], np.zeros((8, 1), "float32")
FIRST_THREE, LAST = 2.5, 6.5
FRESH = [FIRST_THREE] * 4
CYCLE = [FIRST_THREE, (6.5 + 0.5 + 2.5) / 3, (4.5 + 6.5 + 0.5) / 3, (2.5 + 4.5 + 6.5) / 3]
PASSES = [FIRST_THREE, LAST] * 2


class Batches(keras.utils.Sequence):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        return X[2 * index : 2 * index + 2], Y[2 * index : 2 * index + 2]


def generator() -> Iterator[Any]:
    while True:
        yield from (Batches()[index] for index in range(4))


def identity() -> Any:
    inputs = keras.layers.Input((1,))
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = keras.models.Model(inputs, layer(inputs))
    model.compile(keras.optimizers.SGD(0.0), loss="mae")
    return model


@pytest.mark.filterwarnings("ignore:The data ran out of batches")
@pytest.mark.parametrize(
    ("dialect", "arrays", "sequence"), [("2", CYCLE, CYCLE), ("tf", CYCLE, FRESH), ("3", PASSES, PASSES)]
)
def test_steps_per_epoch_takes_the_batches_that_keras_takes(dialect: str, arrays: list, sequence: list) -> None:
    options = {"epochs": 4, "steps_per_epoch": 3, "verbose": 0, "shuffle": False}
    with config.dialect_scope(dialect):
        found = [
            identity().fit(X, Y, batch_size=2, **options),
            identity().fit(Batches(), **options),
            identity().fit(generator(), **options),
        ]
    for history, expected in zip(found, (arrays, sequence, CYCLE), strict=True):
        np.testing.assert_allclose(history.history["loss"], expected, rtol=1e-6)


@pytest.mark.parametrize(("dialect", "expected"), [("2", CYCLE), ("tf", FRESH), ("3", FRESH), (None, FRESH)])
def test_validation_steps_start_at_the_first_batch(dialect: str | None, expected: list) -> None:
    options = {"epochs": 4, "batch_size": 8, "validation_steps": 3, "verbose": 0}
    with config.dialect_scope(dialect):
        found = [
            identity().fit(X, Y, validation_data=(X, Y), validation_batch_size=2, **options),
            identity().fit(X, Y, validation_data=Batches(), **options),
        ]
    for history in found:
        np.testing.assert_allclose(history.history["val_loss"], expected, rtol=1e-6)


@pytest.mark.parametrize("dialect", ["tf", "3"])
def test_evaluation_warns_when_there_are_fewer_batches_than_steps(dialect: str) -> None:
    with config.dialect_scope(dialect), pytest.warns(UserWarning, match="ran out of batches"):
        assert identity().evaluate(X, Y, batch_size=2, steps=9, verbose=0) == pytest.approx(3.5)
