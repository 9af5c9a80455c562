"""LossScaleOptimizer: scales, skipped steps and trained models as in real Keras (mixed_precision_values.py)."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config, layers, optimizers
from keras_torch.optimizers import LossScaleOptimizer, state

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
FILES = {"215": "tf", "315": "3"}
SEED = 11
FACTORS = [1, 1, 1, 1, np.inf, 1, 1, np.nan, -np.inf, 1, 1, 1, 1, 1, 1, *[np.inf] * 7, 1, 1, 1, 1, 1, 1, 1]
INNER: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    "adam": ("Adam", {"learning_rate": 0.1}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.1}),
    "adam-clipped": ("Adam", {"learning_rate": 0.1, "global_clipnorm": 0.5}),
}


def golden(version: str) -> dict[str, Any]:
    return json.loads((GOLDEN / f"mixed_precision_keras{version}.json").read_text(encoding="utf-8"))


def wrapped(name: str) -> LossScaleOptimizer:
    kind, arguments = INNER[name]
    return LossScaleOptimizer(getattr(optimizers, kind)(**arguments), initial_scale=4.0, dynamic_growth_steps=3)


def trace(optimizer: LossScaleOptimizer, by_gradient: bool) -> list[list[float]]:
    """Scale, counter, iterations and weights after each step, by `apply_gradients` or by `.grad` and `step`."""
    variable = keras.Variable(np.array([1.0, -2.0, 3.0], "float32"))
    optimizer.build([variable])
    random = np.random.RandomState(SEED)
    rows = []
    for factor in FACTORS:
        gradient = random.standard_normal(3).astype("float32")
        gradient[1] *= factor
        scaled = torch.tensor(gradient) * float(optimizer.dynamic_scale)
        if by_gradient:
            kept = scaled.clone()
            given = optimizer.get_unscaled_gradients([scaled]) if config.dialect() == "tf" else [scaled]
            optimizer.apply_gradients([(given[0], variable)])
            assert torch.equal(scaled, kept) or not scaled.isfinite().all()
        else:
            variable.grad = scaled
            optimizer.step()
        counts = float(optimizer.dynamic_scale), int(optimizer.step_counter), int(optimizer.iterations)
        rows.append([*counts, *variable.detach().tolist()])
    return rows


@pytest.mark.parametrize("by_gradient", [True, False])
@pytest.mark.parametrize("name", INNER)
@pytest.mark.parametrize("version", FILES)
def test_scales_and_skipped_steps_are_those_of_keras(version: str, name: str, by_gradient: bool) -> None:
    with config.dialect_scope(FILES[version]):
        found = np.array(trace(wrapped(name), by_gradient))
    expected = np.array(golden(version)["traces"][name])
    np.testing.assert_array_equal(found[:, :3], expected[:, :3])
    np.testing.assert_allclose(found[:, 3:], expected[:, 3:], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adam"])
@pytest.mark.parametrize("version", FILES)
def test_kernels_that_skip_by_themselves_come_to_the_same(
    monkeypatch: pytest.MonkeyPatch, version: str, name: str
) -> None:
    monkeypatch.setattr(LossScaleOptimizer, "_skips_on_device", lambda self: True)
    with config.dialect_scope(FILES[version]):
        found = np.array(trace(wrapped(name), by_gradient=False))
    expected = np.array(golden(version)["traces"][name])
    np.testing.assert_array_equal(found[:, :3], expected[:, :3])
    np.testing.assert_allclose(found[:, 3:], expected[:, 3:], rtol=1e-5, atol=1e-6)


def model_of(policy: str) -> keras.Model:
    config.set_dtype_policy(policy)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dense(4, activation="relu"),
            layers.LayerNormalization(),
            layers.Dense(1, dtype="float32"),
        ]
    )
    config.set_dtype_policy(None)
    return model


@pytest.mark.parametrize(
    ("version", "policy"), [("215", "mixed_bfloat16"), ("315", "mixed_bfloat16"), ("315", "mixed_float16")]
)
def test_a_model_of_a_mixed_policy_learns_as_in_keras(version: str, policy: str) -> None:
    # In Keras 2.15 with float16, gradients of scales and offsets overflow at first: those of Keras 3 are float32.
    expected = golden(version)["models"][policy]
    with config.dialect_scope(FILES[version]):
        model = model_of(policy)
        random = np.random.RandomState(SEED)
        model.set_weights([random.uniform(0.1, 0.9, w.shape).astype("float32") for w in model.get_weights()])
        x = random.standard_normal((64, 6)).astype("float32")
        y = x[:, :1] * x[:, 1:2]
        model.compile(optimizers.SGD(0.05), "mse")
        history = model.fit(x, y, batch_size=16, epochs=8, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(history, expected["loss"], rtol=2e-2)
    if policy == "mixed_float16":
        for mine, real in zip(model.get_weights(), expected["weights"], strict=True):
            np.testing.assert_allclose(mine, np.array(real), rtol=0.05, atol=0.02)
        assert float(model.optimizer.dynamic_scale) == expected["scale"]


def test_compile_wraps_the_optimizer_of_a_float16_model_only() -> None:
    for policy, kind in (("mixed_float16", LossScaleOptimizer), ("mixed_bfloat16", optimizers.Adam)):
        model = model_of(policy)
        model.compile("adam", "mse")
        assert type(model.optimizer) is kind
        assert model.get_compile_config()["optimizer"]["class_name"] == "Adam"
    model = model_of("mixed_float16")
    model.compile("adam", "mse", auto_scale_loss=False)
    assert type(model.optimizer) is optimizers.Adam
    own = LossScaleOptimizer(optimizers.SGD(), initial_scale=8)
    model.compile(own, "mse")
    assert model.optimizer is own and model.get_compile_config()["optimizer"]["class_name"] == "LossScaleOptimizer"


def test_what_scripts_ask_of_the_optimizer_passes_through() -> None:
    model = model_of("mixed_float16")
    model.compile(optimizers.SGD(0.5), "mse")
    optimizer = model.optimizer
    optimizer.learning_rate = 0.25
    assert float(optimizer.inner_optimizer.learning_rate) == float(optimizer.lr) == 0.25
    x = np.zeros((4, 6), "float32")
    decay = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    model.fit(x, x[:, :1], epochs=2, verbose=0, callbacks=[decay])
    assert float(optimizer.learning_rate) == 0.0625
    assert int(optimizer.iterations) == int(optimizer.inner_optimizer.iterations) == 2
    optimizer.iterations = 7
    assert int(optimizer.iterations) == 7


def test_the_state_lists_the_scale_before_the_inner_state_as_keras_3_does() -> None:
    model = model_of("mixed_float16")
    model.compile(optimizers.Adam(), "mse")
    x = np.zeros((4, 6), "float32")
    model.fit(x, x[:, :1], verbose=0)
    optimizer = model.optimizer
    names = [entry.name for entry in state.export(optimizer, "3")]
    prefix = "loss_scale_optimizer"
    assert names[:4] == [f"{prefix}/{name}" for name in ("iteration", "learning_rate", "step_counter", "dynamic_scale")]
    assert names[4:6] == ["adam/iteration", "adam/learning_rate"]
    assert [entry.name for entry in state.export(optimizer, "tf")][0] == "iteration"
    optimizer.dynamic_scale.assign(64.0)
    arrays = [entry.array for entry in state.export(optimizer, "3")]
    twin = model_of("mixed_float16")
    twin.compile(optimizers.Adam(), "mse")
    twin.optimizer.build(twin.trainable_variables)
    twin.optimizer.set_weights(arrays)
    assert float(twin.optimizer.dynamic_scale) == 64.0 and int(twin.optimizer.iterations) == 1
    assert [v.shape for v in twin.optimizer.variables] == [array.shape for array in arrays]


def test_a_loaded_model_goes_on_with_its_optimizer(tmp_path: Path) -> None:
    model = model_of("mixed_float16")
    model.compile(optimizers.Adam(), "mse")
    x = np.zeros((4, 6), "float32")
    model.fit(x, x[:, :1], verbose=0)
    model.optimizer.dynamic_scale.assign(64.0)
    model.save(tmp_path / "model.h5")
    loaded = keras.models.load_model(tmp_path / "model.h5")
    assert type(loaded.optimizer) is LossScaleOptimizer and int(loaded.optimizer.iterations) == 1
    assert float(loaded.optimizer.dynamic_scale) == 64.0 and int(loaded.optimizer.step_counter) == 1
    slots = [model.optimizer.get_weights(), loaded.optimizer.get_weights()]
    assert all(np.array_equal(one, other) for one, other in zip(*slots, strict=True))


@pytest.mark.parametrize("dialect", ["tf", "3", None])
def test_configs_copies_and_pickles(dialect: str | None) -> None:
    with config.dialect_scope(dialect):
        optimizer = LossScaleOptimizer(optimizers.SGD(0.5), initial_scale=8.0, dynamic_growth_steps=5)
        twin = optimizers.deserialize(optimizers.serialize(optimizer))
        assert twin.get_config() == optimizer.get_config()
        assert set(optimizer.get_config()) == {
            *("inner_optimizer", "initial_scale", "dynamic_growth_steps"),
            "dynamic" if dialect == "tf" else "name",
        }
        variable = keras.Variable([1.0])
        optimizer.apply([torch.tensor([8.0])], [variable])
        for item in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
            assert float(item.dynamic_scale) == 8.0 and int(item.step_counter) == 1
            assert int(item.iterations) == 1
        settings = {"inner_optimizer": {"class_name": "Adam", "config": {}}, "dynamic": True, "initial_scale": 4.0}
        found = optimizers.get({"class_name": "LossScaleOptimizerV3", "config": settings})
        assert found.initial_scale == 4.0 and type(found.inner_optimizer) is optimizers.Adam


@pytest.mark.parametrize(
    ("loss_scale", "dynamic", "initial"),
    [
        ({"class_name": "DynamicLossScale", "config": {"initial_loss_scale": 16.0, "increment_period": 9}}, True, 16.0),
        ({"class_name": "FixedLossScale", "config": {"loss_scale_value": 3.0}}, False, 3.0),
        ("dynamic", True, 2.0**15),
    ],
)
def test_configs_of_before_tensorflow_2_4_are_read(loss_scale: Any, dynamic: bool, initial: float) -> None:
    old = {"optimizer": {"class_name": "SGD", "config": {"learning_rate": 0.1}}, "loss_scale": loss_scale}
    optimizer = optimizers.deserialize({"class_name": "LossScaleOptimizer", "config": old})
    assert (optimizer.dynamic, optimizer.initial_scale) == (dynamic, initial)


def test_a_fixed_scale_skips_nothing_and_stays() -> None:
    with config.dialect_scope("tf"):
        optimizer = LossScaleOptimizer(optimizers.SGD(1.0), False, 8.0)
        assert (optimizer.dynamic, optimizer.dynamic_counter, float(optimizer.loss_scale)) == (False, None, 8.0)
        variable = keras.Variable([1.0])
        assert float(optimizer.get_scaled_loss(torch.tensor(2.0, dtype=torch.float16))) == 16.0
        assert float(optimizer.get_scaled_loss(lambda: torch.tensor(2.0))()) == 16.0
        optimizer.minimize(lambda: (variable * 0.5).sum(), [variable])
        assert variable.numpy() == 0.5 and float(optimizer.loss_scale) == 8.0


def test_a_loop_of_ones_own_in_the_style_of_tf_keras() -> None:
    optimizer = LossScaleOptimizer(optimizers.SGD(1.0), initial_scale=4.0)
    variable = keras.Variable([1.0])
    loss = optimizer.get_scaled_loss((variable * 0.5).sum())
    gradient = torch.autograd.grad(loss, [variable])[0]
    assert float(gradient) == 2.0
    optimizer.apply_gradients(zip(optimizer.get_unscaled_gradients([gradient]), [variable], strict=True))
    assert variable.numpy() == 0.5
    assert float(optimizer.scale_loss(0.5)) == 2.0
    # The next one is scaled again, as Keras 3 takes it.
    optimizer.apply([torch.tensor([2.0])], [variable])
    assert variable.numpy() == 0.0


def test_constraints_accumulation_and_averages_belong_to_the_inner_optimizer() -> None:
    inner = optimizers.SGD(1.0, gradient_accumulation_steps=2, use_ema=True, ema_momentum=0.5)
    optimizer = LossScaleOptimizer(inner, initial_scale=2.0)
    variable = keras.Variable([4.0])
    variable.constraint = lambda value: value.clamp(min=2.5)
    for gradient in (1.0, float("inf"), 3.0):
        optimizer.apply([torch.tensor([gradient]) * optimizer.loss_scale], [variable])
    assert variable.numpy() == 2.5 and int(optimizer.iterations) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"inner_optimizer": "adam"}, TypeError, "`inner_optimizer`.*must be an optimizer.*Received: 'adam'"),
        (
            {"inner_optimizer": LossScaleOptimizer(optimizers.SGD())},
            TypeError,
            "not wrapped by one yet.*LossScaleOptimizer",
        ),
        ({"inner_optimizer": optimizers.SGD(), "clipnorm": 1.0}, ValueError, "no `clipnorm`.*inner optimizer"),
        ({"inner_optimizer": optimizers.SGD(), "dynamic": False}, ValueError, "needs `initial_scale`"),
        ({"inner_optimizer": optimizers.SGD(), "scale": 3}, ValueError, "takes inner_optimizer.*Received: scale"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        LossScaleOptimizer(**arguments)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop"])
def test_scales_on_a_gpu(name: str) -> None:
    with config.dialect_scope("3"):
        found = np.array(trace(wrapped(name), by_gradient=False))
    np.testing.assert_allclose(found, np.array(golden("315")["traces"][name]), rtol=1e-5, atol=1e-6)


@pytest.mark.gpu
def test_a_step_on_a_gpu_waits_for_nothing() -> None:
    model = model_of("mixed_float16").cuda()
    model.compile(optimizers.Adam(), "mse")
    x = torch.rand(8, 6, device="cuda")
    model.train_on_batch(x, x[:, :1])
    optimizer = model.optimizer
    optimizer.zero_grad()
    optimizer.scale_loss(model(x).mean()).backward()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        optimizer.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_the_names_of_tf_keras_and_of_its_first_trials_answer() -> None:
    names = keras.mixed_precision
    names.set_global_policy("mixed_bfloat16")
    assert names.global_policy() == names.Policy("mixed_bfloat16") == names.dtype_policy()
    trial = names.experimental
    trial.set_policy(trial.Policy("mixed_float16", loss_scale="dynamic"))
    assert trial.get_layer_policy(layers.Dense(1)) == trial.global_policy() == names.DTypePolicy("mixed_float16")
    fixed = trial.LossScaleOptimizer("sgd", 128)
    assert (fixed.dynamic, fixed.initial_scale) == (False, 128.0) and trial.LossScaleOptimizer("sgd").dynamic
    with pytest.raises(ValueError, match="wrap the optimizer.*Received: loss_scale=8"):
        trial.Policy("mixed_float16", 8)
    with pytest.raises(ValueError, match="`loss_scale` must be 'dynamic' or a number. Received: 'fixed'"):
        trial.LossScaleOptimizer("sgd", "fixed")
