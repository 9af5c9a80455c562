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


@pytest.mark.parametrize("shape", [None, lambda shape: shape])
def test_a_layer_that_returns_a_list_of_one_tensor_returns_the_tensor(keras_2, shape):
    x = keras.Input((2,))
    slope = keras.layers.Lambda(lambda x: keras.backend.gradients(keras.backend.sum(x**2), x), output_shape=shape)(x)

    class Doubled(keras.layers.Layer):
        def call(self, inputs):
            return [inputs * 2]

        def compute_output_shape(self, input_shape):
            return [input_shape]

    model = keras.Model(x, keras.layers.multiply([slope, Doubled()(x)]))
    np.testing.assert_allclose(model.predict(np.array([[1.0, 3.0]])), [[4.0, 36.0]])


def test_a_model_may_be_called_on_tensors_of_other_shapes_that_its_layers_take(keras_2):
    rows = keras.Sequential(
        [keras.layers.Dense(6, input_dim=2, kernel_initializer="ones"), keras.layers.Reshape((3, 2))]
    )
    words = keras.Input((1,))
    model = keras.Model(words, rows(keras.layers.Embedding(3, 2, embeddings_initializer="ones")(words)))
    np.testing.assert_array_equal(model.predict(np.zeros((4, 1))), np.full((4, 3, 2), 2.0))
    with pytest.raises(ValueError, match=r"must have the shape \(None, 2\)"):
        rows.predict(np.zeros((4, 1, 2)))
    pictures = keras.Sequential([keras.layers.Conv2D(1, 3, input_shape=(8, 8, 1))])
    larger = keras.Input((9, 9, 1))
    assert keras.Model(larger, pictures(larger)).predict(np.zeros((2, 9, 9, 1))).shape == (2, 7, 7, 1)


def test_the_model_of_a_sequential_model_is_itself(keras_2):
    model = keras.Sequential([keras.layers.Dense(3, input_dim=2)])
    assert model.model is model
    assert not hasattr(model.layers[0], "model") and not hasattr(model.layers[0], "W")


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
    with pytest.raises(ValueError, match="has shape .* but the saved"):
        dense.load_weights(tmp_path / "w.h5")
    dense.load_weights(tmp_path / "w.h5", reshape=True)
    np.testing.assert_array_equal(dense.get_weights()[0], convolution.get_weights()[0].reshape(4, 3))


def test_batches_cover_all_samples():
    assert make_batches(7, 3) == [(0, 3), (3, 6), (6, 7)]
    assert make_batches(0, 3) == []


def test_layers_and_tensors_tell_who_looks_at_the_learning_phase():
    x = keras.Input((4,))
    dense, dropped = keras.layers.Dense(2)(x), keras.layers.Dropout(0.5)(x)
    assert not dense._uses_learning_phase and dropped._uses_learning_phase
    assert keras.layers.concatenate([dense, dropped])._uses_learning_phase
    assert keras.Model(x, dropped).uses_learning_phase and not keras.Model(x, dense).uses_learning_phase
    assert not keras.layers.Dropout(0.5)(x, training=True)._uses_learning_phase
    assert not keras.layers.Dropout(0.0).uses_learning_phase
    assert keras.layers.Bidirectional(keras.layers.LSTM(2, dropout=0.1)).uses_learning_phase
    assert not keras.layers.LSTM(2).uses_learning_phase
    layer = keras.layers.Dense(2)
    layer.uses_learning_phase = True
    assert keras.Model(x, layer(x)).uses_learning_phase


class Counting(keras.layers.Layer):
    def build(self, input_shape):
        self.count = self.add_weight(name="count", shape=(), initializer="zeros", trainable=False)
        self.last = self.add_weight(name="last", shape=(), initializer="zeros", trainable=False)
        super().build(input_shape)

    def call(self, inputs):
        self.add_update([(self.count, self.count + 1)], inputs)
        self.add_update((self.last, inputs.mean()))
        self.add_update(lambda: None)
        return inputs


