"""Matching the arrays of an HDF5 file to a model's weights, and what older generations stored differently.

Everything is matched and every shape is checked before an array is read; every array is read before a weight changes.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import torch

from keras_torch.saving import hdf5
from keras_torch.saving.array_conversions import Source, convert, reshaped

TOP_LEVEL = "top_level_model_weights"


@dataclass(frozen=True)
class Origin:
    """Who wrote a file: the dialect of the Keras version ("1", "2", "tf", "3"), its number, and its backend."""

    generation: str
    version: str
    backend: str | None


@dataclass(frozen=True)
class Assignment:
    """One array of the file and the weight that it is for."""

    weight: Any
    source: Source


def origin_of(group: hdf5.Group) -> Origin:
    """Return the origin that a group's attributes tell; Keras 1 wrote no version into weight files."""
    version = group.text("keras_version") or "1"
    return Origin(generation_of(version), version, group.text("backend"))


def generation_of(version: str) -> str:
    """Return the dialect of a Keras version: "1", "2" (2.0-2.3), "tf" (tf.keras, 2.4-2.15) or "3"."""
    major, _, rest = version.partition(".")
    if major == "2":
        minor = rest.partition(".")[0]
        return "2" if minor.isdigit() and int(minor) < 4 and not version.endswith("-tf") else "tf"
    return major if major in ("1", "3") else "tf"


def weight_paths(layer: Any) -> list[tuple[str, Any]]:
    """Return (path, weight) in the order of files: trainable ones first. A path is unique in its layer's group."""
    paths: dict[int, str] = {}
    prefix = () if _is_model(layer) else (layer.name,)
    for path, weight in _walk(layer, prefix):
        paths.setdefault(id(weight), path)
    taken: set[str] = set()
    named = []
    trainable = layer.trainable_weights
    seen = {id(weight) for weight in trainable}
    for weight in trainable + [weight for weight in layer.weights if id(weight) not in seen]:
        path = paths.get(id(weight), weight.local_path)
        while path in taken:
            path += "_1"
        taken.add(path)
        named.append((path, weight))
    return named


def _is_model(layer: Any) -> bool:
    return hasattr(layer, "layers") and hasattr(layer, "save_weights")


