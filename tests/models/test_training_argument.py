"""The argument `training` in the graphs of files: Keras 3 writes its default, which `fit` and `predict` overrule."""

import json

import numpy as np
import pytest

import keras_torch as keras


class Halved(keras.layers.Layer):
    """Halves its input while training."""

    def call(self, inputs, training=False):
        return inputs / 2 if training else inputs


def from_keras_3(layer, stored):
    """Return a model of one layer, read from a config with `training=stored` in the layer's call."""
    source = keras.Input((4, 4, 3))
    config = json.loads(keras.Model(source, layer(source)).to_json())
    config["config"]["layers"][1]["inbound_nodes"][0]["kwargs"]["training"] = stored
    return keras.models.model_from_json(json.dumps(config), custom_objects={"Halved": Halved})


def changes(model, training):
    data = np.random.RandomState(0).uniform(0.1, 1, (2, 4, 4, 3)).astype("float32")
    return not np.array_equal(keras.backend.eval(model(data, training=training)), data)


@pytest.mark.parametrize(
    ("layer", "default"),
    [
        (keras.layers.Dropout(0.5), False),
        (keras.layers.GaussianNoise(0.5), False),
        (Halved(), False),
        (keras.layers.RandomContrast(0.5), True),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_stored_default_leaves_the_layer_to_the_mode_of_the_model(layer, default):
    model = from_keras_3(layer, default)
    assert changes(model, training=True)
    assert not changes(model, training=False)


def test_another_value_than_the_default_was_meant():
    assert changes(from_keras_3(keras.layers.Dropout(0.5), True), training=False)


def test_a_batch_normalization_that_was_called_in_inference_mode_stays_in_it():
    layer = keras.layers.BatchNormalization()
    model = from_keras_3(layer, False)
    before = model.get_weights()
    model(np.ones((2, 4, 4, 3), "float32"), training=True)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
