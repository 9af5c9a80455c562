from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import registry
from keras_torch.errors import FileFormatError


def test_golden_files_of_every_keras_are_told_without_building(golden, monkeypatch):
    monkeypatch.setattr(registry.Registry, "from_dict", None)
    found = keras.saving.inspect(golden.path)
    with h5py.File(golden.path) as file:
        stored = []
        file["model_weights"].visititems(lambda _, item: stored.append(item))
        assert sum(row.bytes for row in found.weights) == sum(
            item.nbytes for item in stored if isinstance(item, h5py.Dataset)
        )
        assert len(found.layers) >= len(json.loads(file.attrs["model_config"])["config"])
        assert all(file[row.path].shape == row.shape for row in found.weights)
        assert found.keras_version in (file.attrs["keras_version"], str(file.attrs["keras_version"]), "1.2.2")
    assert found.format == "h5"
    assert found.compile and "optimizer" in found.compile
    assert found.needs == []
    assert found.optimizer


def test_tables_show_nested_layers_shapes_and_totals(tmp_path):
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="deep")], name="inner")
    model = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(2, activation="relu", name="top")])
    model.save(tmp_path / "model.h5")
    text = str(keras.saving.inspect(tmp_path / "model.h5"))
    assert "    deep " in text
    assert "units=2, activation=relu" in text
    assert "4 arrays, 92 bytes" in text


def test_weights_alone_are_told_by_layer(dense, tmp_path):
    dense.save_weights(tmp_path / "w.h5")
    found = keras.saving.inspect(tmp_path / "w.h5")
    assert (found.format, found.layers, found.compile) == ("h5-weights", [], None)
    assert [(row.path, row.shape) for row in found.weights] == [
        ("first/first/kernel:0", (3, 4)),
        ("first/first/bias:0", (4,)),
        ("second/second/kernel:0", (4, 2)),
        ("second/second/bias:0", (2,)),
    ]


def test_the_layout_of_keras_3_is_sorted_by_numbers_and_purpose(tmp_path):
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        for number in range(11):
            file[f"layers/dense/vars/{number}"] = np.zeros(number, "float32")
        file["optimizer/vars/0"] = np.int64(3)
        file["metrics/mean/vars/0"] = np.float32(3)
    found = keras.saving.inspect(tmp_path / "m.weights.h5")
    assert found.format == "weights.h5"
    assert [row.shape[0] for row in found.weights] == list(range(11))
    assert [row.path for row in found.optimizer] == ["optimizer/vars/0"]
    assert [row.path for row in found.others] == ["metrics/mean/vars/0"]


@pytest.mark.parametrize("zipped", [True, False])
def test_an_archive_of_keras_is_told_zipped_or_not(dense, tmp_path, zipped):
    dense.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
    name = "m.keras" if zipped else "folder"
    dense.save(tmp_path / name, zipped=zipped)
    found = keras.saving.inspect(tmp_path / name)
    assert (found.format, [row.class_name for row in found.layers]) == ("keras", ["InputLayer", "Dense", "Dense"])
    assert sorted(row.shape for row in found.weights) == [(2,), (3, 4), (4,), (4, 2)]
    assert found.keras_version and "Adam" in str(found.compile)
    assert found.optimizer and all(row.path.startswith("optimizer/") for row in found.optimizer)
    assert "Adam" in str(found)


def test_weights_in_several_files_are_told(dense, tmp_path):
    dense.save_weights(tmp_path / "m.weights.json", max_shard_size=1e-9)
    assert len(list(tmp_path.iterdir())) > 3
    found = keras.saving.inspect(tmp_path / "m.weights.json")
    assert found.format == "weights.json"
    assert sorted(row.shape for row in found.weights) == [(2,), (3, 4), (4,), (4, 2)]


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(FileFormatError, match="nor a SavedModel of TensorFlow"):
        keras.saving.inspect(tmp_path)


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_an_architecture_in_text_is_told(dense, tmp_path, kind):
    (tmp_path / "model.txt").write_text(getattr(dense, f"to_{kind}")())
    found = keras.saving.inspect(tmp_path / "model.txt")
    assert (found.format, [row.class_name for row in found.layers]) == (kind, ["InputLayer", "Dense", "Dense"])
    assert list(found.layers[0].settings.values())[0] == [None, 3]


