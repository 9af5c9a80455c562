"""Histories and results of small trainings equal those of real Keras 2.15."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config

CASES = runpy.run_path(str(Path(__file__).with_name("fit_cases.py")))["CASES"]
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "training.json").read_text())["cases"]


def _compare(found: Any, expected: Any, where: str) -> None:
    if isinstance(expected, dict):
        assert set(found) == set(expected), where
        for name in expected:
            _compare(found[name], expected[name], f"{where}/{name}")
    else:
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6, err_msg=where)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_training_gives_the_numbers_of_keras(name: str) -> None:
    with config.dialect_scope("tf"):
        _compare(CASES[name](keras), GOLDEN[name], name)
