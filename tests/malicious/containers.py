"""Containers of weights that are opened up, changed by way of h5py and put together again."""

import io
import zipfile
from pathlib import Path

import h5py

import keras_torch as keras


class Container:
    """A file or folder with the weights of a model. `kernel`: the place of the first array in its HDF5 file."""

    kernel = "layers/dense/vars/0"

    def __init__(self, path, model):
        self.path = Path(path)
        self.write(model)

    def write(self, model):
        model.save(self.path)

    def edit(self, change):
        """Call `change` with the HDF5 file."""
        with h5py.File(self.path, "r+") as file:
            change(file)

    def replace(self, make):
        """Put something else in the place of the first kernel: `make` gets the file and the place."""

        def change(file):
            del file[self.kernel]
            make(file, self.kernel)

        self.edit(change)


class Legacy(Container):
    kernel = "model_weights/first/first/kernel:0"


class Weights(Container):
    def write(self, model):
        model.save_weights(self.path)


class Archive(Container):
    def edit(self, change):
        with zipfile.ZipFile(self.path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        buffer = io.BytesIO(members["model.weights.h5"])
        with h5py.File(buffer, "r+") as file:
            change(file)
        members["model.weights.h5"] = buffer.getvalue()
        with zipfile.ZipFile(self.path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)


class Folder(Container):
    def write(self, model):
        model.save(self.path, zipped=False)

    def edit(self, change):
        with h5py.File(self.path / "model.weights.h5", "r+") as file:
            change(file)


class Shards(Container):
    def write(self, model):
        model.save_weights(self.path, max_shard_size=1)

    def edit(self, change):
        with h5py.File(str(self.path).replace(".weights.json", "_00000.weights.h5"), "r+") as file:
            change(file)


KINDS = {
    "h5": (Legacy, "m.h5"),
    "keras": (Archive, "m.keras"),
    "weights.h5": (Weights, "m.weights.h5"),
    "folder": (Folder, "m"),
    "shards": (Shards, "m.weights.json"),
}


def load_model(path, model):
    return keras.saving.load_model(path)


def load_weights(path, model):
    model.load_weights(path)


def load_weights_by_name(path, model):
    model.load_weights(path, by_name=True)


def convert(path, model):
    keras.saving.convert(path, Path(path).with_name("out.h5"))


def edit(path, model):
    keras.saving.KerasFileEditor(path)


# Every way of reading each kind; `inspect`, which lists files and builds nothing, is not among them.
WAYS = {
    "h5": (load_model, load_weights, load_weights_by_name, convert),
    "keras": (load_model, load_weights, convert, edit),
    "weights.h5": (load_weights, edit),
    "folder": (load_model, load_weights, edit),
    "shards": (load_weights,),
}
