"""Models as JSON and YAML, of real Keras and of ours."""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config
from keras_torch.saving.text_config import describe

from .test_object_forms import FORMS, GOLDEN, differences, read

MODELS = ("sequential", "compiled", "functional", "named", "attention")
# One side leaves these out while they say nothing.
EMPTY = ("compile_config", "build_config", "build_input_shape", "dtype", "steps_per_execution")


def without_empty(item: Any) -> Any:
    """Return a form without the keys of `EMPTY`, and with lists for tuples."""
    if isinstance(item, dict):
        return {key: without_empty(part) for key, part in item.items() if key not in EMPTY and (key, part) != _NO_MASK}
    return [without_empty(part) for part in item] if isinstance(item, (list, tuple)) else item


_NO_MASK = ("mask", None)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dialect", FORMS)
def test_a_model_of_keras_is_read_from_its_form_and_its_json_and_written_as_keras_wrote_it(
    dialect: str, name: str
) -> None:
    entry = FORMS[dialect]["models"][name]
    form = read(entry["form"])
    with config.dialect_scope(dialect):
        model = keras.saving.deserialize_keras_object(form)
        assert (model.optimizer is not None) == (name == "compiled")
        assert differences(without_empty(form), without_empty(keras.saving.serialize_keras_object(model))) == []
    again = keras.models.model_from_json(entry["json"])
    assert again.count_params() == model.count_params()
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    again.set_weights(model.get_weights())
    random = np.random.default_rng(0)
    inputs = [random.normal(size=(2, *tensor.shape[1:])).astype("float32") for tensor in model.inputs]
    data = dict(zip(model.input_names, inputs, strict=True)) if name == "named" else inputs
    for left, right in zip(*(_flat(made.predict(data, verbose=0)) for made in (model, again)), strict=True):
        np.testing.assert_array_equal(left, right)


def _flat(outputs: Any) -> list[Any]:
    return list(outputs.values()) if isinstance(outputs, dict) else outputs if isinstance(outputs, list) else [outputs]


def graph() -> Any:
    start = keras.Input((4, 3), name="start")
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="relu")], name="inner")
    found = keras.layers.TimeDistributed(inner, name="each")(start)
    found = keras.layers.Bidirectional(keras.layers.LSTM(2, name="cell"), name="both")(found)
    return keras.Model(start, keras.layers.Dense(1, kernel_regularizer="l2", name="end")(found), name="graph")


@pytest.mark.parametrize("dialect", [None, "3", "tf", "2"])
def test_json_and_yaml_come_back_as_the_same_model(dialect: str | None) -> None:
    with config.dialect_scope(dialect):
        model = graph()
        text = model.to_json(indent=1, sort_keys=True)
        assert text.startswith("{\n ")
        for again in (keras.models.model_from_json(text), keras.models.model_from_yaml(model.to_yaml())):
            again.set_weights(model.get_weights())
            data = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
            np.testing.assert_array_equal(again.predict(data, verbose=0), model.predict(data, verbose=0))
            assert again.name == "graph" and [layer.name for layer in again.layers] == ["start", "each", "both", "end"]


def test_each_dialect_writes_what_its_keras_reads() -> None:
    model = graph()
    modern = describe(model)
    assert modern["module"] == "keras.src.models.functional" and "keras_version" not in modern
    assert "batch_shape" in modern["config"]["layers"][0]["config"]
    assert modern["config"]["layers"][1]["inbound_nodes"][0]["args"][0]["class_name"] == "__keras_tensor__"
    with config.dialect_scope("tf"):
        middle = describe(model)
    assert middle["keras_version"] == "2.15.0" and middle["class_name"] == "Functional"
    assert middle["config"]["layers"][1]["inbound_nodes"] == [[["start", 0, 0, {}]]]
    with config.dialect_scope("2"):
        old = describe(model)
    assert old["keras_version"] == "2.2.4" and old["class_name"] == "Model"
    assert not re.search("module|registered_name", json.dumps(old["config"]["layers"][-1]))


def test_compile_arguments_come_with_the_json_and_never_stop_the_reading() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.5, momentum=0.9), "mse", metrics=["mae"])
    form = json.loads(model.to_json())
    again = keras.models.model_from_json(json.dumps(form))
    assert again.optimizer.momentum == 0.9 and again.loss == "mse"
    form["compile_config"]["loss"] = "no such loss"
    with pytest.warns(UserWarning, match="compile arguments.*uncompiled.*no such loss"):
        again = keras.models.model_from_json(json.dumps(form))
    assert again.optimizer is None


