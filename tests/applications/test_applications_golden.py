"""Applications against real Keras 2.15 (scripts/golden/applications.py): every layer, and predictions of a network of
each family with weights made from their numbers.

Keras 2.15 lists the operations between layers (`x + y`) as layers too; here, as since Keras 3, they are none.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from keras_torch import Sequential, applications, config, registry, symbolic
from keras_torch.applications import imagenet_utils

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "golden"))
import applications_cases as cases  # noqa: E402

LISTED = cases.read(ROOT / "tests" / "golden" / "applications_keras2150.json.xz")
VALUES = cases.read(ROOT / "tests" / "golden" / "applications_values_keras2150.json.gz")
CLASSIC = cases.read(ROOT / "tests" / "golden" / "applications_keras224.json.gz")
# The smallest of each family but for the two of more than 700 layers.
SMALLEST = {names[0] for names in cases.FAMILIES.values()} - {"InceptionResNetV2", "NASNetMobile"}
# In Keras 2 these classes inherit, and write, initializers that they have no use for.
UNUSED = {"SeparableConv2D": ("kernel_initializer",), "DepthwiseConv2D": ("kernel_initializer",)}


def slow_unless(quick: bool, *values: Any) -> Any:
    return pytest.param(*values, marks=[] if quick else pytest.mark.slow)


def build(name: str, **options: Any) -> Any:
    """A network with the names of Keras 2.15."""
    if "input_shape" in options:
        options["input_shape"] = tuple(options["input_shape"])
    symbolic.reset_names()
    with config.dialect_scope("tf"):
        return getattr(applications, name)(weights=None, **options)


def plain(value: Any) -> Any:
    """A setting as the listing has it; an initializer as its name and arguments."""
    if isinstance(value, dict) and "class_name" in value:
        given = {key: item for key, item in value["config"].items() if item is not None}
        return [value["class_name"], given]
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def settings(layer: Any) -> dict[str, Any]:
    with config.dialect_scope("tf"):
        given = {} if isinstance(layer, Sequential) else layer.get_config()
    return {key: plain(value) for key, value in given.items() if key in cases.SETTINGS and value is not None}


def agree(mine: Any, theirs: Any, key: str) -> bool:
    if key == "axis":
        return np.ravel(mine).tolist() in (np.ravel(theirs).tolist(), [3 if np.ravel(theirs)[0] == -1 else -1])
    if isinstance(theirs, float) or key in ("mean", "variance"):
        return np.allclose(mine, theirs)
    return mine == theirs


def sources(layer: Any, position: dict[int, int]) -> list[int]:
    """The positions of the layers that feed a layer, through operations."""
    found = []
    for tensor in layer._inbound_nodes[0].input_tensors:
        origin = tensor._keras_history[0]
        if origin is not layer:
            found += [position[id(origin)]] if id(origin) in position else sources(origin, position)
    return found


def weights_of(layer: Any) -> list[list[Any]]:
    with config.dialect_scope("tf"):
        return [[weight.name, list(weight.shape)] for weight in layer.weights]


def compare_with_listing(model: Any, listed: dict[str, Any]) -> None:
    rows = listed["layers"]
    assert [layer.name for layer in model.layers] == [row[1] for row in rows]
    position = {id(layer): number for number, layer in enumerate(model.layers)}
    for layer, (class_name, name, inputs, wanted, weights, *parts) in zip(model.layers, rows, strict=True):
        assert type(layer).__name__ == class_name, name
        assert sources(layer, position) == inputs, name
        assert weights_of(layer) == weights, name
        compare_settings(layer, class_name, wanted)
        for inner, (inner_class, inner_name, inner_wanted) in zip(layer.layers if parts else [], *parts, strict=True):
            assert (type(inner).__name__, inner.name) == (inner_class, inner_name)
            compare_settings(inner, inner_class, inner_wanted)
    assert model.count_params() == listed["params"]
    assert model.name == listed["name"]


def compare_settings(layer: Any, class_name: str, wanted: dict[str, Any]) -> None:
    mine = settings(layer)
    wanted = {key: value for key, value in wanted.items() if key not in UNUSED.get(class_name, ())}
    mine = {key: value for key, value in mine.items() if value != cases.SETTINGS[key]}
    assert not mine.keys() - wanted.keys() - set(UNUSED.get(class_name, ())), layer.name
    differing = {key: (mine.get(key), value) for key, value in wanted.items() if not agree(mine.get(key), value, key)}
    assert not differing, layer.name


@pytest.mark.parametrize("name", [slow_unless(name in SMALLEST, name) for name in LISTED["models"]])
def test_layers_weights_and_settings_are_keras_s(name: str) -> None:
    with torch.device("meta"):
        model = build(name)
    compare_with_listing(model, LISTED["models"][name])


@pytest.mark.parametrize(
    "number", [slow_unless(case[0].startswith("MobileNet"), n) for n, case in enumerate(cases.VARIANTS)]
)
def test_arguments_change_the_architecture_as_in_keras(number: int) -> None:
    name, options = cases.VARIANTS[number]
    with torch.device("meta"):
        model = build(name, **options)
    compare_with_listing(model, LISTED["variants"][number])


@pytest.mark.slow
@pytest.mark.parametrize("name", cases.TAILED)
def test_the_poolings_in_place_of_the_classifier_have_keras_s_names(name: str) -> None:
    for options, tail in zip(cases.TAILS, LISTED["tails"][name], strict=True):
        with torch.device("meta"):
            layers = build(name, **options).layers[-cases.TAIL_LENGTH :]
        assert [[type(layer).__name__, layer.name, weights_of(layer)] for layer in layers] == tail


QUICK = ("MobileNet", "MobileNetV2", "MobileNetV3Small", "RegNetY002")


@pytest.mark.parametrize("number", [slow_unless(case[0] in QUICK, n) for n, case in enumerate(cases.PREDICTIONS)])
def test_predictions_are_keras_s(number: int) -> None:
    name, size, values, variance, options = cases.PREDICTIONS[number]
    given = {"input_shape": (size, size, 3), "classes": cases.PREDICTED_CLASSES, **options}
    model = build(name, classifier_activation=None, **given)
    index = 0
    for layer in model.layers:
        weights = [
            cases.weight_value(index + n, weight_name, tuple(weight_shape), variance)
            for n, (weight_name, weight_shape) in enumerate(weights_of(layer))
        ]
        layer.set_weights(weights)
        index += len(weights)
    expected = np.array(VALUES["predictions"][number])
    largest = np.abs(expected).max()
    np.testing.assert_allclose(
        model.predict(cases.image(size, values), verbose=0) / largest, expected / largest, atol=1e-4
    )


@pytest.mark.parametrize("number", range(len(VALUES["preprocess_input"])))
def test_images_are_preprocessed_as_by_keras(number: int) -> None:
    case = VALUES["preprocess_input"][number]
    x = np.random.RandomState(0).randint(0, 256, case["shape"]).astype(case["dtype"])
    options = {"mode": case["mode"], "data_format": case["data_format"]}
    of_tensor = imagenet_utils.preprocess_input(torch.tensor(x), **options)
    # Of one image as a tensor with the channels first, Keras 2.15 shifts the rows.
    is_sound = len(case["shape"]) == 4 or case["data_format"] == "channels_last"
    expected = case["tensor"] if is_sound and "tensor" in case else case["array"]
    np.testing.assert_allclose(of_tensor.numpy().ravel(), expected, rtol=1e-5, atol=1e-5)
    of_array = imagenet_utils.preprocess_input(x, **options)
    assert str(of_array.dtype) == case["array_dtype"]
    np.testing.assert_allclose(of_array.ravel(), case["array"], rtol=1e-6, atol=1e-6)


GIVEN = ("dropout", "flatten", "reshape_1", "reshape_2")


def counted_from_1(class_name: str, name: str) -> str:
    """The name that Keras 2.2.4 gives where 2.15 gives this one: it counts `conv2d_1`, `conv2d_2`."""
    base = registry.snake_case(class_name)
    number = "0" if name == base else name.removeprefix(f"{base}_")
    is_automatic = number.isdigit() and name.startswith(base) and name not in GIVEN
    return f"{base}_{int(number) + 1}" if is_automatic else name


@pytest.mark.parametrize(
    "number", [slow_unless(case[1] in ("MobileNet", "ResNet50"), n) for n, case in enumerate(cases.CLASSIC)]
)
def test_layers_and_weights_in_dialect_2_are_those_of_keras_224(number: int) -> None:
    module, name, options, listed = CLASSIC[number]
    function = getattr(importlib.import_module(f"keras_torch.applications.{module}"), name)
    with config.dialect_scope("2"), torch.device("meta"):
        model = function(weights=None, **options)
        weights = [[(weight.name, list(weight.shape)) for weight in layer.weights] for layer in model.layers]
    assert (model.name, model.count_params()) == (listed["name"], listed["params"])
    names = {name: counted_from_1(class_name, name) for class_name, name, _ in listed["layers"]}
    assert [layer.name for layer in model.layers] == list(names.values())
    for mine, (class_name, name, theirs) in zip(weights, listed["layers"], strict=True):
        assert mine == [(weight.replace(name, names[name], 1), shape) for weight, shape in theirs], class_name
