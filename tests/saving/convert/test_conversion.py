from __future__ import annotations

import contextlib
import importlib.util
import io
import itertools
import json
import warnings
import zipfile

import h5py
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
WHOLE = ["h5", "keras"]
WEIGHTS = ["w.h5", "weights.h5", "pt", "safetensors"]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    torch.manual_seed(0)
    made = model()
    folder = tmp_path_factory.mktemp("original")
    made.save(folder / "model.h5")
    (folder / "model.json").write_text(made.to_json())
    return made, folder


def arrays(path):
    """The arrays of a file, as they are, by the names that they have in it."""
    if path.suffix == ".pt":
        return {key: value.numpy() for key, value in torch.load(path, weights_only=True).items()}
    if path.suffix == ".safetensors":
        return pytest.importorskip("safetensors.numpy").load_file(path)
    found = {}
    with contextlib.ExitStack() as stack:
        if path.suffix == ".keras":
            archive = stack.enter_context(zipfile.ZipFile(path))
            path = io.BytesIO(archive.read("model.weights.h5"))
        file = stack.enter_context(h5py.File(path))
        file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return found


@pytest.fixture(scope="module")
def reference(original):
    """One file of each kind, made of the original."""
    made, folder = original
    return {kind: convert_to(folder / "model.h5", folder, kind, None) for kind in WHOLE + WEIGHTS if has(kind)}


def has(kind):
    return kind != "safetensors" or importlib.util.find_spec("safetensors") is not None


def convert_to(source, folder, kind, architecture):
    target = folder / f"{source.name.replace('.', '_')}.{kind}"
    convert(source, target, architecture=architecture, weights_only=kind == "w.h5")
    return target


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(WHOLE + WEIGHTS, 2)))
def test_each_format_becomes_each_other_bit_by_bit(original, reference, first, second, tmp_path):
    """So that there and back, A to B to A, keeps every array as well."""
    if not has(first) or not has(second):
        pytest.skip("safetensors is not installed")
    made = convert_to(reference[first], tmp_path, second, original[1] / "model.json")
    found, expected = arrays(made), arrays(reference[second])
    if first not in WHOLE:
        # Optimizers stay with whole models, and with the weights of Keras 3.
        expected = {name: value for name, value in expected.items() if not name.startswith("optimizer")}
        found = {name: value for name, value in found.items() if not name.startswith("optimizer")}
    assert list(found) == list(expected) and len(found) > 20
    for name, value in expected.items():
        assert value.dtype == found[name].dtype and np.array_equal(value, found[name]), name


@pytest.mark.parametrize("kind", WHOLE + ["weights.h5"])
def test_arrays_in_files_are_those_of_the_model(original, reference, kind):
    made, folder = original
    again = load_model(reference[kind] if kind in WHOLE else folder / "model.h5", compile=kind in WHOLE)
    if kind not in WHOLE:
        again.set_weights([np.zeros_like(value) for value in again.get_weights()])
        again.load_weights(reference[kind])
    assert all(np.array_equal(a, b) for a, b in zip(again.get_weights(), made.get_weights(), strict=True))
    if kind in WHOLE:
        np.testing.assert_array_equal(again.predict(INPUTS, verbose=0), made.predict(INPUTS, verbose=0))
        for one, other in zip(again.optimizer.variables, made.optimizer.variables, strict=True):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


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
