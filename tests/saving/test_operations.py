"""Operations in the graphs of files that real Keras wrote."""

from __future__ import annotations

import functools
import io
import json
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config, ops, saving
from keras_torch.saving import hdf5

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
VERSIONS = ("2.15.0", "3.15.1")
# TensorFlow's own operations, as tf.keras 2.0 to 2.3 wrote them.
GRAPH = "graph"
_FILES = {GRAPH: "saving_ops_graph_keras2.15.0.zip"}


@functools.cache
def golden(version):
    """Return the graphs, inputs and outputs of one version."""
    with zipfile.ZipFile(GOLDEN / _FILES.get(version, f"saving_ops_keras{version}.zip")) as archive:
        graphs = json.loads(archive.read("graphs.json"))
        arrays = []
        for name in ("inputs", "outputs"):
            with np.load(io.BytesIO(archive.read(f"{name}.npz"))) as stored:
                arrays.append({key: stored[key] for key in stored.files})
    return graphs, *arrays


CASES = [(version, name) for version in (*VERSIONS, GRAPH) for name in golden(version)[0]]


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


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_of_layers_and_operations_computes_what_keras_does(version, ending, tmp_path):
    path = tmp_path / f"weights.{ending}"
    with zipfile.ZipFile(GOLDEN / f"saving_ops_keras{version}.zip") as archive:
        path.write_bytes(archive.read(path.name))
    model = saving.load_model(path, compile=False)
    check(model, version, "weights")
    assert [layer.name for layer in model.layers] == ["x", "shared", "gate", "norm", "head"]


@pytest.mark.parametrize("dialect", ["3", "tf"])
@pytest.mark.parametrize(("version", "name"), CASES)
def test_operations_are_written_so_that_they_come_back(version, name, dialect):
    model = saving.model_from_json(json.dumps(golden(version)[0][name]))
    with config.dialect_scope(dialect), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        text = model.to_json()
    check(saving.model_from_json(text), version, name)


def graph(model, dialect):
    """Return class names and configs of the operations in a model's JSON."""
    with config.dialect_scope(dialect):
        entries = json.loads(model.to_json())["config"]["layers"]
    return {item["name"]: item for item in entries if item["class_name"] != "InputLayer"}


def test_torch_functions_and_operators_are_written_as_operations_of_keras_3():
    x = keras.Input((4, 6), name="x")
    y = torch.cat([torch.relu(x)[:, 1:], x * 2.0], dim=1).mean((1, 2))
    entries = list(graph(keras.Model(x, y), "3").values())
    kinds = sorted(item["class_name"] for item in entries)
    assert kinds == ["Concatenate", "GetItem", "Mean", "Multiply", "Relu"]
    mean = next(item for item in entries if item["class_name"] == "Mean")
    assert mean["module"] == "keras.src.ops.numpy"
    assert mean["config"] == {"name": mean["name"], "axis": [1, 2], "keepdims": False}
    multiply = next(item for item in entries if item["class_name"] == "Multiply")
    assert multiply["inbound_nodes"][0]["args"][1] == 2.0


def test_torch_functions_and_operators_are_written_as_functions_of_tensorflow_for_tf_keras():
    x = keras.Input((4, 6), name="x")
    entries = graph(keras.Model(x, 2 - torch.cat([x, x[:, 0:1]], 1)), "tf")
    kinds = {item["config"]["function"]: item for item in entries.values()}
    assert sorted(kinds) == ["__operators__.getitem", "concat", "math.subtract"]
    subtract = kinds["math.subtract"]
    assert subtract["class_name"] == "TFOpLambda"
    assert subtract["inbound_nodes"][0][:3] == ["_CONSTANT_VALUE", -1, 2.0]
    spec = kinds["__operators__.getitem"]["inbound_nodes"][0][3]["slice_spec"]
    assert spec == [{"start": None, "stop": None, "step": None}, {"start": 0, "stop": 1, "step": None}]


def test_a_size_that_is_not_known_is_what_is_left_and_needs_no_node():
    x = keras.Input((4, 6), name="x")
    model = keras.Model(x, ops.reshape(x, (ops.shape(x)[0], 24)))
    (entry,) = graph(model, "3").values()
    assert entry["config"]["newshape"] == [-1, 24]


def test_functions_without_a_counterpart_are_written_with_a_warning():
    x = keras.Input((4, 6), name="x")
    model = keras.Model(x, torch.sigmoid(ops.broadcast_to(x[:, :1], ops.shape(x)) + torch.atanh(x)))
    with pytest.warns(UserWarning, match="only keras_torch can: it has no counterpart of `ops.broadcast_to`"):
        text = model.to_json()
    values = torch.rand(3, 4, 6)
    torch.testing.assert_close(saving.model_from_json(text)(values), model(values))


