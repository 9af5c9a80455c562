"""Gradients of what `compile` made symbolically in Keras 1 and 2."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from keras_torch import Input, Model, config, layers, losses, optimizers, regularizers
from keras_torch import backend as K

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)
Y, KERNEL = X.sum(1, keepdims=True), np.array([[1.0], [2.0], [3.0]], "float32")
WEIGHTS = np.array([1, 3, 0, 0], "float32")


@pytest.mark.parametrize("dialect", ["1", "2"])
@pytest.mark.parametrize("clip", [None, 1.0])
def test_gradients_of_the_total_loss_are_those_of_the_fed_targets_and_weights(dialect, clip):
    with config.dialect_scope(dialect):
        x = Input((3,))
        dense = layers.Dense(1, weights=[KERNEL, np.zeros(1)], kernel_regularizer=regularizers.L2(0.1))
        model = Model(x, dense(x))
        with pytest.raises(AttributeError, match="total_loss"):
            _ = model.total_loss
        model.compile(optimizers.SGD(clipvalue=clip), "mse", loss_weights=[2.0])
        weights = model.trainable_weights
        grads = (
            model.optimizer.get_gradients(model.total_loss, weights) if clip else K.gradients(model.total_loss, weights)
        )
        inputs = model.inputs + model.targets + model.sample_weights + [K.learning_phase()]
        run = K.function(inputs, [model.total_loss, *grads])
        fed = [item for part in model._standardize_user_data(X, Y, WEIGHTS) for item in part]
        total, of_kernel, of_bias = run([*fed, 0.0])
        # Keras 1 and 2 divide by the number of weights that are not 0.
        error, weight = X @ KERNEL - Y, WEIGHTS[:, None]
        np.testing.assert_allclose(total, 2 * (weight * error**2).sum() / 2 + 0.1 * (KERNEL**2).sum(), rtol=1e-5)
        expected = 2 * X.T @ (weight * 2 * error) / 2 + 0.2 * KERNEL, 2 * (weight * 2 * error).sum(0) / 2
        for found, value in zip((of_kernel, of_bias), expected, strict=True):
            np.testing.assert_allclose(found, value if clip is None else value.clip(-clip, clip), rtol=1e-5)
        assert [w.tolist() for w in model._standardize_user_data(X, Y, class_weight=None)[2]] == [[1, 1, 1, 1]]
        assert (model._feed_targets, model._feed_inputs) == (model.targets, model.inputs)
        assert pickle.loads(pickle.dumps(model)).targets[0].shape == (None, 1)


def test_a_loss_object_takes_symbolic_sample_weights():
    with config.dialect_scope("tf"):
        true, predicted, weight = Input((1,)), Input((1,)), Input(())
        value = losses.MeanSquaredError()(true, predicted, sample_weight=weight)
        found = K.function([true, predicted, weight], [value])([Y, 2 * Y, WEIGHTS])[0]
        np.testing.assert_allclose(found, (WEIGHTS * Y[:, 0] ** 2).mean(), rtol=1e-5)


def test_a_model_has_a_loss_once_it_is_compiled():
    for dialect in ("2", "tf", "3"):
        with config.dialect_scope(dialect):
            x = Input((3,))
            model = Model(x, layers.Dense(1)(x))
            assert hasattr(model, "loss") == (dialect == "3")
            model.compile("sgd", "mse")
            assert model.loss == "mse"
