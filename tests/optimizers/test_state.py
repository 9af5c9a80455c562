"""Optimizer state in the order of each Keras, out and in."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keras_torch import config, optimizers
from keras_torch.backend.variable import Variable, WeightView
from keras_torch.engine.tensor_layout import TRANSPOSED
from keras_torch.optimizers import state

SETTINGS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {"momentum": 0.5, "centered": True}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("Adam", {"use_ema": True}),
    ("AdamW", {}),
    ("Adagrad", {}),
    ("Adadelta", {}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Lion", {}),
    ("Ftrl", {}),
    ("Lamb", {}),
    ("Adafactor", {}),
    ("Muon", {}),
    ("ScheduleFreeAdamW", {"warmup_steps": 4}),
    ("Adam", {"gradient_accumulation_steps": 2}),
]


def make(name, settings, seed=0):
    torch.manual_seed(seed)
    linear = torch.nn.Linear(3, 2)
    variables = [
        WeightView(linear, ("weight",), TRANSPOSED, "dense/kernel"),
        Variable(linear.bias.detach().clone(), name="dense/bias"),
    ]
    optimizer = getattr(optimizers, name)(**settings)
    optimizer.build(variables)
    return optimizer, variables


def train(optimizer, variables, steps, seed):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        optimizer.apply_gradients([(torch.randn(*v.shape, generator=generator), v) for v in variables])


@pytest.mark.parametrize("layout", state.LAYOUTS)
@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_training_goes_on_as_if_never_stopped(name, settings, layout):
    if (settings.get("use_ema") or settings.get("gradient_accumulation_steps")) and layout not in ("tf", "3"):
        return
    first, variables = make(name, settings)
    train(first, variables, 5, seed=1)
    entries = state.export(first, layout)
    second, others = make(name, settings, seed=9)
    for other, variable in zip(others, variables, strict=True):
        other.assign(variable.numpy().copy())
    found = state.import_(second, [e.array for e in entries], [e.name for e in entries], layout)
    assert found == layout
    if layout in ("1", "2") and not first._counts_in_keras_2:
        second.iterations = 5
    train(first, variables, 3, seed=2)
    train(second, others, 3, seed=2)
    for variable, other in zip(variables, others, strict=True):
        np.testing.assert_allclose(variable.numpy(), other.numpy(), rtol=1e-5, atol=1e-7)
    assert int(second._iterations) == 8


@pytest.mark.parametrize("layout", ["3", "tf", "v2", "2"])
@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_the_layout_is_recognised_by_the_names_in_the_file(name, settings, layout):
    first, variables = make(name, settings)
    train(first, variables, 2, seed=1)
    entries = state.export(first, layout)
    second, _ = make(name, settings)
    found = state.import_(second, [e.array for e in entries], [f"{e.name}:0" for e in entries])
    assert found == layout or layout == "2"
    for ours, theirs in zip(state.export(second, layout), entries, strict=True):
        np.testing.assert_allclose(ours.array, theirs.array, rtol=1e-6, atol=1e-9)


def test_nadams_product_of_momenta_may_stand_before_the_arrays_as_in_keras_3_before_3_10():
    first, variables = make("Nadam", {})
    train(first, variables, 2, seed=1)
    arrays = [entry.array for entry in state.export(first, "3")]
    assert [array.shape for array in arrays] == [(), (), (3, 2), (3, 2), (2,), (2,), ()]
    second, _ = make("Nadam", {})
    state.import_(second, [*arrays[:2], arrays[-1], *arrays[2:-1]], layout="3")
    for ours, theirs in zip(state.export(second, "3"), arrays, strict=True):
        np.testing.assert_array_equal(ours.array, theirs)


def test_names_and_order_are_those_of_the_files():
    optimizer, _ = make("Adam", {"amsgrad": True})
    assert [entry.name for entry in state.export(optimizer, "tf")] == [
        "iteration",
        "Adam/m/dense/kernel",
        "Adam/v/dense/kernel",
        "Adam/m/dense/bias",
        "Adam/v/dense/bias",
        "Adam/vhat/dense/kernel",
        "Adam/vhat/dense/bias",
    ]
    assert [entry.name for entry in state.export(optimizer, "3")] == [
        "adam/iteration",
        "adam/learning_rate",
        "adam/dense_kernel_momentum",
        "adam/dense_kernel_velocity",
        "adam/dense_bias_momentum",
        "adam/dense_bias_velocity",
        "adam/dense_kernel_velocity_hat",
        "adam/dense_bias_velocity_hat",
    ]
    assert [entry.variable_index for entry in state.export(optimizer, "v2")] == [None, 0, 1, 0, 1, 0, 1]
    assert state.export(optimizer, "3")[0].array.dtype == np.int32


def test_momentum_is_kerass_velocity_whatever_the_rate_was():
    for nesterov in (False, True):
        weight = Variable([0.0])
        optimizer = optimizers.SGD(0.1, momentum=0.5, nesterov=nesterov)
        velocity = 0.0
        for rate, gradient in ((0.1, 1.0), (0.4, -2.0), (0.0, 3.0), (0.2, 1.0)):
            optimizer.learning_rate = rate
            optimizer.apply_gradients([(torch.tensor([gradient]), weight)])
            velocity = 0.5 * velocity - rate * gradient
            assert float(state.export(optimizer, "tf")[1].array[0]) == pytest.approx(velocity, rel=1e-5)


def test_get_weights_has_the_dialects_order():
    lengths = {}
    for dialect in (None, "1", "2", "tf", "3"):
        with config.dialect_scope(dialect):
            optimizer, variables = make("Adam", {})
            train(optimizer, variables, 1, seed=1)
            weights = optimizer.get_weights()
            lengths[dialect] = len(weights)
            optimizer.set_weights(weights)
            assert [handle.numpy().shape for handle in optimizer.weights] == [value.shape for value in weights]
    assert lengths == {None: 5, "1": 5, "2": 7, "tf": 5, "3": 6}


def test_wrong_arrays_are_refused_before_anything_changes():
    optimizer, variables = make("Adam", {})
    train(optimizer, variables, 2, seed=1)
    before = optimizer.get_weights()
    wrong = [np.zeros_like(array) for array in before[:-1]] + [np.zeros(7)]
    with pytest.raises(ValueError, match="do not fit the state of the optimizer 'adam'.*Received: 5 arrays"):
        optimizer.set_weights(wrong)
    with pytest.raises(ValueError, match="Received: 2 arrays"):
        optimizer.set_weights(wrong[:2])
    for kept, value in zip(optimizer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(kept, value)
    with pytest.raises(ValueError, match="does not know its variables"):
        optimizers.Adam().set_weights(before)


def test_variables_may_be_called_and_assigned():
    optimizer, _ = make("Adam", {})
    handle = optimizer.variables()[2]
    handle.assign(np.full((3, 2), 0.5))
    assert handle.name == "dense_kernel_momentum"
    np.testing.assert_array_equal(optimizer.variables[2].numpy(), 0.5)
    with pytest.raises(ValueError, match="expected"):
        handle.assign(np.zeros((2, 3)))
