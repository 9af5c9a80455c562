"""Functions of a graph are layers in the dialect of tf.keras; names, order and rows are those of Keras 2.15."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import applications, config, ops, saving
from keras_torch.dropin.tensorflow.table import NAMES
from keras_torch.symbolic import reset_names
from keras_torch.utils import model_to_dot

K, L = keras.backend, keras.layers
LAMBDAS = ("TFOpLambda", "SlicingOpLambda")


@pytest.fixture(autouse=True)
def tf_keras():
    """Names count from the beginning, and the dialect is tf."""
    with config.dialect_scope("tf"):
        reset_names()
        yield
    reset_names()


def images():
    x = keras.Input((32, 32, 3))
    y = L.Conv2D(4, 3)(x / 127.5 - 1)
    y = NAMES["reduce_mean"](y, [1, 2])
    return keras.Model(x, L.Dense(2)(y[:, 0:2]))


IMAGES = [
    "input_1",
    "tf.math.truediv",
    "tf.math.subtract",
    "conv2d",
    "tf.math.reduce_mean",
    "tf.__operators__.getitem",
    "dense",
]


def names(model):
    return [layer.name for layer in model.layers]


def test_functions_stand_among_the_layers():
    model = images()
    assert names(model) == IMAGES
    assert model.layers[5] is model.get_layer(index=5) is model.get_layer("tf.__operators__.getitem")
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["InputLayer", *LAMBDAS[:1] * 2, "Conv2D", *LAMBDAS, "Dense"]
    layer = model.layers[4]
    assert isinstance(layer, L.Layer) and layer.trainable and layer.built
    assert (layer.weights, layer.get_weights(), layer.count_params()) == ([], [], 0)
    assert (layer.input_shape, layer.output_shape) == ((None, 30, 30, 4), (None, 4))
    described = {"name": "tf.math.reduce_mean", "trainable": True, "dtype": "float32", "function": "math.reduce_mean"}
    assert layer.get_config() == described
    layer.trainable = False
    assert not model.layers[4].trainable and len(model.weights) == 4


def test_a_model_ends_at_a_function():
    model = images()
    part = keras.Model(model.input, model.get_layer("tf.math.truediv").output)
    assert names(part) == IMAGES[:2] and part.output_names == ["tf.math.truediv"]
    np.testing.assert_allclose(part(np.full((1, 32, 32, 3), 255.0, "float32"))[0, 0, 0].numpy(), [2, 2, 2])


def test_the_summary_has_rows_for_functions():
    lines = []
    images().summary(print_fn=lines.append)
    rows = [line.rstrip() for line in lines]
    place = rows.index(" tf.math.truediv (TFOpLambd  (None, 32, 32, 3)         0")
    assert rows[place - 2].startswith(" input_1 (InputLayer)") and rows[place + 1 : place + 3] == [" a)", ""]
    assert " tf.__operators__.getitem (  (None, 2)                 0" in rows


def test_names_are_counted_from_model_to_model_and_as_operators_and_functions_of_tensorflow_are_called():
    images()
    x = keras.Input((8,))
    a, b, d = x * 2.0, 1 - x, abs(-x) ** 2
    e = NAMES["concat"]([a, b, d], 1)
    g = NAMES["nn.relu"](K.mean(e, axis=1, keepdims=True))
    model = keras.Model(x, [NAMES["cast"](g > 0, "float32"), a])
    assert names(model)[1:6] == [f"tf.math.{n}" for n in ("negative", "abs", "multiply", "subtract_1", "pow")]
    found = ["tf.concat", "tf.math.reduce_mean_1", "tf.nn.relu", "tf.math.greater", "tf.cast"]
    assert names(model)[6:] == found
    assert model.output_names == ["tf.cast", "tf.math.multiply"]
    assert names(keras.Model(x, x + 1 + x)) == ["input_2", "tf.__operators__.add", "tf.__operators__.add_1"]


def test_what_takes_several_functions_of_ours_is_one_layer():
    x = keras.Input((8, 4))
    y = NAMES["math.l2_normalize"](NAMES["transpose"](x), 1)
    model = keras.Model(x, NAMES["argmax"](y, 1))
    assert names(model)[1:] == ["tf.compat.v1.transpose", "tf.math.l2_normalize", "tf.math.argmax"]
    assert model.layers[2].input is model.layers[1].output
    lines = []
    model.summary(print_fn=lines.append)
    assert "Connected to" not in lines[2]
    text = model_to_dot(model).to_string()
    assert '"tf.compat.v1.transpose" -> "tf.math.l2_normalize";' in text and "TFOpLambda" in text and "/" not in text


@pytest.mark.parametrize("mode", ["tf", "caffe", "torch"])
def test_preprocessing_is_what_it_is_in_keras(mode):
    x = keras.Input((4, 4, 3))
    model = keras.Model(x, applications.imagenet_utils.preprocess_input(x, mode=mode))
    expected = {
        "tf": ["tf.math.truediv", "tf.math.subtract"],
        "caffe": ["tf.__operators__.getitem", "tf.nn.bias_add"],
        "torch": ["tf.math.truediv", "tf.nn.bias_add", "tf.math.truediv_1"],
    }
    assert names(model)[1:] == expected[mode]


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_names_come_back_from_files_and_others_go_on_counting(ending, tmp_path):
    model = images()
    y = NAMES["math.l2_normalize"](model.output, 1)
    model = keras.Model(model.input, y[:, :1])
    model.save(tmp_path / f"model.{ending}")
    reset_names()
    again = saving.load_model(tmp_path / f"model.{ending}", compile=False)
    assert names(again) == names(model) == [*IMAGES, "tf.math.l2_normalize", "tf.__operators__.getitem_1"]
    longer = keras.Model(again.input, again.output / 2 - 1)
    assert names(longer)[-2:] == ["tf.math.truediv_1", "tf.math.subtract_1"]
    x = np.random.default_rng(0).random((2, 32, 32, 3), "float32")
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)


def test_copies_have_the_names():
    model = images()
    for other in (keras.models.clone_model(model), copy.deepcopy(model)):
        assert names(other) == IMAGES
        assert other.layers[1] is not model.layers[1]
        assert other.layers[4].output_shape == (None, 4)
    assert names(keras.Model.from_config(model.get_config())) == IMAGES
    part = keras.Model(model.input, model.layers[2].output)
    other = pickle.loads(pickle.dumps(part))
    assert names(other) == IMAGES[:3] and other.layers[1].output_shape == (None, 32, 32, 3)


def test_the_layer_of_a_function_is_called_as_the_function():
    layer = images().layers[1]
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    assert layer(np.array([4.0, 3.0], "float32"), 2.0).tolist() == [2, 1.5]
    assert layer(keras.Input((3,)), 2.0).shape == (None, 3)


@pytest.mark.parametrize("dialect", ["1", "2", "3"])
def test_other_kerases_list_no_functions(dialect):
    with config.dialect_scope(dialect):
        x = keras.Input((4,))
        model = keras.Model(x, L.Dense(2)(ops.abs(x) / 2))
        assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Dense"]
