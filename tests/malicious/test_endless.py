"""Files that lead to endlessly many entries, or to more numbers than they hold, end in an error."""

import zipfile

import h5py
import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch.saving import hdf5, torch_files

from . import watching
from .conftest import build


def shared_dicts():
    """Dicts that are each the eight values of the next one."""
    found = {"w": torch.zeros(1)}
    for _ in range(18):
        found = {str(key): found for key in range(8)}
    return found


STATES = {
    "shared dicts": (shared_dicts, "more than 1000 entries"),
    "an expanded tensor": (lambda: {"w": torch.zeros(1).expand(10**5, 10**5)}, "of which 4 are there"),
    "no numbers": (lambda: {"w": torch.empty(10**5, 10**5, device="meta")}, "but no numbers"),
    "a sparse tensor": (
        lambda: {"w": torch.sparse_coo_tensor(torch.zeros(2, 0).long(), torch.zeros(0), (10**6, 10**6))},
        "plain tensors are read",
    ),
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
def test_state_dicts_that_stand_for_more_than_they_hold(name, tmp_path, monkeypatch):
    make, reason = STATES[name]
    monkeypatch.setattr(torch_files, "_MAX_ENTRIES", 1000)
    torch.save(make(), tmp_path / "x.pt")
    error = watching.attempt(lambda: torch_files.read_state_dict(tmp_path / "x.pt"), tmp_path)
    assert isinstance(error, ValueError) and reason in str(error)


def test_a_state_dict_that_grows_when_it_is_unpacked(tmp_path):
    torch.save({"w": torch.zeros(2**19)}, tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt") as stored, zipfile.ZipFile(tmp_path / "y.pt", "w", 8, True, 9) as packed:
        for name in stored.namelist():
            packed.writestr(name, stored.read(name))
    with open(tmp_path / "y.pt", "rb") as file:
        for source in (tmp_path / "y.pt", file):
            with pytest.raises(ValueError, match="compression of more than 100 to 1"):
                torch_files.read_state_dict(source)


def test_a_state_dict_in_an_open_file_is_read_from_where_it_stands(tmp_path):
    torch.save({"w": torch.ones(2)}, tmp_path / "x.pt")
    with open(tmp_path / "x.pt", "rb") as file:
        assert torch_files.read_state_dict(file)["w"].tolist() == [1.0, 1.0]


def test_ngrams_of_any_width_are_those_that_a_row_has():
    layer = keras.layers.TextVectorization(ngrams=10**12, vocabulary=["a", "a b"], output_mode="count")
    assert layer(np.array(["a b a"])).tolist() == [[3.0, 2.0, 1.0]]


def test_groups_that_lie_in_two_others_each(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "MAX_ENTRIES", 500)
    path = tmp_path / "x.weights.h5"
    model = build()
    model.save_weights(path)
    inspected = keras.saving.inspect(path)
    with h5py.File(path, "r+") as file:
        group = file["layers/dense"]
        for _ in range(40):
            group["b"] = inner = group.create_group("a")
            group = inner
    # To `inspect` each group is there once.
    found = watching.attempt(lambda: keras.saving.inspect(path), tmp_path)
    assert [row.path for row in found.weights] == [row.path for row in inspected.weights]
    error = watching.attempt(lambda: keras.saving.KerasFileEditor(path), tmp_path)
    assert isinstance(error, ValueError) and "can be reached" in str(error)
    assert watching.attempt(lambda: model.load_weights(path), tmp_path) is None


def test_the_layout_is_told_soon_where_groups_lie_in_many_others(tmp_path):
    with h5py.File(tmp_path / "x.weights.h5", "w") as file:
        group = file
        for _ in range(5):
            inner = group.create_group("g0")
            for number in range(1, 20):
                group[f"g{number}"] = inner
            group = inner
    model = build()
    with pytest.raises(ValueError, match="no Keras weights"):
        model.load_weights(tmp_path / "x.weights.h5")


def test_numbers_in_the_order_of_bytes_of_other_machines_and_odd_numerals(tmp_path):
    model = build()
    path = tmp_path / "x.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "r+") as file:
        kernel = file["layers/dense/vars/0"][()]
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = (kernel + 1).astype(">f4")
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[0], kernel + 1)
    with h5py.File(path, "r+") as file:
        file["layers/dense/vars/\u00b2"] = np.zeros(2)
    with pytest.raises(ValueError, match="holds 3 arrays"):
        model.load_weights(path)
