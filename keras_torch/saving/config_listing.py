"""Listing the layers of a model's config, and what a reader must be given, without building anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keras_torch import legacy, registry
from keras_torch.errors import FileFormatError
from keras_torch.saving.file_config import find_class

# What a table of layers shows of their configs, in this order.
_SHOWN = (
    *("batch_input_shape", "batch_shape", "input_shape", "units", "output_dim", "filters", "nb_filter", "kernel_size"),
    *("nb_row", "nb_col", "strides", "subsample", "pool_size", "padding", "border_mode", "rate", "p", "axis"),
    *("num_heads", "key_dim", "target_shape", "dims", "n", "activation", "return_sequences", "merge_mode", "dtype"),
)
_WRAPPED = ("layer", "forward_layer", "backward_layer", "cell", "cells")
_ANY_DEPTH = 200


@dataclass(frozen=True)
class LayerRow:
    """A layer of a config: `depth` is 0 in the model, 1 in a nested model or a wrapper, and so on."""

    name: str
    class_name: str
    depth: int
    settings: dict[str, Any]


def list_layers(item: Any, where: str) -> tuple[str, list[LayerRow]]:
    """Return a model's name and class as a text, and the rows of its layers."""
    if not isinstance(item, Mapping) or not isinstance(item.get("class_name"), str) or "config" not in item:
        raise FileFormatError(f"{where} must be an object with the keys `class_name` and `config`.")
    name = _name_of(item)
    return (f"{name} ({item['class_name']})" if name else item["class_name"]), list(_rows(_inner(item), 0))


def _rows(layers: list[Any], depth: int) -> Iterator[LayerRow]:
    for layer in layers:
        if not isinstance(layer, Mapping):
            raise FileFormatError(f"A layer of a model must be an object. Received: {type(layer).__name__}")
        yield LayerRow(_name_of(layer), str(layer.get("class_name")), depth, _settings(layer))
        if depth < _ANY_DEPTH:
            yield from _rows(_inner(layer), depth + 1)


def _inner(item: Mapping[str, Any]) -> list[Any]:
    """The layers of a model, or the layer or cells in a wrapper."""
    config = item.get("config")
    if isinstance(config, list):
        return config
    if not isinstance(config, Mapping):
        return []
    if isinstance(config.get("layers"), list):
        return config["layers"]
    found: list[Any] = []
    for key in _WRAPPED:
        value = config.get(key)
        found += [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, Mapping)]
    return found


def _name_of(item: Mapping[str, Any]) -> str:
    config = item.get("config")
    name = item.get("name") or (config.get("name") if isinstance(config, Mapping) else None)
    return str(name or "")


def _settings(item: Mapping[str, Any]) -> dict[str, Any]:
    config = item.get("config")
    if not isinstance(config, Mapping):
        return {}
    settings = {key: brief(config[key]) for key in _SHOWN if config.get(key) is not None}
    built = item.get("build_config")
    if isinstance(built, Mapping) and built.get("input_shape") is not None:
        settings.setdefault("input_shape", built["input_shape"])
    if settings.get("dtype") in ("float32", "int32", None):
        settings.pop("dtype", None)
    if settings.get("activation") == "linear":
        del settings["activation"]
    return settings


def brief(value: Any) -> Any:
    """Return serialized objects as their names with settings, anything else as it is."""
    if isinstance(value, Mapping):
        class_name, config = value.get("class_name"), value.get("config")
        if isinstance(class_name, str) and "config" in value:
            if class_name in ("DTypePolicy", "Policy") and isinstance(config, Mapping):
                return config.get("name")
            return config if class_name == "function" else {class_name: brief(config)}
        return {key: brief(item) for key, item in value.items()}
    if isinstance(value, list):
        return [brief(item) for item in value]
    return value


def needs(item: Any) -> list[str]:
    """Say what of a config a reader must be given in `custom_objects`, or must allow."""
    found: dict[str, None] = {}
    for entry in _objects(item):
        text = _need(entry)
        if text:
            found[text] = None
    return list(found)


def _objects(item: Any) -> Iterator[Mapping[str, Any]]:
    stack = [item]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            if isinstance(value.get("class_name"), str):
                yield value
            stack.extend(reversed(list(value.values())))
        elif isinstance(value, list):
            stack.extend(reversed(value))


def _need(item: Mapping[str, Any]) -> str | None:
    class_name, config = item["class_name"], item.get("config")
    name = _name_of(item)
    where = f" of {name!r}" if name else ""
    if class_name == "Lambda" and isinstance(config, Mapping):
        function = config.get("function")
        if isinstance(function, (list, Mapping)) and _is_bytecode(function):
            return (
                f"the function of the Lambda layer {name!r}, which stands in the file as Python bytecode: "
                f"custom_objects={{{name!r}: function}}, or safe_mode=False if you trust the file"
            )
        return f"the function{where} in the Lambda layer: custom_objects={{{_function_name(function)!r}: function}}"
    if class_name == "TorchModuleWrapper":
        return f"the torch module{where}, which stands in the file as a pickle: custom_objects={{{name!r}: module}}"
    if class_name in ("function", "__lambda__", "__keras_tensor__", "__tensor__", "__numpy__", "__typespec__"):
        return None
    registered = item.get("registered_name") or class_name
    if not isinstance(registered, str) or _is_known(class_name, registered):
        return None
    return f"the class {class_name!r}{where}: custom_objects={{{registered!r}: class}}"


def _is_bytecode(function: Any) -> bool:
    return isinstance(function, list) or function.get("class_name") == "__lambda__"


def _function_name(function: Any) -> str:
    return str(function.get("config")) if isinstance(function, Mapping) else str(function)


_MODELS = frozenset({"Model", "Functional", "Container", "Network", "Sequential", "Merge", "Graph"})
_OPERATIONS = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "ClassMethod", "TorchFunction"})
_POLICIES = frozenset({"DTypePolicy", "Policy", "DTypePolicyMap", "FloatDTypePolicy"})


def _is_known(class_name: str, registered: str) -> bool:
    short = registered.rpartition(">")[2]
    if any(name in registry.custom_objects for name in (class_name, registered)):
        return True
    if class_name in _MODELS | _OPERATIONS | _POLICIES:
        return True
    package = registered.rpartition(">")[0]
    if package and package not in ("Custom", "keras") and not package.startswith("keras."):
        return False
    return find_class(legacy.upgrade_class_name(short)) is not None
