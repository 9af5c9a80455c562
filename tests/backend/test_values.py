"""Functions of the backend against Keras 2.15, on tensors, numpy arrays, variables and symbolic tensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from keras_torch import backend as K
from keras_torch import config, constraints

CASES = json.loads((Path(__file__).parents[1] / "golden/backend_keras215.json").read_text(encoding="utf-8"))
NAMES = [f"{number}-{case['function']}" for number, case in enumerate(CASES)]


@pytest.fixture(autouse=True)
def dialect() -> Any:
    with config.dialect_scope("tf"):
        yield


def convert(item: Any, make: Any) -> Any:
    """Replace each array of a case by `make(array, stands for a batch)`."""
    if isinstance(item, dict):
        return make(np.array(item["data"], dtype=item["dtype"]), item["batch"])
    if isinstance(item, list):
        return [convert(part, make) for part in item]
    return item


def call(case: dict[str, Any], make: Any) -> Any:
    args = [convert(item, make) for item in case["args"]]
    kwargs = {key: convert(item, make) for key, item in case["kwargs"].items()}
    return getattr(K, case["function"])(*args, **kwargs)


def check(result: Any, expected: Any) -> None:
    if isinstance(expected, list):
        assert len(result) == len(expected)
        for one, other in zip(result, expected, strict=True):
            check(one, other)
        return
    value = K.get_value(result) if not isinstance(result, (np.ndarray, np.generic)) else result
    wanted = np.array(expected["data"], dtype=expected["dtype"])
    assert value.shape == wanted.shape
    if wanted.dtype.kind == "f":
        assert value.dtype == wanted.dtype
    assert value.dtype.kind == wanted.dtype.kind
    np.testing.assert_allclose(value, wanted, rtol=2e-5, atol=8e-6)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_tensors_give_the_values_of_keras(case: dict[str, Any]) -> None:
    check(call(case, lambda array, batch: torch.tensor(array)), case["result"])


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_numpy_arrays_give_the_values_of_keras(case: dict[str, Any]) -> None:
    check(call(case, lambda array, batch: array), case["result"])


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_variables_give_the_values_of_keras(case: dict[str, Any]) -> None:
    check(call(case, lambda array, batch: K.variable(array, dtype=str(array.dtype))), case["result"])


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_symbolic_tensors_of_unknown_batch_give_the_values_of_keras(case: dict[str, Any]) -> None:
    inputs, values = [], []

    def make(array: np.ndarray, batch: bool) -> Any:
        if not batch:
            return K.variable(array, dtype=str(array.dtype))
        inputs.append(K.placeholder((None, *array.shape[1:]), dtype=str(array.dtype)))
        values.append(array)
        return inputs[-1]

    outputs = call(case, make)
    if not inputs:
        pytest.skip("takes no tensors")
    outputs = list(outputs) if isinstance(outputs, tuple) else outputs
    check(K.function(inputs, outputs)(values), case["result"])
    expected = case["result"] if isinstance(case["result"], list) else [case["result"]]
    for output, wanted in zip(outputs if isinstance(outputs, list) else [outputs], expected, strict=True):
        shape = np.shape(wanted["data"])
        assert len(K.int_shape(output)) == len(shape)
        assert all(known in (None, size) for known, size in zip(K.int_shape(output), shape, strict=True))


def test_the_array_of_a_variable_stays_as_it_was() -> None:
    variable = K.variable([1.0, 2.0])
    before, old = variable.numpy(), variable.get_value(borrow=True)
    variable.assign([5.0, 6.0])
    assert before.tolist() == old.tolist() == [1.0, 2.0]
    assert K.variable([1.0, 2.0], dtype="bfloat16").numpy().tolist() == [1.0, 2.0]


def test_limits_beyond_the_type_are_none():
    x = K.constant([-1.0, 2.0])
    assert K.eval(K.clip(x, 0, 1e100)).tolist() == [0.0, 2.0]
    assert K.eval(K.clip(x, -1e100, 1)).tolist() == [-1.0, 1.0]
    assert constraints.MaxNorm(1e100)(x).tolist() == pytest.approx([-1.0, 2.0])
