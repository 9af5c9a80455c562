"""Fifty steps from the same weights on the same batches give the losses of real Keras 2.15 and 3.15."""

from __future__ import annotations

import runpy
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config

CASES = runpy.run_path(str(Path(__file__).with_name("trajectory_cases.py")))
GOLDEN = Path(__file__).parents[1] / "golden"
FILES = {"tf": "trajectories_keras215.npz", "3": "trajectories_keras315.npz"}
OPTIMIZERS = {**CASES["OPTIMIZERS"], "sgd_decay": lambda o: o.SGD(0.2, momentum=0.5, decay=0.05)}
RUNS = [(dialect, name) for dialect in FILES for name in OPTIMIZERS if (dialect, name) != ("3", "sgd_decay")]
TOLERANCE = 1e-4


@lru_cache
def golden(dialect: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / FILES[dialect]) as arrays:
        return dict(arrays)


def train(dialect: str, net: str, name: str) -> dict[str, np.ndarray]:
    arrays = golden(dialect)
    count = sum(key.startswith(f"{net}/weights/") for key in arrays)
    weights = [arrays[f"{net}/weights/{i}"] for i in range(count)]
    with config.dialect_scope(dialect):
        return CASES["train"](keras, net, weights, OPTIMIZERS[name](keras.optimizers))


def relative_difference(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.max(np.abs(found - expected) / np.maximum(np.abs(expected), 1e-7)))


@pytest.mark.parametrize("net", list(CASES["NETS"]))
@pytest.mark.parametrize(("dialect", "name"), RUNS)
def test_losses_follow_real_keras_at_every_step(dialect: str, name: str, net: str) -> None:
    found = train(dialect, net, name)
    expected = {key: golden(dialect)[f"{net}/{name}/{key}"] for key in found}
    assert found["steps"].shape == expected["steps"].shape == (CASES["STEPS"], 2)
    assert relative_difference(found["steps"][:, 0], expected["steps"][:, 0]) <= TOLERANCE
    np.testing.assert_allclose(found["steps"][:, 1], expected["steps"][:, 1], atol=1e-6, err_msg="accuracy of steps")
    assert relative_difference(found["evaluate"], expected["evaluate"]) <= TOLERANCE
    np.testing.assert_allclose(found["predictions"], expected["predictions"], rtol=TOLERANCE, atol=1e-6)


def test_each_net_learns_with_each_optimizer() -> None:
    last, first = slice(-CASES["BATCHES"], None), slice(0, CASES["BATCHES"])
    for dialect, name in RUNS:
        for net in CASES["NETS"]:
            losses = golden(dialect)[f"{net}/{name}/steps"][:, 0]
            assert losses[last].mean() < losses[first].mean(), (dialect, name, net)
