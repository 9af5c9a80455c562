"""The files of weights that Keras's authors offer: where they are, and where they lie once here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from keras_torch.saving import files, hdf5, legacy_h5
from keras_torch.utils import get_file

GOOGLE = "https://storage.googleapis.com/tensorflow/keras-applications/"
# What most files are called behind the network's name, with the classifier and without.
SUFFIXES = ("_weights_tf_dim_ordering_tf_kernels.h5", "_weights_tf_dim_ordering_tf_kernels_notop.h5")


class WeightFiles(NamedTuple):
    """A folder on the web and the hashes of its files, by name; or the whole address of one that has another name."""

    folder: str
    hashes: Mapping[str, str | None]
    url: str | None = None

    def fetch(self, name: str) -> str:
        """Return the path of a file here, downloading it the first time."""
        return fetch(name, self.url or self.folder + name, self.hashes.get(name))


def pairs(names: Mapping[str, tuple[str, str]], suffixes: tuple[str, str]) -> dict[str, str | None]:
    """File name -> hash, from a table of the hashes with the classifier and without."""
    return {name + suffix: hashes[n] for name, hashes in names.items() for n, suffix in enumerate(suffixes)}


def addresses(start: str) -> tuple[str, str]:
    """Return where the files of a network are on the web, with the classifier and without: constants of old modules."""
    return start + SUFFIXES[0], start + SUFFIXES[1]


def folder() -> Path:
    """Where Keras keeps weights: `$KERAS_HOME/models`, else `~/.keras/models`."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def members(path: str | os.PathLike[str]) -> list[str]:
    """Return the names under which an HDF5 file of weights holds its layers; none of a file of another format."""
    if not os.path.isfile(path) or files.kind(path) != "hdf5":
        return []
    with hdf5.reading(path) as root:
        return legacy_h5.weights_of(root).names()


def fetch(name: str, url: str, file_hash: str | None) -> str:
    """Return the path of a file in Keras's folder of models, downloading it the first time."""
    return get_file(name, url, cache_subdir="models", file_hash=file_hash)
