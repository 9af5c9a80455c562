"""Weights files whose layers are nested otherwise than the model's, or whose groups are older than `layer_names`."""

import re
import warnings

import h5py
import numpy as np
import pytest

import keras_torch as keras
from keras_torch import layers

NESTED = "nested otherwise"


def parts(prefix="", twice=False):
    """Return layers of unlike kinds; with `twice` two that only their names tell apart."""
    names = [prefix + name for name in ("first", "norm", "steps", "both", "last")]
    return [
        layers.Dense(6, name=names[0]),
        layers.BatchNormalization(name=names[1]),
        layers.Reshape((3, 2), name=prefix + "shape"),
        layers.LSTM(4, return_sequences=True, name=names[2]),
        layers.Bidirectional(layers.GRU(2), name=names[3]),
        layers.Dense(4, name=names[4]),
        *([layers.Dense(4, name=prefix + "twin")] if twice else []),
    ]


def flat(prefix="", **more):
    return randomized(keras.Sequential([keras.Input((4,)), *parts(prefix, **more)], name="flat"))


def nested(prefix="", depth=1, outer="inner", **more):
    body = parts(prefix, **more)
    x = source = keras.Input((4,), name="source")
    for layer in body[:4]:
        x = layer(x)
    inner = keras.Model(source, x, name=outer)
    for level in range(1, depth):
        x = source = keras.Input((4,))
        inner = keras.Model(source, inner(x), name=f"{outer}_{level}")
    x = source = keras.Input((4,))
    x = inner(x)
    for layer in body[4:]:
        x = layer(x)
    return randomized(keras.Model(source, x, name="nested"))


def wrapped(prefix="", **more):
    source = keras.Input((4,))
    inner = keras.Sequential([keras.Input((4,)), *parts(prefix, **more)], name="stack")
    return randomized(keras.Model(source, inner(source), name="wrapped"))


def randomized(model):
    for weight in model.weights:
        weight.assign(np.random.uniform(0.1, 1.0, tuple(weight.shape)))
    return model


def outputs(model):
    return model.predict(np.random.RandomState(0).randn(3, 4).astype("float32"), verbose=0)


BUILDERS = {
    "flat": flat,
    "nested": nested,
    "deep": lambda *args, **more: nested(*args, depth=3, **more),
    "wrapped": wrapped,
}


@pytest.mark.parametrize("target", BUILDERS)
@pytest.mark.parametrize("source", BUILDERS)
def test_weights_are_found_by_name_whatever_the_nesting(source, target, tmp_path):
    saved, model = BUILDERS[source](twice=True), BUILDERS[target](twice=True)
    saved.save_weights(tmp_path / "weights.h5")
    if {source, target} <= {"nested", "deep"} or source == target:
        model.load_weights(tmp_path / "weights.h5")
    else:
        with pytest.warns(UserWarning, match=NESTED + ".*by name.*first"):
            model.load_weights(tmp_path / "weights.h5")
    np.testing.assert_array_equal(outputs(model), outputs(saved))


@pytest.mark.parametrize("target", BUILDERS)
@pytest.mark.parametrize("source", BUILDERS)
@pytest.mark.filterwarnings(f"ignore:.*{NESTED}")
def test_weights_of_renamed_layers_are_matched_in_order_whatever_the_nesting(source, target, tmp_path):
    saved, model = BUILDERS[source]("old_"), BUILDERS[target]("new_")
    saved.save_weights(tmp_path / "weights.h5")
    model.load_weights(tmp_path / "weights.h5")
    np.testing.assert_array_equal(outputs(model), outputs(saved))


def test_a_frozen_nested_model_is_found_in_a_flat_one_by_name(tmp_path):
    saved, model = nested(twice=True), flat(twice=True)
    saved.get_layer("inner").trainable = False
    saved.get_layer("last").trainable = False
    saved.save_weights(tmp_path / "weights.h5")
    with pytest.warns(UserWarning, match="by name"):
        model.load_weights(tmp_path / "weights.h5")
    np.testing.assert_array_equal(outputs(model), outputs(saved))


def test_freezing_part_of_a_nested_model_after_saving_does_not_mix_up_its_layers(tmp_path):
    def model(prefix):
        dense = [layers.Dense(4, name=f"{prefix}{i}") for i in range(3)]
        inner = keras.Sequential([keras.Input((4,)), *dense], name="inner")
        return randomized(keras.Sequential([keras.Input((4,)), inner, layers.Dense(1, name=prefix)]))

    saved, again = model("d"), model("d")
    saved.get_layer("inner").layers[0].trainable = False
    saved.save_weights(tmp_path / "weights.h5")
    again.load_weights(tmp_path / "weights.h5")
    np.testing.assert_array_equal(outputs(again), outputs(saved))
    renamed = model("e")
    renamed.get_layer("inner").layers[0].trainable = False
    renamed.load_weights(tmp_path / "weights.h5")
    np.testing.assert_array_equal(outputs(renamed), outputs(saved))


