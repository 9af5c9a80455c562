"""Outputs, gradients and states of layers against files written by real Keras (scripts/golden/layers.py)."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from keras_torch import config, layers

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
cases = SimpleNamespace(**runpy.run_path(str(ROOT / "scripts" / "golden" / "layer_cases.py")))

# class, arguments, input shapes, training
Case = tuple[str, dict[str, Any], list[tuple[int, ...]], bool]


def check(golden: str, name: str, case: Case) -> None:
    class_name, arguments, shapes, training = case
    layer = getattr(layers, class_name)(**arguments)
    arrays = cases.inputs_of(shapes)
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    layer.build(shapes[0] if len(shapes) == 1 else shapes)
    layer.set_weights(cases.weights_like([tuple(w.shape) for w in layer.weights]))
    options: dict[str, Any] = {"training": True} if training else {}
    output = layer(tensors if len(tensors) > 1 else tensors[0], **options)
    static = layer.compute_output_shape(shapes[0] if len(shapes) == 1 else shapes)
    assert tuple(static) == tuple(output.shape)
    (output * torch.tensor(cases.upstream(tuple(output.shape)))).sum().backward()
    found = {"output": output.detach().numpy()}
    found |= {f"input{i}": tensor.grad.numpy() for i, tensor in enumerate(tensors)}
    for i, weight in enumerate(layer.trainable_weights):
        found[f"weight{i}"] = weight.from_storage(*(s.grad for s in weight.storages)).numpy()
    if training:
        found |= {f"state{i}": array for i, array in enumerate(layer.get_weights())}
    with np.load(GOLDEN / f"{golden}.npz") as stored:
        expected = {key.split("/")[1]: stored[key] for key in stored.files if key.startswith(name + "/")}
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=2e-5, atol=5e-6, err_msg=f"{name}: {key}")


@pytest.mark.parametrize(("name", "case"), cases.channels_last_cases().items())
def test_channels_last_numbers_are_those_of_keras_2_15(name: str, case: Case) -> None:
    with config.dialect_scope("tf"):
        check("layers_k215", name, case)


@pytest.mark.parametrize(("name", "case"), cases.channels_first_cases().items())
def test_channels_first_numbers_are_those_of_keras_3(name: str, case: Case) -> None:
    check("layers_k315_first", name, case)


@pytest.mark.parametrize("dialect", [None, "3"])
@pytest.mark.parametrize(("name", "case"), cases.keras3_cases().items())
def test_batch_normalization_moves_its_averages_as_keras_3(name: str, case: Case, dialect: str | None) -> None:
    with config.dialect_scope(dialect):
        check("layers_k315", name, case)
