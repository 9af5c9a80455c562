"""Sixty steps of each optimizer against real Keras: 2.15, 3.15, and 2.2.4 for the formulas of the old dialects."""

from __future__ import annotations

import functools
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from keras_torch import config, optimizers
from keras_torch.backend.variable import Variable
from keras_torch.optimizers import state

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
TABLE = json.loads((GOLDEN / "optimizers_cases.json").read_text(encoding="utf-8"))
DIALECTS = {"tf": "optimizers_keras215", "3": "optimizers_keras315"}
KEPT_STEPS = (1, 2, 10, 50, 60)
SPARSE_ROWS = ((2, 0, 2), (1, 1, 0), (0, 2, 0), (0, 0, 0))
MODERN = [(d, name) for d in DIALECTS for name in TABLE["cases"]] + [("3", name) for name in TABLE["keras_3_only"]]


@functools.lru_cache
def load(name):
    with np.load(GOLDEN / f"{name}.npz") as arrays:
        return dict(arrays)


def weights_and_gradients():
    random = np.random.RandomState(TABLE["seed"])
    shapes = [tuple(shape) for shape in TABLE["shapes"]]
    weights = [random.randn(*shape).astype("float32") for shape in shapes]
    scales = [10.0 ** random.uniform(-4, 0.5, size=shape) for shape in shapes]
    steps = [
        [(scale * random.randn(*shape)).astype("float32") for scale, shape in zip(scales, shapes, strict=True)]
        for _ in range(TABLE["steps"])
    ]
    for step in steps[::5]:
        step[0][0] = 0.0
    return weights, steps


def run(optimizer, case, check, device="cpu"):
    """Make the case's steps; call `check(step, variables)` after each. Returns the variables."""
    weights, steps = weights_and_gradients()
    chosen = case.get("variables", range(len(weights)))
    variables = [Variable(torch.tensor(weights[i], device=device), name=f"w{i}") for i in chosen]
    if "excluded" in case:
        optimizer.exclude_from_weight_decay(var_list=[variables[i] for i in case["excluded"]])
    optimizer.build(variables)
    for number, gradients in enumerate(steps):
        rate = case.get("rates", {}).get(str(number))
        if rate is not None:
            optimizer.learning_rate = rate
        if case.get("sparse"):
            looked_up = gradients[0]
            gradients[0] = np.zeros_like(looked_up)
            np.add.at(gradients[0], list(SPARSE_ROWS[number % len(SPARSE_ROWS)]), looked_up)
        for i, variable in zip(chosen, variables, strict=True):
            missing = case.get("missing") and i == 1 and number % 3 == 1
            variable.grad = None if missing else torch.tensor(gradients[i], device=device)
        optimizer.step()
        optimizer.zero_grad()
        check(number + 1, variables)
    return variables


def flat(arrays):
    return np.concatenate([np.ravel(array).astype("float32") for array in arrays])


def compare(golden, name):
    expected = dict(zip(KEPT_STEPS, np.split(golden[f"{name}/weights"], len(KEPT_STEPS)), strict=True))

    def check(step, variables):
        if step in expected:
            actual = flat([variable.numpy() for variable in variables])
            np.testing.assert_allclose(actual, expected[step], rtol=1e-5, atol=3e-6, err_msg=f"{name}, step {step}")

    return check


@pytest.mark.parametrize(("dialect", "name"), MODERN)
def test_weights_and_state_follow_real_keras(dialect, name):
    golden = load(DIALECTS[dialect])
    case = {**TABLE["cases"], **TABLE["keras_3_only"]}[name]
    with config.dialect_scope(dialect):
        optimizer = optimizers.get({"class_name": case["class_name"], "config": case["config"]})
        run(optimizer, case, compare(golden, name))
    entries = state.export(optimizer, dialect)
    expected = golden[f"{name}/state"]
    if case["class_name"] == "SGD" and not case["config"].get("momentum") and dialect == "tf":
        # Keras 2.15 stores the last step of each weight although it has no effect without momentum.
        assert flat([entry.array for entry in entries]).shape == expected.shape
        return
    assert [entry.name.removeprefix(f"{case['class_name']}/") for entry in entries] == list(golden[f"{name}/names"])
    actual = flat([entry.array for entry in entries])
    np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=1e-6, err_msg=str([e.name for e in entries]))


@pytest.mark.parametrize("name", TABLE["legacy"])
def test_legacy_classes_follow_those_of_keras_2_15(name):
    golden = load(DIALECTS["tf"])
    case = TABLE["legacy"][name]
    serialized = {"module": "keras.optimizers.legacy", "class_name": case["class_name"], "config": case["config"]}
    optimizer = optimizers.deserialize(serialized)
    assert type(optimizer).__module__ == "keras_torch.optimizers.legacy"
    run(optimizer, case, compare(golden, f"legacy/{name}"))
    entries = state.export(optimizer)
    names = [entry.name for entry in entries]
    assert names == list(golden[f"legacy/{name}/names"])
    expected = golden[f"legacy/{name}/state"]
    np.testing.assert_allclose(flat([e.array for e in entries]), expected, rtol=2e-5, atol=1e-6, err_msg=str(names))


@pytest.mark.parametrize("name", TABLE["classic"])
@pytest.mark.parametrize("dialect", ["1", "2"])
def test_weights_follow_real_keras_2_2_4(dialect, name):
    golden = load("optimizers_classic")
    case = TABLE["classic"][name]
    settings = {("learning_rate" if key == "lr" else key): value for key, value in case["config"].items()}
    if case["class_name"] == "Adagrad":
        settings["initial_accumulator_value"] = 0.0
    with config.dialect_scope(dialect):
        optimizer = getattr(optimizers, case["class_name"])(**settings)
        run(optimizer, case, compare(golden, name))


def test_modern_dialect_without_a_name_uses_keras_3_numbers():
    golden = load(DIALECTS["3"])
    for name in ("rmsprop", "adagrad", "nadam", "sgd_ema"):
        case = TABLE["cases"][name]
        run(optimizers.get({"class_name": case["class_name"], "config": case["config"]}), case, compare(golden, name))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("name", TABLE["cases"])
def test_weights_follow_real_keras_on_a_gpu(name):
    golden = load(DIALECTS["3"])
    case = TABLE["cases"][name]
    with warnings.catch_warnings(), config.dialect_scope("3"):
        warnings.simplefilter("ignore")
        optimizer = optimizers.get({"class_name": case["class_name"], "config": case["config"]})
        run(optimizer, case, compare(golden, name), device="cuda")