@pytest.mark.parametrize("shifted", [False, True])
def test_calls_of_nested_models_count_from_0_or_from_1(shifted: bool) -> None:
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)], name="inner")
    start = keras.Input((3,), name="start")
    model = keras.Model(start, [inner(inner(start)), inner(start)], name="model")
    with config.dialect_scope("tf" if shifted else "3"):
        stored = json.loads(json.dumps(model.get_config()))
    numbers = sorted({int(number) for number in re.findall(r'\["inner", (\d)', json.dumps(stored))})
    assert numbers == ([1, 2, 3] if shifted else [0, 1, 2])
    again = keras.Model.from_config(stored)
    again.set_weights(model.get_weights())
    data = torch.ones(2, 3)
    for left, right in zip(again(data), model(data), strict=True):
        assert torch.equal(left, right)


class Doubled(keras.Model):
    """A subclassed model whose constructor takes plain arguments."""

    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(units)

    def call(self, first: Any, second: Any = None) -> Any:
        return self.dense(first) + (0 if second is None else second)


@pytest.mark.parametrize("count", [1, 2])
def test_a_subclassed_model_is_built_again_for_the_shapes_of_its_call(count: int) -> None:
    model = Doubled(4)
    model(*(torch.ones(2, 4) for _ in range(count)))
    again = keras.models.model_from_json(model.to_json(), {"Doubled": Doubled})
    assert [tuple(weight.shape) for weight in again.weights] == [(4, 4), (4,)]
    with pytest.raises(ValueError, match="Unknown layer: 'Doubled'.*custom_objects"):
        keras.models.model_from_json(model.to_json())


class Plain(keras.Model):
    """A functional model of a class of the user's without a constructor of its own."""


def test_a_functional_subclass_without_constructor_is_written_with_its_graph() -> None:
    start = keras.Input((3,))
    model = Plain(start, keras.layers.Dense(2)(start))
    again = keras.models.model_from_json(model.to_json(), {"Plain": Plain})
    assert type(again) is Plain and again.count_params() == 8
    assert type(keras.models.clone_model(model)) is Plain


def test_a_layer_that_stands_in_the_graph_and_in_a_wrapper_stays_one() -> None:
    start, other = keras.Input((3,)), keras.Input((4, 3))
    shared = keras.layers.Dense(2)
    model = keras.Model([start, other], [shared(start), keras.layers.TimeDistributed(shared)(other)])
    again = keras.models.model_from_json(model.to_json())
    assert again.layers[2] is again.layers[3].layer
    assert again.count_params() == model.count_params() == 8


OLD = {"1.2.2": "saving_text_keras122.json", "2.2.4": "saving_text_keras224.json"}
TEXTS = {version: json.loads((GOLDEN / name).read_text(encoding="utf-8")) for version, name in OLD.items()}


@pytest.mark.parametrize("kind", ["json", "yaml"])
@pytest.mark.parametrize(("version", "name"), [(version, name) for version, texts in TEXTS.items() for name in texts])
def test_texts_of_multi_backend_keras_give_the_models_of_its_files(
    version: str, name: str, kind: str, tmp_path: Path
) -> None:
    text = TEXTS[version][name][kind]
    model = (keras.models.model_from_json if kind == "json" else keras.models.model_from_yaml)(text)
    with zipfile.ZipFile(GOLDEN / f"saving_h5_keras{version}.zip") as stored:
        stored.extract(f"{name}.h5", tmp_path)
        with np.load(io.BytesIO(stored.read(f"{name}.npz"))) as arrays:
            inputs = [arrays[key] for key in arrays.files if key.startswith("input_")]
            outputs = [arrays[key] for key in arrays.files if key.startswith("output_")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.load_weights(tmp_path / f"{name}.h5")
    found = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    for ours, theirs in zip(_flat(found), outputs, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:numpy.dtype {args: [O8], state: [3, '|']}",
        "!!python/object/apply:numpy.dtype {args: [i8]}",
        "!!python/object/apply:numpy.core.multiarray.scalar [O8, !!binary bAAAAAAAAAA=]",
        "!!python/object/apply:numpy.core.multiarray.scalar [1000i8, !!binary bAAAAAAAAAA=]",
        "!!python/object/apply:numpy.core.multiarray.scalar [<i8, !!binary bAA=]",
        "!!python/object/apply:numpy.core.multiarray.scalar 3",
        "!!python/object/apply:numpy.load ['x.npy']",
        "!!python/object/apply:os.system ['true']",
    ],
)
def test_yaml_knows_no_other_objects_than_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="is not plain YAML"):
        keras.models.model_from_yaml(f"class_name: Sequential\nconfig: {text}\n")
