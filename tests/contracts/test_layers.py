"""Every layer in the registry keeps the same promises, found and checked unasked: names, configs, copies, files."""

import copy
import json
import pickle

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import Layer, Model, layers, registry
from keras_torch.engine import InputLayer

from .layer_making import (
    NUMERIC,
    STACKED,
    arguments_of,
    bare,
    call,
    classes,
    construct,
    data_of,
    flat,
    make,
    same,
    scope_of,
    symbols,
)


def test_every_class_in_the_registry_is_a_layer_and_is_listed_in_the_namespace():
    for name, item in registry.layers.objects.items():
        assert issubclass(item, Layer), name
        elsewhere = (
            *("Distiller", "FeatureSpace", "Functional", "Graph", "LinearModel", "Model", "Sequential"),
            "WideDeepModel",
        )
        assert name in elsewhere or getattr(layers, name) is item


@pytest.mark.parametrize("name", NUMERIC)
def test_symbolic_outputs_have_the_shapes_and_dtypes_of_real_ones(name):
    layer, data = bare(name)
    real = flat(call(layer, data))
    fresh = construct(name)
    fixed, open_batch = flat(call(fresh, symbols(name, 4))), flat(call(fresh, symbols(name)))
    assert [tuple(item.shape) for item in fixed] == [tuple(item.shape) for item in real]
    assert [item.dtype for item in fixed] == [keras.config.dtype_name(item.dtype) for item in real]
    for item, known in zip(open_batch, fixed, strict=True):
        assert item.shape[1:] == known.shape[1:]
        assert item.shape[0] is None or item.shape[0] == known.shape[0]
    if not isinstance(data, tuple):
        shapes = [tuple(item.shape) for item in flat(symbols(name))]
        found = layer.compute_output_shape(shapes if isinstance(data, list) else shapes[0])
        assert flat(found) == flat([tuple(item.shape) for item in open_batch])
        inputs = symbols(name)
        spec = layer.compute_output_spec(inputs)
        assert [(tuple(i.shape), i.dtype) for i in flat(spec)] == [(tuple(i.shape), i.dtype) for i in open_batch]


@pytest.mark.parametrize("name", NUMERIC)
def test_unknown_sizes_of_all_axes_but_the_last_give_the_same_numbers_or_an_error(name):
    inputs, layer = symbols(name, open_axes=True), construct(name)
    try:
        outputs = call(layer, inputs)
    except ValueError as error:
        assert layer.name in str(error) or type(layer).__name__ in str(error)
        return
    data = data_of(name)
    given = list(data) if isinstance(data, tuple) else data
    model = Model(list(inputs) if isinstance(inputs, tuple) else inputs, outputs)
    real, symbolic = flat(call(layer, data)), flat(model(given))
    same(symbolic, real)
    for item, wanted in zip(flat(outputs), real, strict=True):
        assert len(item.shape) == wanted.dim()
        assert all(size is None or size == found for size, found in zip(item.shape, wanted.shape, strict=True))


@pytest.mark.parametrize("name", STACKED)
def test_a_layer_comes_back_from_its_config_by_name_also_from_json(name):
    layer, data = bare(name)
    config = registry.layers.serialize(layer)
    assert config["class_name"] == name
    text = json.dumps(config)
    with scope_of(layer):
        twins = [registry.layers.from_dict(item) for item in (config, json.loads(text))]
        twins.append(type(layer).from_config(layer.get_config()))
    for twin in twins:
        twin.eval()
        assert type(twin) is type(layer)
        assert twin.name == layer.name
        assert twin.get_config() == layer.get_config()
    assert json.dumps(registry.layers.serialize(twins[1])) == text
    call(twins[1], data)
    twins[1].set_weights(layer.get_weights())
    same(call(twins[1], data), call(layer, data))


@pytest.mark.parametrize("name", STACKED)
def test_names_lead_to_classes_exactly_and_in_snake_case(name):
    item = classes()[name]
    assert registry.layers.find(name) is item
    assert registry.layers.find(registry.snake_case(name)) is item


@pytest.mark.parametrize("name", STACKED)
def test_a_layer_survives_pickling_and_copying(name):
    layer, data = bare(name)
    expected = call(layer, data)
    fresh = construct(name)
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        same(call(twin, data), expected)
        assert twin.get_config() == layer.get_config()
        for weight in twin.weights:
            weight.assign(np.zeros(weight.shape))
        same(call(layer, data), expected)
    for twin in (pickle.loads(pickle.dumps(fresh)), copy.deepcopy(fresh)):
        call(twin, data)
        twin.set_weights(layer.get_weights())
        same(call(twin, data), expected)


@pytest.mark.parametrize("name", NUMERIC)
def test_weights_survive_a_file_in_order_and_by_name(name, tmp_path):
    model, layer, data = make(name)
    path = tmp_path / "weights.h5"
    model.save_weights(path)
    for options in ({}, {"by_name": True}):
        with scope_of(layer):
            twin = Model.from_config(model.get_config()).eval()
        twin.set_weights([np.zeros_like(w) for w in twin.get_weights()])
        twin.load_weights(path, **options)
        same(twin(data), model(data))


@pytest.mark.parametrize("name", NUMERIC)
def test_a_layer_has_a_line_in_the_summary_with_its_name_and_its_count_of_weights(name):
    model, layer, _ = make(name)
    layer.name = "some_name"
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    count = sum(weight.size for weight in layer.get_weights())
    assert layer.count_params() == count
    assert any("some_name" in line and f" {count:,} " in line for line in "\n".join(lines).splitlines())


def test_unknown_arguments_raise_for_every_layer():
    for name in STACKED:
        with pytest.raises(TypeError, match="no_such_argument"):
            classes()[name](**arguments_of(name), no_such_argument=1)
    with pytest.raises(TypeError, match="no_such_argument"):
        InputLayer(shape=(3,), no_such_argument=1)


def test_names_are_texts_for_every_layer():
    for name in STACKED:
        with pytest.raises(ValueError, match=r"`name` must be .*Received: 3"):
            classes()[name](**arguments_of(name), name=3)
