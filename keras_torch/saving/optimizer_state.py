"""The group `optimizer_weights` of an HDF5 file: written as Keras 2.15 or 2.2.4 does, read from every generation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np

from keras_torch.errors import FileFormatError
from keras_torch.optimizers import state
from keras_torch.saving import hdf5, legacy_weights
from keras_torch.saving.array_conversions import Source, convert
from keras_torch.saving.legacy_weights import Origin
from keras_torch.saving.weight_matching import layers_of

_COUNTS = ("iteration", "iterations", "iter")
# An optimizer that has not taken a step yet has nothing else to store.
_BEFORE_TRAINING = (*_COUNTS, "learning_rate")


def write(group: h5py.Group, model: Any, optimizer: Any, layout: str) -> None:
    """Write the iteration count and the slots, named by the weights they belong to, in the order of a layout."""
    paths: dict[int, str] = {}
    for layer in layers_of(model):
        for path, weight in legacy_weights.weight_paths(layer):
            paths.setdefault(id(weight), path)
    named: dict[str, Any] = {}
    for entry in state.export(optimizer, getattr(optimizer, "inner_optimizer", optimizer)._layout or layout):
        name = entry.name
        if entry.variable_index is not None:
            variable = optimizer._trainable_variables[entry.variable_index]
            short = state.path_of(variable, entry.variable_index)
            name = name.replace(short, paths.get(id(variable), short), 1)
        while name in named:
            name += "_1"
        named[name] = entry.array
    legacy_weights.write_arrays(group, list(named.items()))


def write_beginning(group: h5py.Group) -> None:
    """Write what Keras 2.15 does of an optimizer that has not seen the weights yet: the number of steps."""
    legacy_weights.write_arrays(group, [("iteration", np.asarray(0, np.int64))])


def _last(name: str) -> str:
    return name.removesuffix(":0").rsplit("/", 1)[-1]


def restore(model: Any, group: hdf5.Group, origin: Origin) -> None:
    """Give a compiled model's optimizer the state in a whole-model file. ValueError leaves the optimizer fresh."""
    stored = group.group("optimizer_weights")
    names = stored.strings("weight_names") or []
    sources = [Source.of(stored.dataset(name), name) for name in names]
    room = sum(int(weight.value.numel()) for weight in model.trainable_weights)
    if sum(math.prod(source.shape) for source in sources) > 4 * room + 1000:
        raise FileFormatError(f"{group.file}: the optimizer's arrays are larger than the model's weights allow.")
    model.optimizer.build(model.trainable_weights)
    counts = [source for source, name in zip(sources, names, strict=True) if _last(name) in _COUNTS]
    if counts and all(_last(n) in _BEFORE_TRAINING for n in names) and len(names) < len(state.handles(model.optimizer)):
        model.optimizer.iterations.assign(counts[0].read())
        return
    if origin.generation == "1":
        state.import_(model.optimizer, _from_keras_1(model, group.group("model_weights"), sources, origin), layout="1")
    else:
        state.import_(model.optimizer, [source.read() for source in sources], names)


def _from_keras_1(model: Any, weights: hdf5.Group, sources: Sequence[Source], origin: Origin) -> list[np.ndarray]:
    """Return the arrays slot by slot in the order of the model's weights.

    Keras 1 sorted the weights by name, and had the gates of an LSTM or GRU apart.
    """
    names = _trainable_names(model, weights)
    order = sorted(name for layer_names in names.values() for name in layer_names)
    scalars = next((i for i, source in enumerate(sources) if source.shape), len(sources))
    if not order or (len(sources) - scalars) % len(order):
        raise FileFormatError(
            f"{weights.file}: the optimizer has {len(sources)} arrays for {len(order)} trained weights, which does not "
            "come out even"
        )
    arrays = [source.read() for source in sources[:scalars]]
    layers = {layer.name: layer for layer in layers_of(model)}
    for start in range(scalars, len(sources), len(order)):
        slot = dict(zip(order, sources[start : start + len(order)], strict=True))
        found: dict[int, Source] = {}
        for layer_name, layer_names in names.items():
            targets = layers[layer_name].trainable_weights
            parts = [slot[name] for name in layer_names]
            converted = convert(layers[layer_name], parts, [tuple(weight.shape) for weight in targets], origin)
            found.update({id(weight): part for weight, part in zip(targets, converted, strict=True)})
        arrays += [found[id(weight)].read() for weight in model.trainable_weights]
    return arrays


def _trainable_names(model: Any, weights: hdf5.Group) -> dict[str, list[str]]:
    """Return the names in the file of each layer's trainable weights, which stand before the others."""
    names: dict[str, list[str]] = {}
    for layer in layers_of(model):
        stored = weights.group(layer.name).strings("weight_names") if layer.weights else None
        if stored:
            fixed = len(layer.weights) - len(layer.trainable_weights)
            names[layer.name] = stored[: len(stored) - fixed]
    return names
