from __future__ import annotations

import itertools
import json
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import keras_torch as keras
from keras_torch.saving import convert, inspect, load_model


def model():
    """A model of layers with arrays of each kind, trained for a step."""
    tokens, image = keras.Input((5,), dtype="int32", name="tokens"), keras.Input((6, 6, 2), name="image")
    layers = keras.layers
    words = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(layers.Embedding(7, 4)(tokens))
    words = layers.GRU(3)(layers.MultiHeadAttention(2, 3)(words, words))
    inner = keras.Sequential([keras.Input((6, 6, 2)), layers.Conv2D(4, 3), layers.BatchNormalization()], name="inner")
    pixels = layers.Flatten()(layers.PReLU(shared_axes=(1, 2))(layers.DepthwiseConv2D(2)(inner(image))))
    output = layers.Dense(2)(layers.Dropout(0.5)(layers.Concatenate()([words, pixels])))
    made = keras.Model([tokens, image], output, name="every_kind")
    made.compile("adam", "mse")
    made.fit(INPUTS, np.ones((4, 2), "float32"), verbose=0)
    return made


INPUTS = [np.arange(20).reshape(4, 5) % 7, np.random.RandomState(0).rand(4, 6, 6, 2).astype("float32")]
WHOLE = ["h5"]
WEIGHTS = ["w.h5", "weights.h5", "pt", "safetensors"]


def arrays(path, architecture):
    """The arrays of a file by the names of the weights of the model."""
    if path.name.endswith((".h5", ".keras")) and inspect(path).format in ("h5", "keras"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = load_model(path)
    else:
        convert(path, path.with_name("seen.h5"), architecture=architecture)
        found = load_model(path.with_name("seen.h5"), compile=False)
    return [w.numpy() for w in found.weights], found


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    torch.manual_seed(0)
    made = model()
    folder = tmp_path_factory.mktemp("original")
    made.save(folder / "model.h5")
    (folder / "model.json").write_text(made.to_json())
    return made, folder


def needs(kind):
    if kind == "safetensors":
        pytest.importorskip("safetensors")


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(WHOLE + WEIGHTS, 2)))
def test_there_and_back_keeps_every_array(original, first, second, tmp_path):
    needs(first), needs(second)
    made, folder = original
    json_file = folder / "model.json"
    start, there, back = tmp_path / f"a.{first}", tmp_path / f"b.{second}", tmp_path / f"c.{first}"
    convert(folder / "model.h5", start, weights_only=first == "w.h5")
    convert(start, there, architecture=json_file, weights_only=second == "w.h5")
    convert(there, back, architecture=json_file, weights_only=first == "w.h5")
    expected = [w.numpy() for w in made.weights]
    for path in (there, back):
        found, loaded = arrays(path, json_file)
        assert len(found) == len(expected)
        assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(found, expected, strict=True))
    if first in WHOLE and second in WHOLE:
        assert [v.tolist() for v in map(np.asarray, loaded.optimizer.variables)] == [
            v.tolist() for v in map(np.asarray, made.optimizer.variables)
        ]
        np.testing.assert_array_equal(loaded.predict(INPUTS, verbose=0), made.predict(INPUTS, verbose=0))


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_the_architecture_is_taken_out_and_put_into_the_other_form(original, kind, tmp_path):
    made, folder = original
    other = {"json": "yaml", "yaml": "json"}[kind]
    convert(folder / "model.h5", tmp_path / f"a.{kind}")
    convert(tmp_path / f"a.{kind}", tmp_path / f"b.{other}")
    convert(tmp_path / f"b.{other}", tmp_path / f"c.{kind}")
    read = keras.models.model_from_json if kind == "json" else keras.models.model_from_yaml
    for name in ("a", "c"):
        again = read((tmp_path / f"{name}.{kind}").read_text())
        again.set_weights(made.get_weights())
        assert [layer.name for layer in again.layers] == [layer.name for layer in made.layers]
        np.testing.assert_array_equal(again.predict(INPUTS, verbose=0), made.predict(INPUTS, verbose=0))


def test_golden_models_keep_their_predictions(golden, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        convert(golden.path, tmp_path / "b.h5")
        first, second = (load_model(path, compile=False) for path in (golden.path, tmp_path / "b.h5"))
    inputs = golden.all("input")
    inputs = inputs if len(inputs) > 1 else inputs[0]
    outputs = [torch.utils._pytree.tree_leaves(m.predict(inputs, verbose=0)) for m in (first, second)]
    for one, other in zip(*outputs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_optimizer_is_left_out_when_asked(original, tmp_path):
    convert(original[1] / "model.h5", tmp_path / "b.h5", include_optimizer=False)
    found = inspect(tmp_path / "b.h5")
    assert (found.compile, found.optimizer) == (None, [])


def test_weights_of_another_layout_need_the_architecture(original, tmp_path):
    made, folder = original
    made.save_weights(tmp_path / "w.h5")
    with pytest.raises(ValueError, match="w.h5 holds weights alone.*`architecture`"):
        convert(tmp_path / "w.h5", tmp_path / "w.pt")
    with pytest.raises(ValueError, match="`architecture` must be a file with a model"):
        convert(tmp_path / "w.h5", tmp_path / "w.pt", architecture=tmp_path / "w.h5")
    assert not (tmp_path / "w.pt").exists()


def test_an_architecture_alone_makes_no_model(original, tmp_path):
    with pytest.raises(ValueError, match="(?s)without its weights.*this one as `architecture`"):
        convert(original[1] / "model.json", tmp_path / "b.h5")


def test_the_name_of_the_target_must_tell_its_format(original, tmp_path):
    with pytest.raises(ValueError, match="must tell its format.*'.*b.bin'"):
        convert(original[1] / "model.h5", tmp_path / "b.bin")


def test_an_existing_target_stays_unless_told_otherwise(original, tmp_path, monkeypatch):
    (tmp_path / "b.json").write_text("mine")
    monkeypatch.setattr("builtins.input", lambda text: "n")
    convert(original[1] / "model.h5", tmp_path / "b.json", overwrite=False)
    assert (tmp_path / "b.json").read_text() == "mine"


def test_a_failed_conversion_leaves_the_target_as_it_was(original, tmp_path):
    (tmp_path / "bad.h5").write_bytes(b"\x89HDF\r\n\x1a\nnonsense")
    (tmp_path / "b.h5").write_text("mine")
    with pytest.raises(ValueError, match="bad.h5"):
        convert(tmp_path / "bad.h5", tmp_path / "b.h5")
    assert (tmp_path / "b.h5").read_text() == "mine"


def test_bytecode_runs_only_when_allowed(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2, name="twice")]).save(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="twice"):
        convert(tmp_path / "m.h5", tmp_path / "m.json")
    convert(tmp_path / "m.h5", tmp_path / "m.json", custom_objects={"twice": lambda x: x * 3})
    convert(tmp_path / "m.h5", tmp_path / "n.json", safe_mode=False)
    assert json.loads((tmp_path / "n.json").read_text())


def test_a_torch_module_of_other_names_goes_into_a_keras_model_and_back(tmp_path):
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(2)])
    torch.save(module.state_dict(), tmp_path / "m.pt")
    (tmp_path / "m.json").write_text(made.to_json())
    convert(tmp_path / "m.pt", tmp_path / "m.h5", architecture=tmp_path / "m.json")
    convert(tmp_path / "m.h5", tmp_path / "n.pt", architecture=tmp_path / "m.json", module=module)
    back = torch.load(tmp_path / "n.pt", weights_only=True)
    assert all(torch.equal(value, module.state_dict()[key]) for key, value in back.items())
