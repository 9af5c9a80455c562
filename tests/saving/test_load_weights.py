"""Matching weights: order, names, and errors that leave the model as it was."""

import json

import golden_files
import h5py
import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config


def model_of(*sizes, inputs=3, names=None):
    names = names or [f"layer_{i}" for i in range(len(sizes))]
    layers = [keras.layers.Dense(size, name=name) for size, name in zip(sizes, names, strict=True)]
    return keras.Sequential([keras.Input((inputs,)), *layers], name="model")


def weights_differ(model, before):
    return any((one != other).any() for one, other in zip(model.get_weights(), before, strict=True))


@pytest.fixture
def saved(tmp_path):
    model = model_of(4, 2)
    model.save_weights(tmp_path / "weights.h5")
    return model, tmp_path / "weights.h5"


def test_weights_load_in_order_whatever_the_names(saved):
    model, path = saved
    other = model_of(4, 2, names=["x", "y"])
    other.load_weights(path)
    assert not weights_differ(other, model.get_weights())


def test_weights_load_from_a_whole_model_file(saved, tmp_path):
    model, _ = saved
    model.save(tmp_path / "model.h5")
    other = model_of(4, 2)
    other.load_weights(tmp_path / "model.h5")
    assert not weights_differ(other, model.get_weights())


def test_a_wrong_shape_names_file_layer_weight_and_shapes_and_changes_nothing(saved):
    _, path = saved
    other = model_of(4, 3)
    before = [array.copy() for array in other.get_weights()]
    with pytest.raises(ValueError) as caught:
        other.load_weights(path)
    for part in (str(path), "'layer_1/kernel:0'", "'layer_1'", "has shape (4, 3)", "has shape (4, 2)"):
        assert part in str(caught.value)
    assert not weights_differ(other, before)


def test_a_wrong_number_of_layers_lists_both_sides(saved):
    _, path = saved
    other = model_of(4, 2, 1)
    before = [array.copy() for array in other.get_weights()]
    with pytest.raises(ValueError, match=r"2 layers into .* 3 layers.*\['layer_0', 'layer_1'\]"):
        other.load_weights(path)
    assert not weights_differ(other, before)


def test_a_wrong_number_of_weights_lists_both_sides(saved):
    _, path = saved
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, use_bias=False), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"expects 1 weights .* holds 2 arrays .*layer_0/bias:0"):
        other.load_weights(path)


def test_by_name_loads_the_layers_whose_names_agree(saved):
    model, path = saved
    other = model_of(5, 4, 2, inputs=6, names=["new", "other", "layer_1"])
    before = [array.copy() for array in other.get_weights()]
    other.load_weights(path, by_name=True)
    np.testing.assert_array_equal(other.get_weights()[4], model.get_weights()[2])
    np.testing.assert_array_equal(other.get_weights()[0], before[0])


def test_skip_mismatch_leaves_layers_that_do_not_fit_alone(saved):
    model, path = saved
    other = model_of(4, 3)
    before = [array.copy() for array in other.get_weights()]
    with pytest.warns(UserWarning, match="weights of layer 'layer_1' due to mismatch"):
        other.load_weights(path, by_name=True, skip_mismatch=True)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    np.testing.assert_array_equal(other.get_weights()[2], before[2])


def test_a_model_without_weights_cannot_load_or_save_any(saved, tmp_path):
    _, path = saved
    other = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="no weights yet"):
        other.load_weights(path)
    with pytest.raises(ValueError, match="no weights yet"):
        other.save_weights(tmp_path / "other.h5")


def test_a_subclassed_models_own_weights_are_saved_and_loaded(tmp_path):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)
            self.shift = self.add_weight(shape=(2,), initializer="random_normal", name="shift")

        def call(self, inputs):
            return self.dense(inputs) + self.shift

    one, other = Own(), Own()
    for model in (one, other):
        model(np.zeros((1, 3), "float32"))
    one.save_weights(tmp_path / "weights.h5")
    other.load_weights(tmp_path / "weights.h5")
    assert not weights_differ(other, one.get_weights())


