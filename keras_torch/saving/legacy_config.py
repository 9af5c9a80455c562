"""Configs of files, of any generation → today's form, with references to layer calls counted from 0.

Structure is handled here (class names, early Sequential lists, node numbers, wrapped objects); the spelling of each
class's arguments by the tables of `keras_torch.legacy`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import yaml

from keras_torch import legacy, registry
from keras_torch.engine.arguments import constructor_arguments
from keras_torch.errors import FileFormatError, reading_config
from keras_torch.models.operations import is_operation
from keras_torch.saving import keras_1_models
from keras_torch.saving.file_config import DEFAULTS, MODEL_CLASSES, dtype_name, find_class, is_reference, renumber

MAX_TEXT = 256 * 2**20
# PyYAML takes a minute for this much; Keras stopped writing YAML when models were small.
MAX_YAML = 16 * 2**20
MAX_NESTING = 200
_MAX_DIGITS = 4300
MAX_VALUES = 5_000_000
_OLD_MODELS = {"Model": "Functional", "Container": "Functional", "Network": "Functional"}


class PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader plus the tags that Keras 1 and 2 wrote for plain data: Python tuples and numpy's numbers."""


PlainLoader.add_constructor(
    "tag:yaml.org,2002:python/tuple",
    lambda loader, node: loader.construct_sequence(node, deep=True),  # type: ignore[arg-type]
)


def _whole_number(loader: Any, node: yaml.ScalarNode) -> int:
    """Return a whole number of at most `_MAX_DIGITS` characters: in base 60, which YAML has, PyYAML takes ages."""
    if len(node.value) > _MAX_DIGITS:
        raise yaml.constructor.ConstructorError(
            None, None, f"a number of more than {_MAX_DIGITS} digits", node.start_mark
        )
    return loader.construct_yaml_int(node)


PlainLoader.add_constructor("tag:yaml.org,2002:int", _whole_number)


def _numpy_number(loader: Any, node: yaml.Node) -> int | float:
    """Return the number that Keras 1 wrote as a call of numpy: its type's code, such as `i8`, and its bytes.

    Only these two are looked at; nothing is called. ConstructorError if they are no number of up to eight bytes.
    """
    try:
        described, value = node.value
        arguments = next(inner for key, inner in described.value if key.value == "args")
        code, data = arguments.value[0].value, loader.construct_yaml_binary(value)
        if code in _NUMBERS and len(data) == int(code[1:]):
            return np.frombuffer(data, "<" + code)[0].item()
    except (AttributeError, TypeError, ValueError, StopIteration):
        pass
    raise yaml.constructor.ConstructorError(None, None, "this is no plain number", node.start_mark)


