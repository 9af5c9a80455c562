"""Drawings of models: the text for Graphviz, its program where it is installed, and what happens where it is not."""

from __future__ import annotations

import re
import shutil
import stat
import sys
from pathlib import Path

import pytest
import torch

import keras_torch as keras
from keras_torch import config
from keras_torch.utils import model_to_dot, plot, plot_model
from keras_torch.utils.vis_utils import DotText

layers = keras.layers


@pytest.fixture(autouse=True)
def without_pydot(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pydot", None)


@pytest.fixture
def no_graphviz(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "which", lambda program: None)


@pytest.fixture
def fake_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A program `dot` that says which format it was asked for."""
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$1"\ncat\n', encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")


def chain() -> keras.Sequential:
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, activation="relu", name="one"), layers.Dropout(0.5, name="two")], name="m"
    )


def branches() -> keras.Model:
    first, second = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    joined = torch.cat([chain()(first), second], 1)
    inner = keras.Model([first, second], joined, name="inner")
    outputs = layers.Dense(2, name="last")(inner([first, second]))
    return keras.Model([first, second], outputs, name="outer")


def boxes(graph: DotText) -> dict[str, str]:
    return dict(re.findall(r'"(\S+)" \[label="(.*)"\];', graph.to_string()))


def edges(graph: DotText) -> list[tuple[str, str]]:
    return re.findall(r'"(\S+)" -> "(\S+)";', graph.to_string())


def test_a_chain_is_drawn_in_order():
    graph = model_to_dot(chain())
    assert boxes(graph) == {"one": "one|Dense", "two": "two|Dropout"}
    assert edges(graph) == [("one", "two")]


def test_boxes_say_what_is_asked_for():
    graph = model_to_dot(chain(), show_shapes=True, show_dtype=True, show_layer_activations=True, show_trainable=True)
    shapes = "{input:|output:}|{{(None, 4)}|{(None, 3)}}"
    assert boxes(graph)["one"] == "T|{one|{Dense|relu}|float32}|" + shapes
    assert boxes(model_to_dot(chain(), show_layer_names=False))["one"] == "Dense"


def test_wrapped_layers_are_named_and_signs_of_the_language_escaped():
    inputs = keras.Input((3, 4), name="a")
    model = keras.Model(inputs, layers.TimeDistributed(layers.Dense(2, name="d"), name='x"|{')(inputs))
    text = model_to_dot(model).to_string()
    assert 'label="x\\"\\|\\{(d)|TimeDistributed(Dense)"' in text


def test_nested_models_are_boxes_or_clusters():
    model = branches()
    graph = model_to_dot(model)
    assert sorted(boxes(graph)) == ["a", "b", "inner", "last"]
    assert edges(graph) == [("a", "inner"), ("b", "inner"), ("inner", "last")]
    graph = model_to_dot(model, expand_nested=True)
    assert {"inner/m/one", "inner/cat", "last"} < set(boxes(graph))
    assert set(edges(graph)) == {
        *(("a", "inner/a"), ("b", "inner/b"), ("inner/a", "inner/m/one"), ("inner/m/one", "inner/m/two")),
        *(("inner/m/two", "inner/cat"), ("inner/b", "inner/cat"), ("inner/cat", "last")),
    }
    assert graph.to_string().count("subgraph") == 2
    assert 'subgraph "cluster_outer"' in model_to_dot(model, subgraph=True).to_string()


def test_functions_have_their_shapes():
    assert (
        "[(None, 3), (None, 3)]}|{(None, 6)" in boxes(model_to_dot(branches(), True, expand_nested=True))["inner/cat"]
    )


def test_a_range_of_layers_is_drawn():
    model = keras.Sequential([keras.Input((4,)), *(layers.Dense(4, name=name) for name in "abcd")])
    graph = model_to_dot(model, layer_range=["b", "c"])
    assert (sorted(boxes(graph)), edges(graph)) == (["b", "c"], [("b", "c")])
    with pytest.raises(ValueError, match="names no layer"):
        model_to_dot(model, layer_range=["b", "x"])


def test_models_without_a_graph_are_one_box_and_unbuilt_ones_an_error():
    class Own(keras.Model):
        def call(self, x):
            return x

    model = Own(name="own")
    with pytest.raises(ValueError, match="has no weights yet"):
        model_to_dot(model)
    model(torch.ones(1, 2))
    assert boxes(model_to_dot(model)) == {"own": "own"}
    with pytest.raises(ValueError, match="has no weights yet"):
        plot_model(keras.Sequential([layers.Dense(2)]))


def test_graphviz_draws_the_format_that_the_name_tells(fake_graphviz, tmp_path: Path):
    for name, option in (("m.png", "-Tpng"), ("m.pdf", "-Tpdf"), ("m", "-Tpng")):
        assert plot_model(chain(), to_file=tmp_path / name) is None
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(option + "\ndigraph")
    assert model_to_dot(chain()).create(prog="dot", format="svg").startswith(b"-Tsvg")


def test_the_text_needs_no_graphviz(no_graphviz, tmp_path: Path):
    plot_model(chain(), tmp_path / "m.dot")
    assert (tmp_path / "m.dot").read_text(encoding="utf-8").startswith("digraph")
    with pytest.raises(OSError, match="'neato' was not found"):
        model_to_dot(chain()).create(prog="neato")


def test_without_graphviz_old_scripts_go_on_and_new_ones_stop(no_graphviz, tmp_path: Path):
    with pytest.raises(ImportError, match="Graphviz was not found"):
        plot_model(chain(), tmp_path / "m.png")
    for dialect, draw in (("1", plot), ("2", plot_model)):
        with config.dialect_scope(dialect), pytest.warns(UserWarning, match=r"dot -Tpng -o \S+m.png \S+m.png.dot"):
            draw(chain(), to_file=str(tmp_path / "m.png"))
        assert (tmp_path / "m.png.dot").read_text(encoding="utf-8").startswith("digraph")
        (tmp_path / "m.png.dot").unlink()


def test_orders_and_defaults_are_the_dialects(tmp_path: Path):
    path = tmp_path / "m.dot"
    plot_model(chain(), path)
    assert 'label="Dense"' in path.read_text(encoding="utf-8")
    with config.dialect_scope("2"):
        plot_model(chain(), path, True, False, "LR")
        text = path.read_text(encoding="utf-8")
        assert 'rankdir="LR"' in text
        assert 'dpi="96"' in text
        assert "{Dense}|{input:" in text
        assert boxes(model_to_dot(chain(), False, True))["one"] == "one|Dense"
    with config.dialect_scope("tf"):
        assert boxes(model_to_dot(chain(), False, True))["one"] == "one|Dense|float32"


def test_pydot_gets_the_graph(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "pydot")
    pydot = pytest.importorskip("pydot")
    graph = model_to_dot(branches(), show_shapes=True, expand_nested=True)
    assert isinstance(graph, pydot.Dot)
    assert len(graph.get_edges()) == 3
