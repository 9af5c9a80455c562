"""Recurrent layers and wrappers against real Keras: outputs, states, gradients, and 20 training steps.

The data come from scripts/golden/recurrent_values.py, which also defines the inputs and weights.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config

GOLDEN = Path(__file__).parents[1] / "golden"
BATCH, TIME, FEATURES, UNITS = 4, 6, 3, 4
MASK = np.array([[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [0, 1, 0, 1, 1, 0], [1, 1, 1, 1, 1, 1]], bool)
FILES = {"tf": np.load(GOLDEN / "recurrent_k215.npz"), "3": np.load(GOLDEN / "recurrent_k315.npz")}
CASES = {dialect: json.loads(str(data["cases"])) for dialect, data in FILES.items()}


def wave(shape, shift, scale=0.6):
    return (scale * np.sin(1.7 * np.arange(int(np.prod(shape))) + 3.1 * shift)).reshape(shape).astype("float32")


@pytest.fixture
def dialect(request):
    before = config.dialect()
    config.set_dialect(request.param)
    yield request.param
    config.set_dialect(before)


def run(case):
    x = torch.tensor(wave(case.get("input_shape", (BATCH, TIME, FEATURES)), 0, 1.0))
    options = {"mask": torch.tensor(MASK)} if case.get("mask") else {}
    if case.get("initial_states"):
        options["initial_state"] = [torch.tensor(wave((BATCH, UNITS), 20 + i)) for i in range(case["initial_states"])]
    layer = keras.layers.deserialize(case["layer"])
    layer(x)
    layer.set_weights([wave(w.shape, 1 + i) for i, w in enumerate(layer.get_weights())])
    if layer.stateful:
        layer.reset_states()
    x.requires_grad_(True)
    for _ in range(case.get("calls", 1)):
        outputs = layer(x, **options)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    loss = sum((o * torch.tensor(wave(o.shape, 40 + i), device=o.device)).sum() for i, o in enumerate(outputs))
    loss.backward()
    gradients = [x.grad, *(weight.grad for weight in layer.trainable_weights)]
    return outputs, gradients


def flat(tensors):
    return np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors])


@pytest.mark.parametrize(
    ("dialect", "name"), [(d, name) for d, cases in CASES.items() for name in cases], indirect=["dialect"]
)
def test_outputs_and_gradients_are_those_of_keras(dialect, name):
    data = FILES[dialect]
    outputs, gradients = run(CASES[dialect][name])
    np.testing.assert_allclose(flat(outputs), data[f"{name}/outputs"], rtol=1e-5, atol=2e-6)
    if data[f"{name}/gradients"].size:
        np.testing.assert_allclose(flat(gradients), data[f"{name}/gradients"], rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("dialect", list(FILES), indirect=True)
def test_twenty_training_steps_follow_keras(dialect):
    tokens = (np.arange(20 * 8 * 10) * 7919 % 23).reshape(20, 8, 10)
    labels = (tokens.sum(-1) % 3).astype("int64")
    model = keras.Sequential(
        [
            keras.layers.Embedding(23, 6, mask_zero=True),
            keras.layers.Bidirectional(keras.layers.LSTM(5, return_sequences=True)),
            keras.layers.LSTM(4),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.build((None, 10))
    model.set_weights([wave(w.shape, 1 + i, 0.4) for i, w in enumerate(model.get_weights())])
    model.compile(keras.optimizers.Adam(learning_rate=0.02), "sparse_categorical_crossentropy")
    losses = [float(model.train_on_batch(x, y)) for x, y in zip(tokens, labels, strict=True)]
    data = FILES[dialect]
    np.testing.assert_allclose(losses, data["training/losses"], rtol=1e-4)
    weights = np.concatenate([weight.ravel() for weight in model.get_weights()])
    np.testing.assert_allclose(weights, data["training/weights"], rtol=1e-3, atol=1e-4)
