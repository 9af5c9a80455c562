"""HDF5 features that reach out of the file or blow up memory: refused by every way of reading, before any harm."""

import os

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

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


def test_external_link_to_an_array(honest, secret, load):
    replace(honest, lambda file: file.__setitem__(KERNEL, h5py.ExternalLink(str(secret), "/kernel")))
    refused(load, honest, "a link to another file")


def test_external_link_in_place_of_a_layers_group(honest, secret, load):
    with h5py.File(honest, "r+") as file:
        del file["model_weights/first"]
        file["model_weights/first"] = h5py.ExternalLink(str(secret), "/")
    refused(load, honest, "a link to another file")


def test_soft_link(honest, load):
    replace(honest, lambda file: file.__setitem__(KERNEL, h5py.SoftLink("/model_weights/second/second/kernel:0")))
    refused(load, honest, "a soft link")


def test_soft_link_to_an_external_link(honest, secret, load):
    def make(file):
        file["outside"] = h5py.ExternalLink(str(secret), "/")
        file[KERNEL] = h5py.SoftLink("/outside/kernel")

    replace(honest, make)
    refused(load, honest, "a soft link")


def test_virtual_dataset(honest, secret, load):
    def make(file):
        layout = h5py.VirtualLayout((3, 4), "float32")
        layout[:] = h5py.VirtualSource(str(secret), "kernel", (3, 4))
        file.create_virtual_dataset(KERNEL, layout)

    replace(honest, make)
    refused(load, honest, "virtual dataset")


def test_external_storage(honest, secret, load):
    raw = os.path.splitext(secret)[0] + ".bin"
    replace(honest, lambda file: file.create_dataset(KERNEL, (3, 4), "float32", external=[(raw, 0, 48)]))
    refused(load, honest, "external storage")


def test_references(honest, load):
    def make(file):
        file.create_dataset(KERNEL, (3, 4), h5py.ref_dtype)

    replace(honest, make)
    refused(load, honest, "not numbers")


def test_variable_length_strings(honest, load):
    replace(honest, lambda file: file.create_dataset(KERNEL, (3, 4), h5py.string_dtype()))
    refused(load, honest, "not numbers")


def test_compound_types(honest, load):
    replace(honest, lambda file: file.create_dataset(KERNEL, (3, 4), [("a", "f4"), ("b", "f4")]))
    refused(load, honest, "not numbers")


def test_a_huge_array_that_is_not_in_the_file(honest, load):
    replace(honest, lambda file: file.create_dataset(KERNEL, (2**40, 4), "float32", chunks=(2**10, 4)))
    refused(load, honest, "declares")


def test_a_compression_bomb(honest, load):
    zeros = np.zeros((2**12, 2**12), "float32")
    replace(honest, lambda file: file.create_dataset(KERNEL, data=zeros, compression="gzip"))
    refused(load, honest, "compression of more than 100 to 1")


def test_an_unknown_filter(honest, load):
    def make(file):
        creation = h5p.create(h5p.DATASET_CREATE)
        creation.set_chunk((3, 4))
        creation.set_filter(32999, h5py.h5z.FLAG_OPTIONAL)
        file["model_weights/first/first"].require_group("x")
        group = file["model_weights/first/first"]
        h5d.create(group.id, b"kernel:0", h5t.NATIVE_FLOAT, h5s.create_simple((3, 4)), creation)

    replace(honest, make)
    refused(load, honest, "unknown compression filter 32999")


def test_a_committed_type_in_place_of_an_array(honest, load):
    replace(honest, lambda file: file.__setitem__(KERNEL, np.dtype("float32")))
    refused(load, honest, "neither a group nor an array")


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


@pytest.mark.parametrize("part", [0.02, 0.3, 0.7, 0.99])
def test_truncated_files(honest, load, part):
    data = honest.read_bytes()
    honest.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(ValueError, match="model.h5") as caught:
        load(honest)
    assert isinstance(caught.value, OSError)


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
