"""Arrays that go between files and models in blocks, past the HDF5 library, and weights that get no first values."""

import os

import h5py
import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch.engine import initial_values
from keras_torch.errors import ConfigError
from keras_torch.saving import hdf5, raw_arrays
from keras_torch.saving.files import DamagedFileError

SHAPES = [((700, 1100), (1, 0)), ((700, 1100), (0, 1)), ((300, 200, 3, 3), (2, 3, 1, 0)), ((5, 400, 300), (1, 2, 0))]


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks so small that every array has many, with threads to read them."""
    monkeypatch.setattr(raw_arrays, "_BLOCK_BYTES", 2**14)
    monkeypatch.setattr(raw_arrays.os, "cpu_count", lambda: 3)


@pytest.mark.parametrize(("stored", "axes"), SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int16])
def test_blocks_of_any_order_of_axes_are_written_and_read(tmp_path, small_blocks, stored, axes, dtype):
    tensor = (torch.rand(stored) * 1000).to(dtype).permute(axes)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        hdf5.write_array(file, "a/b", tensor)
        assert file["a/b"].id.get_offset() is not None
    with h5py.File(tmp_path / "x.h5", "r") as file:
        np.testing.assert_array_equal(file["a/b"][()], tensor.numpy())
    room = torch.zeros(stored, dtype=dtype).permute(axes)
    other = torch.zeros(tuple(tensor.shape), dtype=torch.float32)
    with hdf5.reading(tmp_path / "x.h5") as group:
        assert group.dataset("a/b").is_plain()
        group.dataset("a/b").read_into(room)
        group.dataset("a/b").read_into(other)
    assert torch.equal(room, tensor) and torch.equal(other, tensor.float())


def test_a_strided_vector_and_a_wide_matrix_are_written(tmp_path):
    tensors = {"vector": torch.rand(60_000)[::2], "wide": torch.rand(9_000, 70).T, "plain": torch.rand(300, 200)}
    with hdf5.writing(tmp_path / "x.h5") as group:
        for name, tensor in tensors.items():
            hdf5.write_array(group, name, tensor)
    with h5py.File(tmp_path / "x.h5", "r") as file:
        for name, tensor in tensors.items():
            np.testing.assert_array_equal(file[name][()], tensor.numpy())


def test_of_arrays_that_are_read_together_the_one_that_fails_is_named(tmp_path, small_blocks, monkeypatch):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name in "abcd":
            hdf5.write_array(file, name, torch.rand(200, 200))
        starts = {name: file[name].id.get_offset() for name in "abcd"}
    preadv = os.preadv

    def failing(descriptor, buffers, at):
        return 0 if starts["c"] <= at < starts["c"] + 160_000 else preadv(descriptor, buffers, at)

    monkeypatch.setattr(raw_arrays.os, "preadv", failing)
    named = pytest.raises(DamagedFileError, match=r"x\.h5: /c: the array")
    with hdf5.reading(tmp_path / "x.h5") as group, named, raw_arrays.Transfers():
        for name in "abcd":
            group.dataset(name).read_into(torch.zeros(200, 200).T)


def test_arrays_of_other_kinds_are_read_by_the_library(tmp_path):
    values = np.arange(12.0).reshape(3, 4)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["big_endian"] = values.astype(">f4")
        file["bool"] = values > 3
        file.create_dataset("chunked", data=values, chunks=(1, 4))
        file["plain"] = values
    with hdf5.reading(tmp_path / "x.h5") as group:
        assert [name for name in group.names() if group.dataset(name).is_plain()] == ["plain"]
    with (tmp_path / "x.h5").open("rb") as file, hdf5.reading(file) as group:
        assert group.dataset("plain").is_plain()
    with h5py.File(tmp_path / "block.h5", "w", userblock_size=512) as file:
        file["plain"] = values
    with hdf5.reading(tmp_path / "block.h5") as group:
        assert not group.dataset("plain").is_plain()


@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
def test_large_models_come_back_as_they_were(tmp_path, small_blocks, name):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 64)),
            layers.Conv2D(130, 3),
            layers.Conv2DTranspose(128, 2),
            layers.GlobalAveragePooling2D(),
            layers.Reshape((2, 64)),
            layers.GRU(200),
            layers.Dense(600),
        ]
    )
    model.save(tmp_path / name)
    found = keras.models.load_model(tmp_path / name, compile=False)
    other = keras.models.clone_model(model)
    other.load_weights(tmp_path / name)
    for copy in (found, other):
        for a, b in zip(model.get_weights(), copy.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_file_that_ends_within_an_array_changes_nothing(tmp_path):
    model = keras.Sequential(
        [keras.Input((400,)), keras.layers.Dense(400, name="a"), keras.layers.Dense(400, name="b")]
    )
    model.save_weights(tmp_path / "w.h5")
    other = keras.models.clone_model(model)
    before = other.get_weights()
    with h5py.File(tmp_path / "w.h5", "r") as file:
        end = max(file[f"{n}/{n}/kernel:0"].id.get_offset() for n in "ab") + 400 * 200 * 4
    data = (tmp_path / "w.h5").read_bytes()[:end]
    (tmp_path / "w.h5").write_bytes(data)
    with pytest.raises(OSError, match=r"w\.h5"):
        other.load_weights(tmp_path / "w.h5")
    assert all((a == b).all() for a, b in zip(before, other.get_weights(), strict=True))


def test_weights_that_the_file_does_not_hold_are_initialized():
    with initial_values.unfilled() as waiting:
        dense = keras.layers.Dense(3, bias_initializer="ones", kernel_initializer=keras.initializers.Constant(2))
        dense.build((None, 4))
        norm = keras.layers.BatchNormalization()
        norm.build((None, 4))
        norm.gamma.assign(np.full(4, 7.0))
        dense.kernel.assign(np.full((4, 3), 5.0))
        waiting.fill([norm.beta])
    assert (dense.bias.numpy() == 1).all() and (norm.moving_variance.numpy() == 1).all()
    assert (norm.gamma.numpy() == 7).all() and (dense.kernel.numpy() == 5).all()


def test_no_random_numbers_are_drawn_for_weights_of_a_file(tmp_path, monkeypatch):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save(tmp_path / "m.h5")
    state = torch.get_rng_state()
    keras.models.load_model(tmp_path / "m.h5", compile=False)
    assert torch.equal(state, torch.get_rng_state())


def test_large_weights_without_values_are_aligned_as_those_of_torch():
    for dtype in (torch.float32, torch.bfloat16, torch.int8):
        room = initial_values.room_for((1025, 4097), dtype)
        assert room.shape == (1025, 4097) and room.dtype == dtype and room.data_ptr() % 64 == 0 and room.is_contiguous()


def test_a_weight_that_no_memory_can_hold_is_refused_with_its_size():
    with pytest.raises(ConfigError, match=r"'kernel' of layer 'huge' would take \d+\.\d GiB"):
        keras.layers.Dense(10**12, name="huge").build((None, 4))