def test_updates_are_made_while_training():
    model = keras.Sequential([Counting(input_shape=(2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.full((4, 2), 3.0)
    model.fit(x, np.ones((4, 1)), batch_size=2, verbose=0)
    model.predict(x)
    assert [float(array) for array in model.layers[0].get_weights()] == [2.0, 3.0]


def test_updates_and_losses_are_found_by_their_input():
    x, other = keras.Input((2,)), keras.Input((2,))
    layer = keras.layers.Dense(1)
    layer.add_update(0, inputs=x)
    layer.add_update(1)
    assert layer.get_updates_for(x) == [0] and layer.get_updates_for(None) == [1] and layer.updates == [0, 1]
    layer.add_loss(2, inputs=[x])
    layer.add_loss(3)
    assert layer.get_losses_for(x) == [2] and layer.get_losses_for(None) == [3]
    assert layer.get_losses_for(other) == []
    with pytest.raises(ValueError, match="computed in `call`"):
        layer.add_update((keras.Variable(1.0), x))


def test_frozen_normalization_has_no_updates():
    model = keras.Sequential([keras.layers.BatchNormalization(input_shape=(4,)), keras.layers.Dense(1)])
    assert len(model.updates) == 2
    model.trainable = False
    assert model.updates == []


def test_layers_know_the_calls_that_take_their_outputs():
    x = keras.Input((2,))
    first, second = keras.layers.Dense(2), keras.layers.Dense(2)
    y = first(x)
    assert first._outbound_nodes == []
    z = second(y)
    assert [node.outbound_layer for node in first.outbound_nodes] == [second]
    model = keras.Model(x, z)
    assert model._input_layers == [model.layers[0]] and model._output_layers == [second]
    assert {depth: [layer.name for layer in found] for depth, found in model._layers_by_depth.items()} == {
        2: [model.layers[0].name],
        1: [first.name],
        0: [second.name],
    }
    first.outbound_nodes = []
    assert first._outbound_nodes == []
    assert copy.deepcopy(model).predict(np.ones((1, 2))).shape == (1, 2)


def test_models_compute_shapes_for_a_known_batch_size():
    x = keras.Input((4,))
    model = keras.Model(x, [keras.layers.Dense(2)(x), keras.layers.Dense(3)(x)])
    assert model.compute_output_shape((10, 4)) == [(10, 2), (10, 3)]
    assert model.compute_output_shape((None, 4)) == [(None, 2), (None, 3)]


def test_layer_gives_the_input_shape_to_an_own_shape_function(keras_2):
    class Twice(keras.layers.Layer):
        def call(self, inputs):
            return [inputs, inputs]

        def compute_output_shape(self, input_shape):
            shape = super().compute_output_shape(input_shape)
            return [shape, shape]

    one, two = Twice()(keras.Input((3,)))
    assert tuple(one.shape) == tuple(two.shape) == (None, 3)


def test_models_of_several_outputs_have_a_list_of_masks(keras_2):
    x = keras.Input((4,))
    model = keras.Model(x, [keras.layers.Dense(2)(x), keras.layers.Dense(3)(x)])
    assert model.compute_mask(x, None) == [None, None]


def test_changing_what_is_trained_after_compiling_gives_a_warning(keras_2):
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.layers[0].trainable = False
    with pytest.warns(UserWarning, match="Discrepancy.* 4 weights, but 2"):
        model.summary(print_fn=lambda line: None)
    with pytest.warns(UserWarning, match="Discrepancy"):
        model.fit(np.ones((2, 3)), np.ones((2, 1)), verbose=0)
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 3)), np.ones((2, 1)), verbose=0)


def test_inputs_of_arrays_are_refused():
    values = np.ones((4, 2), "float32")
    with pytest.raises(ValueError, match="must be symbolic"):
        keras.layers.Input(tensor=values)
    x = keras.Input((2,))
    model = keras.Model(x, keras.layers.Dense(1)(x))
    with pytest.raises(ValueError, match="must be symbolic"):
        keras.models.clone_model(model, input_tensors=[values])
