"""Learning rate schedules against real Keras, and in an optimizer."""

from __future__ import annotations

import copy
import functools
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from keras_torch import backend, optimizers, registry
from keras_torch.optimizers import schedules as s

CASES = runpy.run_path(str(Path(__file__).with_name("schedule_cases.py")))
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
STEPS = [0, 1, 2, 5, 9, 10, 11, 20, 25, 39, 40, 41, 100]
MADE = {
    "exponential": s.ExponentialDecay(0.1, 10, 0.5),
    "exponential_staircase": s.ExponentialDecay(0.1, 10, 0.5, staircase=True),
    "piecewise": s.PiecewiseConstantDecay([5, 20, 40], [0.1, 0.05, 0.01, 0.001]),
    "polynomial": s.PolynomialDecay(0.1, 30, 0.01, power=0.5),
    "polynomial_cycle": s.PolynomialDecay(0.1, 10, 0.01, power=2.0, cycle=True),
    "inverse": s.InverseTimeDecay(0.1, 10, 0.5),
    "inverse_staircase": s.InverseTimeDecay(0.1, 10, 0.5, staircase=True),
    "cosine": s.CosineDecay(0.1, 30, alpha=0.1),
    "cosine_warmup": s.CosineDecay(0.0, 30, alpha=0.1, warmup_target=0.2, warmup_steps=10),
    "restarts": s.CosineDecayRestarts(0.1, 7, t_mul=2.0, m_mul=0.8, alpha=0.05),
    "restarts_constant": s.CosineDecayRestarts(0.1, 7, t_mul=1.0, m_mul=0.5),
}


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("version", ["215", "315"])
def test_rates_are_those_of_real_keras(name, version):
    with np.load(GOLDEN / f"optimizers_keras{version}.npz") as arrays:
        golden = arrays[f"schedule/{name}"]
    np.testing.assert_allclose([float(MADE[name](step)) for step in STEPS], golden, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", CASES["CASES"])
@pytest.mark.parametrize("version", ["215", "315"])
def test_rates_are_those_of_real_keras_bit_by_bit(name, version):
    with np.load(GOLDEN / f"schedules_keras{version}.npz") as golden:
        expected = golden[name]
    class_name, arguments = CASES["CASES"][name]
    schedule = getattr(s, class_name)(*arguments)
    rates = np.array([schedule.rate(step) for step in CASES["STEPS"]], "float32")
    if class_name.startswith("Cosine"):
        # The cosines of numpy, TensorFlow and torch differ in their last bits.
        np.testing.assert_allclose(rates, expected, rtol=0, atol=2e-8)
    else:
        np.testing.assert_array_equal(rates, expected)


@pytest.mark.parametrize("name", MADE)
def test_a_tensor_of_steps_gives_a_tensor_of_rates(name):
    rates = MADE[name](torch.tensor(STEPS))
    assert isinstance(rates, torch.Tensor) and rates.shape == (len(STEPS),) and rates.dtype == torch.float32
    np.testing.assert_allclose(rates.numpy(), [float(MADE[name](step)) for step in STEPS], rtol=1e-6)


@pytest.mark.parametrize("name", MADE)
def test_config_round_trip(name):
    again = s.deserialize(s.serialize(MADE[name]))
    assert type(again) is type(MADE[name])
    assert again.get_config() == MADE[name].get_config()
    assert float(again(17)) == float(MADE[name](17))


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`decay_steps` of a learning rate schedule must be positive"):
        s.ExponentialDecay(0.1, 0, 0.9)
    with pytest.raises(ValueError, match="one value more than boundaries"):
        s.PiecewiseConstantDecay([1, 2], [0.1, 0.2])
    with pytest.raises(NotImplementedError, match="must define `__call__"):
        s.LearningRateSchedule()(1)
    with pytest.raises(ValueError, match='Did you mean "ExponentialDecay"'):
        s.deserialize({"class_name": "ExponentialDecey", "config": {}})


def test_an_optimizer_follows_its_schedule_and_refuses_a_number():
    optimizer = optimizers.SGD(s.ExponentialDecay(1.0, 1, 0.5))
    weight = torch.nn.Parameter(torch.zeros(()))
    optimizer.build([weight])
    for expected in (1.0, 1.5, 1.75):
        weight.grad = torch.tensor(-1.0)
        optimizer.step()
        assert weight.item() == pytest.approx(expected)
    assert float(optimizer.learning_rate) == pytest.approx(0.125)
    assert float(optimizer.lr.numpy()) == pytest.approx(0.125)
    with pytest.raises(TypeError, match="cannot be set to a number"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = s.ExponentialDecay(2.0, 1, 0.5)
    assert float(optimizer.lr) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (torch.optim.lr_scheduler.StepLR, {"step_size": 2, "gamma": 0.5}),
        (torch.optim.lr_scheduler.CosineAnnealingWarmRestarts, {"T_0": 3, "T_mult": 2}),
        (torch.optim.lr_scheduler.OneCycleLR, {"max_lr": 0.5, "total_steps": 12}),
    ],
)
def test_a_scheduler_of_torch_gives_any_optimizer_its_rates(kind, arguments):
    inner = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=0.1)
    scheduler = kind(inner, **arguments)
    expected = []
    for _ in range(10):
        expected.append(inner.param_groups[0]["lr"])
        inner.step()
        scheduler.step()
    schedule = s.TorchSchedule(0.1, functools.partial(kind, **arguments))
    for twin in (schedule, s.deserialize(s.serialize(schedule)), copy.deepcopy(schedule)):
        np.testing.assert_allclose(twin(np.arange(10)).numpy(), expected, rtol=1e-6)
        assert float(twin(3)) == pytest.approx(expected[3], rel=1e-6)
    optimizer = optimizers.SGD(schedule)
    weight = torch.nn.Parameter(torch.zeros(()))
    optimizer.build([weight])
    for _ in range(10):
        weight.grad = torch.tensor(-1.0)
        optimizer.step()
    assert weight.item() == pytest.approx(sum(expected), rel=1e-5)


def test_what_is_no_scheduler_class_of_torch_is_refused():
    for wrong in ("StepLT", torch.optim.SGD, torch.optim.lr_scheduler.ReduceLROnPlateau):
        with pytest.raises(ValueError, match="`scheduler` of TorchSchedule must be a class"):
            s.TorchSchedule(0.1, wrong)
    with pytest.raises(ValueError, match="TorchSchedule"):
        optimizers.Adam(functools.partial(torch.optim.lr_scheduler.StepLR, step_size=3))


def test_a_schedule_of_the_users_gets_the_step_as_a_tensor():
    class Warm(s.LearningRateSchedule):
        def __call__(self, step):
            assert isinstance(step, torch.Tensor)
            return 0.5 * torch.minimum((step + 1) ** -0.5, (step + 1) * 4**-1.5)

        def get_config(self):
            return {}

    optimizer = optimizers.Adam(Warm())
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer.build([weight])
    weight.grad = torch.ones(2)
    optimizer.step()
    assert float(optimizer.learning_rate) == pytest.approx(0.125)
    with registry.CustomObjectScope({"Warm": Warm}):
        again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert isinstance(again._learning_rate, Warm)


def test_set_value_on_a_scheduled_rate_is_refused_instead_of_lost():
    optimizer = optimizers.SGD(s.ExponentialDecay(0.1, 10, 0.5))
    with pytest.raises(TypeError, match="follows a LearningRateSchedule"):
        backend.set_value(optimizer.lr, 0.01)
    fixed = optimizers.SGD(0.1)
    backend.set_value(fixed.lr, 0.01)
    assert float(fixed.learning_rate) == pytest.approx(0.01)
