from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config, dropin
from keras_torch.utils import summary

HERE = Path(__file__).parent
MODELS = runpy.run_path(str(HERE / "summary_models.py"))["models"](keras)
PRINTED = json.loads((HERE.parent / "golden" / "summaries_keras2.json").read_text())["printed"]


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_the_table_is_that_of_keras_2(name):
    lines = []
    model, options = MODELS[name]
    model.summary(print_fn=lines.append, **options)
    # tf.keras shows the shape of an input layer in a list.
    expected = [line.replace("[(None, 4)]", "(None, 4)  ") for line in PRINTED[name]]
    assert lines == expected
    lines.clear()
    with config.dialect_scope("tf"):
        model.summary(print_fn=lines.append, **options)
    assert lines == PRINTED[name]


def test_the_table_goes_to_standard_output(capsys):
    MODELS["stack"][0].summary()
    assert capsys.readouterr().out.splitlines() == PRINTED["stack"]


def test_a_model_without_weights_yet_is_shown_as_in_keras_3_and_refused_before():
    lines = []
    model = keras.Sequential([keras.layers.Dense(2)], name="later")
    model.summary(print_fn=lines.append)
    assert any("Dense" in line and "0 (unused)" in line for line in lines)
    assert any(line.startswith("Total params: 0") for line in lines)
    with config.dialect_scope("tf"), pytest.raises(ValueError, match="no shapes to show yet"):
        model.summary()


def test_a_subclassed_model_shows_its_layers():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = keras.layers.Dense(3, name="first")
            self.attention = keras.layers.MultiHeadAttention(2, 2, name="attention")
            self.never = keras.layers.Dense(2, name="never_called")

        def call(self, inputs):
            return self.attention(self.first(inputs), inputs)

    model = Own()
    model(np.zeros((2, 4, 5), "float32"))
    for dialect, shape, never in (("3", "(2, 4, 3)", "?"), ("tf", "multiple", "multiple")):
        lines = []
        with config.dialect_scope(dialect):
            model.summary(print_fn=lines.append)
        cells = [re.split(r"  +", line.replace("│", "  ").strip()) for line in "\n".join(lines).splitlines()]
        rows = {row[0].split()[0]: row[1] for row in cells if len(row) > 2}
        assert (rows["first"], rows["attention"], rows["never_called"]) == (shape, shape, never)
        assert any("0 (unbuilt)" in line or "0 (unused)" in line for line in lines)


def test_layers_that_were_only_built_show_what_they_give_in_keras_3():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(4)
            self.attention = keras.layers.MultiHeadAttention(2, 2)

        def build(self, input_shape):
            self.dense.build(input_shape)
            self.attention.build((None, 3, 4), value_shape=(None, 5, 4))

    model, lines = Own(), []
    with config.dialect_scope("3"):
        model.build((None, 3, 2))
        model.summary(print_fn=lines.append)
    assert "\n".join(lines).count("(None, 3, 4)") == 2
    assert model.dense.get_build_config() == {"input_shape": (None, 3, 2)}


def test_an_unknown_layer_range_lists_the_layers():
    with pytest.raises(ValueError, match="The layers are: conv, pool, flat, classes"):
        MODELS["range"][0].summary(layer_range=["nothing", "flat"])


def test_sizes_are_readable():
    assert [summary.readable_memory_size(size) for size in (0, 1023, 1536, 5 * 1024**3)] == [
        "0.00 Byte", "1023.00 Byte", "1.50 KB", "5.00 GB",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["chain", "graph", "nested", "narrow", "absolute"])
@pytest.mark.parametrize("version", ["1.2.2", "2.2.4"])
def test_the_table_is_that_of_keras_1_and_of_keras_2_before_tensorflow(version, name, capsys):
    golden = json.loads((HERE.parent / "golden" / f"summaries_keras{version.replace('.', '')}.json").read_text())
    keras.backend.clear_session()
    with dropin.install(version[0]):
        model, options = runpy.run_path(str(HERE / "summary_models.py"))["classic_models"](keras)[name]
        model.summary(**options)
    assert capsys.readouterr().out.splitlines() == golden["printed"][name]


BOXES = """\
Model: "model"
┏━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━━━┳━━━━━━┓
┃                ┃              ┃         ┃ Connected   ┃      ┃
┃ Layer (type)   ┃ Output Shape ┃ Param # ┃ to          ┃ Tra… ┃
┡━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━━━╇━━━━━━┩
│ a (InputLayer) │ (None, 4)    │       0 │ -           │  -   │
├────────────────┼──────────────┼─────────┼─────────────┼──────┤
│ inner          │ (None, 4)    │      20 │ a[0][0]     │  Y   │
│ (Sequential)   │              │         │             │      │
├────────────────┼──────────────┼─────────┼─────────────┼──────┤
│    └           │ (None, 4)    │      20 │ -           │  Y   │
│ dense_of_the_… │              │         │             │      │
│ (Dense)        │              │         │             │      │
├────────────────┼──────────────┼─────────┼─────────────┼──────┤
│ b (InputLayer) │ (None, 4)    │       0 │ -           │  -   │
├────────────────┼──────────────┼─────────┼─────────────┼──────┤
│ multiply       │ (None, 4)    │       0 │ inner[0][0] │  -   │
│ (Multiply)     │              │         │             │      │
├────────────────┼──────────────┼─────────┼─────────────┼──────┤
│ patches        │ (None, 4)    │       0 │ b[0][0]     │  -   │
│ (PatchEmbeddi… │              │         │             │      │
├────────────────┼──────────────┼─────────┼─────────────┼──────┤
│ subtract       │ (None, 4)    │       0 │ multiply[0… │  -   │
│ (Subtract)     │              │         │ patches[0]… │      │
├────────────────┼──────────────┼─────────┼─────────────┼──────┤
│ last (Dense)   │ (None, 1)    │       5 │ subtract[0… │  N   │
└────────────────┴──────────────┴─────────┴─────────────┴──────┘
 Total params: 25 (100.00 B)
 Trainable params: 20 (80.00 B)
 Non-trainable params: 5 (20.00 B)
"""


def test_the_table_of_keras_3_has_boxes_and_the_operations_between_layers(capsys):
    class PatchEmbeddingOfAnImage(keras.layers.Layer):
        def call(self, x):
            return x

    keras.backend.clear_session()
    with config.dialect_scope("3"):
        a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
        inner = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(4, name="dense_of_the_inner_model")], name="inner"
        )
        x = inner(a) * 2 - PatchEmbeddingOfAnImage(name="patches")(b)
        outputs = keras.layers.Dense(1, trainable=False, name="last")(x)
        keras.Model([a, b], outputs, name="model").summary(line_length=64, expand_nested=True, show_trainable=True)
        # The Sequential has a graph inside, which took the name without a number.
        assert keras.Model(a, inner(a)).name == "functional_1"
    assert capsys.readouterr().out == BOXES
