"""Optimizers of the user's own, and torch's, under Keras's roof."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from keras_torch import optimizers
from keras_torch.backend.variable import Variable, WeightView
from keras_torch.engine.tensor_layout import TRANSPOSED


class Keras3Momentum(optimizers.Optimizer):
    """Written as for Keras 3."""

    def __init__(self, learning_rate=0.1, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = 0.9

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momenta = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        m = self.momenta[self._get_variable_index(variable)]
        self.assign(m, m * self.momentum - gradient * learning_rate)
        self.assign_add(variable, m)


class Keras215Momentum(optimizers.Optimizer):
    """Written as for Keras 2.15."""

    def __init__(self, learning_rate=0.1, name="Mine", **kwargs):
        super().__init__(name, **kwargs)
        self._learning_rate = self._build_learning_rate(learning_rate)

    def build(self, var_list):
        super().build(var_list)
        if getattr(self, "_built", False):
            return
        self.momenta = [self.add_variable_from_reference(model_variable=v, variable_name="m") for v in var_list]
        self._built = True

    def update_step(self, gradient, variable):
        m = self.momenta[self._index_dict[self._var_key(variable)]]
        m.assign(-gradient * self.learning_rate + m * 0.9)
        variable.assign_add(m)


@pytest.mark.parametrize("cls", [Keras3Momentum, Keras215Momentum])
def test_an_own_update_step_is_used_for_each_variable(cls):
    linear = torch.nn.Linear(3, 2, bias=False)
    view = WeightView(linear, ("weight",), TRANSPOSED, "kernel")
    twin = Variable(view.numpy().copy(), name="twin")
    own, ours = cls(0.1), optimizers.SGD(0.1, momentum=0.9)
    for step in range(3):
        gradient = torch.full((3, 2), 0.5 + step)
        own.apply_gradients([(gradient, view)])
        ours.apply_gradients([(gradient, twin)])
    np.testing.assert_allclose(view.numpy(), twin.numpy(), rtol=1e-6)
    assert int(own.iterations) == 3
    assert own.name == ("Mine" if cls is Keras215Momentum else "keras3_momentum")
    weights = own.get_weights()
    assert [array.shape for array in weights] == [(), (3, 2)]
    own.set_weights([np.array(7), np.ones((3, 2))])
    assert int(own.iterations) == 7 and (own.get_weights()[1] == 1).all()


def test_clipping_and_constraints_hold_for_own_update_steps():
    weight = Variable([1.0])
    weight.constraint = lambda value: value.clamp(max=0.95)
    own = Keras3Momentum(0.1, clipvalue=0.1)
    own.apply_gradients([(torch.tensor([5.0]), weight)])
    assert float(weight[0].detach()) == pytest.approx(0.95)


def test_an_optimizer_without_an_update_is_refused():
    empty = type("Empty", (optimizers.Optimizer,), {})()
    with pytest.raises(NotImplementedError, match="must define `update_step"):
        empty.build([Variable([1.0])])


def test_a_torch_optimizer_instance_keeps_its_own_rate_and_scheduler():
    linear = torch.nn.Linear(2, 1)
    inner = torch.optim.AdamW(linear.parameters(), lr=0.5, weight_decay=0.0)
    optimizer = optimizers.get(inner)
    optimizer.build(list(linear.parameters()))
    assert optimizer.torch_optimizer is inner and float(optimizer.lr) == 0.5
    scheduler = torch.optim.lr_scheduler.StepLR(inner, 1, gamma=0.1)
    linear(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    scheduler.step()
    assert float(optimizer.learning_rate) == pytest.approx(0.05)
    optimizer.learning_rate = 0.3
    optimizer.step()
    assert inner.param_groups[0]["lr"] == pytest.approx(0.3)
    assert int(optimizer.iterations) == 2
    assert len(optimizer.get_weights()) == 5


def test_a_torch_optimizer_class_is_made_at_build():
    linear = torch.nn.Linear(2, 1)
    optimizer = optimizers.get(torch.optim.SGD)
    optimizer.build(list(linear.parameters()))
    assert isinstance(optimizer.torch_optimizer, torch.optim.SGD)
    assert float(optimizer.lr) == pytest.approx(0.001)
    other = optimizers.TorchOptimizer(torch.optim.RMSprop, learning_rate=0.2, alpha=0.5, clipnorm=1.0)
    again = optimizers.get(optimizers.serialize(other))
    again.build(list(linear.parameters()))
    assert isinstance(again.torch_optimizer, torch.optim.RMSprop) and again.clipnorm == 1.0
    assert again.torch_optimizer.param_groups[0]["lr"] == pytest.approx(0.2)
    assert again.torch_optimizer.param_groups[0]["alpha"] == 0.5
    partial = optimizers.get(functools.partial(torch.optim.SGD, lr=0.3, momentum=0.5))
    assert float(partial.lr) == pytest.approx(0.3) and partial.get_config()["momentum"] == 0.5
    partial.build(list(linear.parameters()))
    assert partial.torch_optimizer.defaults["momentum"] == 0.5
    assert optimizers.TFOptimizer is optimizers.TorchOptimizer
    with pytest.raises(TypeError, match="`optimizer` of TorchOptimizer must be an optimizer of torch"):
        optimizers.TFOptimizer("adam")
    with pytest.raises(ValueError, match="LBFGS computes the loss several times"):
        optimizers.get(torch.optim.LBFGS)
    with pytest.raises(ValueError, match="keeps its own settings"):
        optimizers.TorchOptimizer(again.torch_optimizer, learning_rate=0.1)


def test_a_torch_optimizer_of_another_model_is_refused():
    other = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    with pytest.raises(ValueError, match=r"does not hold the variables \['dense/kernel'\]"):
        optimizers.get(other).build([Variable([1.0], name="dense/kernel")])
    with pytest.raises(ValueError, match="Unknown optimizer class of torch.optim"):
        optimizers.TorchOptimizer.from_config({"optimizer": "system"})
