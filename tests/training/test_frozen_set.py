"""The set of trained weights is fixed by `compile`, also for models that share layers, optimizers and batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import keras_torch as keras
from keras_torch.layers import Dense, Input

NOISE = np.random.RandomState(0).rand(8, 3).astype("float32")
REAL = np.random.RandomState(1).rand(8, 2).astype("float32")
ONES = np.ones((8, 1), "float32")


def _gan(optimizer: Any) -> tuple[Any, Any, Any]:
    generator = keras.Sequential([Dense(4, activation="tanh", input_shape=(3,)), Dense(2)])
    critic = keras.Sequential([Dense(4, activation="tanh", input_shape=(2,)), Dense(1, activation="sigmoid")])
    critic.compile(optimizer(), "binary_crossentropy", metrics=["accuracy"])
    critic.trainable = False
    noise = Input((3,))
    both = keras.Model(noise, critic(generator(noise)))
    both.compile(optimizer(), "binary_crossentropy")
    return generator, critic, both


def _changes(model: Any, action: Any) -> bool:
    before = model.get_weights()
    action()
    return any((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))


def _check_alternation(generator: Any, critic: Any, both: Any) -> None:
    for _ in range(3):
        assert _changes(critic, lambda: critic.train_on_batch(REAL, ONES))
        assert not _changes(generator, lambda: critic.train_on_batch(REAL, ONES))
        assert not _changes(critic, lambda: both.train_on_batch(NOISE, ONES))
        assert _changes(generator, lambda: both.train_on_batch(NOISE, ONES))
        assert all(p.grad is None for p in critic.parameters() if not p.requires_grad)


def test_a_gan_alternates_between_its_halves() -> None:
    _check_alternation(*_gan(lambda: "adam"))


def test_a_gan_may_share_one_optimizer_object() -> None:
    shared = keras.optimizers.Adam(0.01, beta_1=0.5)
    generator, critic, both = _gan(lambda: shared)
    _check_alternation(generator, critic, both)
    assert int(shared.iterations) == 12


def test_trainable_set_after_compile_takes_effect_with_the_next_compile() -> None:
    model = keras.Sequential([Dense(4, input_shape=(3,)), Dense(1)])
    model.compile("sgd", "mse")
    model.layers[0].trainable = False
    assert _changes(model.layers[0], lambda: model.train_on_batch(NOISE, ONES))
    model.compile("sgd", "mse")
    assert not _changes(model.layers[0], lambda: model.fit(NOISE, ONES, verbose=0))
    assert _changes(model.layers[1], lambda: model.fit(NOISE, ONES, verbose=0))


def test_a_model_without_trainable_weights_can_be_fitted() -> None:
    model = keras.Sequential([Dense(1, input_shape=(3,))])
    model.trainable = False
    model.compile("sgd", "mse")
    assert not _changes(model, lambda: model.fit(NOISE, ONES, verbose=0))


def test_the_optimizer_goes_on_over_several_fits() -> None:
    model = keras.Sequential([Dense(1, input_shape=(3,))])
    model.compile("adam", "mse")
    model.fit(NOISE, ONES, verbose=0, epochs=2)
    model.evaluate(NOISE, ONES, verbose=0)
    model.fit(NOISE, ONES, verbose=0, epochs=3)
    assert int(model.optimizer.iterations) == 5


def test_layers_built_on_their_first_call_are_trained() -> None:
    class Late(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first = Dense(3)
            self.second = keras.Sequential([Dense(1)])

        def build(self, input_shape: Any) -> None:
            self.built = True

        def call(self, inputs: Any) -> Any:
            return self.second(self.first(inputs))

    model = Late()
    model.build((None, 3))
    model.compile("sgd", "mse")
    model.train_on_batch(NOISE, ONES)
    assert _changes(model.first, lambda: model.train_on_batch(NOISE, ONES))
    assert _changes(model.second, lambda: model.fit(NOISE, ONES, verbose=0))
    assert len(model.optimizer.variables) > 0


def test_a_model_without_trained_weights_can_be_trained() -> None:
    offset = torch.zeros(3, requires_grad=True)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x + offset)(inputs))
    model.compile("rmsprop", "mse")
    assert model.train_on_batch(np.ones((4, 3)), np.zeros((4, 3))) == 1
    assert not offset.any()
