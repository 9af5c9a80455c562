"""The files that real Keras wrote of the models in scripts/golden/model_set (by scripts/golden/saving_files.py)."""

import functools
import io
import json
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np

import keras_torch as keras
from keras_torch import config

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
sys.path.insert(0, str(ROOT / "scripts" / "golden"))

import model_set  # noqa: E402

TABLE = model_set.table()
# The version of Keras, and the dialect whose spelling the models are built in.
VERSIONS = {"2.15": ("2.15.0", "tf"), "3.15": ("3.15.1", "3")}
STEPS = 10
ENDINGS = {"h5": "h5", "keras": "keras", "weights.h5": "weights.h5", "weights": "old.h5"}


def cases(*kinds):
    """Return (version, name, kind) of every file of these formats."""
    return [
        (version, name, kind)
        for version in VERSIONS
        for name, entry in TABLE.items()
        if version in entry.keras
        for kind in entry.written(version)
        if kind in kinds
    ]


@functools.cache
def _archive(version, kind):
    name = f"saved_keras{VERSIONS[version][0]}_{ENDINGS[kind].replace('.', '_')}.zip"
    with zipfile.ZipFile(GOLDEN / name) as files:
        return {member: files.read(member) for member in files.namelist()}


@functools.cache
def _results(version):
    found = {}
    with np.load(GOLDEN / f"saved_keras{VERSIONS[version][0]}.npz") as stored:
        for key in stored.files:
            name, _, kind = key.rpartition("/")
            array = stored[key]
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ValueError(f"{key} of Keras {version} has numbers that are not finite: they show nothing")
            found.setdefault(name, {})[kind] = array
    return found


def content(version, name, kind):
    """Return the bytes of a file."""
    return _archive(version, kind)[f"{name}.{ENDINGS[kind]}"]


def exists(version, name, kind):
    """Return whether Keras wrote such a file."""
    return name in TABLE and kind in TABLE[name].written(version) and version in TABLE[name].keras


def remembered(version, name, with_losses):
    """Return what the model did in Keras that wrote the files: outputs, and `losses` by `names` of ten steps."""
    kept = ("losses", "names") if with_losses else ()
    return {key: value for key, value in _results(version)[name].items() if key.startswith("output") or key in kept}


def write(version, name, kind, folder):
    """Write a file to a folder and return its path."""
    path = folder / f"{name}.{ENDINGS[kind]}"
    path.write_bytes(content(version, name, kind))
    return path


def outputs(version, name):
    """Return the predictions of real Keras."""
    found = _results(version)[name]
    return [found[f"output{index}"] for index in range(len(found)) if f"output{index}" in found]


def losses(version, name, kind=None):
    """Return losses and metrics of ten further steps by name, or None if the model is not compiled.

    With a format: of the model that Keras itself read back, which in some files is another one.
    """
    found = _results(version)[name]
    if "losses" not in found:
        return None
    return dict(zip(found["names"].tolist(), found.get(f"losses-{kind}", found["losses"]), strict=True))


@functools.cache
def data(version, name):
    """Return inputs, targets, and what the custom classes are; building is the only way to them."""
    entry = TABLE[name]
    with config.dialect_scope(VERSIONS[version][1]):
        _, inputs, targets = entry.build(keras, version)
    if targets is None and losses(version, name) is not None:
        targets = model_set.targets_like(outputs(version, name))
    return inputs, targets, entry.objects(keras) if entry.objects else None


def built(version, name, train=True):
    """Return our own model of an entry."""
    entry = TABLE[name]
    with config.dialect_scope(VERSIONS[version][1]):
        return entry.make(keras, version)[0] if train else entry.build(keras, version)[0]


def listing(stored):
    """Return the names and shapes of what stands in a file, as `path: description`."""
    if stored[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(stored)) as files:
            found = {member: "" for member in files.namelist()}
            inner = listing(files.read("model.weights.h5"))
        return found | {f"model.weights.h5/{key}": value for key, value in inner.items()}
    found = {}

    def note(path, item):
        found[path] = f"{item.dtype} {item.shape}" if isinstance(item, h5py.Dataset) else "group"
        for key, value in item.attrs.items():
            shown = (
                json.dumps([_text(part) for part in value]) if key.endswith("_names") else type(_text(value)).__name__
            )
            found[f"{path}@{key}"] = shown

    with h5py.File(io.BytesIO(stored), "r") as file:
        note("", file)
        file.visititems(note)
    return found


def arrays(stored):
    """Return the arrays of a file in today's layout under all their names, as `path: description`."""
    if stored[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(stored)) as files:
            stored = files.read("model.weights.h5")
    found = {}

    def note(group, path):
        for key, item in group.items():
            if isinstance(item, h5py.Dataset):
                found[f"{path}{key}"] = f"{item.dtype} {item.shape}"
            else:
                note(item, f"{path}{key}/")

    with h5py.File(io.BytesIO(stored), "r") as file:
        note(file, "")
    return found


def in_order(stored):
    """Return, of a file in the old layout, each layer's and the optimizer's weights in their order.

    As (last part of the name, dtype, shape): Keras 2 names weights of inner layers by the scope they were made in.
    """
    with h5py.File(io.BytesIO(stored), "r") as file:
        weights = file.get("model_weights", file)
        groups = {_text(name): weights[_text(name)] for name in weights.attrs["layer_names"]}
        if "optimizer_weights" in file:
            groups["optimizer"] = file["optimizer_weights"]
        return {
            name: [
                (_text(path).rpartition("/")[2], str(group[path].dtype), group[path].shape)
                for path in group.attrs["weight_names"]
            ]
            for name, group in groups.items()
        }


def _text(value):
    return value.decode() if isinstance(value, bytes) else value if isinstance(value, str) else value.tolist()
