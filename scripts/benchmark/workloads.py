"""What is trained: the same five models and data for every peer, in words that all Kerases share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Workload:
    """Data of a shape, in batches, and the model in Keras's words."""

    samples: int
    batch: int
    shape: tuple[int, ...]
    classes: int
    build: Callable[[Any], Any]
    words: int = 0

    def data(self, times: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Random inputs and labels; `times` as many as there are samples."""
        random, size = np.random.default_rng(0), self.samples * times
        y = random.integers(0, self.classes, size)
        if self.words:
            return random.integers(0, self.words, (size, *self.shape)), y
        return random.random((size, *self.shape), dtype="float32"), y

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-self.samples // self.batch)


def tiny_mlp(keras: Any) -> Any:
    """Three small Dense layers: nearly all of a step is overhead."""
    dense = keras.layers.Dense
    stack = [keras.Input((16,)), dense(64, activation="relu"), dense(64, activation="relu")]
    return keras.Sequential([*stack, dense(10, activation="softmax")])


def mnist_mlp(keras: Any) -> Any:
    """Three Dense layers on flat digits."""
    dense = keras.layers.Dense
    stack = [keras.Input((784,)), dense(512, activation="relu"), dense(512, activation="relu")]
    return keras.Sequential([*stack, dense(10, activation="softmax")])


def cnn(keras: Any) -> Any:
    """The classic convolutional network on digits."""
    layers = keras.layers
    stack = [keras.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"), layers.Conv2D(64, 3, activation="relu")]
    stack += [layers.MaxPooling2D(), layers.Dropout(0.25), layers.Flatten(), layers.Dense(128, activation="relu")]
    return keras.Sequential([*stack, layers.Dropout(0.5), layers.Dense(10, activation="softmax")])


def lstm(keras: Any) -> Any:
    """A text classifier."""
    layers = keras.layers
    stack = [keras.Input((80,), dtype="int32"), layers.Embedding(20_000, 128), layers.LSTM(128)]
    return keras.Sequential([*stack, layers.Dense(2, activation="softmax")])


def resnet20(keras: Any) -> Any:
    """ResNet-20 for images of 32 x 32 (He et al. 2015, section 4.2), shortcuts by convolutions of 1 x 1."""
    layers = keras.layers

    def convolved(x: Any, filters: int, size: int, strides: int) -> Any:
        x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = keras.Input((32, 32, 3))
    x = layers.Activation("relu")(convolved(inputs, 16, 3, 1))
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            strides = 2 if stage and not block else 1
            y = layers.Activation("relu")(convolved(x, filters, 3, strides))
            y = convolved(y, filters, 3, 1)
            shortcut = convolved(x, filters, 1, strides) if strides > 1 else x
            x = layers.Activation("relu")(layers.Add()([y, shortcut]))
    outputs = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, outputs)


WORKLOADS = {
    "tiny MLP": Workload(32 * 300, 32, (16,), 10, tiny_mlp),
    "MNIST MLP": Workload(128 * 60, 128, (784,), 10, mnist_mlp),
    "CNN": Workload(128 * 12, 128, (28, 28, 1), 10, cnn),
    "LSTM": Workload(32 * 12, 32, (80,), 2, lstm, words=20_000),
    "ResNet-20": Workload(128 * 3, 128, (32, 32, 3), 10, resnet20),
}


def compiled(name: str, keras: Any, logging: bool = False) -> Any:
    """The workload's model with Adam and accuracy; with `logging` two metrics more."""
    model = WORKLOADS[name].build(keras)
    metrics: list[Any] = ["accuracy"]
    if logging:
        metrics += [keras.metrics.SparseTopKCategoricalAccuracy(k=2), "sparse_categorical_crossentropy"]
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=metrics)
    return model
