"""What Keras 3 calls models and optimizers that have no names, and flags and inputs that models are given."""

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config, layers


def _dense(**options):
    x = keras.Input((3,))
    return keras.Model(x, layers.Dense(2)(x), **options)


def test_models_optimizers_and_layers_inside_others_use_up_numbers():
    with config.dialect_scope("3"):
        keras.backend.clear_session()
        # One functional model inside for each layer that is added after the input.
        model = keras.Sequential([layers.Input((2,))])
        model.add(layers.Dense(2))
        model.add(layers.Dense(2))
        layers.MultiHeadAttention(2, 2).build((1, 2, 2), (1, 2, 2))
        found = [_dense().name, layers.Dropout(0.1).name, layers.Softmax().name]
        optimizers = [keras.optimizers.Adam().name, keras.optimizers.Adam().name, keras.optimizers.Adam(name="a").name]
        keras.backend.clear_session()
    assert found == ["functional_2", "dropout_1", "softmax_1"] and optimizers == ["adam", "adam_1", "a"]


@pytest.mark.parametrize("dialect", ["3", None])
def test_a_model_that_was_made_frozen_is_frozen_alone_when_it_is_restored(dialect):
    with config.dialect_scope(dialect):
        model = keras.Model.from_config(_dense(trainable=False).get_config())
        assert not model.trainable and model.layers[1].trainable and not model.trainable_variables
        model.trainable = False
        assert not keras.Model.from_config(model.get_config()).layers[1].trainable


def test_surplus_inputs_are_ignored_with_a_warning():
    x, y = keras.Input((3,), name="x"), keras.Input((3,), name="y")
    model = keras.Model({"x": x, "y": y}, layers.add([x, y]))
    one = np.ones((1, 3), "float32")
    with pytest.warns(UserWarning, match="others are ignored"):
        assert float(model({"x": one, "y": one, "z": one})[0, 0]) == 2


@pytest.mark.parametrize("kind", [OSError, ValueError])
def test_a_missing_file_is_an_error_of_both_kinds_that_keras_raises(kind, tmp_path):
    with pytest.raises(kind, match="There is no file"):
        keras.models.load_model(tmp_path / "model.keras")


class _Shaped(layers.Layer):
    def call(self, x):
        return x[:, :1]

    def compute_output_shape(self, shape):
        return shape.as_list()[:-1] + [1]


def test_tf_keras_asks_users_layers_for_shapes_with_shapes_that_have_its_methods():
    with config.dialect_scope("tf"):
        assert keras.Sequential([layers.Input((3,)), _Shaped()]).output_shape == (None, 1)


def test_a_metric_of_tf_keras_sets_one_number_beside_all_columns():
    with config.dialect_scope("tf"):
        model = keras.Sequential([layers.Input((2,)), layers.Dense(3, kernel_initializer="zeros")])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["mse", "accuracy"])
        logs = model.evaluate(np.ones((2, 2)), np.array([0, 2]), verbose=0, return_dict=True)
    assert logs == pytest.approx({"loss": np.log(3), "mse": 2, "accuracy": 0.5})


def test_a_generator_of_seeds_is_read_from_its_description():
    described = keras.saving.serialize_keras_object(keras.random.SeedGenerator(7))
    assert (described["module"], described["class_name"]) == ("keras.random", "SeedGenerator")
    assert keras.saving.deserialize_keras_object(described).get_config()["seed"] == 7
