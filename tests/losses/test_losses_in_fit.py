"""Losses in `compile`, `fit` and `evaluate` against real Keras; `scripts/golden/losses_in_fit.py` writes the files."""

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config

CASES = runpy.run_path(str(Path(__file__).with_name("loss_cases.py")))["CASES"]
GOLDEN = Path(__file__).parents[1] / "golden"
FILES = {"tf": "losses_fit_keras215.json", "3": "losses_fit_keras315.json"}
STORES = {dialect: json.loads((GOLDEN / name).read_text())["cases"] for dialect, name in FILES.items()}


def numbers(item: Any, path: str = "") -> dict[str, float]:
    """Return what a case gave as path → number."""
    if isinstance(item, dict):
        return {key: value for name in item for key, value in numbers(item[name], f"{path}/{name}").items()}
    if isinstance(item, list):
        return {key: value for i, part in enumerate(item) for key, value in numbers(part, f"{path}/{i}").items()}
    return {path: item}


@pytest.mark.filterwarnings("ignore:The loss has `from_logits")
@pytest.mark.parametrize(("dialect", "name"), [(dialect, name) for dialect, store in STORES.items() for name in store])
def test_a_training_with_this_loss_gives_the_numbers_of_keras(dialect: str, name: str) -> None:
    expected = numbers(STORES[dialect][name])
    with config.dialect_scope(dialect):
        found = numbers(CASES[name](keras))
    assert list(found) == list(expected)
    for path, value in expected.items():
        np.testing.assert_allclose(found[path], value, rtol=1e-5, atol=2e-6, err_msg=path)


def test_a_loss_without_reduction_is_refused_in_keras_3() -> None:
    with config.dialect_scope("3"), pytest.raises(ValueError, match="must be one number per batch.*reduction"):
        CASES["unreduced"](keras)


def test_weights_of_samples_meet_steps_and_elements_where_keras_3_fails() -> None:
    for name in ("function_per_element_weighted", "masked_by_sample"):
        with config.dialect_scope("tf"):
            wanted = numbers(CASES[name](keras))
        with config.dialect_scope("3"):
            found = numbers(CASES[name](keras))
        assert found == pytest.approx(wanted, rel=1e-5)
