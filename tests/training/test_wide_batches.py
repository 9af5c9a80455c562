"""`predict` takes more samples at once where only the time tells."""

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import layers
from keras_torch.training import wide_batches

X = np.random.default_rng(0).random((200, 6), dtype="float32")


class Own(layers.Layer):
    """A layer of the user's, which may look at the whole batch."""

    def call(self, inputs):
        return inputs - inputs.mean(0)

    def compute_output_shape(self, input_shape):
        return input_shape


class OwnStep(keras.Model):
    """A model with its own step."""

    def predict_step(self, data):
        return super().predict_step(data)


def small(*more, units=5):
    return keras.Sequential([keras.Input((6,)), layers.Dense(units, "relu"), layers.BatchNormalization(), *more])


def with_hook():
    model = small()
    model.layers[0].register_forward_hook(lambda *_: None)
    return model


def with_function():
    image = keras.Input((6,))
    return keras.Model(image, torch.roll(layers.Dense(3)(image), 1, 0))


def with_own_step():
    image = keras.Input((6,))
    return OwnStep(image, layers.Dense(3)(image))


def sizes_of_calls(model, **options):
    """Return the result of `predict` and how many samples the model got in each call."""
    sizes = []
    forward = type(model).forward
    model.__dict__["forward"] = lambda x: sizes.append(len(x)) or forward(model, x)
    try:
        return model.predict(X, **options), sizes
    finally:
        del model.__dict__["forward"]


def test_a_small_model_gets_many_samples_at_once_and_gives_the_same():
    model = small(layers.Dense(3, "softmax"))
    found, sizes = sizes_of_calls(model, verbose=0)
    assert sizes == [200]
    by_batches, sizes = sizes_of_calls(model, verbose=0, batch_size=32)
    assert sizes == [32] * 6 + [8]
    np.testing.assert_allclose(found, by_batches, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("options", [{"verbose": 1}, {"verbose": 0, "callbacks": [keras.callbacks.Callback()]}])
def test_who_watches_batches_sees_those_of_the_default_size(options):
    assert sizes_of_calls(small(), **options)[1] == [32] * 6 + [8]


@pytest.mark.parametrize(
    "make",
    [
        lambda: small(Own()),
        lambda: small(layers.Lambda(lambda x: x - x.mean(0))),
        lambda: small(layers.Dense(3, activation=lambda x: x - x.mean(0))),
        lambda: small(units=2**14),
        with_hook,
        with_function,
        with_own_step,
    ],
)
def test_models_that_may_tell_get_the_default(make):
    assert wide_batches.batch_size(make(), 32) == 32
