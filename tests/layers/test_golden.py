"""Layers against files by real Keras (scripts/golden/layers.py): numbers, gradients, weights, shapes, configs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from keras_torch import Input, config, layers
from keras_torch.saving.legacy_config import ConfigReader

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
sys.path.insert(0, str(ROOT / "scripts" / "golden"))
import layer_cases  # noqa: E402

FILES = {"2.15": ("2150", "tf"), "3.15": ("3151", "3")}
CALLS = [
    (family, name, version)
    for family, table in layer_cases.families().items()
    for name, case in table.items()
    for version in case.keras
]
stored: dict[Path, tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]] = {}


def golden(family: str, name: str, version: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and facts that Keras recorded for a case."""
    path = GOLDEN / f"layers_{family}_keras{FILES[version][0]}.npz"
    if path not in stored:
        arrays: dict[str, dict[str, np.ndarray]] = {}
        with np.load(path) as file:
            facts = json.loads(str(file["facts"]))
            for key in file.files:
                if key != "facts":
                    case, _, kind = key.rpartition("/")
                    arrays.setdefault(case, {})[kind] = file[key]
        stored[path] = arrays, facts
    return stored[path][0][name], stored[path][1][name]


def flat(structure: Any) -> list[Any]:
    """The tensors in lists, tuples and dicts, in order."""
    if isinstance(structure, dict):
        structure = [structure[key] for key in sorted(structure)]
    if isinstance(structure, (list, tuple)):
        return [item for part in structure for item in flat(part)]
    return [] if structure is None else [structure]


def run(case: Any, layer: Any, weights: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs, gradients and, after training, weights."""
    options = case.options(torch.tensor)
    layer_inputs = [torch.tensor(array, requires_grad=array.dtype.kind == "f") for array in case.arrays()]
    case.mark(layer_inputs, torch.tensor)
    with torch.no_grad():
        case.invoke(layer, layer_inputs, options)
    layer.set_weights(weights)
    if getattr(layer, "stateful", False):
        layer.reset_states()
    outputs = [torch.as_tensor(output) for output in flat(case.invoke(layer, layer_inputs, options))]
    masks = layer_cases.masks_of(outputs)
    floats = [output for output in outputs if output.is_floating_point() and output.requires_grad]
    if floats:
        sum((o * torch.tensor(layer_cases.upstream(tuple(o.shape)), device=o.device)).sum() for o in floats).backward()
    found = {f"output{i}": output.detach().numpy() for i, output in enumerate(outputs)} | masks
    gradients = [t.grad for t in layer_inputs if t.is_floating_point()]
    found |= {f"input{i}": grad.numpy() for i, grad in enumerate(gradients) if grad is not None}
    for i, weight in enumerate(layer.trainable_weights):
        grads = [storage.grad for storage in weight.storages]
        if all(grad is not None for grad in grads):
            found[f"weight{i}"] = weight.from_storage(*grads).numpy() if len(grads) else weight.grad
    if case.call.get("training"):
        found |= {f"state{i}": array for i, array in enumerate(layer.get_weights())}
    return found


def compare(case: Any, found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Every array that Keras recorded is ours, too; a gradient that one side lacks must be zero on the other."""
    for kind in {"output", "mask"}.difference(case.without):
        assert {k for k in found if k.startswith(kind)} == {k for k in expected if k.startswith(kind)}
    for key in sorted(expected.keys() | found.keys()):
        if key.startswith(case.without):
            continue
        mine = found.get(key, np.zeros_like(expected.get(key, 0)))
        real = expected.get(key, np.zeros_like(mine))
        tolerance = case.tolerance if key.startswith("output") else max(1e-4, case.tolerance)
        np.testing.assert_allclose(mine, real, rtol=tolerance, atol=tolerance, err_msg=key)
        assert mine.shape == real.shape, key


@pytest.mark.parametrize(("family", "name", "version"), CALLS)
def test_a_layer_computes_what_keras_computes(family: str, name: str, version: str) -> None:
    case = layer_cases.families()[family][name]
    expected, facts = golden(family, name, version)
    with config.dialect_scope(FILES[version][1]):
        layer = case.make(layers)
        weights = case.weights_like([tuple(shape) for shape in facts["weights"]])
        found = run(case, layer, weights)
        assert [list(w.shape) for w in layer.get_weights()] == facts["weights"]
        compare(case, found, expected)


@pytest.mark.parametrize(("family", "name", "version"), CALLS)
def test_symbolic_shapes_are_those_of_keras(family: str, name: str, version: str) -> None:
    case = layer_cases.families()[family][name]
    facts = golden(family, name, version)[1]
    dtypes = [str(array.dtype) for array in case.arrays()]
    batches = [(None, *array.shape[1:]) for array in case.arrays()]
    with config.dialect_scope(FILES[version][1]):
        for wanted, shapes in ((facts["shapes"], batches), (facts["open_shapes"], case.open_shapes())):
            if wanted is None or shapes is None:
                continue
            inputs = [Input(batch_shape=s, dtype=d) for s, d in zip(shapes, dtypes, strict=True)]
            outputs = case.invoke(case.make(layers), inputs, case.call)
            assert [list(output.shape) for output in flat(outputs)] == wanted


@pytest.mark.parametrize(("family", "name", "version"), CALLS)
def test_a_config_that_keras_wrote_makes_the_same_layer(family: str, name: str, version: str) -> None:
    case = layer_cases.families()[family][name]
    expected, facts = golden(family, name, version)
    dialect = FILES[version][1]
    entry = ConfigReader(dialect, version).entry(
        {"class_name": case.layer.rpartition(".")[2], "config": facts["config"]}
    )
    weights = case.weights_like([tuple(shape) for shape in facts["weights"]])
    with config.dialect_scope(dialect):
        layer = layers.deserialize(entry)
        compare(case, run(case, layer, weights), expected)
        twin = type(layer).from_config(layer.get_config())
        assert twin.get_config() == layer.get_config()
        compare(case, run(case, twin, weights), expected)