def test_a_layer_of_a_model_loads_its_own_file(tmp_path):
    saved, model = nested(), wrapped()
    saved.get_layer("inner").save_weights(tmp_path / "inner.h5")
    again = nested()
    again.get_layer("inner").load_weights(tmp_path / "inner.h5")
    np.testing.assert_array_equal(again.layers[1].get_weights()[0], saved.layers[1].get_weights()[0])
    with pytest.raises(ValueError, match="3 layers into a model of 1 layers"):
        model.load_weights(tmp_path / "inner.h5")


def test_by_name_looks_into_nested_models_only_if_no_name_agrees_outside(tmp_path):
    flat().save_weights(tmp_path / "flat.h5")
    model = wrapped()
    with pytest.warns(UserWarning, match="by name.*both"):
        model.load_weights(tmp_path / "flat.h5", by_name=True)
    inside = nested()
    before = inside.get_layer("inner").get_weights()
    inside.load_weights(tmp_path / "flat.h5", by_name=True)
    assert all((one == other).all() for one, other in zip(inside.get_layer("inner").get_weights(), before, strict=True))


def test_by_name_says_that_no_name_agrees(tmp_path):
    flat().save_weights(tmp_path / "flat.h5")
    model = flat("other_")
    before = model.get_weights()
    with pytest.warns(UserWarning, match="no weights were loaded.*'first'.*'other_first'"):
        model.load_weights(tmp_path / "flat.h5", by_name=True)
    assert all((one == other).all() for one, other in zip(model.get_weights(), before, strict=True))


def test_what_does_not_fit_however_nested_is_the_error_of_the_outermost_layers(tmp_path):
    flat().save_weights(tmp_path / "flat.h5")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(6), layers.Dense(5)])
    before = model.get_weights()
    with pytest.raises(ValueError, match="5 layers into a model of 2 layers"):
        model.load_weights(tmp_path / "flat.h5")
    assert all((one == other).all() for one, other in zip(model.get_weights(), before, strict=True))


def test_skip_mismatch_takes_the_weights_of_a_layer_that_fit(tmp_path):
    saved = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="head", bias_initializer="ones")])
    saved.save_weights(tmp_path / "weights.h5")
    model = keras.Sequential([keras.Input((5,)), layers.Dense(3, name="head")])
    with pytest.warns(UserWarning, match=re.escape("'head/kernel' of layer 'head' has shape (5, 3)")):
        model.load_weights(tmp_path / "weights.h5", by_name=True, skip_mismatch=True)
    np.testing.assert_array_equal(model.get_weights()[1], np.ones(3))


@pytest.mark.parametrize("style", ["h5py 2", "h5py 3"])
def test_files_of_the_first_keras_have_numbered_layers(style, tmp_path):
    kernel, bias = np.random.rand(4, 3).astype("float32"), np.random.rand(3).astype("float32")
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["nb_layers"] = 3
        for number, arrays in enumerate([[], [kernel, bias], []]):
            group = file.create_group(f"layer_{number}")
            group.attrs["nb_params"] = np.int64(len(arrays)) if style == "h5py 2" else len(arrays)
            for index, array in enumerate(arrays):
                group.create_dataset(f"param_{index}", data=array)
    model = keras.Sequential([keras.Input((4,)), layers.Dropout(0.5), layers.Dense(3), layers.Activation("relu")])
    model.load_weights(tmp_path / "old.h5")
    np.testing.assert_array_equal(model.get_weights()[0], kernel)
    np.testing.assert_array_equal(model.get_weights()[1], bias)


def test_a_senseless_number_of_layers_is_an_error(tmp_path):
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["nb_layers"] = -1
    with pytest.raises(ValueError, match="'nb_layers' that is no sensible count"):
        flat().load_weights(tmp_path / "old.h5")


@pytest.mark.parametrize("names", [np.array(["d", "e"], dtype=object), np.array([b"d", b"e"]), ["d", "e"]])
def test_names_may_be_text_or_bytes(names, tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = names
        for name, units in (("d", 3), ("e", 2)):
            group = file.create_group(name)
            group.attrs["weight_names"] = np.array([b"W", b"b"])
            group.create_dataset("W", data=np.ones((3 if name == "e" else 4, units)))
            group.create_dataset("b", data=np.ones(units))
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.load_weights(tmp_path / "w.h5")
    assert all((array == 1).all() for array in model.get_weights())
