"""Every layer in the registry keeps the same promises: found and checked here without being asked."""

import pickle

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import Input, Layer, Model, layers, registry
from keras_torch.engine import InputLayer

from .layer_arguments import ARGUMENTS, FLAT, IMAGE, STEPS, VOLUME, twice

# Not layers to stack: bases, containers, and what refuses a config on purpose.
NOT_STACKED = {"InputLayer", "Layer", "Merge", "Model", "Functional", "Sequential", "TorchModuleWrapper", "Wrapper"}


def classes():
    found = {}
    for item in registry.layers.objects.values():
        if isinstance(item, type) and item.__name__ not in NOT_STACKED:
            found.setdefault(item.__name__, item)
    return found


def case(name):
    """Return constructor arguments, input shape or shapes, and dtype of the inputs; None for what is not stacked."""
    if name in ARGUMENTS:
        given = ARGUMENTS[name]
        return given and (*given, "float32")[:3]
    merges = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
    by_rank = {"1D": STEPS, "2D": IMAGE, "3D": VOLUME}
    return {}, [FLAT, FLAT] if name in merges else by_rank.get(name[-2:], FLAT), "float32"


STACKED = [name for name in sorted(classes()) if case(name) is not None]


def values(shape, dtype):
    """Return random inputs: floats below 1, integers below 9, or words."""
    random = np.random.default_rng(3)
    if dtype == "string":
        return np.array(["a", "bee", "sea", "dee dum"], object)[random.integers(0, 4, (4, *shape))]
    numbers = random.integers(0, 9, (4, *shape)) if dtype.startswith("int") else random.random((4, *shape))
    return torch.as_tensor(numbers.astype(dtype))


def make(name):
    """Return a built model around the layer, the layer, and real inputs."""
    arguments, shape, dtype = case(name)
    layer = classes()[name](**arguments)
    shapes = shape if isinstance(shape, list) else [shape]
    inputs = [Input(s, dtype=dtype) for s in shapes]
    outputs = layer(inputs if isinstance(shape, list) else inputs[0])
    data = [values(s, dtype) for s in shapes]
    model = Model(inputs, outputs)
    return model, layer, data if len(data) > 1 else data[0]


def test_every_class_in_the_registry_is_a_layer_and_is_listed_in_the_namespace():
    for name, item in registry.layers.objects.items():
        assert issubclass(item, Layer), name
        assert name in ("Functional", "Model", "Sequential") or getattr(layers, name) is item


@pytest.mark.parametrize("name", STACKED)
def test_symbolic_shapes_are_those_of_real_outputs(name):
    model, layer, data = make(name)
    output = model(data)
    assert (None, *output.shape[1:]) == tuple(model.outputs[0].shape)
    assert keras.config.dtype_name(output.dtype) == model.outputs[0].dtype
    shape = model.input_shape
    assert tuple(layer.compute_output_shape(shape)) == tuple(model.outputs[0].shape)


@pytest.mark.parametrize("name", STACKED)
def test_outputs_are_float32_for_float32(name):
    model, _, data = make(name)
    assert model(data).dtype == torch.float32


@pytest.mark.parametrize("name", STACKED)
def test_a_layer_comes_back_from_its_config_by_name(name):
    model, layer, data = make(name)
    config = registry.layers.serialize(layer)
    assert config["class_name"] == name
    if name == "Lambda":
        with registry.CustomObjectScope({layer.name: twice, "twice": twice}):
            twin = registry.layers.from_dict(config)
    else:
        twin = registry.layers.from_dict(config)
    assert type(twin) is type(layer)
    assert twin.name == layer.name
    assert twin.get_config() == layer.get_config()
    inputs = [Input(t.shape[1:], dtype=t.dtype) for t in (data if isinstance(data, list) else [data])]
    copy = Model(inputs, twin(inputs if isinstance(data, list) else inputs[0]))
    copy.set_weights(model.get_weights())
    torch.testing.assert_close(copy(data), model(data))


@pytest.mark.parametrize("name", STACKED)
def test_names_lead_to_classes_exactly_and_in_snake_case(name):
    item = classes()[name]
    assert registry.layers.find(name) is item
    assert registry.layers.find(registry.snake_case(name)) is item


@pytest.mark.parametrize("name", STACKED)
def test_a_layer_survives_pickling(name):
    _, layer, data = make(name)
    twin = pickle.loads(pickle.dumps(layer))
    torch.testing.assert_close(twin(data), layer(data))


@pytest.mark.parametrize("name", STACKED)
def test_weights_survive_a_file(name, tmp_path):
    model, _, data = make(name)
    path = tmp_path / "weights.h5"
    model.save_weights(path)
    twin = make(name)[0]
    twin.set_weights([np.zeros_like(w) for w in twin.get_weights()])
    twin.load_weights(path)
    torch.testing.assert_close(twin(data), model(data))


@pytest.mark.parametrize("name", STACKED)
def test_a_layer_compiles_without_graph_breaks(name):
    torch.compiler.reset()
    model, _, data = make(name)
    if model.inputs[0].dtype == "string":
        pytest.skip("torch.compile cannot take arrays of strings")
    # torch still guards the tracing of nn.LSTM, nn.GRU and nn.RNN behind this switch.
    with torch._dynamo.config.patch(allow_rnn=True):
        compiled = torch.compile(model, fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(data), model(data))


@pytest.mark.parametrize("name", STACKED)
def test_gradients_reach_every_trainable_weight(name):
    model, _, data = make(name)
    if not model.trainable_weights:
        return
    model(data).square().sum().backward()
    for weight in model.trainable_weights:
        assert all(storage.grad is not None for storage in weight.storages), weight.path


@pytest.mark.parametrize("name", STACKED)
def test_frozen_layers_train_nothing(name):
    model, layer, _ = make(name)
    layer.trainable = False
    assert model.trainable_weights == []
    assert len(model.non_trainable_weights) == len(model.weights)
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_unknown_arguments_raise_for_every_layer():
    for name in STACKED:
        arguments = case(name)[0]
        with pytest.raises(TypeError, match="no_such_argument"):
            classes()[name](**arguments, no_such_argument=1)
    with pytest.raises(TypeError, match="no_such_argument"):
        InputLayer(shape=(3,), no_such_argument=1)
