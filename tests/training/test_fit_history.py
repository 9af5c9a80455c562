"""History and evaluation of longer trainings equal those of real Keras 2.15 and 3.15."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config

CASES = {
    name: case
    for file in ("history_cases.py", "setting_cases.py")
    for name, case in runpy.run_path(str(Path(__file__).with_name(file)))["CASES"].items()
}
GOLDEN = Path(__file__).parents[1] / "golden"
FILES = {"tf": "fit_history_keras215.json", "3": "fit_history_keras315.json"}
RESULTS = {dialect: json.loads((GOLDEN / name).read_text())["cases"] for dialect, name in FILES.items()}


def compare(found: Any, expected: Any, where: str) -> None:
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        for name in expected:
            compare(found[name], expected[name], f"{where}/{name}")
    elif isinstance(expected, list) and any(isinstance(item, (dict, list)) for item in expected):
        for number, pair in enumerate(zip(found, expected, strict=True)):
            compare(*pair, f"{where}/{number}")
    elif isinstance(expected, str):
        assert found == expected, where
    else:
        assert np.shape(found) == np.shape(expected), where
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6, err_msg=where)


@pytest.mark.parametrize(("dialect", "name"), [(dialect, name) for dialect in FILES for name in RESULTS[dialect]])
def test_history_equals_that_of_real_keras(dialect: str, name: str) -> None:
    with config.dialect_scope(dialect):
        compare(CASES[name](keras), RESULTS[dialect][name], name)


def test_weighted_metrics_of_keras_2_are_reduced_as_the_loss_is():
    weight = np.array([1.0, 5.0, 0.0, 2.0, 3.0], "float32")
    with config.dialect_scope("2"):
        model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
        model.compile("sgd", "mse", metrics=["mse"], weighted_metrics=["mse"])
        x, y = np.random.rand(5, 3), np.random.rand(5, 2)
        history = model.fit(x, y, sample_weight=weight, batch_size=2, verbose=0).history
    assert history["weighted_mean_squared_error"] == pytest.approx(history["loss"], rel=1e-6)
    assert history["mean_squared_error"] != pytest.approx(history["loss"], rel=1e-3)


class Positives(keras.layers.Layer):
    """Counts the positive targets, in the way of Keras 2.2."""

    def __init__(self):
        super().__init__(name="positives")
        self.stateful = True
        self.count = keras.backend.variable(0.0)

    def reset_states(self):
        keras.backend.set_value(self.count, 0.0)

    def __call__(self, y_true, y_pred):
        total = self.count + keras.backend.sum(y_true)
        keras.backend.update(self.count, total)
        return total


def test_a_stateful_layer_is_a_metric_over_all_batches_in_keras_2():
    with config.dialect_scope("2"):
        model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
        model.compile("sgd", "mse", metrics=[Positives()])
        data = np.ones((6, 2)), np.array([1, 0, 1, 1, 0, 1.0])
        history = model.fit(*data, batch_size=4, epochs=2, validation_data=data, verbose=0).history
        assert history["positives"] == history["val_positives"] == [4.0, 4.0]
        assert model.evaluate(*data, batch_size=4, verbose=0)[1] == 4.0
