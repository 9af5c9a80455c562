"""Hostile compile arguments in files: the model comes whole, uncompiled where they ask for what no file may."""

import json
import zipfile

import h5py
import numpy as np
import pytest

import keras_torch as keras

from . import hostile_compiles, watching
from .conftest import build


def change_h5(path, change):
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["training_config"])
        change = {"optimizer_config" if key == "optimizer" else key: value for key, value in change.items()}
        file.attrs["training_config"] = json.dumps({**config, **change})


def change_keras(path, change):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["compile_config"] |= change
    members["config.json"] = json.dumps(config)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.fixture(scope="module")
def compiled():
    model = build()
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    return model


@pytest.mark.parametrize(("name", "change"), [("m.h5", change_h5), ("m.keras", change_keras)])
def test_hostile_compile_arguments_do_nothing_but_leave_the_model_uncompiled(tmp_path, compiled, name, change):
    path = tmp_path / name
    compiled.save(path)
    content = path.read_bytes()
    made = []
    for cases, refused in ((hostile_compiles.REFUSED, True), (hostile_compiles.ODD, False)):
        for label, arguments in cases.items():
            path.write_bytes(content)
            change(path, arguments)
            model = watching.attempt(lambda: keras.models.load_model(path), tmp_path)
            assert isinstance(model, keras.Model), (label, model)
            for array, other in zip(compiled.get_weights(), model.get_weights(), strict=True):
                np.testing.assert_array_equal(array, other)
            if refused and getattr(model, "optimizer", None) is not None:
                made.append(label)
    assert not made
