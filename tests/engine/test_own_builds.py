"""Layers whose own `build` is called directly."""

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import layers


class Scaled(layers.Layer):
    """Takes more in `build` than a call could give."""

    def build(self, input_shape, initializer):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer=initializer, name="scale")

        self.built_for = {"shape": list(input_shape), "initializer": initializer}

    def call(self, inputs):
        return inputs * self.scale

    def get_build_config(self):
        return self.built_for

    def build_from_config(self, config):
        self.build(config["shape"], config["initializer"])


def test_a_build_of_the_users_own_happens_once(tmp_path):
    layer = Scaled()
    layer.build((None, 3), "ones")
    assert layer.built
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layer(inputs))
    assert np.array_equal(model.predict(np.full((2, 3), 4.0), verbose=0), np.full((2, 3), 4.0))
    assert [weight.path for weight in model.weights] == ["scaled/scale"]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", custom_objects={"Scaled": Scaled})
    assert again.layers[1].built_for == layer.built_for
    assert [weight.path for weight in again.weights] == ["scaled/scale"]
    assert np.array_equal(again.predict(np.ones((2, 3)), verbose=0), np.ones((2, 3)))


class Nested(layers.Layer):
    """A layer that builds one of its own directly, and another in its first call."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.built_here = layers.Dense(2, name="built_here")
        self.called = layers.Dense(2, name="called")

    def build(self, input_shape):
        self.built_here.build(input_shape)

    def call(self, inputs):
        return self.called(self.built_here(inputs))


class Holder(keras.Model):
    """A model with a layer and a stack."""

    def __init__(self):
        super().__init__(name="holder")
        self.nested = Nested(name="nested")
        self.stack = keras.Sequential([layers.Dense(1, name="last")], name="stack")

    def call(self, inputs):
        return self.stack(self.nested(inputs))


@pytest.mark.parametrize(
    ("dialect", "scopes"),
    [
        ("3", ["holder/nested/built_here", "holder/nested/called", "holder/stack/last"]),
        ("tf", ["holder/nested", "holder/nested/called", "last"]),
    ],
)
def test_paths_of_weights_begin_with_the_layers_around_as_in_each_keras(dialect, scopes):
    with keras.config.dialect_scope(dialect):
        model = Holder()
        model(np.ones((1, 3), "float32"))
    assert [weight.path for weight in model.weights] == [f"{s}/{end}" for s in scopes for end in ("kernel", "bias")]


def test_weights_of_a_stack_with_an_input_are_named_after_it():
    with keras.config.dialect_scope("3"):
        model = keras.Sequential([keras.Input((3,)), layers.Dense(1, name="last")], name="stack")
    assert [weight.path for weight in model.weights] == ["stack/last/kernel", "stack/last/bias"]
