"""Shapes and compile arguments beside a config, and values in it, that are hostile or nonsense."""

import pytest

import keras_torch as keras

from . import hostile_builds, hostile_compiles, watching
from .entry_points import MODELS
from .hostile_configs import stack

HONEST = {"optimizer": "adam", "loss": "mse"}


def some(names, *fast):
    """Return parameters, of which those that are not named here are for long runs."""
    return [pytest.param(name, marks=[] if name in fast else [pytest.mark.slow]) for name in names]


@pytest.mark.parametrize(
    "entry",
    some(["load_model keras", "model_from_json", "deserialize_keras_object", "clone_model"], "model_from_json"),
)
def test_odd_shapes_beside_a_model_end_in_a_model_or_a_clear_error(tmp_path, entry):
    for built in hostile_builds.SHAPES.values():
        for config in (hostile_builds.unbuilt(built), hostile_builds.within(built)):
            watching.attempt(lambda config=config: MODELS[entry](tmp_path, config), tmp_path)


@pytest.mark.parametrize("class_name", some(hostile_builds.LAYERS, "Dense", "MultiHeadAttention"))
def test_odd_shapes_beside_a_layer_end_in_a_layer_or_a_clear_error(class_name):
    for read in (keras.saving.deserialize_keras_object, keras.layers.deserialize):
        for built in hostile_builds.SHAPES.values():
            config = hostile_builds.layer(class_name, built)
            watching.attempt(lambda read=read, config=config: read(config))


def test_a_file_that_is_small_has_no_huge_model(tmp_path):
    for name in ("a huge axis", "an axis beyond numbers"):
        config = hostile_builds.unbuilt(hostile_builds.SHAPES[name])
        for entry in ("load_model keras", "load_model folder", "model_from_json", "convert keras"):
            result = watching.attempt(lambda entry=entry, config=config: MODELS[entry](tmp_path, config), tmp_path)
            assert isinstance(result, ValueError), (name, entry)


def test_objects_in_place_of_values_are_read_without_harm():
    for item in hostile_builds.VALUES.values():
        for config in hostile_builds.places(item):
            watching.attempt(lambda config=config: keras.saving.deserialize_keras_object(config))
            if isinstance(config, dict) and config["class_name"] in ("Dense", "Rescaling", "Normalization", "Lambda"):
                model = stack((config["class_name"], config["config"]))
                watching.attempt(lambda model=model: keras.models.model_from_config(model))


@pytest.mark.parametrize(
    "entry", some(["model_from_json", "deserialize_keras_object", "layers.deserialize"], "model_from_json")
)
def test_hostile_compile_arguments_beside_a_config_compile_nothing(tmp_path, entry):
    made = []
    for cases, refused in ((hostile_compiles.REFUSED, True), (hostile_compiles.ODD, False)):
        for label, arguments in cases.items():
            config = {**stack(("Dense", {"units": 2})), "compile_config": {**HONEST, **arguments}}
            model = watching.attempt(lambda config=config: MODELS[entry](tmp_path, config), tmp_path)
            if refused and getattr(model, "optimizer", None) is not None:
                made.append(label)
    assert not made
