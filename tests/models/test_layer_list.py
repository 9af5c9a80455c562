"""Scripts of Keras 1 and 2 that take the last layers off a model to put others in their place."""

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config, layers


@pytest.fixture(autouse=True)
def _keras_2():
    with config.dialect_scope("2"):
        yield


def functional():
    image = keras.Input((4,))
    hidden = layers.Dense(8, name="hidden")(image)
    return keras.Model(image, layers.Dense(3, name="top")(hidden))


def test_a_layer_taken_out_of_the_list_leaves_the_outputs_until_they_are_set():
    model = functional()
    assert model.layers.pop().name == "top"
    assert [layer.name for layer in model.layers][1:] == ["hidden"]
    assert model.output_shape == (None, 3)
    model.outputs = [model.layers[-1].output]
    model.layers[-1].outbound_nodes = []
    assert model.output_shape == (None, 8)
    assert model.predict(np.ones((2, 4)), verbose=0).shape == (2, 8)


def test_a_new_top_is_put_on_the_layer_that_has_become_the_last():
    model = functional()
    model.layers.pop()
    tuned = keras.Model(inputs=model.input, outputs=layers.Dense(2)(model.layers[-1].output))
    tuned.compile("sgd", "mse")
    tuned.fit(np.ones((4, 4)), np.zeros((4, 2)), verbose=0)
    assert [layer.name for layer in tuned.layers][1] == "hidden"
    assert tuned.output_shape == (None, 2)


def test_a_sequential_model_loses_the_layer_that_is_taken_out_of_its_list():
    model = keras.Sequential([layers.Dense(8, input_shape=(4,)), layers.Dense(6), layers.Dense(3)])
    model.layers.pop()
    model.outputs = [model.layers[-1].output]
    model.add(layers.Dense(2))
    assert [layer.units for layer in model.layers] == [8, 6, 2]
    assert model.predict(np.ones((2, 4)), verbose=0).shape == (2, 2)
    model.outputs = [model.layers[0].output]
    assert model.output_shape == (None, 8)
    with pytest.raises(ValueError, match="must be that of one of its layers"):
        model.outputs = [functional().output]


def test_the_list_of_today_is_a_copy():
    with config.dialect_scope("3"):
        model = functional()
        model.layers.pop()
        assert len(model.layers) == 3
