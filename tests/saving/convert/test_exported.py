from __future__ import annotations

import numpy as np
import pytest
import torch

import keras_torch as keras


def small():
    return keras.Sequential([keras.Input((3,), name="x"), keras.layers.Dense(2, "relu", name="only")], name="small")


def test_a_program_runs_on_batches_of_any_size(tmp_path, capsys):
    model = small()
    model.export(tmp_path / "small.pt2", verbose=True)
    assert "exported to" in capsys.readouterr().out
    program = torch.export.load(tmp_path / "small.pt2").module()
    for count in (1, 2, 7):
        x = torch.rand(count, 3)
        torch.testing.assert_close(program(x), model(x))


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, inputs):
        return self.dense(inputs)


def test_a_subclassed_model_is_exported_once_it_has_weights(tmp_path):
    model = Own()
    with pytest.raises(ValueError, match="no weights to export yet: call it on data once"):
        model.export(tmp_path / "own.pt2")
    model(np.ones((1, 3)))
    model.export(tmp_path / "own.pt2", input_signature=[keras.InputSpec(shape=(None, 3), dtype="float32")])
    x = torch.rand(5, 3)
    torch.testing.assert_close(torch.export.load(tmp_path / "own.pt2").module()(x), model(x))


class Pair(Own):
    def call(self, ids, more):
        return self.dense(keras.ops.one_hot(ids, 3)) + more["shift"]


def test_a_subclassed_model_is_exported_as_it_was_called(tmp_path):
    model = Pair()
    model(np.array([0]), more={"shift": np.ones((1, 2))})
    model.export(tmp_path / "pair.pt2")
    ids, shift = torch.tensor([0, 2, 1]), torch.rand(3, 2)
    program = torch.export.load(tmp_path / "pair.pt2").module()
    torch.testing.assert_close(program(ids, shift), model(ids, {"shift": shift}))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"format": "tf_saved_model"}, "needs TensorFlow. Use `format='torch'`"),
        ({"format": "litert"}, "LiteRT"),
        ({"format": "openvino"}, "OpenVINO"),
        ({"format": "zip"}, "must be 'torch' or 'onnx'"),
        ({"format": "torch", "opset_version": 18}, "no argument"),
        ({"format": "torch"}, "must end in `.pt2`"),
    ],
)
def test_other_formats_and_options_are_errors_that_name_what_to_use(tmp_path, options, says):
    with pytest.raises(ValueError, match=says):
        small().export(tmp_path / "model.bin", **options)
    assert list(tmp_path.iterdir()) == []


def test_onnx_computes_the_same(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    from onnx.reference import ReferenceEvaluator

    model = small()
    model.export(tmp_path / "small.onnx")
    loaded = onnx.load(tmp_path / "small.onnx")
    x = np.random.rand(4, 3).astype("float32")
    (result,) = ReferenceEvaluator(loaded).run(None, {loaded.graph.input[0].name: x})
    np.testing.assert_allclose(result, model.predict(x, verbose=0), atol=1e-6)