def test_keras_zip_files_folders_and_other_files_are_told_apart(saved, tmp_path):
    model, _ = saved
    with pytest.raises(FileNotFoundError, match="no_such_file"):
        model.load_weights(tmp_path / "no_such_file.h5")
    with pytest.raises(OSError, match="is a folder"):
        keras.saving.load_model(tmp_path)
    (tmp_path / "zip").write_bytes(b"PK\x03\x04 and more")
    with pytest.raises(ValueError, match="zip archive"):
        keras.saving.load_model(tmp_path / "zip")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ValueError, match="not an HDF5 file"):
        model.load_weights(tmp_path / "text")
    with pytest.raises(TypeError, match="`filepath` must be"):
        keras.saving.load_model(3)
    with pytest.raises(ValueError, match="`save_format` must be"):
        model.save(tmp_path / "x", save_format="npz")


def test_a_file_of_weights_is_no_model(saved):
    _, path = saved
    with pytest.raises(ValueError, match="no model, only weights"):
        keras.saving.load_model(path)


def test_what_discretization_learnt_is_found_under_another_name(tmp_path):
    path = golden_files.write("2.15", "learnt-numbers", "h5", tmp_path)
    with config.dialect_scope("tf"):
        saved = keras.models.load_model(path, compile=False)
        described = json.loads(json.dumps(saved.get_config()).replace('"bins"', '"bins_1"'))
        next(item for item in described["layers"] if item["name"] == "bins_1")["config"]["bin_boundaries"] = None
        model = keras.Model.from_config(described)
        model.load_weights(path)
    assert model.get_layer("bins_1").bin_boundaries == saved.get_layer("bins").bin_boundaries


class Notes(keras.layers.Layer):
    """Keeps what it read in a dict and in an array, and takes no negative numbers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.notes, self.numbers = {"of": ["nothing"]}, np.zeros(2)

    def save_own_variables(self, store):
        store["numbers"] = self.numbers

    def load_own_variables(self, store):
        self.notes["of"].append("file")
        self.notes["read"] = True
        self.numbers[:] = store["numbers"]
        self.extra = 1
        if (self.numbers < 0).any():
            raise ValueError("negative")

    def call(self, inputs):
        return inputs


def test_layers_keep_what_they_had_if_a_later_one_is_damaged(tmp_path):
    first, second = Notes(name="first"), Notes(name="second")
    model = keras.Sequential([keras.Input((2,)), first, second])
    first.numbers[:], second.numbers[:] = 3.0, -1.0
    model.save_weights(tmp_path / "m.weights.h5")
    first.numbers[:], second.numbers[:] = 5.0, 6.0
    with pytest.raises(ValueError, match="negative"):
        model.load_weights(tmp_path / "m.weights.h5")
    for layer, number in ((first, 5.0), (second, 6.0)):
        assert layer.notes == {"of": ["nothing"]} and not hasattr(layer, "extra")
        np.testing.assert_array_equal(layer.numbers, number)


@pytest.mark.parametrize("suffix", ["weights.h5", "h5"])
def test_complex_numbers_for_real_weights_are_an_error(tmp_path, suffix):
    model = keras.Sequential([keras.Input((300,)), keras.layers.Dense(300), keras.layers.Dense(2)])
    model.save_weights(tmp_path / f"m.{suffix}")
    before = model.get_weights()
    with h5py.File(tmp_path / f"m.{suffix}", "r+") as file:
        large = []
        file.visititems(lambda name, item: large.append(name) if getattr(item, "shape", None) == (300, 300) else None)
        del file[large[0]]
        file[large[0]] = np.full((300, 300), 1 + 2j, "complex64")
    with pytest.raises(ValueError, match="is complex, but"):
        model.load_weights(tmp_path / f"m.{suffix}")
    for found, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match="takes no complex numbers"):
        model.layers[1].set_weights([np.ones((300, 2), complex), np.ones(2)])
