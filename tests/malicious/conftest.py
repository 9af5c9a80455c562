"""Files that try to do harm, made from an honest one, and every way of reading a file."""

import json

import h5py
import numpy as np
import pytest

import keras_torch as keras


def build():
    return keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, name="first"), keras.layers.Dense(2, name="second")], name="model"
    )


@pytest.fixture
def honest(tmp_path):
    """Path of a good whole-model file."""
    build().save(tmp_path / "model.h5")
    return tmp_path / "model.h5"


@pytest.fixture
def secret(tmp_path):
    """Another file of the user's, with an array of the right shape."""
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel"] = np.full((3, 4), 42.0, "float32")
    np.full((3, 4), 42.0, "float32").tofile(tmp_path / "secret.bin")
    return tmp_path / "secret.h5"


def by_load_model(path):
    return keras.saving.load_model(path, compile=False)


def by_load_weights(path, **options):
    model = build()
    before = [array.copy() for array in model.get_weights()]
    try:
        model.load_weights(path, **options)
    except Exception:
        unchanged = all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
        assert unchanged, "the model changed although loading failed"
        raise
    return model


def by_load_weights_by_name(path):
    return by_load_weights(path, by_name=True)


def by_convert(path):
    target = path.with_name("converted.h5")
    keras.saving.convert(path, target)
    return keras.saving.load_model(target, compile=False)


@pytest.fixture(params=[by_load_model, by_load_weights, by_load_weights_by_name, by_convert])
def load(request):
    return request.param


def change_config(path, change):
    """Rewrite the model config of a file: `change` gets the parsed config."""
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        changed = change(config)
        file.attrs["model_config"] = json.dumps(config if changed is None else changed)