def _walk(layer: Any, prefix: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for weight in layer._all_own_weights():
        yield "/".join((*prefix, weight.local_path)), weight
    for child in layer._children():
        yield from _walk(child, (*prefix, child.name))


def write_weights(group: h5py.Group, model: Any, version: str) -> None:
    """Write what stands in `model_weights`, or at the root of a file of weights."""
    layers = list(model.layers)
    hdf5.write_strings(group, "layer_names", [layer.name for layer in layers])
    hdf5.write_text(group, "backend", "tensorflow")
    hdf5.write_text(group, "keras_version", version)
    # Sorted, so that a layer called "a" has its group before one called "a/b" is made inside it.
    for layer in sorted(layers, key=lambda layer: layer.name):
        write_arrays(group.require_group(layer.name), weight_paths(layer))
    own = [(weight.local_path, weight) for weight in model._all_own_weights()]
    write_arrays(group.require_group(TOP_LEVEL), own)


def write_arrays(group: h5py.Group, named: Sequence[tuple[str, Any]]) -> None:
    """Write arrays under `<path>:0` and list them in `weight_names`."""
    names = [f"{path}:0" for path, _ in named]
    hdf5.write_strings(group, "weight_names", names)
    for name, (_, value) in zip(names, named, strict=True):
        group.create_dataset(name, data=_as_array(value))


def _as_array(value: Any) -> np.ndarray:
    """Return a weight as an array that HDF5 can hold: numpy has no bfloat16, its values fit into float32."""
    if getattr(value, "dtype", None) is torch.bfloat16:
        return value.value.detach().float().cpu().numpy()
    return value.numpy() if hasattr(value, "numpy") else np.asarray(value)


def read_weights(
    group: hdf5.Group,
    model: Any,
    by_name: bool = False,
    skip_mismatch: bool = False,
    reshape: bool = False,
) -> None:
    """Load a file's arrays into a model: layers by name or in order. ValueError leaves the model as it was."""
    assign(plan(group, model, by_name, skip_mismatch, reshape=reshape))


def assign(assignments: Sequence[Assignment]) -> None:
    """Read all arrays, then set all weights."""
    arrays = [item.source.read() for item in assignments]
    for item, array in zip(assignments, arrays, strict=True):
        item.weight.assign(array)


def plan(
    group: hdf5.Group,
    model: Any,
    by_name: bool = False,
    skip_mismatch: bool = False,
    origin: Origin | None = None,
    reshape: bool = False,
) -> list[Assignment]:
    """Decide which array goes into which weight, without reading any."""
    origin = origin or origin_of(group)
    if not model.weights and not getattr(model, "built", True):
        raise ValueError(
            f"The model {model.name!r} has no weights yet, because its input shape is not known. Call it on data or "
            f"call `build(input_shape)` before loading weights from {group.file}."
        )
    names = group.strings("layer_names")
    if names is None:
        raise group.refuse("holds no Keras weights (there is no attribute 'layer_names')")
    learners = {layer.name: layer for layer in model.layers if hasattr(layer, "load_learnt")}
    assignments = [item for name in names if name in learners for item in _learnt(group.group(name), learners[name])]
    names = [name for name in names if name not in learners]
    pairs = _pairs_by_name(names, model) if by_name else _pairs_in_order(group, names, model)
    for name, layer in pairs:
        try:
            assignments += match_layer(group.group(name), layer, name, origin, reshape)
        except ShapeError as error:
            if not skip_mismatch:
                raise
            warnings.warn(
                f"Skipping loading of the weights of layer {layer.name!r} due to mismatch with the file: {error}",
                stacklevel=5,
            )
    if TOP_LEVEL in group:
        assignments += _top_level(group.group(TOP_LEVEL), model, by_name or skip_mismatch)
    return assignments


class ShapeError(ValueError):
    """An array of a file does not fit the weight that it is for."""


@dataclass(frozen=True)
class Learnt:
    """What a preprocessing layer learnt and Keras kept in a weight of open size; ours has no weight for it."""

    layer: Any

    def assign(self, array: np.ndarray) -> None:
        """Hand the array to the layer."""
        self.layer.load_learnt(array)


def _learnt(group: hdf5.Group, layer: Any) -> list[Assignment]:
    paths = group.strings("weight_names") or []
    return [Assignment(Learnt(layer), Source.of(group.dataset(path), path)) for path in paths]


def _pairs_by_name(names: Sequence[str], model: Any) -> list[tuple[str, Any]]:
    layers = {layer.name: layer for layer in model.layers}
    return [(name, layers[name]) for name in names if name in layers]


def _pairs_in_order(group: hdf5.Group, names: Sequence[str], model: Any) -> list[tuple[str, Any]]:
    layers = [layer for layer in model.layers if layer.weights]
    stored = [name for name in names if group.group(name).strings("weight_names")]
    if len(stored) != len(layers):
        raise ValueError(
            f"Cannot load weights of {len(stored)} layers into a model of {len(layers)} layers. The file {group.file} "
            f"has {_short(stored)}, the model {model.name!r} has {_short([layer.name for layer in layers])}. Build the "
            "architecture that the file was saved from, or pass `by_name=True` to load the layers whose names agree."
        )
    by_name = {layer.name: layer for layer in layers}
    if len(by_name) == len(layers) and set(stored) == set(by_name) and _fits(group, stored, by_name):
        return [(name, by_name[name]) for name in stored]
    return list(zip(stored, layers, strict=True))


def _fits(group: hdf5.Group, stored: Sequence[str], layers: dict[str, Any]) -> bool:
    """Whether every layer has as many weights as the group of its name has arrays."""
    return all(len(group.group(name).strings("weight_names") or ()) == len(layers[name].weights) for name in stored)


def match_layer(group: hdf5.Group, layer: Any, name: str, origin: Origin, reshape: bool = False) -> list[Assignment]:
    """Decide which array of a layer's group goes into which of its weights. ShapeError if they do not fit."""
    stored = group.strings("weight_names") or []
    sources = [Source.of(group.dataset(path), path) for path in stored]
    targets = weight_paths(layer)
    sources = convert(layer, sources, [tuple(weight.shape) for _, weight in targets], origin)
    if len(sources) != len(targets):
        raise ShapeError(
            f"{group.file}: layer {layer.name!r} of the model expects {len(targets)} weights "
            f"{_describe_targets(targets)}, but the saved layer {name!r} holds {len(sources)} arrays "
            f"{_describe_sources(sources)}."
        )
    order = _order_by_name([source.name for source in sources], [path for path, _ in targets])
    if order is not None:
        renamed = [sources[index] for index in order]
        if all(source.shape == tuple(weight.shape) for source, (_, weight) in zip(renamed, targets, strict=True)):
            sources = renamed
    if reshape:
        sources = _reshaped(sources, [tuple(weight.shape) for _, weight in targets])
    for source, (path, weight) in zip(sources, targets, strict=True):
        if source.shape != tuple(weight.shape):
            raise ShapeError(
                f"{group.file}: the weight {path!r} of layer {layer.name!r} has shape {tuple(weight.shape)}, but "
                f"the saved array {source.name!r} of layer {name!r} has shape {source.shape}"
            )
    return [Assignment(weight, source) for source, (_, weight) in zip(sources, targets, strict=True)]


def _top_level(group: hdf5.Group, model: Any, lenient: bool) -> list[Assignment]:
    stored = group.strings("weight_names") or []
    own = model._all_own_weights()
    if not stored or (lenient and len(stored) != len(own)):
        return []
    sources = [Source.of(group.dataset(path), path) for path in stored]
    shapes = [tuple(weight.shape) for weight in own]
    if [source.shape for source in sources] != shapes:
        raise ShapeError(
            f"{group.file}: the model's own weights do not fit {model.name!r}: expected the shapes {shapes}. "
            f"Received: {[source.shape for source in sources]}"
        )
    return [Assignment(weight, source) for weight, source in zip(own, sources, strict=True)]


def _order_by_name(stored: Sequence[str], wanted: Sequence[str]) -> list[int] | None:
    """Return for each wanted path the index of the stored name that ends alike; None unless that is one-to-one.

    Trainable weights come first in files, so freezing a layer after saving changes the order but not the names.
    """
    clean = [name.removesuffix(":0") for name in stored]
    order = []
    for path in wanted:
        found = [i for i, name in enumerate(clean) if _ends_alike(name, path)]
        if len(found) != 1:
            return None
        order.append(found[0])
    return order if len(set(order)) == len(order) else None


def _ends_alike(one: str, other: str) -> bool:
    return one == other or one.endswith("/" + other) or other.endswith("/" + one)


def _short(names: Sequence[str], limit: int = 8) -> str:
    shown = ", ".join(repr(name) for name in names[:limit])
    return f"[{shown}{', ...' if len(names) > limit else ''}]"


def _describe_sources(sources: Sequence[Source]) -> list[tuple[str, tuple[int, ...]]]:
    return [(source.name, source.shape) for source in sources]


def _describe_targets(targets: Sequence[tuple[str, Any]]) -> list[tuple[str, tuple[int, ...]]]:
    return [(path, tuple(weight.shape)) for path, weight in targets]


def preprocess_weights_for_loading(
    layer: Any,
    weights: Sequence[np.ndarray],
    original_keras_version: str | None = None,
    original_backend: str | None = None,
    reshape: bool = False,
) -> list[np.ndarray]:
    """Return arrays of another Keras version or backend in the form that the layer's `set_weights` takes.

    `reshape` gives arrays of the right number of values the shape of their weight.
    """
    generation = "3" if original_keras_version is None else generation_of(original_keras_version)
    origin = Origin(generation, original_keras_version or "", original_backend)
    arrays = [np.asarray(value) for value in weights]
    shapes = [tuple(weight.shape) for weight in layer.weights]
    sources = [Source(f"weights[{number}]", array.shape, _reader(array)) for number, array in enumerate(arrays)]
    sources = convert(layer, sources, shapes, origin)
    if reshape:
        sources = _reshaped(sources, shapes)
    return [source.read() for source in sources]


def _reader(array: np.ndarray) -> Callable[[], np.ndarray]:
    return lambda: array


def _reshaped(sources: list[Source], shapes: Sequence[tuple[int, ...]]) -> list[Source]:
    """Give each source the shape of its weight where the number of values is the same."""
    found = list(sources)
    for index, (source, shape) in enumerate(zip(sources, shapes, strict=False)):
        if source.shape != shape and math.prod(source.shape) == math.prod(shape):
            found[index] = reshaped(source, shape)
    return found
