"""MultiOptimizer and OptimizerMap."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from keras_torch import callbacks, layers, models, optimizers, registry, saving
from keras_torch.backend.variable import Variable


def variables():
    return [Variable([1.0, -2.0], name="encoder/kernel"), Variable([0.5], name="head/bias")]


def mapped(**arguments):
    chosen = {"(model/)?encoder/.*": optimizers.Adam(0.1, clipnorm=0.5)}
    return optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.SGD(0.2, momentum=0.5), chosen), **arguments)


def test_each_variable_has_its_own_optimizer():
    ours, apart = variables(), variables()
    optimizer, adam, sgd = mapped(), optimizers.Adam(0.1, clipnorm=0.5), optimizers.SGD(0.2, momentum=0.5)
    for step in range(4):
        grads = [torch.tensor([1.0, 2.0]) * (step + 1), torch.tensor([3.0])]
        optimizer.apply_gradients(zip(grads, ours, strict=True))
        adam.apply([grads[0]], [apart[0]])
        sgd.apply([grads[1]], [apart[1]])
    for variable, twin in zip(ours, apart, strict=True):
        np.testing.assert_array_equal(variable.numpy(), twin.numpy())
    assert int(optimizer.iterations) == 4 and [int(o.iterations) for o in optimizer.optimizers] == [4, 4]
    weights = optimizer.get_weights()
    assert len(weights) == len(optimizer.variables) - 2 == 6
    twin = mapped()
    twin.build(variables())
    twin.set_weights(weights)
    for value, kept in zip(twin.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(value, kept)


def test_the_map_prefers_exact_paths_and_refuses_ambiguous_ones():
    sgd, adam = optimizers.SGD(), optimizers.Adam()
    found = optimizers.OptimizerMap(sgd, {"a/b": adam})
    found["a/.*"] = sgd
    assert found["a/b"] is adam and found["a/c"] is sgd and found["z"] is sgd and len(found) == 2
    with pytest.raises(ValueError, match="has an optimizer for 'a/b' already"):
        found["a/b"] = sgd
    found[".*/c"] = adam
    with pytest.raises(ValueError, match="several patterns for the variable 'a/c'"):
        found["a/c"]
    del found[".*/c"]
    assert list(found) == ["a/b", "a/.*"]
    with pytest.raises(ValueError, match="must be a string"):
        found[3] = sgd
    with pytest.raises(ValueError, match="must be an Optimizer"):
        found["x"] = "sgd"
    with pytest.raises(ValueError, match="cannot be a MultiOptimizer"):
        found["x"] = mapped()
    with pytest.raises(TypeError, match="`default_optimizer` of OptimizerMap"):
        optimizers.OptimizerMap("sgd")
    with pytest.raises(TypeError, match="`optimizer_map` of OptimizerMap"):
        optimizers.OptimizerMap(sgd, [adam])


def test_rates_belong_to_the_optimizers_and_the_loss_scale_to_all():
    optimizer = mapped(loss_scale_factor=4.0)
    assert [o.loss_scale_factor for o in optimizer.optimizers] == [4.0, 4.0]
    optimizer.loss_scale_factor = 8.0
    assert [o.loss_scale_factor for o in optimizer.optimizers] == [8.0, 8.0]
    with pytest.raises(AttributeError, match="has no learning rate; each of its `optimizers` has one"):
        optimizer.learning_rate  # noqa: B018
    with pytest.raises(AttributeError, match="Received: 0.1"):
        optimizer.learning_rate = 0.1
    with pytest.raises(TypeError, match="`optimizer_map` of MultiOptimizer"):
        optimizers.MultiOptimizer(3)
    with pytest.raises(
        ValueError, match="The optimizer for encoder/kernel.* must be an Optimizer|must be an Optimizer"
    ):
        optimizers.MultiOptimizer(lambda variable: None).build(variables())


def choose(variable):
    return optimizers.Adam(0.01) if variable.path.endswith("kernel") else optimizers.SGD(0.1)


def test_configs_pickles_and_copies_are_whole():
    optimizer = mapped(loss_scale_factor=2.0, name="several")
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config() and again.name == "several"
    optimizer.build(variables())
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        pair = twin._trainable_variables
        twin.apply_gradients([(torch.ones(2), pair[0]), (torch.ones(1), pair[1])])
        assert float(pair[1][0].detach()) == pytest.approx(0.5 - 0.2 * 1.0 / 2.0)
        assert len(twin.optimizers) == 2
    with registry.CustomObjectScope({"choose": choose}):
        by_function = optimizers.deserialize(optimizers.serialize(optimizers.MultiOptimizer(choose)))
    by_function.build(variables())
    assert [type(o).__name__ for o in by_function.optimizers] == ["Adam", "SGD"]


def test_a_model_trains_with_several_and_goes_on_from_a_file(tmp_path):
    net = [layers.Input((3,)), layers.Dense(4, name="encoder"), layers.Dense(1, name="head")]
    model = models.Sequential(net, name="model")
    model.compile(mapped(), "mse")
    x = np.random.RandomState(0).randn(8, 3).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    model.fit(x, y, epochs=2, verbose=0, shuffle=False)
    saving.save_model(model, tmp_path / "model.h5")
    again = saving.load_model(tmp_path / "model.h5")
    histories = [m.fit(x, y, epochs=3, verbose=0, shuffle=False).history["loss"] for m in (model, again)]
    assert histories[0] == histories[1]
    assert [int(o.iterations) for o in again.optimizer.optimizers] == [5, 5]


def test_callbacks_change_the_rate_of_each():
    model = models.Sequential(
        [layers.Input((3,)), layers.Dense(4, name="encoder"), layers.Dense(1, name="head")], name="model"
    )
    model.compile(mapped(), "mse")
    halve = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    plateau = callbacks.ReduceLROnPlateau(monitor="loss", factor=0.1, patience=1, min_delta=1e9)
    history = model.fit(np.ones((4, 3)), np.ones((4, 1)), epochs=2, verbose=0, callbacks=[halve, plateau]).history
    np.testing.assert_allclose(history["learning_rate_adam"], [0.05, 0.025], rtol=1e-6)
    np.testing.assert_allclose(history["learning_rate_sgd"], [0.1, 0.05], rtol=1e-6)
    assert [float(o.learning_rate) for o in model.optimizer.optimizers] == pytest.approx([0.0025, 0.005])


def test_the_exact_state_of_all_goes_out_and_in():
    first, twin = mapped(), mapped()
    for optimizer in (first, twin):
        optimizer.build(variables())
    grads = [torch.tensor([1.0, 2.0]), torch.tensor([3.0])]
    for _ in range(3):
        first.apply(grads)
    for ours, theirs in zip(first._trainable_variables, twin._trainable_variables, strict=True):
        theirs.assign(ours.numpy().copy())
    twin.load_state_dict(copy.deepcopy(first.state_dict()))
    for optimizer in (first, twin):
        optimizer.apply(grads)
    for ours, theirs in zip(first._trainable_variables, twin._trainable_variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert [int(o.iterations) for o in twin.optimizers] == [4, 4]
