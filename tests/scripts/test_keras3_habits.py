"""Habits of scripts for Keras 3, whatever backend they were written for."""

from __future__ import annotations

import numpy as np
import pytest

from keras_torch import dropin


@pytest.fixture(autouse=True)
def hook():
    with dropin.install("3"):
        yield


def test_a_train_step_in_the_style_of_jax_is_functions_of_values():
    import keras

    x, y = np.ones((4, 2), "float32"), np.zeros((4, 1), "float32")
    layers = [keras.Input((2,)), keras.layers.BatchNormalization(), keras.layers.Dense(1, kernel_initializer="ones")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.SGD(0.5), "mse")
    variables = model.trainable_variables
    y_pred, non_trainable = model.stateless_call(variables, model.non_trainable_variables, x, training=True)
    loss = model.compute_loss(x, y, y_pred)
    assert float(loss) == pytest.approx(0, abs=1e-6) and len(non_trainable) == 2
    model.optimizer.build(variables)
    grads = [variable * 0 + 1 for variable in variables]
    before = model.get_weights()
    after, state = model.optimizer.stateless_apply(model.optimizer.variables, grads, variables)
    for old, new in zip(variables, after, strict=True):
        assert np.allclose(new.numpy(), old.numpy() - 0.5)
    assert int(state[0]) == 1 and int(model.optimizer.iterations) == 0
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
    with pytest.raises(ValueError, match="takes 2 values"):
        model.optimizer.stateless_apply([], grads, variables)


def test_a_layer_assigns_to_its_variables_in_a_stateless_call():
    import keras

    class Counter(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

        def call(self, x):
            self.count.assign_add(1.0)
            return x * self.count * self.scale

    counter = Counter()
    outputs, state = counter.stateless_call([3.0], [4.0], keras.ops.ones(2))
    assert outputs.tolist() == [15, 15] and float(state[0]) == 5
    assert float(counter.count.numpy()) == 0


def test_of_the_masks_of_several_inputs_the_output_has_the_first():
    import keras

    class Pair(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, inputs, mask=None):
            return inputs[0] + keras.ops.mean(inputs[1], axis=1, keepdims=True)

    def embedded(ids):
        return keras.layers.Embedding(5, 3, mask_zero=True)(ids)

    ids, other = keras.Input((4,), dtype="int32"), keras.Input((2,), dtype="int32")
    outputs = keras.layers.Dense(5)(Pair()([embedded(ids), embedded(other)]))
    model = keras.Model([ids, other], outputs)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0))
    x = np.array([[1, 2, 0, 0]]), np.array([[3, 4]])
    losses = [model.test_on_batch(list(x), np.array([[1, 2, *rest]])) for rest in ([3, 4], [1, 1])]
    assert losses[0] == pytest.approx(losses[1])


def test_weights_are_a_layers_own_and_then_those_of_each_layer_inside():
    import keras

    class Inner(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.norm, self.last = keras.layers.BatchNormalization(), keras.layers.Dense(1)

        def build(self, shape):
            self.add_weight(shape=(1,), trainable=False, name="fixed")
            self.add_weight(shape=(1,), name="own")
            self.norm.build(shape)
            self.last.build(shape)

        def call(self, x):
            return self.last(self.norm(x))

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner, self.top = Inner(), self.add_weight(shape=(1,), trainable=False, name="top")

        def call(self, x):
            return self.inner(x)

    net = Net()
    net(np.ones((2, 3), "float32"))
    names = ["own", "fixed", "gamma", "beta", "moving_mean", "moving_variance", "kernel", "bias"]
    assert [weight.name for weight in net.inner.weights] == names
    assert [weight.name for weight in net.weights] == ["top", *names]
    assert len(net.get_weights()[4]) == 3


def test_errors_are_of_the_types_that_scripts_catch():
    import keras

    model = keras.Sequential([keras.layers.Dense(1)])
    for error in (ValueError, RuntimeError):
        with pytest.raises(error, match="not compiled"):
            model.fit(np.ones((2, 2)), np.ones(2))
    with pytest.raises(IndexError, match="class numbers from 0 to 2"):
        keras.utils.to_categorical([5], 3)
