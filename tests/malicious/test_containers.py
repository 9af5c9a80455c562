"""HDF5 features that reach out of the file or blow up memory: refused by every way of reading every container."""

import os
import re

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

import keras_torch as keras

from . import containers, watching
from .conftest import build


def external_link(file, kernel, secret):
    file[kernel] = h5py.ExternalLink(str(secret), "/kernel")


def link_in_place_of_a_group(file, kernel, secret):
    group = kernel.rsplit("/", 1)[0]
    del file[group]
    file[group] = h5py.ExternalLink(str(secret), "/")


def soft_link(file, kernel, secret):
    file["elsewhere"] = np.ones((3, 4), "float32")
    file[kernel] = h5py.SoftLink("/elsewhere")


def soft_link_to_an_external_link(file, kernel, secret):
    file["outside"] = h5py.ExternalLink(str(secret), "/")
    file[kernel] = h5py.SoftLink("/outside/kernel")


def virtual_dataset(file, kernel, secret):
    layout = h5py.VirtualLayout((3, 4), "float32")
    layout[:] = h5py.VirtualSource(str(secret), "kernel", (3, 4))
    file.create_virtual_dataset(kernel, layout)


def external_storage(file, kernel, secret):
    raw = os.path.splitext(secret)[0] + ".bin"
    file.create_dataset(kernel, (3, 4), "float32", external=[(raw, 0, 48)])


def references(file, kernel, secret):
    file.create_dataset(kernel, (3, 4), h5py.ref_dtype)


def variable_length_strings(file, kernel, secret):
    file.create_dataset(kernel, (3, 4), h5py.string_dtype())


def variable_length_numbers(file, kernel, secret):
    file.create_dataset(kernel, (3, 4), h5py.vlen_dtype("float32"))


def compound_types(file, kernel, secret):
    file.create_dataset(kernel, (3, 4), [("a", "f4"), ("b", "f4")])


def a_huge_array_that_is_not_in_the_file(file, kernel, secret):
    file.create_dataset(kernel, (2**40, 4), "float32", chunks=(2**10, 4))


def a_compression_bomb(file, kernel, secret):
    file.create_dataset(kernel, data=np.zeros((2**11, 2**10), "float32"), compression="gzip")


def an_unknown_filter(file, kernel, secret):
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_chunk((3, 4))
    creation.set_filter(32999, h5py.h5z.FLAG_OPTIONAL)
    group, name = kernel.rsplit("/", 1)
    h5d.create(file[group].id, name.encode(), h5t.NATIVE_FLOAT, h5s.create_simple((3, 4)), creation)


def a_committed_type(file, kernel, secret):
    file[kernel] = np.dtype("float32")


TRICKS = {
    external_link: "a link to another file",
    link_in_place_of_a_group: "a link to another file",
    soft_link: "a soft link",
    soft_link_to_an_external_link: "a soft link|a link to another file",
    virtual_dataset: "virtual dataset",
    external_storage: "external storage",
    references: "not numbers",
    variable_length_strings: "not numbers",
    variable_length_numbers: "not numbers",
    compound_types: "not numbers",
    a_huge_array_that_is_not_in_the_file: "declares",
    a_compression_bomb: "compression of more than 100 to 1",
    an_unknown_filter: "unknown compression filter 32999",
    a_committed_type: "neither a group nor an array",
}


@pytest.mark.parametrize("kind", containers.KINDS)
@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.__name__)
def test_tricks_are_refused_by_every_way_of_reading(tmp_path, secret, kind, trick):
    inside = tmp_path / "inside"
    inside.mkdir()
    make, name = containers.KINDS[kind]
    model = build()
    container = make(inside / name, model)
    container.replace(lambda file, kernel: trick(file, kernel, secret))
    before = [array.tobytes() for array in model.get_weights()]
    for way in containers.WAYS[kind]:
        error = watching.attempt(lambda way=way: way(container.path, model), inside)
        assert isinstance(error, ValueError), f"{way.__name__} accepts it"
        assert re.search(TRICKS[trick], str(error)), error
        assert str(inside) in str(error)
        assert [array.tobytes() for array in model.get_weights()] == before
    watching.attempt(lambda: str(keras.saving.inspect(container.path)), inside)


@pytest.mark.parametrize("kind", containers.KINDS)
def test_groups_in_a_circle_end(tmp_path, kind):
    make, name = containers.KINDS[kind]
    container = make(tmp_path / name, build())

    def change(file):
        group = file[container.kernel].parent
        group["loop"] = group
        group.parent["loop"] = file["/"]

    container.edit(change)
    for way in containers.WAYS[kind]:
        result = watching.attempt(lambda way=way: way(container.path, build()), tmp_path)
        assert way is not containers.edit or "circle" in str(result)


@pytest.mark.parametrize("kind", ["h5", "keras", "weights.h5"])
def test_files_cut_short_are_an_error(tmp_path, kind):
    make, name = containers.KINDS[kind]
    model = build()
    container = make(tmp_path / name, model)
    content = container.path.read_bytes()
    before = [array.tobytes() for array in model.get_weights()]
    for end in np.linspace(0, len(content) - 1, 50).astype(int):
        container.path.write_bytes(content[:end])
        for way in containers.WAYS[kind]:
            error = watching.attempt(lambda way=way: way(container.path, model), tmp_path)
            assert isinstance(error, ValueError) and str(container.path) in str(error)
            assert [array.tobytes() for array in model.get_weights()] == before
        watching.attempt(lambda: str(keras.saving.inspect(container.path)), tmp_path)


def test_texts_cut_short_are_an_error():
    text = build().to_json()
    for end in np.linspace(0, len(text) - 1, 50).astype(int):
        error = watching.attempt(lambda end=end: keras.models.model_from_json(text[:end]))
        assert isinstance(error, ValueError)
    text = build().to_yaml()
    # The last line may go without harm.
    for end in np.linspace(0, len(text) // 2, 50).astype(int):
        watching.attempt(lambda end=end: keras.models.model_from_yaml(text[:end]))
