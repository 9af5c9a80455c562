"""Every registered layer, made and called: what the contract tests of layers share."""

import copy
import functools
import inspect
import itertools

import numpy as np
import torch
from torch.utils import _pytree as pytree

from keras_torch import Input, Layer, Model, registry
from keras_torch.engine.masking import get_mask

from .layer_arguments import case, twice

# Not layers to stack: bases, containers, and what refuses a config on purpose.
NOT_STACKED = {
    *(
        "Distiller",
        "FeatureSpace",
        "Functional",
        "Graph",
        "InputLayer",
        "Layer",
        "LinearModel",
        "Merge",
        "Model",
        "Sequential",
        "TorchModuleWrapper",
        "WideDeepModel",
    ),
    "Wrapper",
}


def classes():
    """The classes in the registry by their own name."""
    found = {}
    for item in registry.layers.objects.values():
        if isinstance(item, type) and item.__name__ not in NOT_STACKED:
            found.setdefault(item.__name__, item)
    return found


STACKED = [name for name in sorted(classes()) if case(name) is not None]
# Layers of numbers: torch has no tensors of words.
NUMERIC = [name for name in STACKED if case(name)[2] != "string"]
FLOATING = [name for name in STACKED if case(name)[2].startswith("float")]


def values(shape, dtype, batch=4, seed=3):
    """Return random inputs: floats below 1, integers below 9, or words."""
    random = np.random.default_rng(seed)
    if dtype == "string":
        return np.array(["a", "bee", "sea", "dee dum"], object)[random.integers(0, 4, (batch, *shape))]
    full = (batch, *shape)
    numbers = random.integers(0, 9, full) if dtype.startswith("int") else random.random(full)
    return torch.as_tensor(numbers.astype(dtype))


def map_shapes(function, shape):
    """Apply a function to each of the shapes in the form of the table: one, a list or a tuple of them."""
    if shape and isinstance(shape[0], (list, tuple)):
        return type(shape)([function(item) for item in shape])
    return function(shape)


def data_of(name, batch=4, dtype=None, seed=3):
    """Inputs for the layer `name`: a tensor, a list of them, or a tuple of arguments of the call."""
    _, shape, own = case(name)
    seeds = itertools.count(seed)
    return map_shapes(lambda item: values(item, dtype or own, batch, next(seeds)), shape)


def call(layer, data, **options):
    """Call a layer; a tuple holds several arguments."""
    return layer(*data, **options) if isinstance(data, tuple) else layer(data, **options)


def arguments_of(name, dtype=None):
    """Constructor arguments of the layer `name`: fresh copies of the layers among them, with the dtype if given."""
    given = copy.deepcopy(case(name)[0])
    if dtype is None:
        return given

    def convert(item):
        if isinstance(item, list):
            return [convert(part) for part in item]
        return type(item).from_config({**item.get_config(), "dtype": dtype}) if isinstance(item, Layer) else item

    return {**{key: convert(item) for key, item in given.items()}, "dtype": dtype}


def construct(name, /, dtype=None, **more):
    """Make the layer `name`, in inference mode: random layers for images begin in the other."""
    return classes()[name](**{**arguments_of(name, dtype), **more}).eval()


def bare(name, /, dtype=None, **more):
    """Return the layer `name`, built by a call, and inputs."""
    layer, data = construct(name, dtype, **more), data_of(name)
    with torch.no_grad():
        call(layer, data)
    return layer, data


def symbols(name, batch=None, open_axes=False):
    """Symbolic inputs for the layer `name`, in the structure of its data."""
    _, shape, dtype = case(name)

    def symbol(item):
        known = (*(None for _ in item[:-1]), *item[-1:]) if open_axes else item
        return Input(batch_shape=(batch, *known), dtype=dtype)

    return map_shapes(symbol, shape)


def flat(structure):
    """The tensors, arrays and symbols in a structure."""
    return [item for item in pytree.tree_leaves(structure) if item is not None]


def make(name):
    """Return a built model around the layer, the layer, and real inputs."""
    layer, inputs, data = construct(name), symbols(name), data_of(name)
    outputs = call(layer, inputs)
    data = list(data) if isinstance(data, tuple) else data
    return Model(list(inputs) if isinstance(inputs, tuple) else inputs, outputs), layer, data


def reference(layer, data, **options):
    """Outputs of the layer as a flat list, from the same random numbers each time."""
    torch.manual_seed(5)
    np.random.seed(5)
    return flat(call(layer, data, **options))


def same(found, expected, **tolerance):
    """Assert that two structures of outputs, words among them, are equal."""
    found, expected = flat(found), flat(expected)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        if isinstance(one, torch.Tensor):
            torch.testing.assert_close(one, other, **tolerance)
        else:
            np.testing.assert_array_equal(one, other)


def masks(structure):
    """The masks of the tensors of a structure, None where there is none."""
    return [get_mask(item) for item in flat(structure)]


def takes(name, argument):
    """Whether the constructor of the layer `name` has an argument."""
    return argument in signature(classes()[name])


@functools.cache
def signature(kind):
    return inspect.signature(kind.__init__).parameters


def scope_of(layer):
    """The custom objects that the config of a layer with a function of the table needs."""
    return registry.CustomObjectScope({layer.name: twice, "twice": twice})
