"""Matching the arrays of an HDF5 file to a model's weights, and what older generations stored differently.

Everything is matched and every shape is checked before an array is read; every array is read before a weight changes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import torch

from keras_torch.backend import Variable, WeightView
from keras_torch.saving import hdf5, raw_arrays
from keras_torch.saving.array_conversions import Source, convert
from keras_torch.saving.unchanged import unchanged
from keras_torch.saving.weight_matching import (
    Assignment,
    LayerMatch,
    Matcher,
    Origin,
    ShapeError,
    layers_of,
    leaf_layers,
    reshape_sources,
    units_of,
    weight_paths,
)

# What Discretization keeps of the data that it learnt from.
_OF_LEARNERS = (["summary:0"], ["summary"])
TOP_LEVEL = "top_level_model_weights"


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


def write_weights(group: h5py.Group, model: Any, version: str, alone: bool = False) -> None:
    """Write what stands in `model_weights`, or at the root of a file of weights `alone`.

    Without a config that tells what a layer learnt, Keras 2.15 asks for the weight that it has it in.
    """
    layers = layers_of(model)
    hdf5.write_strings(group, "layer_names", [layer.name for layer in layers])
    hdf5.write_text(group, "backend", "tensorflow")
    hdf5.write_text(group, "keras_version", version)
    # Sorted, so that a layer called "a" has its group before one called "a/b" is made inside it.
    for layer in sorted(layers, key=lambda layer: layer.name):
        more = layer.classic_weights() if alone and hasattr(layer, "classic_weights") else []
        write_arrays(group.require_group(layer.name), [*weight_paths(layer), *more])
    own = [(weight.local_path, weight) for weight in model._all_own_weights()]
    write_arrays(group.require_group(TOP_LEVEL), own)


def write_arrays(group: h5py.Group, named: Sequence[tuple[str, Any]]) -> None:
    """Write arrays under `<path>:0` and list them in `weight_names`."""
    names = [f"{path}:0" for path, _ in named]
    hdf5.write_strings(group, "weight_names", names)
    for name, (_, value) in zip(names, named, strict=True):
        write_array(group, name, value)


def write_array(group: h5py.Group, name: str, value: Any) -> None:
    """Write a weight, or anything that numpy makes an array of."""
    if isinstance(value, (Variable, WeightView)):
        hdf5.write_array(group, name, value.value)
    else:
        group.create_dataset(name, data=np.asarray(value))


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
    """Set all weights, after everything has been read that could prove to be damaged.

    Large arrays that are known to lie in the file in one piece are read straight into the weights, at the end: only a
    failing disk can end that in the middle.
    """
    # What layers learnt they look at themselves, and refuse it before a weight has changed.
    learners = [item.weight.layer for item in assignments if item.weight.__class__ is Learnt]
    if learners:
        assignments = sorted(assignments, key=lambda item: not isinstance(item.weight, Learnt))
    rooms = [_room(item) for item in assignments]
    arrays = [item.source.read() if room is None else None for item, room in zip(assignments, rooms, strict=True)]
    for item, array in zip(assignments, arrays, strict=True):
        if array is not None and array.dtype.kind == "c":
            _check_complex(item)
        elif array is None and item.source.check is not None:
            item.source.check()
    with unchanged(learners):
        for item, array in zip(assignments, arrays, strict=True):
            if array is not None:
                item.weight.assign(array)
    large = [(item.source, room) for item, room in zip(assignments, rooms, strict=True) if room is not None]
    if large:
        with raw_arrays.Transfers():
            for source, room in large:
                if source.read_into is not None:
                    source.read_into(room)


def _check_complex(item: Assignment) -> None:
    dtype = getattr(item.weight, "dtype", None)
    if dtype is None or not dtype.is_complex:
        name = getattr(item.weight, "path", None) or item.weight.layer.name
        raise ShapeError(f"The saved array {item.source.name!r} is complex, but {name!r} takes real numbers.")


def _room(item: Assignment) -> torch.Tensor | None:
    """Return the memory of a large weight in Keras's layout, if it can be read into directly."""
    weight = item.weight
    known = item.source.read_into is not None and isinstance(weight, (Variable, WeightView))
    if not known or weight.device.type != "cpu":
        return None
    view, storages = weight.value.detach(), weight.storages
    same = len(storages) == 1 and view.untyped_storage().data_ptr() == storages[0].untyped_storage().data_ptr()
    whole = view.numel() == storages[0].numel() and tuple(view.shape) == item.source.shape
    return view if same and whole and view.dtype is not torch.bfloat16 else None


