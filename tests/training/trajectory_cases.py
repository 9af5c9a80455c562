"""Three small nets and the optimizers that train them, written once for real Keras and for keras_torch.

Weights and batches come from numpy seeds. `train` takes the `keras` namespace and returns plain arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

STEPS = 50
BATCH = 16
BATCHES = 10


def dense_net(keras: Any) -> Any:
    penalty = keras.regularizers.l2(0.01)
    inputs = keras.layers.Input((6,))
    hidden = keras.layers.Dense(8, activation="tanh", kernel_regularizer=penalty)(inputs)
    hidden = keras.layers.Dense(6, activation="relu")(hidden)
    return keras.models.Model(inputs, keras.layers.Dense(3, activation="softmax", bias_regularizer=penalty)(hidden))


def cnn_net(keras: Any) -> Any:
    inputs = keras.layers.Input((8, 8, 2))
    hidden = keras.layers.Conv2D(4, (3, 3), padding="same", use_bias=False)(inputs)
    hidden = keras.layers.BatchNormalization(momentum=0.9)(hidden)
    hidden = keras.layers.Activation("relu")(hidden)
    hidden = keras.layers.MaxPooling2D((2, 2))(hidden)
    hidden = keras.layers.Conv2D(3, (3, 3), activation="tanh")(hidden)
    hidden = keras.layers.Flatten()(hidden)
    return keras.models.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))


def lstm_net(keras: Any) -> Any:
    inputs = keras.layers.Input((7, 4))
    hidden = keras.layers.LSTM(5)(inputs)
    return keras.models.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))


NETS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...], int, str]] = {
    "dense": (dense_net, (6,), 3, "categorical_crossentropy"),
    "cnn": (cnn_net, (8, 8, 2), 3, "sparse_categorical_crossentropy"),
    "lstm": (lstm_net, (7, 4), 1, "binary_crossentropy"),
}

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda o: o.SGD(0.2),
    "sgd_momentum": lambda o: o.SGD(0.05, momentum=0.9),
    "sgd_nesterov": lambda o: o.SGD(0.05, momentum=0.9, nesterov=True),
    "sgd_schedule": lambda o: o.SGD(o.schedules.InverseTimeDecay(0.2, decay_steps=10, decay_rate=0.5)),
    "sgd_staircase": lambda o: o.SGD(o.schedules.InverseTimeDecay(0.2, 8, 0.5, staircase=True), momentum=0.5),
    "sgd_clipnorm": lambda o: o.SGD(0.3, clipnorm=0.05),
    "sgd_clipvalue": lambda o: o.SGD(0.2, momentum=0.5, clipvalue=0.02),
    "sgd_global_clipnorm": lambda o: o.SGD(0.3, global_clipnorm=0.2),
    "rmsprop": lambda o: o.RMSprop(0.005),
    "rmsprop_centered": lambda o: o.RMSprop(0.002, rho=0.95, momentum=0.5, centered=True),
    "adam": lambda o: o.Adam(0.01),
    "adam_amsgrad": lambda o: o.Adam(0.01, amsgrad=True, clipnorm=0.5),
    "adamw": lambda o: o.AdamW(0.01, weight_decay=0.02),
    "adagrad": lambda o: o.Adagrad(0.05),
    "adadelta": lambda o: o.Adadelta(5.0),
    "adamax": lambda o: o.Adamax(0.01),
    "nadam": lambda o: o.Nadam(0.01),
}


def data(net: str) -> tuple[np.ndarray, np.ndarray]:
    """Return noise around a pattern per class, and the classes: `BATCHES` batches and one that is held out."""
    _, shape, units, loss = NETS[net]
    random = np.random.RandomState(sum(map(ord, net)))
    classes, samples = max(units, 2), (BATCHES + 1) * BATCH
    labels = random.randint(0, classes, samples)
    x = random.uniform(-1, 1, (samples, *shape)) + random.uniform(-0.6, 0.6, (classes, *shape))[labels]
    targets = np.eye(classes)[labels] if loss == "categorical_crossentropy" else labels[:, None]
    return x.astype("float32"), targets.astype("int64" if loss.startswith("sparse") else "float32")


def initial_weights(model: Any) -> list[np.ndarray]:
    """Return weights for the model: vectors are positive, since a variance is among them."""
    random = np.random.RandomState(11)
    return [
        random.uniform(0.1, 0.9, w.shape).astype("float32")
        if w.ndim == 1
        else random.uniform(-0.4, 0.4, w.shape).astype("float32")
        for w in model.get_weights()
    ]


def train(
    keras: Any, net: str, weights: list[np.ndarray] | None, optimizer: Any, **compiling: Any
) -> dict[str, np.ndarray]:
    """Make the steps on the batches in turn; return each step's results and those of the held-out batch."""
    build, _, _, loss = NETS[net]
    model = build(keras)
    model.set_weights(initial_weights(model) if weights is None else weights)
    model.compile(optimizer, loss=loss, metrics=["accuracy"], **compiling)
    x, y = data(net)
    batches = [slice(i * BATCH, (i + 1) * BATCH) for i in range(BATCHES + 1)]
    picks = [batches[i % BATCHES] for i in range(STEPS)]
    steps = [[float(v) for v in model.train_on_batch(x[pick], y[pick])] for pick in picks]
    held_out = x[batches[-1]], y[batches[-1]]
    return {
        "steps": np.array(steps, "float32"),
        "evaluate": np.array([float(v) for v in model.evaluate(*held_out, verbose=0)], "float32"),
        "predictions": np.asarray(model.predict(held_out[0], verbose=0), "float32"),
    }
