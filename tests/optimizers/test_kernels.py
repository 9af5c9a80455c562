"""Steps by a fused kernel alone: what torch's own `step` would have made of them, and state that stays fast."""

import copy

import numpy as np
import pytest
import torch

import keras_torch
from keras_torch.optimizers import kernels

OPTIMIZERS = {
    "Adam": lambda: keras_torch.optimizers.Adam(0.01),
    "amsgrad": lambda: keras_torch.optimizers.Adam(0.01, amsgrad=True),
    "AdamW": lambda: keras_torch.optimizers.AdamW(0.01, weight_decay=0.1),
    "with a schedule": lambda: keras_torch.optimizers.Adam(
        keras_torch.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    ),
    "clipped": lambda: keras_torch.optimizers.Adam(0.01, clipnorm=0.01),
}


def trained(optimizer, hook=None):
    """Return a small model after 7 steps; `hook` is called by torch's `step`."""
    keras_torch.utils.set_random_seed(0)
    model = keras_torch.Sequential(
        [keras_torch.Input((3,)), keras_torch.layers.Dense(4, "relu"), keras_torch.layers.Dense(1)]
    )
    model.compile(optimizer, "mse")
    random = np.random.default_rng(0)
    x, y = random.random((14, 3), dtype="float32"), random.random((14, 1), dtype="float32")
    if hook is not None:
        optimizer.build(model.trainable_variables)
        optimizer.torch_optimizer.register_step_post_hook(hook)
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0)
    return model


def steps_of(optimizer):
    return [entry["step"].item() for entry in optimizer.torch_optimizer.state.values()]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_kernel_alone_makes_the_step_of_torch(name):
    calls = []
    direct, hooked = trained(OPTIMIZERS[name]()), trained(OPTIMIZERS[name](), lambda *args: calls.append(1))
    assert len(calls) == 7 and direct.optimizer._direct
    assert steps_of(direct.optimizer) == steps_of(hooked.optimizer) == [7.0] * 4
    for ours, theirs in zip(direct.get_weights(), hooked.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_scheduler_of_torch_sees_the_steps(recwarn):
    model = trained(keras_torch.optimizers.Adam(0.01))
    scheduler = torch.optim.lr_scheduler.StepLR(model.optimizer.torch_optimizer, 1)
    model.train_on_batch(np.zeros((1, 3)), np.zeros((1, 1)))
    scheduler.step()
    assert not recwarn.list, "torch warns if the scheduler moved before the optimizer did"


@pytest.mark.parametrize("way", ["copied", "loaded"])
def test_counts_go_on_where_the_state_came_from_elsewhere(way):
    model = trained(keras_torch.optimizers.Adam(0.01))
    if way == "copied":
        model = copy.deepcopy(model)
    else:
        inner = model.optimizer.torch_optimizer
        inner.load_state_dict(copy.deepcopy(inner.state_dict()))
    model.train_on_batch(np.zeros((1, 3)), np.zeros((1, 1)))
    assert steps_of(model.optimizer) == [8.0] * 4


def test_a_weight_without_gradient_stays_as_it_is():
    first, second = (keras_torch.Variable(np.ones(2, "float32")) for _ in range(2))
    optimizer = keras_torch.optimizers.Adam(0.01)
    optimizer.build([first, second])
    for _ in range(2):
        (first * first).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert steps_of(optimizer)[0] == 2.0
    np.testing.assert_allclose(first.numpy(), 0.98, atol=1e-4)
    np.testing.assert_array_equal(second.numpy(), 1.0)


@pytest.mark.parametrize("name", ["Adam", "RMSprop", "SGD"])
def test_state_of_weights_without_gradient_does_not_become_denormal(name, monkeypatch):
    def after_long_training():
        variable = keras_torch.Variable(np.ones(2, "float32"))
        settings = {"momentum": 0.9} if name == "SGD" else {}
        optimizer = getattr(keras_torch.optimizers, name)(0.001, **settings)
        optimizer.build([variable])
        for number in range(1500):
            variable.grad = torch.tensor([1.0, float(number < 10)])
            optimizer.step()
        state = optimizer.torch_optimizer.state[variable]
        return variable.numpy(), [value for key, value in state.items() if key != "step"]

    def denormal(state):
        return any(((value != 0) & (value.abs() < torch.finfo(torch.float32).tiny)).any() for value in state)

    weights, state = after_long_training()
    monkeypatch.setattr(kernels, "drop_tiny", lambda optimizer: None)
    same_weights, uncleaned = after_long_training()
    assert denormal(uncleaned) and not denormal(state)
    np.testing.assert_array_equal(weights, same_weights)


def test_a_tensor_of_two_layers_is_updated_once():
    def updated(model):
        model.compile("adam", "mse")
        model.train_on_batch(np.ones((2, 3), "float32"), np.ones((2, 3), "float32"))
        return model

    first, second = keras_torch.layers.Dense(3, use_bias=False), keras_torch.layers.Dense(3, use_bias=False)
    inputs = keras_torch.Input((3,))
    model = keras_torch.Model(inputs, second(first(inputs)))
    before = np.full((3, 3), 0.5, "float32")
    first.set_weights([before])
    second.linear.weight = first.linear.weight
    updated(model)
    np.testing.assert_allclose(np.abs(first.get_weights()[0] - before), 0.001, rtol=1e-3)
    assert steps_of(model.optimizer) == [1.0]