def plan(
    group: hdf5.Group,
    model: Any,
    by_name: bool = False,
    skip_mismatch: bool = False,
    origin: Origin | None = None,
    reshape: bool = False,
    strict: bool = False,
) -> list[Assignment]:
    """Decide which array goes into which weight, without reading any. `strict`: the file and the model nest alike."""
    origin = origin or origin_of(group)
    if not model.weights and not getattr(model, "built", True):
        raise ValueError(
            f"The model {model.name!r} has no weights yet, because its input shape is not known. Call it on data or "
            f"call `build(input_shape)` before loading weights from {group.file}."
        )
    stored = _stored_layers(group)
    learners = _learners(stored, model, by_name)
    assignments = [item for each in stored if each.name in learners for item in _learnt(each, learners[each.name])]
    stored = [each for each in stored if each.name not in learners]
    match = Matcher(group.file, origin, reshape, skip_mismatch)
    if by_name:
        assignments += _by_name(match, stored, model)
    elif strict:
        assignments += _match_pairs(match, _pairs_in_order(group.file, stored, model))
    else:
        assignments += _in_order(match, stored, model)
    if TOP_LEVEL in group:
        assignments += _top_level(group.group(TOP_LEVEL), model, by_name or skip_mismatch)
    return assignments


def _learners(stored: Sequence[StoredLayer], model: Any, by_name: bool) -> dict[str, Any]:
    """Return, by name in the file, the layers that learnt something: those of that name, then others in order."""
    named = {layer.name: layer for layer in model.layers if hasattr(layer, "load_learnt")}
    found = {each.name: named.pop(each.name) for each in stored if each.name in named}
    if not by_name:
        left = [each.name for each in stored if each.name not in found and each.arrays in _OF_LEARNERS]
        found.update(zip(left, named.values(), strict=False))
    return found


@dataclass(frozen=True)
class Learnt:
    """What a preprocessing layer learnt and Keras kept in a weight of open size; ours has no weight for it."""

    layer: Any

    def assign(self, array: np.ndarray) -> None:
        """Hand the array to the layer."""
        self.layer.load_learnt(array)


def _learnt(stored: StoredLayer, layer: Any) -> list[Assignment]:
    return [Assignment(Learnt(layer), source) for source in stored.sources()]


@dataclass(frozen=True)
class StoredLayer:
    """A layer in a file: its name and the names of its arrays, which are looked up when they are asked for."""

    name: str
    group: hdf5.Group
    arrays: list[str]

    def sources(self) -> list[Source]:
        """Return the arrays in file order; none is read yet."""
        return [Source.of(self.group.dataset(path), path) for path in self.arrays]


def _stored_layers(group: hdf5.Group) -> list[StoredLayer]:
    """Return the layers in a group of weights, those without any as well."""
    names = group.strings("layer_names")
    if names is None:
        return _numbered_layers(group)
    found = []
    for name in names:
        inner = group.group(name)
        found.append(StoredLayer(name, inner, inner.strings("weight_names") or []))
    return found


def _numbered_layers(group: hdf5.Group) -> list[StoredLayer]:
    """Return the layers of files from before Keras 1.0.3: groups `layer_0`, `layer_1`, ... of `param_0`, ..."""
    count = group.attribute("nb_layers")
    if count is None:
        raise group.refuse("holds no Keras weights (there is no attribute 'layer_names')")
    found = []
    for number in range(_small_count(group, "nb_layers", count)):
        name = f"layer_{number}"
        inner = group.group(name)
        arrays = _small_count(inner, "nb_params", inner.attribute("nb_params") or 0)
        found.append(StoredLayer(name, inner, [f"param_{index}" for index in range(arrays)]))
    return found


