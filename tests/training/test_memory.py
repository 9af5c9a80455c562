"""Memory: no batch leaves anything behind, and a model that nobody refers to is freed."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

import keras_torch as keras

X = np.random.RandomState(0).rand(8, 4).astype("float32")
LABELS = np.arange(8) % 3
PAIR = [X[:, :3], X[:, 1:]]


class Own(keras.Model):
    """A model whose call goes the long way: it has a mode, a list of layers and a structure of outputs."""

    def __init__(self):
        super().__init__()
        self.hidden = [keras.layers.Dense(3, activity_regularizer="l2"), keras.layers.Dropout(0.5)]
        self.head = keras.layers.Dense(3)

    def call(self, inputs, training=None):
        hidden = self.hidden[1](self.hidden[0](inputs), training=training)
        self.add_metric(hidden.sum(), name="hidden")
        return {"one": self.head(hidden), "two": hidden}


class OwnStep(keras.Sequential):
    """A model with its own training step."""

    def train_step(self, data):
        x, y = data
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred)
        self.zero_grad()
        loss.backward()
        self.optimizer.apply([weight.value.grad for weight in self.trainable_weights], self.trainable_weights)
        return self.compute_metrics(x, y, y_pred, None)


def functional():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(4, activation="relu", kernel_regularizer="l2")(inputs)
    hidden = keras.layers.BatchNormalization()(hidden)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def masked():
    layers = [keras.layers.Embedding(5, 3, mask_zero=True), keras.layers.LSTM(3), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    return model


def subclassed():
    model = Own()
    model.compile("adam", "mse", metrics=["mae"])
    return model


def own_step():
    model = OwnStep([keras.layers.Dense(3)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


MODELS = {
    "functional": (functional, X, LABELS),
    "masked": (masked, (X * 5).astype(int), LABELS),
    "subclassed": (subclassed, X, dict(zip(("one", "two"), PAIR, strict=True))),
    "own step": (own_step, X, PAIR[0]),
}


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def growth(function, times: int) -> tuple[int, int]:
    """How many objects and bytes the calls leave behind while the garbage collector is off."""
    for _ in range(5):
        function()
    gc.collect()
    gc.disable()
    try:
        objects, memory = len(gc.get_objects()), resident()
        for _ in range(times):
            function()
        return len(gc.get_objects()) - objects, resident() - memory
    finally:
        gc.enable()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("name", MODELS)
def test_a_thousand_calls_on_a_batch_leave_nothing_behind(name):
    build, x, y = MODELS[name]
    model, times = build(), 1000 if name == "functional" else 60
    calls = {
        "train_on_batch": (lambda: model.train_on_batch(x, y), times),
        "predict_on_batch": (lambda: model.predict_on_batch(x), times),
        "test_on_batch": (lambda: model.test_on_batch(x, y), 60),
    }
    for label, (call, count) in calls.items():
        objects, memory = growth(call, count)
        assert objects < 5, label
        assert memory < 4e6, label


def test_repeated_training_leaves_nothing_behind():
    model = functional()

    def train():
        stopping = keras.callbacks.EarlyStopping(restore_best_weights=True)
        model.fit(X, LABELS, validation_data=(X, LABELS), callbacks=[stopping], verbose=0)
        model.predict(X, verbose=0)

    assert growth(train, 20)[0] < 10


@pytest.mark.parametrize("name", MODELS)
def test_a_trained_model_is_freed_with_its_last_reference_when_the_session_is_cleared(name):
    build, x, y = MODELS[name]
    model = build()
    model.fit(x, y, verbose=0)
    model.predict(x, verbose=0)
    held = [weakref.ref(item) for item in (*model.parameters(), model, model.optimizer)]
    del model
    keras.backend.clear_session()
    assert [item for item in held if item() is not None] == []
