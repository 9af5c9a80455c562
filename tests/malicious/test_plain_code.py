"""Names in a file do not become code where a model is written as Python."""

import ast

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch.saving.convert import plain

NAMES = [
    "x\n        raise SystemExit\n        #",
    "x\r        raise SystemExit\r        #",
    "x\x0c\x0b\x1c\x85\u2028\u2029        raise SystemExit",
    '""";raise SystemExit;"""',
    '"""\nraise SystemExit\n"""',
    '\\""";raise SystemExit;"""',
    "'''\nraise SystemExit\n'''",
    "x\\",
    '"',
    "\ud800",
    "class",
    "None",
    "f",
    "__debug__",
    "__x",
    "ﬁ",
    "x=__import__('os').system('true')",
    ");raise SystemExit;(",
]


def model_of(model="m", layer="d", first="i", second="j"):
    """A graph of two inputs, with names that a file would give."""
    inputs = [
        {
            "class_name": "InputLayer",
            "config": {"batch_input_shape": [None, 3], "name": name, "dtype": "float32"},
            "name": name,
            "inbound_nodes": [],
        }
        for name in (first, second)
    ]
    joined = {"class_name": "Add", "config": {"name": "add"}, "name": "add"}
    joined["inbound_nodes"] = [[[first, 0, 0, {}], [second, 0, 0, {}]]]
    dense = {"class_name": "Dense", "config": {"units": 2, "activation": "relu", "name": layer}, "name": layer}
    dense["inbound_nodes"] = [[["add", 0, 0, {}]]]
    dropout = {"class_name": "Dropout", "config": {"rate": 0.5, "name": f"{layer}_"}, "name": f"{layer}_"}
    dropout["inbound_nodes"] = [[[layer, 0, 0, {}]]]
    config = {"name": model, "layers": [*inputs, joined, dense, dropout]}
    config |= {"input_layers": [[first, 0, 0], [second, 0, 0]], "output_layers": [[f"{layer}_", 0, 0]]}
    return keras.models.model_from_config({"class_name": "Functional", "config": config})


@pytest.mark.parametrize("place", ["model", "layer", "first"])
def test_names_do_not_become_code(tmp_path, place):
    x = np.ones((2, 3), "float32")
    for name in NAMES:
        model = model_of(**{place: name})
        path = tmp_path / "m.py"
        plain.write_source(model, str(path))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        kinds = [type(part).__name__ for part in tree.body]
        assert kinds == ["Expr", "Import", "ImportFrom", "ImportFrom", "ClassDef", "FunctionDef"], name
        assert not [part for part in ast.walk(tree) if isinstance(part, ast.Raise)], name
        module = plain.to_torch(model)
        expected = model.predict([x, x], verbose=0)
        np.testing.assert_allclose(module(torch.ones(2, 3), torch.ones(2, 3)).detach(), expected, rtol=1e-5)


def test_a_model_without_a_graph_of_layers_is_written_with_its_name_as_text(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name='a """ b')
    plain.write_source(model, str(tmp_path / 'odd "name.py'))
    text = (tmp_path / 'odd "name.py').read_text()
    compile(text, "m.py", "exec")
    assert r"a \"\"\" b" in text
