"""Layers whose own `build` is called directly."""

import numpy as np

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
