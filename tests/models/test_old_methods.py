"""What scripts for Keras 2 do with models and layers beyond training them."""

import copy
import pickle

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config
from keras_torch.saving import preprocess_weights_for_loading
from keras_torch.training import make_batches


@pytest.fixture
def keras_2():
    before = config.dialect()
    config.set_dialect("2")
    yield
    config.set_dialect(before)


def test_one_output_in_a_list_is_not_a_list_of_results():
    x = keras.Input((2,))
    model = keras.Model(inputs=[x], outputs=[keras.layers.Dense(3)(x)])
    assert model.predict(np.ones((4, 2))).shape == (4, 3)
    assert tuple(model(keras.Input((2,))).shape) == (None, 3)
    assert len(model.outputs) == 1
    again = keras.Model.from_config(model.get_config())
    assert again.predict(np.ones((4, 2))).shape == (4, 3)


def test_arrays_of_floats_among_the_arguments_of_a_lambda_are_calculated_with():
    mean = np.arange(6.0).reshape(2, 3)
    x = keras.Input((2, 3))
    layer = keras.layers.Lambda(lambda image, mean: image - mean, arguments={"mean": mean})
    model = keras.Model(x, layer(x))
    np.testing.assert_allclose(model.predict(np.ones((1, 2, 3)))[0], 1 - mean)
    assert layer.arguments["mean"] is mean


def test_models_with_lambdas_are_pickled_and_copied():
    factor = 3
    model = keras.Sequential([keras.layers.Lambda(lambda x: x * factor, input_shape=(2,)), keras.layers.Dense(1)])
    x = np.ones((2, 2), "float32")
    expected = model.predict(x)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(x), expected)
    copied = copy.deepcopy(model)
    np.testing.assert_array_equal(copied.predict(x), expected)
    assert copied.layers[0].function is model.layers[0].function


def test_the_state_of_the_optimizer_can_be_made_ahead_of_training():
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
    with pytest.raises(RuntimeError, match="compile"):
        model._make_train_function()
    model.compile("adam", "mse")
    model._make_train_function()
    model._make_test_function()
    model._make_predict_function()
    assert len(model.optimizer.get_weights()) >= 4


def test_arrays_of_keras_1_become_those_of_the_layer():
    layer = keras.layers.LSTM(2, input_shape=(3, 5))
    keras.Sequential([layer])
    wanted = layer.get_weights()
    gates = [np.split(array, 4, axis=-1) for array in wanted]
    old = [kinds[gate] for gate in (0, 2, 1, 3) for kinds in gates]
    for got, array in zip(preprocess_weights_for_loading(layer, old, "1.2.2"), wanted, strict=True):
        np.testing.assert_array_equal(got, array)
    for got, array in zip(preprocess_weights_for_loading(layer, wanted), wanted, strict=True):
        np.testing.assert_array_equal(got, array)
    flat = [array.ravel() for array in wanted]
    assert preprocess_weights_for_loading(layer, flat, reshape=True)[0].shape == wanted[0].shape


def test_weights_of_a_file_are_reshaped_on_demand(tmp_path):
    convolution = keras.Sequential([keras.layers.Conv2D(3, 1, input_shape=(1, 1, 4), name="a")])
    dense = keras.Sequential([keras.layers.Dense(3, input_shape=(4,), name="a")])
    convolution.save_weights(tmp_path / "w.h5")
    with pytest.raises(ValueError, match="does not fit"):
        dense.load_weights(tmp_path / "w.h5")
    dense.load_weights(tmp_path / "w.h5", reshape=True)
    np.testing.assert_array_equal(dense.get_weights()[0], convolution.get_weights()[0].reshape(4, 3))


def test_batches_cover_all_samples():
    assert make_batches(7, 3) == [(0, 3), (3, 6), (6, 7)]
    assert make_batches(0, 3) == []