def _small_count(group: hdf5.Group, name: str, value: Any) -> int:
    if not isinstance(value, (int, np.integer)) or not 0 <= value <= hdf5.MAX_ENTRIES:
        raise group.refuse(f"has an attribute {name!r} that is no sensible count. Received: {value!r}")
    return int(value)


def _by_name(match: Matcher, stored: Sequence[StoredLayer], model: Any) -> list[Assignment]:
    """Match the layers whose names agree; if none does, those inside nested models."""
    layers = {layer.name: layer for layer in layers_of(model)}
    pairs = [(each, layers[each.name]) for each in stored if each.name in layers]
    if any(layer.weights for _, layer in pairs) or not any(each.arrays for each in stored):
        return _match_pairs(match, pairs)
    units = units_of(((each.name, each.sources()) for each in stored), match.origin)
    found = match.across(units, leaf_layers(model), partly=True)
    if not found:
        warnings.warn(
            f"{match.file}: no weights were loaded, because no layer of {model.name!r} has the name of a saved one. "
            f"The file has {_short([each.name for each in stored])}, the model {_short(list(layers))}.",
            stacklevel=6,
        )
        return []
    return _announced(match, found, model)


def _in_order(match: Matcher, stored: Sequence[StoredLayer], model: Any) -> list[Assignment]:
    """Match layers in order; if they do not fit so, the layers inside nested models, on both sides."""
    try:
        return _match_pairs(match, _pairs_in_order(match.file, stored, model))
    except ValueError:
        units = units_of(((each.name, each.sources()) for each in stored), match.origin)
        found = match.across(units, leaf_layers(model))
        if not found:
            raise
        return _announced(match, found, model)


def _match_pairs(match: Matcher, pairs: Sequence[tuple[StoredLayer, Any]]) -> list[Assignment]:
    return [item for stored, layer in pairs for item in match.layer(stored.sources(), layer, stored.name)]


def _announced(match: Matcher, found: Sequence[LayerMatch], model: Any) -> list[Assignment]:
    """Say what was matched on a guess."""
    pairs = [f"{each.stored} -> {each.layer.name}" for each in found]
    shown = ", ".join(pairs[:8]) + (f", ... ({len(pairs)} layers)" if len(pairs) > 8 else "")
    warnings.warn(
        f"{match.file}: the saved layers are nested otherwise than those of {model.name!r}. Their weights were matched "
        f"{'by name' if found[0].by_name else 'in order'}: {shown}",
        stacklevel=7,
    )
    return [item for each in found for item in each.assignments]


def _pairs_in_order(file: str, stored: Sequence[StoredLayer], model: Any) -> list[tuple[StoredLayer, Any]]:
    layers = [layer for layer in layers_of(model) if layer.weights]
    stored = [each for each in stored if each.arrays]
    if len(stored) != len(layers):
        raise ValueError(
            f"Cannot load weights of {len(stored)} layers into a model of {len(layers)} layers. The file {file} has "
            f"{_short([each.name for each in stored])}, the model {model.name!r} has "
            f"{_short([layer.name for layer in layers])}. Build the architecture that the file was saved from, or "
            "pass `by_name=True` to load the layers whose names agree."
        )
    by_name = {layer.name: layer for layer in layers}
    names = {each.name for each in stored}
    same_names = len(by_name) == len(layers) and names == set(by_name)
    if same_names and all(len(each.arrays) == len(by_name[each.name].weights) for each in stored):
        return [(each, by_name[each.name]) for each in stored]
    return list(zip(stored, layers, strict=True))


def match_layer(group: hdf5.Group, layer: Any, name: str, origin: Origin) -> list[Assignment]:
    """Decide which array of a layer's group goes into which of its weights. ShapeError if they do not fit."""
    stored = StoredLayer(name, group, group.strings("weight_names") or [])
    return Matcher(group.file, origin).layer(stored.sources(), layer, name)


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


def _short(names: Sequence[str], limit: int = 8) -> str:
    shown = ", ".join(repr(name) for name in names[:limit])
    return f"[{shown}{', ...' if len(names) > limit else ''}]"


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
        sources = reshape_sources(sources, shapes)
    return [source.read() for source in sources]


def _reader(array: np.ndarray) -> Callable[[], np.ndarray]:
    return lambda: array
