"""Small valid files of every kind, to be damaged, and the ways in which each is read."""

import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import torch

import keras_torch as keras

from . import mutations

layers = keras.layers
GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def sequential():
    """A compiled stack, with optimizer state."""
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(2),
        ],
        name="stack",
    )
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    return model


def functional():
    """Two inputs and outputs, a nested model that is used twice, recurrent and convolutional layers."""
    image, words = keras.Input((4, 4, 1), name="a"), keras.Input((5,), dtype="int32", name="b")
    x = layers.Flatten()(layers.MaxPooling2D()(layers.Conv2D(2, 3, padding="same")(image)))
    y = layers.Bidirectional(layers.LSTM(2))(layers.Embedding(7, 3)(words))
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4)], name="inner")
    y = inner(inner(y))
    model = keras.Model([image, words], [layers.Dense(1)(layers.Concatenate()([x, y])), y], name="graph")
    model.compile("sgd", ["mse", None])
    return model


def make(folder):
    """Return `(kind, content, model, is it a whole model)` of every file."""
    torch.manual_seed(0)
    found = []
    for build in (sequential, functional):
        model = build()
        found.append(("json", model.to_json(), model, True))
        found.append(("yaml", model.to_yaml(), model, True))
        for kind, save, whole in (
            ("h5", model.save, True),
            ("h5", model.save_weights, False),
            ("keras", model.save, True),
            ("weights.h5", model.save_weights, False),
        ):
            path = folder / f"{model.name}.{kind}"
            save(path)
            found.append((kind, path.read_bytes(), model, whole))
    return found + of_tensorflow(folder)


def of_tensorflow(folder):
    """Return the same of SavedModels and checkpoints that tf.keras wrote; the content is a zip of their files."""
    found = []
    with zipfile.ZipFile(GOLDEN / "saved_models_keras2150.zip") as archive:
        for name in ("texts", "small-nested"):
            members = {member: archive.read(member) for member in archive.namelist() if member.startswith(name)}
            inside = {member: content for member, content in members.items() if "/" in member}
            beside = {member: content for member, content in members.items() if member.startswith(f"{name}.ckpt.")}
            unpack(mutations.honest_zip(inside), folder / "honest")
            model = keras.models.load_model(folder / "honest" / name)
            found.append(("saved_model", mutations.honest_zip(inside), model, True))
            found.append(("ckpt", mutations.honest_zip(beside), model, False))
    return found


def unpack(content, path):
    """Write the files in a zip to a new folder."""
    shutil.rmtree(path, ignore_errors=True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(path)
        return next(name for name in archive.namelist())


def ways(kind, whole, content, path, model):
    """Return the ways of reading a file, by name; those that need a path find the content at `path`."""
    if kind == "json":
        return {"model_from_json": lambda: keras.models.model_from_json(content)}
    if kind == "yaml":
        return {"model_from_yaml": lambda: keras.models.model_from_yaml(content)}
    if kind in ("saved_model", "ckpt"):
        name = unpack(content, path)
        path = path / name.partition("/" if kind == "saved_model" else ".ckpt.")[0]
        path = path if kind == "saved_model" else path.with_name(f"{path.name}.ckpt")
    else:
        path.write_bytes(content)
    found = {"load_weights": lambda: model.load_weights(path)}
    if whole:
        found["load_model"] = lambda: keras.models.load_model(path)
        found["inspect"] = lambda: keras.saving.inspect(path)
    if kind == "h5":
        found["load_weights by name"] = lambda: model.load_weights(path, by_name=True, skip_mismatch=True)
    return found
