"""Small trainings written once and run by real Keras (for the golden numbers) and by keras_torch (in the tests).

Each case takes the `keras` namespace and returns plain numbers: histories and results of evaluate.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def _data(seed: int, samples: int = 50) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(seed)
    return random.rand(samples, 6).astype("float32"), random.randint(0, 3, samples)


def _fixed(model: Any, seed: int = 7) -> Any:
    random = np.random.RandomState(seed)
    model.set_weights([random.uniform(-0.6, 0.6, w.shape).astype("float32") for w in model.get_weights()])
    return model


def _one_output(keras: Any, units: int, activation: str, **first: Any) -> Any:
    inputs = keras.layers.Input((6,))
    hidden = keras.layers.Dense(5, activation="tanh", **first)(inputs)
    return _fixed(keras.models.Model(inputs, keras.layers.Dense(units, activation=activation, name="out")(hidden)))


def _two_outputs(keras: Any) -> Any:
    first, second = keras.layers.Input((6,), name="left"), keras.layers.Input((6,), name="right")
    hidden = keras.layers.Dense(5, activation="tanh")(keras.layers.concatenate([first, second]))
    number = keras.layers.Dense(1, name="number")(hidden)
    kind = keras.layers.Dense(3, activation="softmax", name="kind")(hidden)
    return _fixed(keras.models.Model([first, second], [number, kind]))


def _fit(model: Any, *args: Any, **kwargs: Any) -> dict[str, list[float]]:
    options = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0, **kwargs}
    history = model.fit(*args, **options).history
    return {name: [float(value) for value in values] for name, values in history.items()}


def validation_split(keras: Any) -> Any:
    x, y = _data(1)
    model = _one_output(keras, 1, "sigmoid")
    model.compile("sgd", loss="binary_crossentropy", metrics=["accuracy", "mae"])
    return _fit(model, x, (y > 0).astype("float32"), validation_split=0.3)


def class_weight(keras: Any) -> Any:
    x, y = _data(2)
    model = _one_output(keras, 3, "softmax")
    model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
    return _fit(model, x, y, class_weight={0: 1.0, 1: 3.0, 2: 0.25}, validation_data=(x[:9], y[:9]))


def sample_weight(keras: Any) -> Any:
    x, y = _data(3)
    weights = np.linspace(0, 2, len(x)).astype("float32")
    model = _one_output(keras, 3, "softmax")
    model.compile("sgd", loss="categorical_crossentropy", metrics=["acc"], weighted_metrics=["mse"])
    targets = np.eye(3, dtype="float32")[y]
    history = _fit(model, x, targets, sample_weight=weights, validation_data=(x[:9], targets[:9], weights[20:29]))
    plain = model.evaluate(x, targets, batch_size=16, verbose=0)
    weighted = model.evaluate(x, targets, batch_size=16, sample_weight=weights, verbose=0)
    return {"history": history, "plain": [float(v) for v in plain], "weighted": [float(v) for v in weighted]}


def regularizers(keras: Any) -> Any:
    x, y = _data(4)
    penalties = {
        "kernel_regularizer": keras.regularizers.l2(0.1),
        "activity_regularizer": keras.regularizers.l1(0.02),
    }
    model = _one_output(keras, 1, "linear", **penalties)
    model.compile("sgd", loss="mse")
    history = _fit(model, x, y.astype("float32"), validation_split=0.2)
    return {"history": history, "evaluate": float(model.evaluate(x, y.astype("float32"), verbose=0))}


def two_outputs(keras: Any) -> Any:
    x, y = _data(5)
    model = _two_outputs(keras)
    model.compile(
        "sgd",
        loss={"kind": "sparse_categorical_crossentropy", "number": "mse"},
        loss_weights={"number": 0.5, "kind": 2.0},
        metrics={"kind": ["accuracy"], "number": ["mae", "mse"]},
    )
    inputs = {"right": x[:, ::-1].copy(), "left": x}
    return _fit(model, inputs, {"number": x.sum(1), "kind": y}, validation_split=0.25)


def two_outputs_as_lists(keras: Any) -> Any:
    x, y = _data(6)
    model = _two_outputs(keras)
    losses = ["mse", "sparse_categorical_crossentropy"]
    model.compile("sgd", loss=losses, loss_weights=[1.0, 0.3], metrics=[["mae"], ["acc"]])
    history = _fit(model, [x, x * 2], [x.sum(1), y], sample_weight={"kind": np.linspace(0, 1, 50).astype("float32")})
    return {"history": history, "evaluate": [float(v) for v in model.evaluate([x, x], [x.sum(1), y], verbose=0)]}


def time_steps(keras: Any) -> Any:
    random = np.random.RandomState(8)
    tokens = random.randint(0, 7, (20, 5))
    targets = random.randint(0, 3, (20, 5, 1))
    inputs = keras.layers.Input((5,))
    hidden = keras.layers.Embedding(7, 4, mask_zero=True)(inputs)
    outputs = keras.layers.TimeDistributed(keras.layers.Dense(3, activation="softmax"))(hidden)
    model = _fixed(keras.models.Model(inputs, outputs))
    model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
    weights = random.rand(20, 5).astype("float32")
    return {"plain": _fit(model, tokens, targets), "weighted": _fit(model, tokens, targets, sample_weight=weights)}


def batches(keras: Any) -> Any:
    x, y = _data(9)
    model = _one_output(keras, 3, "softmax")
    model.compile("sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    results = [model.train_on_batch(x[i : i + 10], y[i : i + 10]) for i in (0, 10, 20)]
    results += [model.test_on_batch(x[i : i + 10], y[i : i + 10], reset_metrics=False) for i in (0, 10, 20)]
    return [[float(value) for value in result] for result in results]


CASES = {
    case.__name__: case
    for case in (
        validation_split,
        class_weight,
        sample_weight,
        regularizers,
        two_outputs,
        two_outputs_as_lists,
        time_steps,
        batches,
    )
}
