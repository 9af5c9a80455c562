"""Losses, metrics, optimizers, initializers, regularizers, constraints, activations, callbacks, schedules."""

import inspect
import json
import pickle

import numpy as np
import pytest
import torch

from keras_torch import (
    activations,
    callbacks,
    constraints,
    initializers,
    losses,
    metrics,
    optimizers,
    registry,
    regularizers,
)


def classes(table, base):
    found = {}
    for item in table.objects.values():
        if inspect.isclass(item) and issubclass(item, base) and item is not base and not inspect.isabstract(item):
            found.setdefault(item.__name__, item)
    return found


LOSSES = {
    name: cls
    for name, cls in classes(registry.losses, losses.Loss).items()
    if name not in ("LossFunctionWrapper", "TorchLoss")
}
METRIC_ARGUMENTS = {
    "IoU": {"num_classes": 4, "target_class_ids": [0, 2], "sparse_y_true": False, "sparse_y_pred": False},
    "MeanIoU": {"num_classes": 4, "sparse_y_true": False, "sparse_y_pred": False},
    "OneHotIoU": {"num_classes": 4, "target_class_ids": [1, 2]},
    "OneHotMeanIoU": {"num_classes": 4},
    "MeanMetricWrapper": {"fn": metrics.mean_squared_error},
    "MeanRelativeError": {"normalizer": [1.0, 1.0]},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
METRICS = classes(registry.metrics, metrics.Metric)
# But those that stand around another optimizer.
WRAPPERS = (optimizers.LossScaleOptimizer, optimizers.MultiOptimizer, optimizers.TorchOptimizer)
OPTIMIZERS = {n: c for n, c in classes(registry.optimizers, optimizers.Optimizer).items() if c not in WRAPPERS}
INITIALIZERS = classes(registry.initializers, initializers.Initializer)
REGULARIZERS = classes(registry.regularizers, regularizers.Regularizer)
CONSTRAINTS = classes(registry.constraints, constraints.Constraint)
SCHEDULES = registry.schedules.objects
SCHEDULE_ARGUMENTS = {
    "TorchSchedule": {"initial_learning_rate": 0.1, "scheduler": "ExponentialLR", "gamma": 0.9},
    "CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 10},
    "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5},
    "InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5},
    "PiecewiseConstantDecay": {"boundaries": [5, 8], "values": [0.1, 0.05, 0.01]},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
}


def sparse(name):
    return name.startswith("Sparse") or name in ("CategoricalGeneralizedCrossEntropy", "Circle")


def pair(name):
    random = np.random.default_rng(0)
    if name == "CTC":
        return torch.as_tensor(random.integers(1, 4, (6, 2))), torch.as_tensor(random.normal(size=(6, 7, 4))).float()
    y_pred = torch.softmax(torch.as_tensor(random.normal(size=(6, 4)), dtype=torch.float32), -1)
    if sparse(name):
        return torch.as_tensor(random.integers(0, 4, 6)), y_pred
    y_true = torch.nn.functional.one_hot(torch.as_tensor(random.integers(0, 4, 6)), 4).float()
    return y_true, y_pred


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_losses_come_back_from_their_config_and_give_a_float32_scalar(name):
    loss = LOSSES[name]()
    twin = losses.deserialize(losses.serialize(loss))
    assert type(twin) is type(loss)
    assert twin.get_config() == loss.get_config()
    value = loss(*pair(name))
    assert value.shape == ()
    assert value.dtype == torch.float32
    torch.testing.assert_close(twin(*pair(name)), value)
    torch.testing.assert_close(pickle.loads(pickle.dumps(loss))(*pair(name)), value)
    assert type(losses.get(name)) is type(loss)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_metrics_come_back_from_their_config_accumulate_and_reset(name):
    metric = METRICS[name](**METRIC_ARGUMENTS.get(name, {}))
    if name not in ("MeanMetricWrapper",):
        twin = metrics.deserialize(metrics.serialize(metric))
        assert type(twin) is type(metric)
        assert twin.get_config() == metric.get_config()
    if name in ("Mean", "Sum", "MeanTensor"):
        update = (torch.tensor([1.0, 2.0, 3.0]),)
    elif name == "MeanRelativeError":
        update = (torch.tensor([1.0, 3.0]), torch.tensor([2.0, 4.0]))
    else:
        update = pair(name)
    metric.update_state(*update)
    first = metric.result()
    assert isinstance(first, torch.Tensor)
    assert torch.isfinite(first).all()
    metric.update_state(*update)
    if name not in ("Sum",) and not name.startswith(("True", "False")):
        torch.testing.assert_close(metric.result(), first, rtol=1e-4, atol=1e-5)
    metric.reset_state()
    metric.update_state(*update)
    torch.testing.assert_close(metric.result(), first)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_optimizers_come_back_from_their_config_and_lower_a_quadratic(name):
    optimizer = OPTIMIZERS[name](learning_rate=0.05)
    twin = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(twin) is type(optimizer)
    assert json.loads(json.dumps(twin.get_config())) == json.loads(json.dumps(optimizer.get_config()))
    assert type(optimizers.get(name)) is type(optimizers.get(name.lower())) is OPTIMIZERS[name]
    weight = torch.nn.Parameter(torch.tensor([[1.0, -2.0], [3.0, 0.5]]))
    optimizer.build([weight])
    before = weight.square().sum().item()
    for _ in range(5):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert weight.square().sum().item() < before
    assert int(optimizer.iterations) == 5
    state = optimizer.get_weights()
    twin.build([torch.nn.Parameter(weight.detach().clone())])
    twin.set_weights(state)
    for left, right in zip(twin.get_weights(), state, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(INITIALIZERS))
def test_initializers_come_back_from_their_config_and_keep_shape_and_dtype(name):
    initializer = INITIALIZERS[name]()
    twin = initializers.deserialize(initializers.serialize(initializer))
    assert twin.get_config() == initializer.get_config()
    shape = (4, 1, 3) if name == "STFT" else (4, 4)
    value = initializer(shape, dtype="float32")
    assert tuple(value.shape) == shape
    assert value.dtype == torch.float32
    assert torch.isfinite(value).all()


@pytest.mark.parametrize("name", sorted(REGULARIZERS))
def test_regularizers_come_back_from_their_config_and_give_a_scalar(name):
    arguments = {"OrthogonalRegularizer": {"factor": 0.1}, "EigenvalueRegularizer": {"k": 0.1}}.get(name, {})
    regularizer = REGULARIZERS[name](**arguments)
    twin = regularizers.deserialize(regularizers.serialize(regularizer))
    assert twin.get_config() == regularizer.get_config()
    assert regularizer(torch.ones(3, 3)).shape == ()


@pytest.mark.parametrize("name", sorted(CONSTRAINTS))
def test_constraints_come_back_from_their_config_and_keep_the_shape(name):
    constraint = CONSTRAINTS[name]()
    twin = constraints.deserialize(constraints.serialize(constraint))
    assert twin.get_config() == constraint.get_config()
    shape = (3, 3, 2, 2) if name == "RadialConstraint" else (3, 4)
    assert constraint(torch.randn(shape)).shape == shape


@pytest.mark.parametrize("name", sorted(registry.activations.objects))
def test_activations_are_functions_found_by_name_that_keep_the_batch(name):
    function = activations.get(name)
    assert activations.get(activations.serialize(function)) is function
    arguments = (0.5, 0.0) if name == "threshold" else ()
    assert function(torch.randn(4, 6), *arguments).shape[0] == 4


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_schedules_come_back_from_their_config(name):
    schedule = SCHEDULES[name](**SCHEDULE_ARGUMENTS[name])
    twin = type(schedule).from_config(schedule.get_config())
    for step in (0, 4, 9, 20):
        assert float(twin(step)) == pytest.approx(float(schedule(step)))


def test_every_callback_has_the_hooks_and_knows_its_model():
    names = {name for name in dir(callbacks.Callback) if name.startswith("on_")}
    assert {"on_train_begin", "on_epoch_end", "on_train_batch_end", "on_predict_batch_end"} <= names
    for cls in registry.callbacks.objects.values():
        assert issubclass(cls, callbacks.Callback)


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (registry.layers, "layer"),
        (registry.losses, "loss"),
        (registry.metrics, "metric"),
        (registry.optimizers, "optimizer"),
        (registry.initializers, "initializer"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(table, kind):
    known = sorted(table.objects)[0]
    with pytest.raises(ValueError, match=f"Unknown {kind}.*Did you mean"):
        table.find(known + "x")
