from __future__ import annotations

from typing import Any

import pytest

from keras_torch.callbacks import CallbackList


class FakeOptimizer:
    learning_rate: Any = 0.1


class FakeModel:
    """What callbacks need of a model: weights, an optimizer, saving, a flag."""

    def __init__(self) -> None:
        self.optimizer = FakeOptimizer()
        self.stop_training = False
        self.weights = [0]
        self.saved: list[tuple[str, str]] = []

    def get_weights(self) -> list[Any]:
        return list(self.weights)

    def set_weights(self, weights: list[Any]) -> None:
        self.weights = list(weights)

    def save(self, path: str, overwrite: bool) -> None:
        self.saved.append(("model", path))

    def save_weights(self, path: str, overwrite: bool) -> None:
        self.saved.append(("weights", path))


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def fit(model):
    """Return a function that plays `fit`: one dict of logs per epoch; returns the number of epochs that ran."""

    def play(callbacks: Any, epochs: list[dict[str, Any]], steps: int = 2, verbose: int = 0, **params: Any) -> int:
        every = CallbackList(
            callbacks, add_history=True, add_progbar=verbose > 0, model=model, verbose=verbose, epochs=len(epochs),
            steps=steps, **params,
        )  # fmt: skip
        model.stop_training = False
        every.on_train_begin()
        epoch = -1
        for epoch, logs in enumerate(epochs):
            every.on_epoch_begin(epoch)
            for batch in range(steps):
                every.on_train_batch_begin(batch)
                every.on_train_batch_end(batch, lambda logs=logs: logs)
            model.weights = [epoch + 1]
            every.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        every.on_train_end()
        return epoch + 1

    return play
