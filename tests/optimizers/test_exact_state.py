"""`state_dict` and `load_state_dict`: another process goes on as if it were the same, to the last bit."""

import io

import pytest
import torch

from keras_torch import optimizers, registry
from keras_torch.backend import Variable
from keras_torch.optimizers.schedules import CosineDecay

OPTIONS = {
    "SGD": [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "use_ema": True}, {"weight_decay": 0.1}],
    "Adam": [{"amsgrad": True}, {"use_ema": True, "ema_overwrite_frequency": 3}, {"gradient_accumulation_steps": 3}],
    "RMSprop": [{"centered": True, "momentum": 0.5}],
    "Nadam": [{"clipnorm": 0.1, "decay": 0.01}],
}
# What the base class and wrappers need besides nothing.
WRAPPERS = {"Optimizer", "TorchOptimizer", "TFOptimizer", "LossScaleOptimizer", "OptimizerMap", "MultiOptimizer"}
NAMES = sorted({cls.__name__ for cls in registry.optimizers.objects.values()} - WRAPPERS)


def several():
    chosen = {"v0": optimizers.SGD(0.1, momentum=0.9), "v[12]": optimizers.Nadam(0.02, use_ema=True)}
    return optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.Adam(), chosen))


def makers():
    for name in NAMES:
        for options in [{}, *OPTIONS.get(name, [])]:
            yield pytest.param(getattr(optimizers, name), {"learning_rate": 0.03, **options}, id=f"{name}-{options}")
    yield pytest.param(optimizers.Adam, {"learning_rate": CosineDecay(0.05, 20)}, id="schedule")
    for kind in (torch.optim.NAdam, torch.optim.Rprop, torch.optim.SGD):
        yield pytest.param(optimizers.TorchOptimizer, {"optimizer": kind, "lr": 0.01}, id=f"torch-{kind.__name__}")
    yield pytest.param(several, {}, id="several")
    yield pytest.param(lambda: optimizers.LossScaleOptimizer(several()), {}, id="loss scale of several")
    schedule = optimizers.schedules.TorchSchedule(0.1, "StepLR", step_size=4)
    yield pytest.param(optimizers.SGD, {"learning_rate": schedule, "momentum": 0.9}, id="schedule of torch")
    yield pytest.param(
        lambda **options: optimizers.LossScaleOptimizer(optimizers.Adam(0.01), **options),
        {"initial_scale": 2.0**10, "dynamic_growth_steps": 3},
        id="loss scale",
    )


def make_variables():
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 4), (4,), (2, 2, 3)]
    return [Variable(torch.randn(shape, generator=generator), name=f"v{i}") for i, shape in enumerate(shapes)]


def learn(optimizer, variables, steps):
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        for variable in variables:
            variable.grad = torch.randn(variable.shape, generator=generator)
        optimizer.step()
        if step == 7 and optimizer._rate_is_variable() and hasattr(optimizer, "learning_rate"):
            optimizer.learning_rate = 0.011


def through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize(("kind", "options"), list(makers()))
def test_an_optimizer_goes_on_from_its_state_as_if_nothing_had_happened(kind, options, built):
    first, variables = kind(**options), make_variables()
    first.build(variables)
    learn(first, variables, range(10))
    state = through_a_file({"optimizer": first.state_dict(), "values": [v.detach().clone() for v in variables]})
    second, others = kind(**options), make_variables()
    if built:
        second.build(others)
    second.load_state_dict(state["optimizer"])
    if not built:
        second.build(others)
    for other, value in zip(others, state["values"], strict=True):
        other.assign(value)
    assert float(getattr(second, "learning_rate", 0)) == float(getattr(first, "learning_rate", 0))
    learn(first, variables, range(10, 20))
    learn(second, others, range(10, 20))
    for optimizer in (first, second):
        optimizer.finalize_variable_values()
    assert all(torch.equal(one, other) for one, other in zip(variables, others, strict=True))
    assert int(first.iterations) == int(second.iterations)


def test_the_state_of_other_variables_or_of_another_class_is_refused():
    first, variables = optimizers.Adam(), make_variables()
    first.build(variables)
    second = optimizers.Adam()
    second.build([Variable(torch.zeros(shape)) for shape in ((3, 4), (5,), (2, 2, 3))])
    with pytest.raises(ValueError, match=r"does not belong to the optimizer 'adam'.*\(5,\)"):
        second.load_state_dict(first.state_dict())
    third = optimizers.SGD()
    third.build(variables)
    with pytest.raises(ValueError, match="class SGD.*state of Adam"):
        third.load_state_dict(first.state_dict())