def test_the_same_name_twice_gets_a_number():
    x = keras.Input((4, 6), name="x")
    dense = keras.layers.Dense(6, name="add")
    first, second = x + 1.0, x + 2.0
    first._keras_history[0].name = second._keras_history[0].name = "add"
    assert sorted(graph(keras.Model(x, dense(first) * second), "3")) == ["add", "add_1", "add_2", "mul"]


def test_h5_files_hold_layers_or_functions_of_tensorflow_where_they_suffice_and_else_operations(tmp_path):
    x = keras.Input((4, 6), name="x")
    hidden = keras.layers.Dense(6)(x)
    values = torch.rand(3, 4, 6)
    for output, expected in (
        (hidden + x, "Add"),
        (hidden[:, 1:] + 1.0, "TFOpLambda"),
        (ops.median(hidden, axis=1), "Median"),
    ):
        model = keras.Model(x, output)
        model.save(tmp_path / "model.h5")
        with hdf5.reading(tmp_path / "model.h5") as file:
            assert f'"class_name": "{expected}"' in file.text("model_config")
        with pytest.warns(UserWarning, match="no training configuration"):
            torch.testing.assert_close(saving.load_model(tmp_path / "model.h5")(values), model(values))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"class_name": "TFOpLambda", "config": {"function": "io.read_file"}}, r"`tf.io.read_file`, for which"),
        ({"class_name": "TFOpLambda", "config": {"function": "py_function"}}, "no function here"),
        ({"class_name": "TFOpLambda", "config": {"function": "keras.backend.get_value"}}, "no function here"),
        ({"class_name": "InstanceMethod", "config": {"method_symbol": "x"}}, "ragged or sparse"),
        ({"class_name": "Map", "module": "keras.src.ops.core", "config": {}}, "is a Map of Keras 3"),
        ({"class_name": "Mean", "module": "keras.src.ops.numpy", "config": {"axes": 1}}, "not understood"),
        ({"class_name": "Mean", "module": "keras.src.ops.numpy", "config": []}, "must be an object"),
        ({"class_name": "TensorFlowOpLayer", "config": {"node_def": {"op": "ReadFile"}}}, "'ReadFile', for which"),
        ({"class_name": "TensorFlowOpLayer", "config": {"node_def": "text"}}, "must be an object"),
    ],
    ids=str,
)
def test_operations_that_are_not_known_are_named(entry, message):
    node = {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}}], "kwargs": {}}
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 4]}, "name": "x", "inbound_nodes": []},
        {**entry, "name": "strange", "inbound_nodes": [node]},
    ]
    described = {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["strange", 0, 0]]}
    with pytest.raises(ValueError, match=message):
        saving.model_from_config({"class_name": "Functional", "config": described})


def test_a_file_cannot_ask_for_a_large_constant():
    entry = {"class_name": "TFOpLambda", "config": {"function": "zeros"}, "name": "zeros"}
    entry["inbound_nodes"] = [["_CONSTANT_VALUE", -1, [10**6, 10**6], {}]]
    layers = [{"class_name": "InputLayer", "config": {"batch_shape": [None, 4]}, "name": "x", "inbound_nodes": []}]
    described = {"name": "m", "layers": [*layers, entry], "input_layers": [], "output_layers": [["zeros", 0, 0]]}
    with pytest.raises(ValueError, match="'zeros' of model 'm' takes no symbolic tensor"):
        saving.model_from_config({"class_name": "Functional", "config": described})


def test_functions_that_layers_compute_are_layers_in_h5_files(tmp_path):
    x = keras.Input((4, 6), name="x")
    outputs = [
        2.0 - torch.relu(x * 3.0 + 1.0),
        torch.cat([x, x], 1).transpose(1, 2),
        ops.reshape(ops.softmax(x), (-1, 3, 8)),
        ops.mean(x, axis=1) - ops.max(ops.tanh(-x), axis=1),
        ops.squeeze(ops.expand_dims(ops.leaky_relu(x, 0.3), -1), -1) * x,
    ]
    model = keras.Model(x, outputs)
    model.save(tmp_path / "model.h5")
    with hdf5.reading(tmp_path / "model.h5") as file:
        described = json.loads(file.text("model_config"))
    found = {item["class_name"] for item in described["config"]["layers"]}
    assert "TFOpLambda" not in found and {"Rescaling", "Activation", "Concatenate", "Permute", "Reshape"} <= found
    values = torch.randn(3, 4, 6)
    for left, right in zip(saving.load_model(tmp_path / "model.h5", compile=False)(values), model(values), strict=True):
        torch.testing.assert_close(left, right)
