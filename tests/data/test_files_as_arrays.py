"""Datasets of HDF5 files in place of arrays, arrays in files of their own, and H5Dict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import keras_torch as keras
from keras_torch.data.rows import read_rows
from keras_torch.layers import Dense, Input
from keras_torch.utils import H5Dict, HDF5Matrix, ask_to_proceed_with_overwrite, io_utils, load_array, save_array

X = np.random.RandomState(0).randn(50, 4).astype("float64")
Y = np.random.RandomState(1).randint(0, 3, 50)


@pytest.fixture
def path(tmp_path: Path) -> Any:
    file = tmp_path / "data.h5"
    with h5py.File(file, "w") as handle:
        handle["x"], handle["y"] = X, Y
    yield file
    for handle in HDF5Matrix.refs.values():
        handle.close()
    HDF5Matrix.refs.clear()


def _model() -> Any:
    keras.utils.set_random_seed(0)
    inputs = Input((4,))
    model = keras.Model(inputs, Dense(3, activation="softmax")(inputs))
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_a_matrix_is_indexed_like_an_array(path: Path) -> None:
    matrix = HDF5Matrix(path, "x", start=10, end=40)
    part = X[10:40]
    assert matrix.shape == (30, 4) and matrix.ndim == 2 and matrix.size == 120 and matrix.dtype == np.float64
    assert len(matrix) == len(matrix[0:]) == 30
    for key in (0, -1, slice(3, 9), slice(None, None, -7), slice(-4, None), [5, 2, 2], np.array([9, 1]), range(2, 5)):
        np.testing.assert_array_equal(matrix[key], part[key])
    np.testing.assert_array_equal(matrix[part[:, 0] > 0], part[part[:, 0] > 0])
    assert len(HDF5Matrix.refs) == 1


@pytest.mark.parametrize("key", [1000, slice(1000, 1001), [1000, 1001], range(1000, 1001), np.array([30]), -31])
def test_rows_beyond_the_end_are_refused(path: Path, key: Any) -> None:
    with pytest.raises(IndexError, match="has 30 rows"):
        HDF5Matrix(path, "x", 10, 40)[key]


def test_a_matrix_refuses_what_does_not_exist(path: Path) -> None:
    with pytest.raises(TypeError, match="Received: None"):
        HDF5Matrix(path, "x")[None]
    with pytest.raises(KeyError, match="'x', 'y'"):
        HDF5Matrix(path, "z")
    with pytest.raises(ValueError, match="end=60"):
        HDF5Matrix(path, "x", 0, 60)


def test_a_normalizer_may_change_shape_and_dtype(path: Path) -> None:
    matrix = HDF5Matrix(path, "x", normalizer=lambda rows: (rows[:, ::2] + 1).astype("float32"))
    assert matrix.shape == (50, 2) and matrix.dtype == np.float32
    np.testing.assert_allclose(matrix[3:5], X[3:5, ::2] + 1, rtol=1e-6)


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
def test_training_on_a_file_equals_training_on_its_arrays(path: Path, shuffle: Any) -> None:
    histories = []
    for x, y in [(X, Y), (HDF5Matrix(path, "x"), HDF5Matrix(path, "y"))]:
        model = _model()
        options = {"batch_size": 8, "epochs": 2, "shuffle": shuffle, "validation_split": 0.2, "verbose": 0}
        history = model.fit(x, y, class_weight={0: 1.0, 1: 2.0, 2: 3.0}, **options).history
        histories.append([*history.values(), model.evaluate(x, y, verbose=0), model.predict(x, verbose=0)])
    for ours, theirs in zip(*histories, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_h5py_datasets_are_taken_as_they_are(path: Path) -> None:
    model = _model()
    with h5py.File(path) as file:
        model.fit(file["x"], file["y"], verbose=0, validation_data=(file["x"], file["y"]))
        np.testing.assert_array_equal(model.predict(file["x"], verbose=0), model.predict(X, verbose=0))
        model.train_on_batch(file["x"], file["y"])


def test_rows_of_a_file_are_read_in_any_order_and_few_pieces() -> None:
    class Source:
        asked: list[Any] = []

        def __getitem__(self, key: Any) -> Any:
            self.asked.append(key)
            assert isinstance(key, slice) or (key == sorted(set(key)) and len(key) <= 1000)
            return np.arange(100_000)[key]

    source = Source()
    for count, size in ((30, 50), (2500, 100_000)):
        index = np.random.RandomState(0).randint(0, size, count)
        np.testing.assert_array_equal(read_rows(source, index), index)
    assert len(source.asked) == 4
    assert len(read_rows(source, np.array([], "int64"))) == 0


def test_labels_in_a_file_are_checked_before_the_first_step(path: Path) -> None:
    model = _model()
    matrix = HDF5Matrix(path, "y", normalizer=lambda rows: rows + 2)
    with pytest.raises(ValueError, match="from 2 to 4"):
        model.fit(X, matrix, verbose=0)


def test_arrays_are_saved_and_loaded(tmp_path: Path) -> None:
    save_array(X, tmp_path / "array.h5")
    np.testing.assert_array_equal(load_array(tmp_path / "array.h5"), X)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["weights"] = X
    with pytest.raises(ValueError, match="lacks the dataset 'data'"):
        load_array(tmp_path / "other.h5")


def test_the_question_is_asked_until_it_is_answered(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    answers = iter(["perhaps", " Y ", "n"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    assert ask_to_proceed_with_overwrite("model.h5") is True
    assert io_utils.ask_to_proceed_with_overwrite("model.h5") is False
    assert "overwrite=True" in capsys.readouterr().out


@pytest.mark.parametrize("in_memory", [False, True])
def test_an_h5dict_keeps_text_lists_arrays_and_groups(tmp_path: Path, in_memory: bool) -> None:
    target: Any = {} if in_memory else tmp_path / "dict.h5"
    names = [f"{number:03}" * 300 for number in range(200)]
    dictionary = H5Dict(target, mode="w")
    dictionary["text"], dictionary["bytes"], dictionary["array"] = "abcd", [b"ef", b"gh"], X
    inner = dictionary["group"]["deeper"]
    inner["scalar"], inner["names"] = np.float32(2.5), names
    dictionary.close()
    dictionary = H5Dict(target, mode="r")
    assert dictionary["text"] == "abcd" and dictionary["bytes"] == [b"ef", b"gh"]
    np.testing.assert_array_equal(dictionary["array"], X)
    assert "group" in dictionary and dictionary["group"]["deeper"]["scalar"] == 2.5
    assert dictionary["group"]["deeper"]["names"] == names
    assert dictionary.get("nothing", 7) == 7
    with pytest.raises(ValueError, match="reading only"):
        dictionary["new"] = 1
    with pytest.raises(ValueError, match="reading only"):
        dictionary["nothing"]
    dictionary.close()


def test_an_h5dict_writes_each_key_once(tmp_path: Path) -> None:
    dictionary = H5Dict(str(tmp_path / "dict.h5"), "w")
    dictionary["a"] = X
    with pytest.raises(KeyError, match="not overwritten"):
        dictionary["a"] = X
    dictionary.close()
    with pytest.raises(TypeError, match="path, an h5py.Group or a dict"):
        H5Dict(3)