def test_what_loading_needs_is_said():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x * 2, name="twice")])
    config = json.loads(model.to_json())
    config["config"]["layers"].append({"class_name": "Mine", "registered_name": "pkg>Mine", "config": {"name": "m"}})
    config["config"]["layers"].append(
        {"class_name": "Dense", "config": {"name": "d", "units": 1, "activation": {"class_name": "Own", "config": {}}}}
    )
    needs = keras.saving.inspect(io.BytesIO(json.dumps(config).encode())).needs
    assert len(needs) == 3
    assert "bytecode" in needs[0] and "'twice'" in needs[0]
    assert "custom_objects={'pkg>Mine': class}" in needs[1]
    assert "'Own'" in needs[2]


def test_a_state_dict_of_torch_is_told_with_nested_parts(tmp_path):
    torch.save({"model": torch.nn.Linear(3, 2).state_dict(), "epoch": 3}, tmp_path / "m.pt")
    found = keras.saving.inspect(tmp_path / "m.pt")
    assert found.format == "torch"
    assert [(r.path, r.shape, r.dtype, r.bytes) for r in found.weights] == [
        ("model.weight", (2, 3), "float32", 24),
        ("model.bias", (2,), "float32", 8),
    ]


def test_safetensors_are_told(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file({"weight": torch.zeros(2, 3, dtype=torch.float16)}, tmp_path / "m.st")
    found = keras.saving.inspect(tmp_path / "m.st")
    assert [(r.path, r.shape, r.dtype) for r in found.weights] == [("weight", (2, 3), "float16")]


class Harmful:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("save", [torch.save, lambda item, path: path.write_bytes(pickle.dumps(item, protocol=2))])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, save):
    save({"weight": Harmful(tmp_path / "ran")}, tmp_path / "m.pt")
    with pytest.raises(FileFormatError, match="m.pt"):
        keras.saving.inspect(tmp_path / "m.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x00\xff\xfe", b"{", b"[1, 2]", b"PK\x03\x04", b"a: [", b"\x80\x02"]
)
def test_what_is_no_model_ends_in_an_error_that_names_the_file(tmp_path, content):
    (tmp_path / "odd.bin").write_bytes(content)
    with pytest.raises(FileFormatError, match="odd.bin"):
        keras.saving.inspect(tmp_path / "odd.bin")


def test_truncated_files_end_in_an_error_or_a_listing(dense, tmp_path):
    dense.save(tmp_path / "m.h5")
    content = (tmp_path / "m.h5").read_bytes()
    for part in range(1, 40):
        (tmp_path / "cut.h5").write_bytes(content[: len(content) * part // 40])
        with pytest.raises(FileFormatError, match="cut.h5"):
            keras.saving.inspect(tmp_path / "cut.h5")


def test_links_to_other_files_are_not_followed(dense, tmp_path):
    dense.save_weights(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5", "r+") as file:
        del file["first/first/kernel:0"]
        file["first/first/kernel:0"] = h5py.ExternalLink("/etc/passwd", "/x")
    with pytest.raises(FileFormatError, match="a link to another file"):
        keras.saving.inspect(tmp_path / "w.h5")


def test_a_name_that_is_no_text_is_refused(dense, tmp_path):
    dense.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "r+") as file:
        file.create_group(b"\xff\xfe")
    with pytest.raises(FileFormatError, match="m.weights.h5.*no text in UTF-8"):
        keras.saving.inspect(tmp_path / "m.weights.h5")


def test_control_characters_do_not_reach_the_terminal(dense):
    config = json.loads(dense.to_json())
    config["config"]["layers"][1]["config"]["name"] = "\x1b[2Jgone"
    text = str(keras.saving.inspect(io.BytesIO(json.dumps(config).encode())))
    assert "\x1b" not in text and "\\x1b[2Jgone" in text
