"""Trainings with `fit`, written once for real Keras and for keras_torch; each returns plain numbers.

They go beyond fit_cases.py: frozen and training batch normalization, added losses, several kinds of weights together,
names and metrics of several outputs, streams of batches.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def _data(seed: int, *shape: int, classes: int = 3, samples: int = 42) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(seed)
    labels = random.randint(0, classes, samples)
    pattern = random.uniform(-0.6, 0.6, (classes, *shape))
    return (random.uniform(-1, 1, (samples, *shape)) + pattern[labels]).astype("float32"), labels


def _fixed(model: Any, seed: int = 5) -> Any:
    random = np.random.RandomState(seed)
    ranges = [(0.1, 0.9) if w.ndim == 1 else (-0.5, 0.5) for w in model.get_weights()]
    pairs = zip(ranges, model.get_weights(), strict=True)
    model.set_weights([random.uniform(*limits, w.shape).astype("float32") for limits, w in pairs])
    return model


def _fit(model: Any, *args: Any, **kwargs: Any) -> dict[str, list[float]]:
    options = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0, **kwargs}
    history = model.fit(*args, **options).history
    return {name: [float(value) for value in values] for name, values in history.items()}


def _evaluate(model: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
    found = model.evaluate(*args, verbose=0, return_dict=True, **kwargs)
    return {name: float(value) for name, value in found.items()}


def _images(keras: Any, **normalization: Any) -> Any:
    layers = keras.layers
    inputs = layers.Input((6, 6, 2))
    hidden = layers.Conv2D(4, 3, use_bias=False, kernel_regularizer=keras.regularizers.l2(0.01))(inputs)
    hidden = layers.BatchNormalization(momentum=0.8, name="normalization", **normalization)(hidden)
    hidden = layers.Activation("relu")(hidden)
    hidden = layers.Dense(4, activation="tanh", name="head")(layers.GlobalAveragePooling2D()(hidden))
    hidden = layers.BatchNormalization(momentum=0.8, scale=False)(hidden)
    return _fixed(keras.models.Model(inputs, layers.Dense(3, activation="softmax")(hidden)))


def normalized_images(keras: Any) -> Any:
    x, y = _data(1, 6, 6, 2)
    model = _images(keras)
    model.compile(keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = _fit(model, x, y, validation_split=0.25)
    return {"history": history, "weights": [w.tolist() for w in model.get_weights() if w.ndim == 1]}


def frozen_normalization(keras: Any) -> Any:
    x, y = _data(2, 6, 6, 2)
    model = _images(keras)
    model.get_layer("normalization").trainable = False
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = _fit(model, x, y, validation_data=(x[:12], y[:12]), class_weight={0: 2.0, 1: 0.5, 2: 1.0})
    frozen = [w.tolist() for w in model.get_layer("normalization").get_weights()]
    return {"history": history, "normalization": frozen}


def frozen_then_released(keras: Any) -> Any:
    x, y = _data(3, 6, 6, 2)
    model = _images(keras)
    histories = []
    for frozen in (True, False):
        for layer in model.layers[:-2]:
            layer.trainable = not frozen
        model.compile(keras.optimizers.Adam(0.02), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        histories.append(_fit(model, x, y, epochs=2, validation_split=0.25))
    return histories


def added_losses(keras: Any) -> Any:
    penalty = keras.regularizers.l2(0.002)

    class Penalized(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(penalty(inputs))
            return inputs * 2.0

    x, y = _data(4, 5)
    inputs = keras.layers.Input((5,))
    hidden = Penalized()(keras.layers.Dense(4, activation="tanh")(inputs))
    hidden = keras.layers.Dense(4, activation="relu", activity_regularizer=keras.regularizers.l1(0.03))(hidden)
    hidden = keras.layers.ActivityRegularization(l2=0.01)(hidden)
    model = _fixed(keras.models.Model(inputs, keras.layers.Dense(1, bias_regularizer="l1")(hidden)))
    model.compile(keras.optimizers.SGD(0.05), loss="mse", metrics=["mae"])
    history = _fit(model, x, y.astype("float32"), validation_split=0.3)
    return {"history": history, "evaluate": _evaluate(model, x, y.astype("float32"), batch_size=16)}


def all_weights_together(keras: Any) -> Any:
    x, y = _data(5, 5)
    targets = np.eye(3, dtype="float32")[y]
    weights = np.linspace(0.2, 2, len(x)).astype("float32")
    inputs = keras.layers.Input((5,))
    hidden = keras.layers.Dense(6, activation="tanh", kernel_regularizer=keras.regularizers.l1_l2(0.01, 0.02))(inputs)
    model = _fixed(keras.models.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden)))
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    options = {"metrics": ["accuracy", keras.metrics.TopKCategoricalAccuracy(k=2, name="top")]}
    model.compile(keras.optimizers.RMSprop(0.01), loss=loss, weighted_metrics=["mse"], **options)
    return [
        _fit(model, x, targets, sample_weight=weights, validation_split=0.25),
        _fit(model, x, targets, class_weight={0: 3.0, 1: 1.0, 2: 0.3}, validation_data=(x, targets, weights)),
    ]


def logits(keras: Any) -> Any:
    # Eager, because Nadam of Keras 2.15 goes wrong in a graph.
    x, y = _data(6, 5, classes=2)
    inputs = keras.layers.Input((5,))
    hidden = keras.layers.Dense(6, activation="sigmoid")(inputs)
    model = _fixed(keras.models.Model(inputs, keras.layers.Dense(1)(hidden)))
    metrics = keras.metrics
    model.compile(
        keras.optimizers.Nadam(0.02),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[metrics.BinaryAccuracy(threshold=0.0), metrics.Precision(thresholds=0.0), metrics.Recall(), "mae"],
        run_eagerly=True,
    )
    return _fit(model, x, y.astype("float32"), validation_split=0.25)


def _named_outputs(keras: Any) -> Any:
    layers = keras.layers
    left, right = layers.Input((5,), name="left"), layers.Input((4,), name="right")
    hidden = layers.Dense(6, activation="tanh")(layers.concatenate([left, right]))
    outputs = [
        layers.Dense(1, name="size", activity_regularizer=keras.regularizers.l2(0.01))(hidden),
        layers.Dense(3, activation="softmax", name="kind")(hidden),
        layers.Dense(1, activation="sigmoid", name="flag")(hidden),
    ]
    return _fixed(keras.models.Model([left, right], outputs))


def _named_data() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    x, y = _data(7, 9)
    inputs = {"left": x[:, :5].copy(), "right": x[:, 5:].copy()}
    targets = {"size": x.sum(1), "kind": y, "flag": (y > 0).astype("float32")}
    return inputs, targets


def named_outputs(keras: Any) -> Any:
    inputs, targets = _named_data()
    model = _named_outputs(keras)
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.5),
        loss={"size": "mae", "kind": "sparse_categorical_crossentropy", "flag": keras.losses.BinaryCrossentropy()},
        loss_weights={"size": 0.3, "kind": 1.0, "flag": 2.0},
        metrics={"kind": ["accuracy"], "size": "mse", "flag": ["accuracy", keras.metrics.AUC(name="area")]},
        weighted_metrics={"kind": ["sparse_categorical_crossentropy"]},
    )
    history = _fit(model, inputs, targets, validation_split=0.25)
    return {"history": history, "evaluate": _evaluate(model, inputs, targets)}


def named_outputs_weighted(keras: Any) -> Any:
    inputs, targets = _named_data()
    model = _named_outputs(keras)
    losses = {"size": "mse", "kind": "sparse_categorical_crossentropy", "flag": "binary_crossentropy"}
    model.compile(keras.optimizers.Adagrad(0.1), loss=losses, metrics={"kind": "accuracy", "flag": "accuracy"})
    ramp = np.linspace(0, 2, 42).astype("float32")
    weights = {"size": ramp, "kind": ramp[::-1].copy(), "flag": np.ones(42, "float32")}
    sequence = [inputs["left"], inputs["right"]]
    return _fit(model, sequence, targets, sample_weight=weights, validation_data=(sequence, targets))


def same_metrics_for_all_outputs(keras: Any) -> Any:
    x, y = _data(8, 5)
    inputs = keras.layers.Input((5,))
    shared = keras.layers.Dense(3, activation="softmax", name="shared")
    first = keras.layers.Dense(4, activation="tanh")(inputs)
    second = keras.layers.Dense(4, activation="tanh")(inputs)
    model = _fixed(keras.models.Model(inputs, [shared(first), keras.layers.Dense(3, name="second")(second)]))
    model.compile("sgd", loss=["categorical_crossentropy", "mse"], metrics=[["accuracy", "mae"], ["mae"]])
    targets = np.eye(3, dtype="float32")[y]
    return _fit(model, x, [targets, targets * 2], validation_split=0.25)


def masked_sequences(keras: Any) -> Any:
    random = np.random.RandomState(9)
    tokens = random.randint(0, 6, (42, 7)) * (np.arange(7) < random.randint(2, 8, (42, 1)))
    tokens[:, 0] = 1
    labels = (tokens.sum(1) % 2).astype("float32")
    inputs = keras.layers.Input((7,))
    hidden = keras.layers.Embedding(6, 4, mask_zero=True)(inputs)
    hidden = keras.layers.LSTM(5)(hidden)
    model = _fixed(keras.models.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden)))
    model.compile(keras.optimizers.Adam(0.02), loss="binary_crossentropy", metrics=["accuracy"])
    return _fit(model, tokens, labels, validation_split=0.25)


def parts_of_epochs(keras: Any) -> Any:
    x, y = _data(10, 5)
    inputs = keras.layers.Input((5,))
    hidden = keras.layers.Dense(4, activation="tanh")(inputs)
    model = _fixed(keras.models.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden)))
    model.compile(keras.optimizers.Adamax(0.02), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    seldom = {"validation_data": (x[:10], y[:10]), "validation_freq": 2, "validation_batch_size": 3}

    def batches() -> Any:
        while True:
            for start in range(0, 40, 10):
                yield x[start : start + 10], y[start : start + 10]

    class Batches(keras.utils.Sequence):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> Any:
            return x[index * 10 : index * 10 + 10], y[index * 10 : index * 10 + 10]

    return [
        _fit(model, x, y, initial_epoch=1, epochs=5, **seldom),
        _fit(model, Batches(), batch_size=None, class_weight={0: 1.0, 1: 2.0, 2: 0.5}),
        _fit(model, batches(), batch_size=None, steps_per_epoch=3),
        _fit(model, x, y, validation_data=Batches(), validation_steps=2),
        _fit(model, x, y, validation_data=(x, y), validation_steps=2),
        _fit(model, x, y, batch_size=7, steps_per_epoch=3),
    ]


CASES = {
    case.__name__: case
    for case in (
        normalized_images,
        frozen_normalization,
        frozen_then_released,
        added_losses,
        all_weights_together,
        logits,
        named_outputs,
        named_outputs_weighted,
        same_metrics_for_all_outputs,
        masked_sequences,
        parts_of_epochs,
    )
}
