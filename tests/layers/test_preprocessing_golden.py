"""Layers that learn from data, or take text, against files by real Keras (scripts/golden/preprocessing_values.py)."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from keras_torch import Input, config, layers
from keras_torch.models import load_model
from keras_torch.saving.legacy_config import ConfigReader

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "golden"))
from preprocessing_cases import CASES, Case  # noqa: E402

FILES = {"2.15": ("preprocessing_keras2150.json", "tf"), "3.15": ("preprocessing_keras3151.json", "3")}
GOLDEN = {
    version: json.loads((ROOT / "tests" / "golden" / name).read_text(encoding="utf-8"))
    for version, (name, _) in FILES.items()
}
CALLS = [(name, version) for name, case in CASES.items() for version in case.keras]
ANSWERED = [(name, version) for name, version in CALLS if "error" not in GOLDEN[version][name]]
FAILING = [(name, version) for name, version in CALLS if "error" in GOLDEN[version][name]]


def learnt(case: Case, layer: Any) -> Any:
    """Give a layer the state that it has in a case."""
    if case.data is not None:
        layer.adapt(np.asarray(case.data))
    elif case.batches:
        layer.adapt(np.asarray(batch) for batch in case.batches)
    elif case.sets:
        layer.set_vocabulary(*case.sets)
    return layer


def made(case: Case) -> Any:
    return learnt(case, getattr(layers, case.layer)(**case.arguments))


def call(case: Case, layer: Any) -> Any:
    arrays = case.arrays()
    return layer(arrays if case.several else arrays[0])


def check_output(output: Any, facts: dict[str, Any]) -> None:
    """The values, the shape and the dtype are those that Keras gave."""
    if facts["dtype"] == "string":
        assert np.asarray(output).tolist() == facts["output"]
        return
    wanted = np.array(facts["output"])
    assert tuple(output.shape) == wanted.shape
    assert config.dtype_name(output.dtype) == facts["dtype"]
    np.testing.assert_allclose(output.numpy(), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "version"), ANSWERED)
def test_a_layer_learns_and_computes_what_keras_does(name: str, version: str) -> None:
    case, facts = CASES[name], GOLDEN[version][name]
    with config.dialect_scope(FILES[version][1]):
        layer = made(case)
        check_output(call(case, layer), facts)
        if "vocabulary" in facts:
            assert layer.get_vocabulary() == facts["vocabulary"]
            assert layer.get_vocabulary(include_special_tokens=False) == facts["tokens"]
            assert layer.vocabulary_size() == len(facts["vocabulary"])
        if "boundaries" in facts:
            np.testing.assert_allclose(layer.bin_boundaries, facts["boundaries"], rtol=1e-6)
        for mine, real in zip(layer.get_weights()[:2], facts.get("weights", [])[:2], strict=False):
            np.testing.assert_allclose(mine, real, rtol=1e-5)


@pytest.mark.parametrize(("name", "version"), ANSWERED)
def test_symbolic_outputs_have_the_shape_and_dtype_of_keras(name: str, version: str) -> None:
    case, facts = CASES[name], GOLDEN[version][name]
    if facts["symbolic_shape"] is None:
        pytest.skip("Keras refuses a batch of this")
    arrays = case.arrays()
    inputs = [Input(array.shape[1:], dtype=array.dtype) for array in arrays]
    with config.dialect_scope(FILES[version][1]):
        output = made(case)(inputs if case.several else inputs[0])
    if "output_sequence_length" in case.arguments and case.arguments.get("split", "") is None:
        # Keras 2.15 loses the size that it was told; Keras 3 knows it.
        facts = {**facts, "symbolic_shape": [None, case.arguments["output_sequence_length"]]}
    assert list(output.shape) == facts["symbolic_shape"]
    assert output.dtype == facts["dtype"]


@pytest.mark.parametrize(("name", "version"), ANSWERED)
def test_a_config_that_keras_wrote_makes_the_same_layer_and_ours_keeps_what_was_learnt(name: str, version: str) -> None:
    case, facts = CASES[name], GOLDEN[version][name]
    dialect = FILES[version][1]
    entry = ConfigReader(dialect, version).entry({"class_name": case.layer, "config": facts["config"]})
    with config.dialect_scope(dialect):
        layer = learnt(case, layers.deserialize(entry))
        check_output(call(case, layer), facts)
        twin = layers.deserialize(json.loads(json.dumps(layers.serialize(layer))))
        assert json.dumps(twin.get_config()) == json.dumps(layer.get_config())
        if case.layer == "Normalization":
            twin.build(case.arrays()[0].shape)
            twin.set_weights(layer.get_weights())
        check_output(call(case, twin), facts)
        check_output(call(case, pickle.loads(pickle.dumps(layer))), facts)


@pytest.mark.parametrize(("name", "version"), FAILING)
def test_where_keras_fails_there_is_an_error_that_names_the_layer(name: str, version: str) -> None:
    case = CASES[name]
    layer = made(case)
    with pytest.raises((RuntimeError, ValueError), match=repr(layer.name)):
        call(case, layer)


def test_a_model_that_keras_saved_predicts_the_same() -> None:
    facts = GOLDEN["2.15"]["model"]
    model = load_model(ROOT / "tests" / "golden" / "preprocessing_keras2150.h5", compile=False)
    output = model.predict([np.array(item) for item in facts["inputs"]], verbose=0)
    np.testing.assert_allclose(output, facts["output"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.layer in ("Hashing", "IntegerLookup")])
def test_integers_may_come_as_tensors_and_lists(name: str) -> None:
    case = CASES[name]
    array = case.arrays()[0]
    if array.dtype.kind != "i" or (name, "2.15") in FAILING:
        pytest.skip("not a case of integers")
    facts = GOLDEN["2.15"][name]
    check_output(made(case)(torch.tensor(array)), facts)
    check_output(made(case)(array.tolist()), facts)
