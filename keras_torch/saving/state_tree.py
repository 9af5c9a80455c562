"""The objects with state in a model, and the paths that Keras gives them in `.weights.h5` files.

Keras walks the attributes of each object, those of lists and dicts included, and names the items of containers after
their classes: `layers/dense_1`, `blocks/dense`, `forward_layer/cell`. An object that several attributes hold has the
path of the first. What is first, and how containers are counted, changed twice; see `GENERATIONS`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keras_torch.engine import Layer
from keras_torch.engine.weights import _find_layers
from keras_torch.optimizers import Optimizer
from keras_torch.registry import snake_case


@dataclass(frozen=True)
class Generation:
    """How one range of Keras versions walks a model.

    order: of attributes by name: with private ones last (None), "forwards" or "backwards" as characters are numbered.
    counts_known: an item of a container that was met before takes a number all the same. nested: containers in
    containers are walked. layers: the attribute with the layers of a graph; `doubled`: those with weights stand twice
    in it. private: attributes that had a leading underscore.
    """

    order: str | None = None
    counts_known: bool = True
    nested: bool = True
    layers: str = "layers"
    doubled: bool = False
    private: bool = False


# The attribute of a graph that holds its layers in Keras 2.12 to 2.14, and in checkpoints of TensorFlow.
DEPENDENCIES = "_layer_checkpoint_dependencies"
GENERATIONS = {
    "3": Generation(),
    # Keras 2.15.
    "tf": Generation("backwards", counts_known=False, nested=False, private=True),
    "2.14": Generation("forwards", counts_known=False, nested=False, layers=DEPENDENCIES, private=True),
    # Keras 2.12 and 2.13.
    "2.13": Generation("forwards", nested=False, layers=DEPENDENCIES, doubled=True, private=True),
}
# Those that files are written for.
WRITTEN = ("3", "tf")
# Of layers of Keras that had them with a leading underscore before.
_ONCE_PRIVATE = ("query_dense", "key_dense", "value_dense", "output_dense", "gate_dense")
_STILL_PRIVATE = {"MultiHeadAttention": ("gate_dense",), "GroupQueryAttention": _ONCE_PRIVATE}
_CLASS_NAMES = {"Model": "functional", "GroupQueryAttention": "grouped_query_attention"}


def walk(model: Any, generation: Generation, skip: Iterable[Any] = ()) -> Iterator[tuple[str, Any]]:
    """Yield (path, object) of the model (path ""), and of each layer and optimizer in it, once, but for `skip`."""
    yield from _walk(model, "", generation, {id(item) for item in skip})


def _walk(item: Any, path: str, generation: Generation, met: set[int]) -> Iterator[tuple[str, Any]]:
    if id(item) in met:
        return
    met.add(id(item))
    yield path, item
    for name, value in _attributes(item, generation):
        inner = f"{path}/{name}" if path else name
        if _has_state(value):
            yield from _walk(value, inner, generation, met)
        else:
            yield from _walk_container(value, inner, generation, met, set())


def _walk_container(
    container: Any, path: str, generation: Generation, met: set[int], containers: set[int]
) -> Iterator[tuple[str, Any]]:
    if id(container) in containers:
        return
    containers.add(id(container))
    counts: dict[str, int] = {}
    for item in container.values() if isinstance(container, Mapping) else container:
        if _has_state(item):
            if id(item) in met and not generation.counts_known:
                continue
            yield from _walk(item, f"{path}/{_numbered(_item_name(item), counts)}", generation, met)
        elif _is_container(item) and generation.nested:
            inner = f"{path}/{_numbered('container', counts)}"
            yield from _walk_container(item, inner, generation, met, containers)


def _numbered(name: str, counts: dict[str, int]) -> str:
    counts[name] = counts.get(name, -1) + 1
    return f"{name}_{counts[name]}" if counts[name] else name


def _item_name(item: Any) -> str:
    name = type(item).__name__
    return _CLASS_NAMES.get(name) or snake_case(name)


def _has_state(value: Any) -> bool:
    return isinstance(value, (Layer, Optimizer))


def _is_container(value: Any) -> bool:
    return isinstance(value, (list, tuple, dict))


def _attributes(item: Any, generation: Generation) -> list[tuple[str, Any]]:
    """Return the attributes that may lead to objects with state, in the order in which Keras comes by them."""
    found = {name: value for name, value in _own_attributes(item) if _has_state(value) or _is_container(value)}
    layers = getattr(item, "layers", None) if hasattr(item, "save_weights") else None
    first: list[tuple[str, Any]] = []
    if layers is not None:
        found.pop("layers", None)
        is_graph = getattr(item, "_network", None) is not None or hasattr(item, "_stack")
        if generation.doubled and is_graph:
            layers = [layer for layer in layers for _ in range(2 if had_weights(layer) else 1)]
        if is_graph and generation.order is None:
            first = [("layers", layers)]
        else:
            found[generation.layers if is_graph else "layers"] = layers
    hidden = _ONCE_PRIVATE if generation.private else _STILL_PRIVATE.get(type(item).__name__, ())
    if type(item).__module__.startswith("keras_torch."):
        found = {f"_{name}" if name in hidden else name: value for name, value in found.items()}
    if generation.order is not None:
        return sorted(found.items(), key=lambda pair: pair[0], reverse=generation.order == "backwards")
    return first + sorted(found.items(), key=lambda pair: f"~{pair[0]}" if pair[0].startswith("_") else pair[0])


def attributes_of_tensorflow(item: Any) -> list[tuple[str, Any]]:
    """Return the attributes that lead to objects with state, as tf.keras names them in checkpoints of TensorFlow.

    The layers of a graph stand under `_layer_checkpoint_dependencies`.
    """
    return _attributes(item, GENERATIONS["2.14"])


def had_weights(layer: Any) -> bool:
    """Whether a layer had weights in Keras 2: among them it counted tables of words that were not given to it."""
    table = getattr(layer, "_lookup_layer", layer)
    if hasattr(table, "load_assets") and not getattr(table, "_is_fixed", False):
        return True
    return bool(layer.weights) or bool(learnt_weights(layer))


def learnt_weights(layer: Layer) -> list[tuple[str, Any]]:
    """Return what a layer of preprocessing has learnt and Keras 2 kept as a weight, each with its name there."""
    if hasattr(layer, "classic_weights"):
        return layer.classic_weights()
    found: dict[str, Any] = {}
    if hasattr(layer, "load_learnt"):
        layer.save_own_variables(found)
    return list(found.items())


def _own_attributes(item: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(item, Optimizer):
        inner = getattr(item, "inner_optimizer", None)
        yield from [("inner_optimizer", inner)] if inner is not None else []
        return
    tracked = item.__dict__.get("_tracked", {})
    held = {key for keys in tracked.values() for key in keys}
    held.update(item.__dict__.get("_network_modules", ()))
    for key, module in item._modules.items():
        if module is not None and key not in held:
            yield key, module if isinstance(module, Layer) else list(_find_layers(module))
    if hasattr(item, "save_weights"):
        yield "optimizer", getattr(item, "optimizer", None)
    for key, value in vars(item).items():
        if key in tracked or (isinstance(value, Optimizer) and not key.startswith("_")):
            yield key, value
    yield from _properties(item)


def _properties(item: Any) -> Iterator[tuple[str, Any]]:
    """The properties that classes of the user define."""
    for name in _property_names(type(item)):  # type: ignore[arg-type]
        try:
            yield name, getattr(item, name)
        except Exception:  # noqa: BLE001, S112 - what a property of the user raises is no reason to fail
            continue


@functools.cache
def _property_names(cls: Any) -> list[str]:
    found = []
    for name in dir(cls):
        owner = next((base for base in cls.__mro__ if name in vars(base)), cls)
        is_property = isinstance(vars(owner).get(name), property) and not name.startswith("__")
        if is_property and not owner.__module__.startswith(("keras_torch.", "torch.")):
            found.append(name)
    return found
