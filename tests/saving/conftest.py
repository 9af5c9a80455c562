"""The small models of `scripts/golden/saving_models.py`, and the files that real Keras wrote of them."""

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import keras_torch as keras

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts" / "golden"), str(Path(__file__).parent)]

import saving_models  # noqa: E402

VERSIONS = ("1.2.2", "2.2.4", "2.15.0", "3.15.1")


def archive(version):
    return zipfile.ZipFile(ROOT / "tests" / "golden" / f"saving_h5_keras{version}.zip")


def cases():
    """Return (version, name) of every model that real Keras saved."""
    for version in VERSIONS:
        with archive(version) as files:
            yield from ((version, name.removesuffix(".h5")) for name in files.namelist() if name.endswith(".h5"))


class Golden:
    """One model that real Keras saved: its file, inputs, targets, predictions and further losses."""

    def __init__(self, version, name, folder):
        with archive(version) as files:
            self.path = folder / f"{name}.h5"
            self.path.write_bytes(files.read(f"{name}.h5"))
            with np.load(io.BytesIO(files.read(f"{name}.npz"))) as stored:
                self.arrays = dict(stored)

    def all(self, kind):
        return [self.arrays[f"{kind}_{i}"] for i in range(9) if f"{kind}_{i}" in self.arrays]


@pytest.fixture(params=list(cases()), ids="-".join)
def golden(request, tmp_path):
    return Golden(*request.param, tmp_path)


@pytest.fixture(params=list(saving_models.BUILDERS))
def trained(request):
    """A model after three training steps, with its inputs and targets."""
    torch.manual_seed(0)
    model, inputs, targets = saving_models.BUILDERS[request.param](keras)
    saving_models.train(model, inputs, targets, 3)
    return model, inputs, targets


@pytest.fixture
def dense():
    """A small compiled model, without any training."""
    torch.manual_seed(1)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, name="first"), keras.layers.Dense(2, name="second")], name="dense"
    )
    model.compile("adam", "mse")
    return model
