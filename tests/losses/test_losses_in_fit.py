"""Losses in `compile`, `fit` and `evaluate` against real Keras; `scripts/golden/losses_in_fit.py` writes the files."""

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config

CASES = runpy.run_path(str(Path(__file__).with_name("loss_cases.py")))["CASES"]
GOLDEN = Path(__file__).parents[1] / "golden"
FILES = {"tf": "losses_fit_keras215.json", "3": "losses_fit_keras315.json"}
STORES = {dialect: json.loads((GOLDEN / name).read_text())["cases"] for dialect, name in FILES.items()}


def numbers(item: Any, path: str = "") -> dict[str, float]:
    """Return what a case gave as path → number."""
    if isinstance(item, dict):
        return {key: value for name in item for key, value in numbers(item[name], f"{path}/{name}").items()}
    if isinstance(item, list):
        return {key: value for i, part in enumerate(item) for key, value in numbers(part, f"{path}/{i}").items()}
    return {path: item}


@pytest.mark.filterwarnings("ignore:The loss has `from_logits")
@pytest.mark.parametrize(("dialect", "name"), [(dialect, name) for dialect, store in STORES.items() for name in store])
def test_a_training_with_this_loss_gives_the_numbers_of_keras(dialect: str, name: str) -> None:
    expected = numbers(STORES[dialect][name])
    with config.dialect_scope(dialect):
        found = numbers(CASES[name](keras))
    assert list(found) == list(expected)
    for path, value in expected.items():
        np.testing.assert_allclose(found[path], value, rtol=1e-5, atol=2e-6, err_msg=path)


def test_a_loss_without_reduction_is_refused_in_keras_3() -> None:
    with config.dialect_scope("3"), pytest.raises(ValueError, match="must be one number per batch.*reduction"):
        CASES["unreduced"](keras)


def test_weights_of_samples_meet_steps_and_elements_where_keras_3_fails() -> None:
    for name in ("function_per_element_weighted", "masked_by_sample"):
        with config.dialect_scope("tf"):
            wanted = numbers(CASES[name](keras))
        with config.dialect_scope("3"):
            found = numbers(CASES[name](keras))
        assert found == pytest.approx(wanted, rel=1e-5)


def test_a_number_per_sample_stands_for_all_columns_in_tf_keras() -> None:
    with config.dialect_scope("tf"):
        model = keras.Sequential([keras.layers.Dense(4, kernel_initializer="ones", input_shape=(3,))])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        history = model.fit(np.ones((4, 3)), np.arange(4.0), epochs=2, verbose=0).history
        assert history["loss"] == pytest.approx([3.5, 2.69])
        assert model.evaluate(np.ones((5, 3)), np.full(5, 3.0), verbose=0) > 0


def test_functions_added_as_losses_are_computed_for_every_batch() -> None:
    """The numbers are those of Keras 2.15."""

    class Scale(keras.layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(shape=(3,), initializer="ones", name="factor")
            self.add_loss(lambda: (self.factor**2).sum())

        def call(self, inputs):
            return inputs * self.factor

    with config.dialect_scope("tf"):
        x, y = np.ones((4, 3), "float32"), np.full((4, 1), 3.0, "float32")
        inputs, dense = keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")
        model = keras.Model(inputs, dense(inputs))
        model.add_loss(lambda: dense.kernel.sum())
        assert [loss.item() for loss in model.losses] == [3.0]
        nested = keras.Sequential([Scale(), keras.layers.Dense(1, kernel_initializer="ones")])
        for trained, expected in (model, [3.0, 2.79, 2.7096]), (nested, [3.0, 2.28, 1.8780526]):
            trained.compile(keras.optimizers.SGD(0.1), "mse")
            assert trained.fit(x, y, epochs=3, verbose=0).history["loss"] == pytest.approx(expected)
            assert len(trained.losses) == 1


def test_tf_keras_computes_losses_of_float64_arrays_in_float64() -> None:
    truth, scores = np.array([[0.0, 1.0]]), np.array([[0.25, 0.5]])
    for dialect, kind in ("tf", "float64"), ("3", "float32"):
        with config.dialect_scope(dialect):
            for loss in keras.losses.mean_squared_error, keras.losses.BinaryCrossentropy(), keras.losses.kl_divergence:
                assert loss(truth, scores).numpy().dtype == kind
                assert loss(truth, scores.astype("float32")).numpy().dtype == "float32"
                assert loss(truth.tolist(), scores.tolist()).numpy().dtype == "float32"
