"""Layers whose parts have several names, and what runs them with other tensors in place of their weights."""

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import layers, ops
from keras_torch.engine.placement import call_on


class Shared(layers.Layer):
    def __init__(self, last=None):
        super().__init__()
        self.first = layers.Dense(3)
        self.every = [self.first, last or layers.BatchNormalization()]
        self.again = self.first

    def build(self, input_shape):
        for layer in self.every:
            layer.build(input_shape)

    def call(self, x):
        return self.every[1](self.again(self.first(x)))


def test_a_layer_with_two_names_for_a_part_keeps_its_weights_when_it_joins_a_model():
    x = keras.Input((None, 3))
    layer = Shared()
    before = layer.build((None, None, 3)) or [*layer.parameters(), *layer.buffers()]
    model = keras.Model(x, layer(x))
    assert all(a is b for a, b in zip(before, [*layer.parameters(), *layer.buffers()], strict=True))
    assert {item.device.type for item in before} != {"meta"}
    assert model.predict(np.ones((2, 4, 3)), verbose=0).shape == (2, 4, 3)


def test_stateless_calls_put_the_weights_of_shared_parts_back():
    layer = Shared()
    layer.build((None, 3))
    before = [*layer.parameters(), *layer.buffers()]
    x = torch.ones(2, 3)
    values = [torch.zeros_like(ops.convert_to_tensor(item)) for item in layer.trainable_variables]
    others = [ops.convert_to_tensor(item) for item in layer.non_trainable_variables]
    outputs, _ = layer.stateless_call(values, others, x)
    assert torch.equal(outputs, torch.zeros(2, 3))
    assert all(a is b for a, b in zip(before, [*layer.parameters(), *layer.buffers()], strict=True))


def test_a_call_on_another_device_leaves_the_weights_of_shared_parts_where_they_are():
    layer = Shared(layers.Dense(3))
    layer.build((None, 3))
    before = list(layer.parameters())
    assert call_on(torch.device("meta"), layer, torch.ones(2, 3)).device.type == "meta"
    assert all(a is b for a, b in zip(before, layer.parameters(), strict=True))


def test_methods_may_call_their_object_as_they_like():
    class Scale(layers.Layer):
        def build(this, shape):  # noqa: N805
            this.w = this.add_weight(shape=shape[-1:], initializer="ones")

        def call(this, x):  # noqa: N805
            return x * this.w

    x = keras.Input((3,))
    assert keras.Model(x, Scale()(x)).predict(np.ones((1, 3)), verbose=0).tolist() == [[1.0] * 3]


def test_gradients_of_ones_own_are_those_of_methods_and_of_nested_results():
    class Own:
        @ops.custom_gradient
        def double(self, x, factor=2.0):
            return (x * factor, {"twice": x * 4.0}), lambda first, second: first * 10.0 + second

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    doubled, others = Own().double(x, factor=3.0)
    assert doubled.tolist() == [3.0, 6.0] and others["twice"].tolist() == [4.0, 8.0]
    (doubled.sum() + 2 * others["twice"].sum()).backward()
    assert x.grad.tolist() == [12.0, 12.0]


def test_functions_with_gradients_of_their_own_take_symbolic_tensors():
    @ops.custom_gradient
    def reversed_gradient(x):
        return x * 1.0, lambda upstream: -upstream

    x = keras.Input((2,))
    model = keras.Model(x, reversed_gradient(layers.Dense(1, use_bias=False, kernel_initializer="ones")(x)))
    model.compile(keras.optimizers.SGD(0.5), "mae")
    model.fit(np.ones((1, 2)), np.array([[1.0]]), verbose=0)
    assert model.get_weights()[0].ravel() == pytest.approx([1.5, 1.5])


class Noisy(layers.Layer):
    def __init__(self):
        super().__init__(name="noisy")
        self.seeds = [keras.random.SeedGenerator(3, name="a"), keras.random.SeedGenerator(4, name="b")]
        self.inner = layers.Dense(2, name="inner")

    def build(self, input_shape):
        self.fixed = self.add_weight(shape=(2,), name="fixed", trainable=False)
        self.gain = self.add_weight(shape=(2,), name="gain")
        self.inner.build(input_shape)

    def call(self, x):
        return self.inner(x) * self.gain + keras.random.normal((2,), seed=self.seeds[1])


def test_variables_have_the_states_of_seed_generators_where_keras_3_has_them():
    layer = Noisy()
    layer.build((None, 2))
    states = ["a/seed_generator_state", "b/seed_generator_state"]
    inner = ["noisy/inner/kernel", "noisy/inner/bias"]
    assert [v.path for v in layer.variables] == ["noisy/gain", "noisy/fixed", *states, *inner]
    assert [v.path for v in layer.non_trainable_variables] == ["noisy/fixed", *states]
    assert [v.path for v in layer.weights] == ["noisy/gain", "noisy/fixed", *inner]
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, name="first"), layer])
    assert [v.path for v in model.variables][2:] == ["noisy/gain", "noisy/fixed", *states, *inner]
    tree = model.get_state_tree("numpy_array")["non_trainable_variables"]
    assert tree["b"]["seed_generator_state"].tolist() == [4, 0]


def test_stateless_calls_take_and_return_the_states_of_seed_generators():
    layer = Noisy()
    layer.build((None, 2))
    values = [v.value for v in layer.trainable_variables]
    fixed = [v.value for v in layer.non_trainable_variables]
    first, after = layer.stateless_call(values, fixed, torch.ones(1, 2))
    assert [item.tolist() for item in after[1:]] == [[3, 0], [4, 1]] and layer.seeds[1].state.tolist() == [4, 0]
    assert torch.equal(first, layer.stateless_call(values, fixed, torch.ones(1, 2))[0])
    assert not torch.equal(first, layer.stateless_call(values, after, torch.ones(1, 2))[0])