_NUMBERS = frozenset({"i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})
for _module in ("numpy.core.multiarray", "numpy._core.multiarray"):
    PlainLoader.add_constructor(f"tag:yaml.org,2002:python/object/apply:{_module}.scalar", _numpy_number)


_CONTAINERS = (dict, list, tuple)


def parse_json(text: str, where: str) -> Any:
    """Parse JSON text from a file; too large, too deep or malformed text is an error that names `where`."""
    _check_size(text, where, MAX_TEXT)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{where} is not valid JSON: {error}") from error
    return _check_nesting(value, where)


def parse_yaml(text: str, where: str) -> Any:
    """Parse YAML text with a loader that knows plain data only."""
    _check_size(text, where, MAX_YAML)
    try:
        value = yaml.load(text, Loader=PlainLoader)  # noqa: S506 - a SafeLoader
    # What PyYAML's constructors raise for malformed numbers and dates is not wrapped by it.
    except (yaml.YAMLError, RecursionError, ValueError, AttributeError, LookupError, TypeError) as error:
        raise FileFormatError(f"{where} is not plain YAML: {error}") from error
    return _check_nesting(value, where)


def _check_size(text: Any, where: str, limit: int) -> None:
    if not isinstance(text, (str, bytes)):
        raise TypeError(f"{where} must be a string. Received: {type(text).__name__}")
    if len(text) > limit:
        raise FileFormatError(f"{where} has {len(text)} characters, more than is allowed ({limit}).")


def _check_nesting(value: Any, where: str) -> Any:
    """Return what was parsed unless it is too deep or, written out, too large.

    YAML's aliases let a short text stand for endlessly many values; these are counted level by level, as often as they
    would be written.
    """
    level = [value] if isinstance(value, _CONTAINERS) else []
    depth = count = 0
    while level:
        depth += 1
        count += sum(map(len, level))
        if depth > MAX_NESTING:
            raise FileFormatError(f"{where} is nested more than {MAX_NESTING} levels deep.")
        if count > MAX_VALUES:
            raise FileFormatError(f"{where} has more than {MAX_VALUES} values.")
        level = [
            part
            for item in level
            for part in (item.values() if isinstance(item, dict) else item)
            if isinstance(part, _CONTAINERS)
        ]
    return value


class ConfigReader:
    """Brings the configs of one file up to date. `version` is for messages, `generation` chooses the tables."""

    def __init__(self, generation: str | None, version: str, custom_objects: Mapping[str, Any] | None = None) -> None:
        self.generation = generation
        self.version = version
        self.custom_objects = dict(custom_objects or {})

    def model(self, item: Any, where: str = "The model config") -> dict[str, Any]:
        """Return `{"class_name", "config"}` of a whole model in today's form."""
        if not isinstance(item, Mapping) or "class_name" not in item or "config" not in item:
            raise FileFormatError(
                f"{where} must be an object with the keys `class_name` and `config`. Received: {_brief(item)}"
            )
        with reading_config(f"a layer ({where[0].lower()}{where[1:]})"):
            return self.entry(item)

    def entry(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return a layer or model in today's form, with its name and nodes where it stands in a graph."""
        class_name, config = item.get("class_name"), item.get("config")
        if not isinstance(class_name, str):
            raise FileFormatError(f"A layer's `class_name` must be a string. Received: {class_name!r}")
        if is_operation(item):
            return dict(item)
        if class_name == "Merge" and isinstance(config, Mapping):
            class_name, config = keras_1_models.merge_layer(config)
        if class_name == "Graph":
            return {"class_name": class_name, "config": self._nodes(config)}
        class_name = _OLD_MODELS.get(class_name, class_name)
        result: dict[str, Any] = {"class_name": class_name, "config": config}
        if isinstance(item.get("build_config"), Mapping):
            result["build_config"] = item["build_config"]
        if item.get("registered_name") and item["registered_name"] != class_name:
            result["registered_name"] = item["registered_name"]
        if class_name == "Sequential" and isinstance(config, list):
            config = {"name": None, "layers": config}
        if isinstance(config, Mapping) and isinstance(config.get("layers"), list):
            if class_name == "Sequential" and keras_1_models.begins_with_merge(config["layers"]):
                result["class_name"], config = "Functional", keras_1_models.merged_sequential(config["layers"])
            result["config"] = self._graph(config)
        else:
            result = self.object(result)
        for key in ("name", "inbound_nodes", "shared_object_id"):
            if key in item:
                result[key] = item[key]
        return result

    def _graph(self, config: Mapping[str, Any]) -> dict[str, Any]:
        result = {key: value for key, value in config.items() if key not in ("dtype", "layers")}
        for layer in config["layers"]:
            if not isinstance(layer, Mapping):
                raise FileFormatError(f"A layer of a model must be an object. Received: {_brief(layer)}")
        layers = keras_1_models.with_dim_ordering(config["layers"]) if self.generation == "1" else config["layers"]
        result["layers"] = [self.entry(layer) for layer in layers]
        if "input_layers" in config:
            for key in ("input_layers", "output_layers"):
                value = result[key]
                result[key] = [list(value)] if is_reference(value) else value
            self._count_from_zero(result)
        return result

    def _nodes(self, config: Any) -> dict[str, Any]:
        """Return the config of Keras 1.0's `Graph`, whose layers stand in a dict."""
        nodes = config.get("nodes") if isinstance(config, Mapping) else None
        if not isinstance(nodes, Mapping) or not all(
            isinstance(item, Mapping) and "class_name" in item for item in nodes.values()
        ):
            raise FileFormatError(
                "A `Graph` model must have `nodes` with a `class_name` and a `config` each, as Keras 1.0 wrote them; "
                f"one of Keras 0.x has to be built in code. Received: {_brief(config)}"
            )
        return {**config, "nodes": {name: self.entry(item) for name, item in nodes.items()}}

    def _count_from_zero(self, config: dict[str, Any]) -> None:
        """Number the calls of nested models from 0. Before Keras 3 they were counted from 1.

        In its files they still are among the outputs, if the nested model is a functional one.
        """
        nested = {layer["name"] for layer in config["layers"] if _is_nested_model(layer)}
        if self.generation == "3":
            if self.version.startswith("3."):
                functional = {layer["name"] for layer in config["layers"] if "input_layers" in _inner(layer)}
                config["output_layers"] = renumber(
                    config["output_layers"], lambda name, index: index - 1 if name in functional and index else index
                )
            return
        if not nested:
            return
        halved = _is_repeated(config, nested)

        def change(name: str, index: int) -> int:
            return index if name not in nested else (index - 1) // 2 if halved else index - 1

        for layer in config["layers"]:
            nodes = renumber(layer.get("inbound_nodes", []), change)
            layer["inbound_nodes"] = nodes[::2] if halved and layer["name"] in nested else nodes
        config["output_layers"] = renumber(config["output_layers"], change)

    def object(self, item: Mapping[str, Any], key: str = "") -> dict[str, Any]:
        """Return a layer, initializer, loss or the like in today's form. `key` is the argument that it is given to."""
        class_name = legacy.upgrade_class_name(item["class_name"])
        result = {**item, "class_name": class_name}
        config = item.get("config")
        if not isinstance(config, Mapping):
            return result
        custom = self._custom_class(item)
        read = {key: self._value(key, value) for key, value in config.items() if not (key == "dtype" and value is None)}
        if custom is not None:
            known = constructor_arguments(custom) if hasattr(custom, "__mro__") else None
            read = read if known is None else legacy.drop_harmless(read, known)[0]
        else:
            if class_name != "InputLayer":
                read.pop("input_dtype", None)
            read = legacy.upgrade_config(class_name, read, self.generation)
            read = self._known_only(class_name, read, key)
        result["config"] = read
        return result

    def _custom_class(self, item: Mapping[str, Any]) -> Any:
        known = registry.known_custom_objects(self.custom_objects)
        return known.get(item.get("registered_name") or "", known.get(item["class_name"]))

    def _value(self, key: str, value: Any) -> Any:
        if key == "dtype":
            return dtype_name(value)
        if isinstance(value, Mapping):
            if isinstance(value.get("class_name"), str) and "config" in value:
                return self.entry(value) if value["class_name"] in MODEL_CLASSES else self.object(value, key)
            return {inner: self._value(inner, item) for inner, item in value.items()}
        if isinstance(value, list):
            return [self._value(key, item) for item in value]
        return value

    def _known_only(self, class_name: str, config: dict[str, Any], argument: str) -> dict[str, Any]:
        """Drop keys that a class of ours does not know and that say nothing; refuse others, naming the layer."""
        cls = find_class(class_name, argument)
        if cls is None or not cls.__module__.startswith("keras_torch."):
            return config
        known = constructor_arguments(cls)
        if known is None:
            return config
        known |= _FROM_CONFIG.get(cls.__name__, frozenset())
        config, _ = legacy.drop_harmless(config, known)
        kept = {key: value for key, value in config.items() if key in known or DEFAULTS.get(key, _NOTHING) != value}
        unknown = sorted(set(kept) - known)
        if unknown:
            raise FileFormatError(
                f"{class_name} {config.get('name', '')!r}: the config, written by Keras {self.version}, has keys that "
                f"are not understood: { {key: kept[key] for key in unknown} }. Known are: {sorted(known)}"
            )
        return kept


_NOTHING = object()
# What `from_config` takes beside the constructor's arguments.
_FROM_CONFIG = {
    "MultiHeadAttention": frozenset({"query_shape", "value_shape", "key_shape"}),
    "Lambda": frozenset(
        {
            "function_type",
            "module",
            "output_shape_type",
            "output_shape_module",
            "mask_type",
            "mask_module",
        }
    ),
}


def _inner(layer: Mapping[str, Any]) -> Mapping[str, Any]:
    config = layer.get("config")
    return config if isinstance(config, Mapping) else {}


def _is_nested_model(layer: Mapping[str, Any]) -> bool:
    """Whether a layer's calls were counted from 1: it is a model that knows its input."""
    config = layer["config"]
    if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
        return False
    if "input_layers" in config:
        return True
    first = config["layers"][0] if config["layers"] else {}
    if _is_nested_model(first) if isinstance(first.get("config"), Mapping) else False:
        return True
    keys = first.get("config", {})
    return first.get("class_name") == "InputLayer" or any(key in keys for key in ("batch_input_shape", "batch_shape"))


def _is_repeated(config: Mapping[str, Any], nested: set[str]) -> bool:
    """Whether every call of a nested model stands twice, as this library's writer leaves it."""
    indices: list[int] = []

    def note(name: str, index: int) -> int:
        if name in nested:
            indices.append(index)
        return index

    for layer in config["layers"]:
        nodes = layer.get("inbound_nodes", [])
        renumber(nodes, note)
        if layer["name"] in nested and (len(nodes) % 2 or nodes[::2] != nodes[1::2]):
            return False
    renumber(config["output_layers"], note)
    return all(index % 2 for index in indices)


def _brief(item: Any) -> str:
    text = repr(item)
    return text if len(text) <= 200 else text[:200] + "..."
