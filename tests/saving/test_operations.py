"""Operations in the graphs of files that real Keras wrote."""

from __future__ import annotations

import functools
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from keras_torch import saving

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
VERSIONS = ("2.15.0", "3.15.1")


@functools.cache
def golden(version):
    """Return the graphs, inputs and outputs of one version."""
    with zipfile.ZipFile(GOLDEN / f"saving_ops_keras{version}.zip") as archive:
        graphs = json.loads(archive.read("graphs.json"))
        arrays = []
        for name in ("inputs", "outputs"):
            with np.load(io.BytesIO(archive.read(f"{name}.npz"))) as stored:
                arrays.append({key: stored[key] for key in stored.files})
    return graphs, *arrays


CASES = [(version, name) for version in VERSIONS for name in golden(version)[0]]


def check(model, version, name, tolerance=1e-5):
    """Compare the predictions of a model with those of real Keras."""
    _, inputs, outputs = golden(version)
    with torch.no_grad():
        found = model([torch.as_tensor(value) for value in list(inputs.values())[: len(model.inputs)]])
    found = found if isinstance(found, list) else [found]
    for place, tensor in enumerate(found):
        value, expected = tensor.numpy(), outputs[f"{name}/{place}"]
        assert value.shape == expected.shape, (place, value.shape, expected.shape)
        np.testing.assert_allclose(
            np.asarray(value, "float64"), np.asarray(expected, "float64"), rtol=1e-4, atol=tolerance, err_msg=str(place)
        )
        # How wide indices are depends on Keras's backend.
        assert value.dtype == expected.dtype or value.dtype.kind == expected.dtype.kind == "i", (place, value.dtype)
    assert f"{name}/{len(found)}" not in outputs


@pytest.mark.parametrize(("version", "name"), CASES)
def test_a_graph_of_operations_computes_what_keras_does(version, name):
    check(saving.model_from_json(json.dumps(golden(version)[0][name])), version, name)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_of_layers_and_operations_computes_what_keras_does(version, tmp_path):
    path = tmp_path / "weights.h5"
    with zipfile.ZipFile(GOLDEN / f"saving_ops_keras{version}.zip") as archive:
        path.write_bytes(archive.read("weights.h5"))
    with pytest.warns(UserWarning, match="no training configuration"):
        model = saving.load_model(path)
    check(model, version, "weights")
    assert [layer.name for layer in model.layers] == ["x", "shared", "gate", "norm", "head"]
