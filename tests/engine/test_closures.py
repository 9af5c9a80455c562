"""Layers and losses that use symbolic tensors which they are not given, as graphs of TensorFlow allowed."""

from __future__ import annotations

import numpy as np
import pytest

from keras_torch import backend as K
from keras_torch import dropin, layers, models
from keras_torch.symbolic.closures import uses_symbolic_tensors

X = np.random.default_rng(3).random((6, 4), dtype="float32")


@pytest.fixture(autouse=True)
def keras_2():
    with dropin.install("2"):
        yield


def test_a_lambda_reads_a_tensor_of_the_function_around_it():
    x = layers.Input((4,))
    h = layers.Dense(4)(x)
    y = layers.Lambda(lambda t: t * K.exp(h))(x)
    model = models.Model(x, y)
    assert np.allclose(model.predict(X), X * np.exp(models.Model(x, h).predict(X)), atol=1e-5)
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.train_on_batch(X, X)
    assert not np.allclose(before[0], model.get_weights()[0])


def test_a_lambda_gets_a_tensor_in_its_arguments_and_knows_the_phase():
    x = layers.Input((4,))
    h = layers.Dense(4)(x)
    y = layers.Lambda(lambda t, add: K.in_train_phase(t * 2, t) + add, arguments={"add": h}, output_shape=(4,))(x)
    run = K.function([x, K.learning_phase()], [y, h])
    for phase in (1, 0, 1):
        got, hidden = run([X, phase])
        assert np.allclose(got, (1 + phase) * X + hidden, atol=1e-5)


def test_a_layer_adds_a_loss_of_tensors_outside_and_keeps_its_own_weights():
    x = layers.Input((4,))
    mean = layers.Dense(2, name="mean")(x)

    class Penalty(layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")

        def call(self, inputs):
            self.add_loss(self._penalty(), inputs=inputs)
            return inputs * self.scale

        def _penalty(self):
            return K.mean(K.square(mean))

    model = models.Model(x, Penalty()(x))
    assert len(model.layers) == 3
    model.compile("sgd", loss=None)
    expected = np.square(models.Model(x, mean).predict(X)).mean()
    assert model.train_on_batch(X, None) == pytest.approx(expected, rel=1e-5)
    assert model.evaluate(X, None, verbose=0) < expected
    assert [weight.shape for weight in model.trainable_weights] == [(4, 2), (2,), (4,)]


def test_a_layer_holds_another_layers_output_as_an_attribute():
    x = layers.Input((4,))
    h = layers.Dense(4)(x)

    class Gate(layers.Layer):
        def __init__(self, gate, **kwargs):
            self.gate = gate
            super().__init__(**kwargs)

        def call(self, inputs, training=None):
            return inputs * self.gate + (1.0 if training else 0.0)

    model = models.Model(x, Gate(h)(x))
    hidden = models.Model(x, h).predict(X)
    assert np.allclose(model.predict(X), X * hidden, atol=1e-6)
    run = K.function([x, K.learning_phase()], [model.output])
    assert np.allclose(run([X, 1])[0], X * hidden + 1, atol=1e-6)


def test_a_clone_reads_its_own_tensors():
    x = layers.Input((4,))
    h = layers.Dense(4)(x)
    model = models.Model(x, layers.Lambda(lambda t: t + h)(x))
    clone = models.clone_model(model)
    clone.set_weights([np.zeros((4, 4)), np.ones(4)])
    assert np.allclose(clone.predict(X), X + 1)
    assert not np.allclose(model.predict(X), X + 1)


def test_a_loss_that_is_a_method_reads_tensors_kept_in_attributes():
    class Coder:
        def __init__(self):
            x = layers.Input((4,))
            self.mean = layers.Dense(2, kernel_initializer="ones")(x)
            self.model = models.Model(x, layers.Dense(4, kernel_initializer="zeros")(self.mean))
            self.model.compile("sgd", self.loss)

        def loss(self, y_true, y_pred):
            return K.mean(K.square(y_true - y_pred), axis=-1) + self.penalty()

        def penalty(self):
            return K.sum(K.square(self.mean), axis=-1)

    expected = np.square(X).mean() + 2 * np.square(X.sum(1)).mean()
    assert Coder().model.evaluate(X, X, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_methods_that_call_each_other_are_looked_through_once():
    class Layer(layers.Layer):
        def call(self, x):
            return self.again(x, 3)

        def again(self, x, times):
            return self.call(x) if times > 3 else x

    assert not uses_symbolic_tensors(Layer().call)


def test_operators_that_assign_make_other_tensors():
    class Shares(layers.Layer):
        def call(self, inputs):
            x = K.exp(inputs)
            first = x
            x *= 2.0
            x /= K.sum(x, axis=1, keepdims=True)
            x -= first
            x += first
            return x

    x = layers.Input((4,))
    h = layers.Dense(4)(x)
    model = models.Model(x, Shares()(h))
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(X, X))
    powers = np.exp(models.Model(x, h).predict(X))
    assert np.allclose(model.predict(X), powers / powers.sum(1, keepdims=True), atol=1e-6)
