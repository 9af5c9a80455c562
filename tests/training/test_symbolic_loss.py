"""Losses that mention inner symbolic tensors of the model, and losses added as symbolic scalars."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch.layers import Dense, Input, Lambda

X = np.random.RandomState(0).rand(30, 4).astype("float32")


def _autoencoder() -> tuple[Any, Any, Any]:
    inputs = Input((4,))
    code = Dense(2, name="code")(inputs)
    noisy = Lambda(lambda z: z + torch.randn_like(z))(code)
    model = keras.Model(inputs, Dense(4)(noisy))
    return model, code, noisy


def test_a_loss_may_use_inner_tensors_of_the_same_run() -> None:
    model, code, noisy = _autoencoder()

    def penalty(y_true: Any, y_pred: Any) -> Any:
        return torch.mean((noisy - code) ** 2, dim=-1) + 0 * torch.mean(y_true - y_pred, dim=-1)

    model.compile("sgd", penalty, metrics=["mae"])
    # The noise enters the loss only if both tensors come from one run: its square has the mean 1.
    assert model.evaluate(np.repeat(X, 50, 0), np.repeat(X, 50, 0), verbose=0)[0] == pytest.approx(1.0, abs=0.1)


def test_training_follows_such_a_loss() -> None:
    model, code, _ = _autoencoder()

    def small_code(y_true: Any, y_pred: Any) -> Any:
        return torch.sum(code**2, dim=-1) + 0 * torch.mean(y_true - y_pred, dim=-1)

    model.compile("sgd", small_code)
    inner = keras.Model(model.inputs, code)
    expected = (inner.predict(X, verbose=0) ** 2).sum(-1)
    assert model.evaluate(X, X, verbose=0) == pytest.approx(expected.mean(), rel=1e-5)
    weights = np.linspace(0, 1, 30)
    assert model.evaluate(X, X, sample_weight=weights, verbose=0) == pytest.approx(
        (expected * weights).mean(), rel=1e-5
    )
    losses = model.fit(X, X, epochs=3, verbose=0, validation_split=0.2).history["loss"]
    assert losses[-1] < losses[0]


def test_other_outputs_keep_their_losses() -> None:
    inputs = Input((4,))
    code = Dense(2)(inputs)
    model = keras.Model(inputs, [Dense(4, name="a")(code), Dense(1, name="b")(code)])
    model.compile("sgd", {"a": lambda t, p: torch.sum(code, dim=-1) * 0 + 3.0, "b": "mse"}, loss_weights={"a": 2.0})
    found = model.evaluate(X, {"a": X, "b": X[:, 0]}, verbose=0, return_dict=True)
    assert found["a_loss"] == pytest.approx(3.0)
    assert found["loss"] == pytest.approx(6.0 + found["b_loss"], rel=1e-5)


def test_symbolic_scalars_may_be_added_to_the_model() -> None:
    model, code, noisy = _autoencoder()
    model.add_loss(torch.mean((noisy - code) ** 2) * 0 + torch.mean(code**2))
    model.compile("sgd")
    losses = model.fit(X, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_ordinary_losses_are_not_touched() -> None:
    model, _, _ = _autoencoder()
    model.compile("sgd", lambda t, p: torch.mean((t - p) ** 2, dim=-1))
    assert model._compiled.symbolic is None
    model.compile("sgd", "mse")
    assert model._compiled.symbolic is None
    assert pickle.dumps(model._compiled.loss)
