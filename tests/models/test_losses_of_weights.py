"""`add_loss` outside of `call`, of what was computed from weights: it counts anew in every batch, or is refused."""

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import backend as K
from keras_torch import config, layers, regularizers

PENALTIES = {
    "l2": (lambda w: regularizers.l2(0.1)(w) / 4.0, lambda w: 0.025 * (w**2).sum(), lambda w: 0.05 * w),
    "abs": (lambda w: 0.1 * K.mean(K.abs(w), axis=[0, 1]), lambda w: 0.1 * abs(w).mean(), lambda w: np.sign(w) / 60),
    "product": (lambda w: K.sum(K.dot(K.transpose(w), w)), lambda w: (w.T @ w).sum(), None),
    "power": (lambda w: K.sum(K.exp(-K.pow(w, 3))), lambda w: np.exp(-(w**3)).sum(), None),
    "root": (lambda w: K.sqrt(K.sum(K.square(w))), lambda w: np.sqrt((w**2).sum()), None),
}


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("dialect", ["1", "2"])
def test_penalties_follow_the_weights_in_keras_1_and_2(dialect, name):
    symbolic, value, gradient = PENALTIES[name]
    with config.dialect_scope(dialect):
        model = keras.Sequential([layers.Dense(2, input_shape=(3,), kernel_initializer="uniform")])
        model.add_loss(symbolic(model.layers[0].kernel))
        model.compile(keras.optimizers.SGD(1.0), "mse")
        # Without inputs, the loss of the data is 0 and leaves the kernel alone.
        x, y = np.zeros((4, 3)), np.zeros((4, 2))
        for _ in range(2):
            kernel = model.get_weights()[0]
            assert model.evaluate(x, y, verbose=0) == pytest.approx(value(kernel), rel=1e-5)
            model.train_on_batch(x, y)
            assert not np.array_equal(kernel, model.get_weights()[0])
            if gradient is not None:
                np.testing.assert_allclose(model.get_weights()[0], kernel - gradient(kernel), rtol=1e-5, atol=1e-7)


def test_a_penalty_may_be_added_while_a_layer_is_built():
    class Penalized(layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight(name="kernel", shape=(input_shape[1], 2), initializer="ones")
            self.add_loss(0.5 * K.sum(K.abs(self.kernel)))
            super().build(input_shape)

        def call(self, inputs):
            return K.dot(inputs, self.kernel)

        def compute_output_shape(self, input_shape):
            return (input_shape[0], 2)

    with config.dialect_scope("2"):
        model = keras.Sequential([Penalized(input_shape=(4,))])
        model.compile("sgd", "mse")
        x, y = np.zeros((4, 4)), np.zeros((4, 2))
        for expected in (4.0, 4.0 - 8 * 0.5 * 0.01 * 0.5):
            assert model.evaluate(x, y, verbose=0) == pytest.approx(expected)
            model.fit(x, y, epochs=1, verbose=0)


def test_what_cannot_be_computed_anew_is_refused_with_the_way_out():
    with config.dialect_scope("2"):
        model = keras.Sequential([layers.Dense(2, input_shape=(3,), name="first")])
        with pytest.raises(ValueError, match=r"'first': pass a function, `add_loss\(lambda: \.\.\.\)`.*AmaxBackward"):
            model.layers[0].add_loss(model.layers[0].kernel.amax())


def test_tf_keras_takes_functions_only():
    with config.dialect_scope("tf"):
        model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
        kernel = model.layers[0].kernel
        with pytest.raises(ValueError, match=r"`add_loss` outside of `call`.*lambda"):
            model.add_loss(K.sum(kernel))
        model.add_loss(lambda: K.sum(K.square(kernel)))
        model.compile("sgd", "mse")
        found = model.evaluate(np.zeros((2, 3)), np.zeros((2, 2)), verbose=0)
        assert found == pytest.approx((kernel.numpy() ** 2).sum(), rel=1e-5)


def test_a_built_layer_adds_losses_in_its_first_call():
    class Adding(layers.Layer):
        def call(self, inputs):
            self.add_loss(inputs.sum())
            return inputs

    with config.dialect_scope("tf"):
        layer = Adding()
        layer.build((None, 2))
        for rows in (3, 2):
            layer(torch.ones(rows, 2))
            assert [float(loss) for loss in layer.losses] == [2.0 * rows]
