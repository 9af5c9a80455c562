"""Layers beside other base classes, and layers called on lists that are attributes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keras_torch import Model, Sequential, config, layers, optimizers


class Silent:
    """A base class as some packages have it: its `__init_subclass__` tells nobody."""

    def __init_subclass__(cls, **kwargs):
        pass


def test_a_layer_works_beside_a_base_class_that_swallows_init_subclass():
    class Doubling(Silent, layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(), initializer="ones")
            self.built = True

        def call(self, inputs, training=False):
            return inputs * self.scale * (3.0 if training else 2.0)

    class Named(Doubling):
        pass

    assert Named()(torch.ones(1, 2)).tolist() == [[2.0, 2.0]]
    assert Named()(torch.ones(1, 2), training=True).tolist() == [[3.0, 3.0]]
    assert len(Doubling().weights) == 0


def test_a_layer_may_be_called_on_a_list_that_is_an_attribute():
    class Collecting(layers.Layer):
        def __init__(self):
            super().__init__()
            self.add, self.parts, self.named = layers.Add(), [], {}

        def call(self, inputs):
            self.parts = [inputs]
            self.parts.append(inputs * 2)
            self.named = {"first": inputs}
            return self.add(self.parts) + self.named["first"]

    for _ in range(2):
        assert Collecting()(torch.ones(2, 3)).tolist() == [[4.0] * 3] * 2


def test_an_empty_sequential_gives_back_its_inputs_before_keras_3():
    x, before = torch.ones(2, 3), config.dialect()
    config.set_dialect("tf")
    try:
        assert torch.equal(Sequential([])(x), x)
    finally:
        config.set_dialect(before)


@pytest.mark.parametrize("name", ["_has_weight_decay", "_initial_total_steps"])
def test_optimizers_of_packages_may_use_names_of_their_own(name):
    class Own(optimizers.Optimizer):
        def __init__(self, **kwargs):
            super().__init__(learning_rate=0.5, **kwargs)
            setattr(self, name, False)

        def update_step(self, gradient, variable, learning_rate):
            variable.assign(variable - learning_rate * gradient)

    model = Sequential([layers.Dense(1, kernel_initializer="ones")])
    model.compile(Own(), "mse")
    model.fit(np.ones((4, 2), "float32"), np.zeros((4, 1), "float32"), verbose=0)
    assert model.layers[0].get_weights()[0].tolist() == [[-1.0], [-1.0]]


def test_a_train_step_of_ones_own_may_take_targets_that_fit_no_output():
    class Own(Model):
        def train_step(self, data):
            x, (first, second) = data
            return {"sum": first.sum() + second.sum()}

    inputs = layers.Input((2,))
    model = Own(inputs, [layers.Dense(1)(inputs), layers.Dense(1)(inputs), layers.Dense(1)(inputs)])
    model.compile("sgd")
    history = model.fit(np.ones((2, 2)), (np.ones((2, 1)), np.ones((2, 3))), batch_size=2, verbose=0)
    assert history.history["sum"] == [8.0]
