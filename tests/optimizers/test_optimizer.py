"""The facade: learning rate, counters, clipping, variables, configuration, errors."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from keras_torch import config, optimizers, registry
from keras_torch.backend.variable import Variable, WeightView
from keras_torch.engine.tensor_layout import TRANSPOSED, Layout

WRAPPERS = (
    optimizers.LossScaleOptimizer,
    optimizers.MultiOptimizer,
    optimizers.OptimizerMap,
    optimizers.TorchOptimizer,
)
CLASSES = [cls for cls in registry.optimizers.objects.values() if cls not in WRAPPERS]


class Stack(Layout):
    """Two torch vectors shown as one Keras array, like the biases of a GRU."""

    def view(self, *storages):
        return torch.stack(storages)

    def unview(self, value):
        return tuple(value.unbind())


def two_weights():
    return [Variable([[1.0, -2.0, 3.0]], name="layer/kernel"), Variable([0.5, 0.5], name="layer/bias")]


def set_grads(variables, value=1.0):
    for variable in variables:
        variable.grad = torch.full_like(variable, value)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_optimizer_moves_weights_and_survives_config_pickle_and_copy(cls):
    optimizer = cls(clipnorm=3.0, weight_decay=0.1, name="mine")
    again = cls.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    assert optimizers.get(optimizers.serialize(optimizer)).get_config() == optimizer.get_config()
    variables = two_weights()
    optimizer.build(variables)
    before = [variable.numpy().copy() for variable in variables]
    set_grads(variables)
    optimizer.step()
    for variable, value in zip(variables, before, strict=True):
        assert variable.dtype == torch.float32 and np.isfinite(variable.numpy()).all()
        assert (variable.numpy() != value).all()
    twins = [pickle.loads(pickle.dumps(optimizer)), copy.deepcopy(optimizer)]
    for each in (optimizer, *twins):
        set_grads(each._trainable_variables, 0.3)
        each.step()
    for twin in twins:
        for ours, theirs in zip(variables, twin._trainable_variables, strict=True):
            assert ours is not theirs
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("name", ["adam", "Adam", "rmsprop", "RMSprop", "adamw", "AdamW", "sgd", "nadam", "adadelta"])
def test_lookup_by_name_in_any_case(name):
    assert type(optimizers.get(name)).__name__.lower() == name.lower()


def test_lookup_of_other_things():
    assert optimizers.get(None) is None
    assert isinstance(optimizers.get(optimizers.Adam), optimizers.Adam)
    instance = optimizers.SGD()
    assert optimizers.get(instance) is instance
    loaded = optimizers.get({"class_name": "Custom>Adam", "config": {"learning_rate": 0.5, "jit_compile": True}})
    assert float(loaded.lr) == 0.5
    with pytest.raises(ValueError, match="Unknown optimizer: 'adamm'. Did you mean \"Adam\""):
        optimizers.get("adamm")
    with pytest.raises(ValueError, match="Could not interpret the optimizer identifier"):
        optimizers.get(3)
    with pytest.raises(ValueError, match="Could not interpret the optimizer identifier"):
        optimizers.get(lambda: 3)


def test_learning_rate_can_be_read_and_set_in_every_way():
    optimizer = optimizers.Adam(0.001)
    assert float(optimizer.learning_rate) == pytest.approx(0.001)
    assert f"{optimizer.lr:.4f}" == "0.0010"
    optimizer.lr = 0.5
    assert optimizer.learning_rate.numpy() == 0.5
    optimizer.learning_rate.assign(0.25)
    optimizer.lr = optimizer.lr * 0.5
    assert float(optimizer.lr) == 0.125
    optimizer.learning_rate = np.float32(2.0)
    assert optimizer.get_config()["learning_rate"] == 2.0
    rate = 3.0
    optimizer.learning_rate = lambda: rate
    assert optimizer.learning_rate == 3.0
    optimizer.learning_rate = 0.1
    assert float(optimizer.lr) == pytest.approx(0.1)


def test_a_wrong_learning_rate_or_argument_is_refused():
    with pytest.raises(ValueError, match="`learning_rate` of .* must be a number"):
        optimizers.Adam([0.1])
    with pytest.raises(TypeError, match="Adam has no argument 'bogus'"):
        optimizers.Adam(bogus=1)
    with pytest.raises(ValueError, match="takes one of `clipnorm`, `clipvalue` and `global_clipnorm`"):
        optimizers.Adam(clipnorm=1.0, global_clipnorm=1.0)
    with pytest.raises(ValueError, match="gradient_accumulation_steps"):
        optimizers.Adam(gradient_accumulation_steps=1)
    with pytest.raises(ValueError, match="ema_momentum"):
        optimizers.Adam(use_ema=True, ema_momentum=2)
    with pytest.raises(ValueError, match="`momentum` of SGD must be a number"):
        optimizers.SGD(momentum=1.5)
    with pytest.raises(ValueError, match="`weight_decay` of AdamW must be a number"):
        optimizers.AdamW(weight_decay=None)
    scheduler = torch.optim.lr_scheduler.StepLR(torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0), 1)
    with pytest.raises(ValueError, match="torch learning rate scheduler"):
        optimizers.SGD(scheduler)


def test_decay_shrinks_the_rate_with_the_iterations():
    weight = Variable([0.0])
    optimizer = optimizers.SGD(1.0, decay=0.5)
    optimizer.build([weight])
    for expected in (1.0, 1.0 + 1 / 1.5, 1.0 + 1 / 1.5 + 1 / 2.0):
        weight.grad = torch.tensor([-1.0])
        optimizer.step()
        assert float(weight[0].detach()) == pytest.approx(expected)
    assert optimizer.get_config()["decay"] == 0.5


def test_iterations_count_steps_and_can_be_set():
    weight = Variable([0.0])
    optimizer = optimizers.Adam(0.1)
    optimizer.build([weight])
    assert int(optimizer.iterations) == 0
    weight.grad = torch.ones(1)
    optimizer.step()
    assert optimizer.iterations.numpy() == 1
    optimizer.iterations = 1000
    optimizer.step()
    state = optimizer.torch_optimizer.state[weight]
    assert int(optimizer.iterations) == 1001 and float(state["step"]) == 1001


def test_no_gradient_at_all_is_an_error_and_no_build_too():
    weight = Variable([0.0], name="dense/kernel")
    optimizer = optimizers.Adam()
    with pytest.raises(ValueError, match="is not built"):
        optimizer.step()
    optimizer.build([weight])
    with pytest.raises(ValueError, match="got no gradient at all.*dense/kernel"):
        optimizer.step()
    assert int(optimizer.iterations) == 0


def test_clipnorm_measures_a_weight_with_two_storages_once():
    module = torch.nn.Module()
    module.a = torch.nn.Parameter(torch.zeros(1))
    module.b = torch.nn.Parameter(torch.zeros(1))
    view = WeightView(module, ("a", "b"), Stack(), "bias")
    optimizer = optimizers.SGD(1.0, clipnorm=1.0)
    optimizer.apply_gradients([(torch.tensor([[3.0], [4.0]]), view)])
    np.testing.assert_allclose(view.numpy(), [[-0.6], [-0.8]], rtol=1e-6)


def test_clipnorm_limits_all_gradients_together_in_classic_dialects():
    moved = {}
    for dialect in ("2", "tf"):
        with config.dialect_scope(dialect):
            optimizer = optimizers.SGD(1.0, clipnorm=1.0)
            weights = [Variable([0.0]), Variable([0.0])]
            optimizer.apply_gradients([(torch.tensor([3.0]), weights[0]), (torch.tensor([4.0]), weights[1])])
            moved[dialect] = [float(w[0].detach()) for w in weights]
    assert moved["tf"] == pytest.approx([-1.0, -1.0])
    assert moved["2"] == pytest.approx([-0.6, -0.8])


def test_gradients_given_in_kerass_layout_reach_transposed_storage():
    linear = torch.nn.Linear(3, 2, bias=False)
    view = WeightView(linear, ("weight",), TRANSPOSED, "kernel")
    gradient = torch.arange(6.0).reshape(3, 2)
    for make in (optimizers.SGD, optimizers.Adam, optimizers.RMSprop):
        before = view.numpy().copy()
        plain = Variable(before.copy())
        make(0.1).apply_gradients([(gradient, view)])
        make(0.1).apply_gradients([(gradient, plain)])
        np.testing.assert_allclose(view.numpy(), plain.numpy(), rtol=1e-6)
    assert linear.weight.grad is None
    with pytest.raises(ValueError, match=r"The gradient of kernel must have the variable's shape \(3, 2\)"):
        optimizers.SGD().apply_gradients([(gradient.t(), view)])


def test_apply_gradients_skips_missing_ones_and_leaves_grad_alone():
    first, second = two_weights()
    optimizer = optimizers.Adam(0.1)
    optimizer.build([first, second])
    first.grad = torch.ones_like(first)
    with pytest.warns(UserWarning, match="no gradient to .*layer/bias"):
        optimizer.apply_gradients([(first.grad, first), (None, second)])
    assert second.numpy().tolist() == [0.5, 0.5] and first.grad is not None
    assert optimizer.apply_gradients([]) is optimizer.iterations
    with pytest.raises(ValueError, match="got no gradient at all"):
        optimizer.apply_gradients([(None, first), (None, second)])
    with pytest.raises(ValueError, match="one gradient for each of the 2 variables"):
        optimizer.apply([torch.ones(2)])


def test_one_optimizer_serves_two_models_in_turn():
    generator, critic = Variable([1.0], name="g"), Variable([1.0], name="c")
    optimizer = optimizers.Adam(0.1)
    alone = optimizers.Adam(0.1)
    optimizer.build([generator])
    optimizer.build([critic])
    for step in range(4):
        weight = (generator, critic)[step % 2]
        weight.grad = torch.ones(1)
        optimizer.step()
        optimizer.zero_grad()
    assert len(optimizer.variables) == 6 and int(optimizer.iterations) == 4
    only = Variable([1.0])
    for step in range(4):
        alone.iterations = step
        if step % 2 == 0:
            alone.apply_gradients([(torch.ones(1), only)])
    np.testing.assert_allclose(generator.numpy(), only.numpy(), rtol=1e-6)


def test_minimize_takes_a_function_or_a_tensor():
    weight = Variable([3.0])
    optimizer = optimizers.SGD(0.1)
    optimizer.minimize(lambda: (weight**2).sum(), [weight])
    assert float(weight[0].detach()) == pytest.approx(2.4)
    optimizer.minimize((weight**2).sum(), lambda: [weight])
    assert float(weight[0].detach()) == pytest.approx(1.92)
    assert int(optimizer.iterations) == 2 and weight.grad is None


def test_constraints_apply_after_the_step():
    weight = Variable([1.0, -1.0])
    weight.constraint = lambda value: value.clamp(min=0.0)
    optimizer = optimizers.SGD(0.5)
    optimizer.apply_gradients([(torch.tensor([1.0, 1.0]), weight)])
    assert weight.numpy().tolist() == [0.5, 0.0]


def test_weight_decay_spares_excluded_names():
    first, second = two_weights()
    for cls in (optimizers.Adam, optimizers.SGD):
        first.assign([[1.0, 1.0, 1.0]])
        second.assign([1.0, 1.0])
        optimizer = cls(0.5, weight_decay=0.1)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        zeros = [torch.zeros_like(first), torch.zeros_like(second)]
        optimizer.apply_gradients(list(zip(zeros, (first, second), strict=True)))
        np.testing.assert_allclose(first.numpy(), 0.95, rtol=1e-6)
        np.testing.assert_array_equal(second.numpy(), 1.0)
        with pytest.raises(ValueError, match="comes too late"):
            optimizer.exclude_from_weight_decay(var_list=[first])


def test_averages_replace_the_weights_at_the_end():
    weight = Variable([0.0])
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    optimizer.build([weight])
    for _ in range(3):
        weight.grad = torch.tensor([-1.0])
        optimizer.step()
    optimizer.finalize_variable_values([weight])
    assert float(weight[0].detach()) == pytest.approx(0.5 * (0.5 * 1 + 0.5 * 2) + 0.5 * 3)


def test_the_loss_is_scaled_and_gradients_are_unscaled():
    weight = Variable([1.0])
    optimizer = optimizers.SGD(1.0, loss_scale_factor=8.0)
    optimizer.build([weight])
    optimizer.scale_loss(weight.sum()).backward()
    assert float(weight.grad) == 8.0
    optimizer.step()
    assert float(weight[0].detach()) == 0.0


def test_a_frozen_second_storage_is_left_out():
    module = torch.nn.Module()
    module.a = torch.nn.Parameter(torch.zeros(2))
    module.b = torch.nn.Parameter(torch.zeros(2), requires_grad=False)

    class Sum(Stack):
        def view(self, *storages):
            return storages[0] + storages[1]

        def unview(self, value):
            return value, torch.zeros_like(value)

    view = WeightView(module, ("a", "b"), Sum(), "bias")
    optimizer = optimizers.Adam(0.1)
    optimizer.build([view])
    (view.value * 2).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(view.numpy(), -0.1, rtol=1e-4)
    assert [handle.numpy().shape for handle in optimizer.variables[2:]] == [(2,), (2,)]


def test_the_step_is_the_torch_optimizers_and_fused_where_torch_can():
    for name in ("adam", "adamw", "sgd", "adagrad"):
        optimizer = optimizers.get(name)
        optimizer.build(two_weights())
        assert isinstance(optimizer.torch_optimizer, getattr(torch.optim, type(optimizer).__name__))
        assert optimizer.torch_optimizer.param_groups[0]["fused"]
        assert optimizer._plain


def test_defaults_are_those_of_the_dialects_keras():
    rates = {}
    for dialect in ("1", "2", "tf", "3"):
        with config.dialect_scope(dialect):
            rates[dialect] = [round(float(cls().lr), 5) for cls in (optimizers.Adagrad, optimizers.Adadelta)]
            rates[dialect] += [round(float(cls().lr), 5) for cls in (optimizers.Nadam, optimizers.Lion)]
            assert optimizers.Adam().epsilon == (1e-8 if dialect == "1" else 1e-7)
            assert optimizers.Adagrad().initial_accumulator_value == (0.0 if dialect in ("1", "2") else 0.1)
    assert rates["1"][:3] == rates["2"][:3] == [0.01, 1.0, 0.002]
    assert rates["tf"] == [0.001, 0.001, 0.001, 0.0001]
    assert rates["3"] == [0.001, 0.001, 0.001, 0.001]


def test_epsilon_none_is_the_global_fuzz_factor():
    assert optimizers.Adam(epsilon=None).epsilon == config.epsilon()


def test_an_old_argument_order_and_old_names_are_understood():
    with config.dialect_scope("2"):
        optimizer = optimizers.SGD(0.1, 0.9, 1e-6, True)
    assert (optimizer.momentum, optimizer.decay, optimizer.nesterov) == (0.9, 1e-6, True)
    assert float(optimizers.AdamW(lr=0.5).lr) == 0.5


def test_keras_2_leaves_the_class_name_of_a_config_in_lower_case():
    settings = optimizers.serialize(optimizers.SGD(0.1))
    optimizers.deserialize(settings)
    assert settings["class_name"] == "SGD"
    with config.dialect_scope("2"):
        assert type(optimizers.deserialize(settings)) is optimizers.SGD
    assert settings["class_name"] == "sgd"


_MOMENTS = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SGD", {"lr": 0.01, "decay": 0.0, "momentum": 0.0, "nesterov": False}),
        ("RMSprop", {"lr": 0.001, "decay": 0.0, "rho": 0.9, "epsilon": 1e-7}),
        ("Adagrad", {"lr": 0.01, "decay": 0.0, "epsilon": 1e-7}),
        ("Adadelta", {"lr": 1.0, "decay": 0.0, "rho": 0.95, "epsilon": 1e-7}),
        ("Adam", {"lr": 0.001, "decay": 0.0, **_MOMENTS, "amsgrad": False}),
        ("Adamax", {"lr": 0.002, "decay": 0.0, **_MOMENTS}),
        ("Nadam", {"lr": 0.002, **_MOMENTS, "schedule_decay": 0.004}),
    ],
)
def test_configs_in_dialects_1_and_2_have_the_keys_of_those_keras(name, expected):
    for dialect, changes in (("1", {"epsilon": 1e-8, "amsgrad": None}), ("2", {})):
        wanted = {key: changes.get(key, value) for key, value in expected.items()}
        with config.dialect_scope(dialect):
            made = getattr(optimizers, name)()
            found = made.get_config()
            assert found == pytest.approx({key: value for key, value in wanted.items() if value is not None})
            changed = {**found, "lr": 0.5, "clipnorm": 1.0}
            assert optimizers.get({"class_name": name, "config": changed}).get_config() == changed
            assert "0.5" in repr(type(made).from_config(changed))
