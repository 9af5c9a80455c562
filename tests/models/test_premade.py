"""`keras.experimental.LinearModel` and `WideDeepModel`; the numbers are those of Keras 2.15."""

from __future__ import annotations

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config, experimental, layers

X = np.arange(16, dtype="float32").reshape(8, 2) / 16
Y = X.sum(1, keepdims=True)


def test_a_linear_model_adds_up_what_its_inputs_give():
    one = experimental.LinearModel(kernel_initializer="ones")
    np.testing.assert_allclose(one(X).detach(), Y)
    several = experimental.LinearModel(kernel_initializer="ones", bias_initializer="ones", activation="relu")
    np.testing.assert_allclose(several({"b": X[:, :1], "a": X}).detach(), Y + X[:, :1] + 1)
    assert [layer.name for layer in several.dense_layers] == ["a", "b"]
    with pytest.raises(ValueError, match=r"takes a dict with the keys \['a', 'b'\]; missing: \['b'\]"):
        several({"a": X})
    trained = experimental.LinearModel()
    trained.compile("sgd", "mse")
    np.testing.assert_allclose(trained.fit(X, Y, verbose=0).history["loss"], [1.20703125])


def test_a_wide_and_deep_model_trains_each_part_with_its_optimizer(tmp_path):
    config.set_dialect("tf")
    deep = keras.Sequential([layers.Dense(units, kernel_initializer="ones") for units in (4, 1)])
    model = experimental.WideDeepModel(experimental.LinearModel(kernel_initializer="ones"), deep)
    model.compile(optimizer=["sgd", "adam"], loss="mse", metrics=["mse"])
    history = model.fit([X, X], Y, epochs=2, verbose=0).history
    np.testing.assert_allclose(history["mse"], [19.3125, 18.186704635620117], rtol=1e-6)
    assert history["loss"] == history["mse"]
    expected = [[0.9094725847244263, 0.9002636671066284], [-0.14734195172786713]]
    for found, wanted in zip(model.linear_model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(found.ravel(), wanted, rtol=1e-6)
    np.testing.assert_allclose(deep.get_weights()[1], np.full(4, -0.0019988445565), rtol=1e-4)
    again = experimental.WideDeepModel.from_config(model.get_config())
    again([X, X])
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again([X, X]).detach(), model.predict([X, X], verbose=0), rtol=1e-6)
    model.compile("sgd", "mse")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict([X, X], verbose=0), model.predict([X, X], verbose=0), rtol=1e-6)
