"""Habits of scripts for Keras 2 that its documents did not show: names with underscores, losses of their own kind."""

from __future__ import annotations

import functools

import h5py
import numpy as np
import pytest

from keras_torch import dropin


@pytest.fixture(autouse=True)
def hook():
    with dropin.install("2"):
        np.random.seed(0)
        yield


def test_a_gradient_penalty_is_a_loss_over_a_tensor_of_the_graph():
    from keras import backend as K
    from keras.layers import Dense, Input
    from keras.layers.merge import _Merge
    from keras.models import Model, Sequential

    class Between(_Merge):
        def _merge_function(self, inputs):
            return 0.25 * inputs[0] + 0.75 * inputs[1]

    def penalty(y_true, y_pred, points):
        slopes = K.gradients(y_pred, points)[0]
        norm = K.sqrt(K.sum(K.square(slopes), axis=np.arange(1, len(slopes.shape))))
        return K.mean(10 * K.square(1 - norm))

    critic = Sequential([Dense(4, activation="tanh", input_dim=3), Dense(1)])
    real, fake = Input(shape=(3,)), Input(shape=(3,))
    points = Between()([real, fake])
    loss = functools.partial(penalty, points=points)
    loss.__name__ = "penalty"
    model = Model([real, fake], critic(points))
    model.compile("sgd", loss)
    x = [np.random.rand(6, 3), np.random.rand(6, 3)]
    kernel, bias, last, _ = critic.get_weights()
    inner = np.tanh((0.25 * x[0] + 0.75 * x[1]) @ kernel + bias)
    slopes = ((1 - inner**2) * last[:, 0]) @ kernel.T
    expected = np.mean(10 * (1 - np.linalg.norm(slopes, axis=1)) ** 2)
    assert model.test_on_batch(x, np.zeros(6)) == pytest.approx(expected, rel=1e-4)
    assert model.train_on_batch(x, np.zeros(6)) == pytest.approx(expected, rel=1e-4)
    assert not np.array_equal(critic.get_weights()[0], kernel)


def test_assignments_with_an_operator_in_losses_and_metrics_make_new_tensors():
    from keras import backend as K
    from keras.layers import Dense
    from keras.models import Sequential

    def weighted(y_true, y_pred):
        y_pred /= K.sum(y_pred, axis=-1, keepdims=True)
        y_true *= K.variable(np.array([1.0, 2.0]))
        return -K.sum(y_true * K.log(y_pred), -1)

    def halved(y_true, y_pred):
        y_pred *= 0.5
        return K.mean(y_pred)

    model = Sequential([Dense(2, activation="softmax", input_dim=3)])
    model.compile("sgd", weighted, metrics=[halved, "acc"])
    x, y = np.random.rand(8, 3), np.eye(2)[np.random.randint(0, 2, 8)]
    predicted = model.predict(x)
    loss, mean, accuracy = model.train_on_batch(x, y)
    assert loss == pytest.approx(-np.mean((y * [1, 2] * np.log(predicted)).sum(1)), rel=1e-5)
    assert mean == pytest.approx(0.25, rel=1e-5)
    assert accuracy == np.mean(predicted.argmax(1) == y.argmax(1))


def test_private_names_of_the_backend_make_a_loss():
    import tensorflow as tf
    from keras import backend as K
    from keras.backend.common import _EPSILON
    from keras.backend.tensorflow_backend import _get_available_gpus, _to_tensor
    from keras.utils import conv_utils

    predicted = K.variable([[0.0, 0.25, 1.0]])
    least = _to_tensor(_EPSILON, predicted.dtype.base_dtype)
    assert K.eval(tf.clip_by_value(predicted, least, 1.0 - least)) == pytest.approx(np.array([[1e-7, 0.25, 1 - 1e-7]]))
    assert isinstance(_get_available_gpus(), list)
    assert K._BACKEND == "tensorflow"
    assert conv_utils.normalize_data_format(None) == "channels_last"


def test_files_of_mobilenet_name_its_activation_and_its_layer(tmp_path):
    import keras
    from keras.models import Sequential, load_model
    from keras.utils.generic_utils import CustomObjectScope

    mobilenet = keras.applications.mobilenet
    model = Sequential([mobilenet.DepthwiseConv2D(2, input_shape=(4, 4, 1)), keras.layers.Activation(mobilenet.relu6)])
    path = str(tmp_path / "mobilenet.h5")
    model.save(path)
    with CustomObjectScope({"relu6": mobilenet.relu6, "DepthwiseConv2D": mobilenet.DepthwiseConv2D}):
        read = load_model(path, compile=False)
    x = 50 * np.random.rand(2, 4, 4, 1)
    assert np.allclose(read.predict(x), model.predict(x))
    assert model.predict(x).max() <= 6


def test_groups_of_files_are_loaded_into_some_of_a_models_layers(tmp_path):
    from keras.engine import saving, topology
    from keras.layers import Dense
    from keras.models import Sequential

    def make():
        return Sequential([Dense(4, input_dim=3, name="first"), Dense(2, name="second")])

    model, path = make(), str(tmp_path / "weights.h5")
    with h5py.File(path, "w") as file:
        saving.save_weights_to_hdf5_group(file, model.layers)
    by_name, in_order = make(), make()
    kept = by_name.layers[1].get_weights()[0].copy()
    with h5py.File(path, "r") as file:
        saving.load_weights_from_hdf5_group_by_name(file, filter(lambda layer: layer.name != "second", by_name.layers))
        topology.load_weights_from_hdf5_group(file, in_order.layers)
    assert np.array_equal(by_name.get_weights()[0], model.get_weights()[0])
    assert np.array_equal(by_name.get_weights()[2], kept)
    assert all(np.array_equal(a, b) for a, b in zip(in_order.get_weights(), model.get_weights(), strict=True))


def test_all_losses_may_be_added_and_every_output_given_none():
    from keras import backend as K
    from keras.layers import Dense, Input
    from keras.models import Model

    x = Input(shape=(3,))
    outputs = [Dense(2)(x), Dense(1)(x)]
    model = Model(x, outputs)
    model.add_loss(K.mean(K.square(outputs[1])))
    model.compile("sgd", loss=[None] * len(model.outputs))
    data = np.random.rand(4, 3)
    expected = np.mean(model.predict(data)[1] ** 2)
    assert model.train_on_batch(data, []) == pytest.approx(expected, rel=1e-5)


def test_a_loss_over_inner_tensors_leaves_the_layers_and_the_files_of_a_model_as_they_were(tmp_path):
    from keras import backend as K
    from keras.layers import Dense, Input
    from keras.models import Model

    def make(with_loss):
        x = Input(shape=(4,))
        hidden = Dense(3)(x)
        encoder = Model(x, [Dense(2, name="mean")(hidden), Dense(2, name="log_var")(hidden)], name="encoder")
        mean, log_var = encoder.outputs
        model = Model(x, Dense(4)(encoder(x)[0]), name="vae")
        if with_loss:
            model.add_loss(K.mean(K.square(mean) + K.exp(log_var)))
        return model

    plain, model = make(False), make(True)
    assert len(model.layers) == len(plain.layers) == 3
    assert model.layers[1].name == "encoder"
    assert [weight.shape for weight in model.get_weights()] == [weight.shape for weight in plain.get_weights()]
    plain.save_weights(str(tmp_path / "vae.h5"))
    model.load_weights(str(tmp_path / "vae.h5"))
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), plain.get_weights(), strict=True))
    model.compile("adam")
    before = model.get_weights()
    model.fit(np.random.rand(8, 4), epochs=1, verbose=0)
    assert not np.array_equal(model.get_weights()[4], before[4])
