"""Structure that the older layout of HDF5 files does not have: refused by every way of reading."""

import h5py
import numpy as np
import pytest

import keras_torch as keras
from keras_torch.saving import hdf5

KERNEL = "model_weights/first/first/kernel:0"


def replace(path, make):
    """Put something else in the place of the first kernel."""
    with h5py.File(path, "r+") as file:
        del file[KERNEL]
        make(file)


def refused(load, path, match):
    with pytest.raises(ValueError, match=match) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_group_in_place_of_an_array(honest, load):
    replace(honest, lambda file: file.create_group(KERNEL))
    refused(load, honest, "is no array")


def test_a_missing_array(honest, load):
    replace(honest, lambda file: None)
    refused(load, honest, "does not exist")


def test_groups_in_a_circle(honest, load):
    with h5py.File(honest, "r+") as file:
        group = file["model_weights/first"]
        group["loop"] = group
        group.attrs["weight_names"] = ["loop/loop/first/kernel:0", "first/bias:0"]
    refused(load, honest, "circle")


@pytest.mark.parametrize("name", ["../second/second/kernel:0", "./first/kernel:0", "/".join("a" * 100), ""])
def test_odd_names(honest, load, name):
    with h5py.File(honest, "r+") as file:
        file["model_weights/first"].attrs["weight_names"] = [name, "first/bias:0"]
    with pytest.raises(ValueError, match="not a valid place|does not exist"):
        load(honest)


def test_names_that_are_no_list_of_strings(honest, load):
    with h5py.File(honest, "r+") as file:
        file["model_weights"].attrs["layer_names"] = np.arange(5)
    refused(load, honest, "no list of names")


def test_attributes_that_refer_to_objects(honest, load):
    with h5py.File(honest, "r+") as file:
        file["model_weights"].attrs["layer_names"] = file["model_weights"].ref
    refused(load, honest, "refused")


def test_names_that_are_no_text(honest, load):
    with h5py.File(honest, "r+") as file:
        file["model_weights"].attrs["layer_names"] = np.array([b"\xff\xfe", b"second"])
    refused(load, honest, "cannot be read")


def test_flipped_bytes_never_crash_the_reader(honest, load):
    data = honest.read_bytes()
    random = np.random.RandomState(0)
    for _ in range(30):
        damaged = bytearray(data)
        for position in random.randint(8, len(data), 20):
            damaged[position] = random.randint(256)
        honest.write_bytes(damaged)
        try:
            load(honest)
        except (ValueError, TypeError) as error:
            assert str(error)


def test_many_weights_that_are_one_array_of_the_file_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "SMALL_BYTES", 0)
    monkeypatch.setattr(hdf5, "MAX_RATIO", 2)
    model = keras.Sequential([keras.Input((128,)), *(keras.layers.Dense(128, name=f"d{n}") for n in range(30))])
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file, h5py.File(tmp_path / "linked.h5", "w") as linked:
        linked.attrs.update(file.attrs)
        group = linked.create_group("model_weights")
        group.attrs.update(file["model_weights"].attrs)
        group["one"] = file["model_weights/d0/d0/kernel:0"][()]
        group["bias"] = np.zeros(128)
        for number in range(30):
            layer = group.create_group(f"d{number}")
            layer.attrs["weight_names"] = [b"kernel", b"bias"]
            layer["kernel"], layer["bias"] = group["one"], group["bias"]
    with pytest.raises(ValueError, match="the file with them has"):
        keras.models.load_model(tmp_path / "linked.h5")
