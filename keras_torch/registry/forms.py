"""Any value of a config as plain data and back, in the form of tf.keras 2.13 and Keras 3.

A dict `{"module", "class_name", "config", "registered_name"}` stands for an object; class names between double
underscores stand for values that JSON does not know. `module` tells the family at most: nothing is imported by it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import EllipsisType
from typing import Any

import numpy as np
import torch

from keras_torch import config as settings
from keras_torch.errors import ConfigError, UnknownObjectError, reading_config
from keras_torch.registry import bytecode, sharing
from keras_torch.registry.custom import CustomObjectScope, known_custom_objects
from keras_torch.registry.tables import (
    FAMILIES,
    Registry,
    describe_function,
    describe_instance,
    function_name,
    make,
)

# How a type is written, and how a class name between underscores is read; further modules add their own.
WRITERS: dict[type, Callable[[Any], Any]] = {}
READERS: dict[str, Callable[[Any], Any]] = {}

_PLAIN = (str, int, float, bool)
_FAMILY_OF_MODULE = {family.module.rpartition(".")[2]: family for family in FAMILIES}


def serialize_keras_object(obj: Any) -> Any:
    """Return a value of a config, or an object with `get_config`, as plain data.

    Numbers, text, None, lists, tuples and dicts stay what they are; numpy scalars become numbers; arrays, tensors,
    bytes, slices, `...`, symbolic tensors and lambdas become dicts with a class name like `"__numpy__"`; named
    functions and objects become dicts of their name or config. TypeError for anything else.
    """
    if obj is None or isinstance(obj, _PLAIN):
        return obj
    if isinstance(obj, (list, tuple)):
        if obj and isinstance(obj[0], bytecode.FunctionText):
            return obj
        items = [serialize_keras_object(item) for item in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if isinstance(obj, Mapping):
        return {key: serialize_keras_object(item) for key, item in obj.items()}
    for kind, write in WRITERS.items():
        if isinstance(obj, kind):
            return write(obj)
    if bytecode.is_lambda(obj):
        return {"class_name": "__lambda__", "config": {"value": list(bytecode.dump_function(obj))}}
    if inspect.isclass(obj) or not hasattr(obj, "get_config"):
        if hasattr(obj, "__name__"):
            return describe_function(obj)
        raise TypeError(
            f"Cannot serialize {obj!r} of type {type(obj).__name__}: a class must have a `get_config()` method that "
            "returns its constructor's arguments."
        )
    return describe(obj, "build_config", "compile_config")


def describe(item: Any, *further: str) -> dict[str, Any]:
    """Return the dict of an object, in tf.keras and Keras 3 with further configs that it has: for `get_<key>`."""
    described = describe_instance(item, item.get_config())
    described["config"] = serialize_keras_object(described["config"])
    for key in () if settings.is_classic() else further:
        method = getattr(item, f"get_{key}", None)
        found = method() if method is not None else None
        if found is not None:
            described[key] = serialize_keras_object(found)
    return described


def _plain_array(array: np.ndarray) -> Any:
    if array.ndim == 0:
        return array.item()
    return {"class_name": "__numpy__", "config": {"value": array.tolist(), "dtype": array.dtype.name}}


def _plain_tensor(tensor: torch.Tensor) -> Any:
    value = {"value": tensor.detach().cpu().tolist(), "dtype": settings.dtype_name(tensor.dtype)}
    return {"class_name": "__tensor__", "config": value}


def _plain_slice(item: slice) -> Any:
    parts = {part: serialize_keras_object(getattr(item, part)) for part in ("start", "stop", "step")}
    return {"class_name": "__slice__", "config": parts}


WRITERS.update(
    {
        bytes: lambda item: {"class_name": "__bytes__", "config": {"value": item.decode("utf-8")}},
        slice: _plain_slice,
        EllipsisType: lambda item: {"class_name": "__ellipsis__", "config": {}},
        np.ndarray: _plain_array,
        np.generic: lambda item: item.item(),
        np.dtype: lambda item: item.name,
        torch.Tensor: _plain_tensor,
        torch.dtype: settings.dtype_name,
    }
)


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """Make the value or object that `serialize_keras_object`, here or in Keras 2.13 to 3, made `config` of.

    Classes come from Keras's own, from `custom_objects`, scopes around the call and registered ones: nothing is
    imported. Bytecode of lambdas is refused unless `safe_mode=False`, and inside a load call unless that call said so.
    TypeError for an unknown class and for what is no config.
    """
    module_objects = kwargs.pop("module_objects", None)
    kwargs.pop("printable_module_name", None)
    if kwargs:
        raise TypeError(f"`deserialize_keras_object` has no argument {', '.join(map(repr, kwargs))}.")
    outer = bytecode.safe_mode_of_call()
    with bytecode.allow_bytecode(not (safe_mode if outer is None else outer)), reading_config("an object"):
        return _Reader(custom_objects, module_objects).read(config)


class _Reader:
    """One call of `deserialize_keras_object`."""

    def __init__(self, custom: Mapping[str, Any] | None, module_objects: Mapping[str, Any] | None) -> None:
        self.custom = custom
        self.table: Registry | None = None
        if module_objects is not None:
            self.table = Registry("object")
            self.table.add({name: item for name, item in module_objects.items() if not name.startswith("_")})

    def read(self, config: Any) -> Any:
        if isinstance(config, str):
            found = known_custom_objects(self.custom).get(config)
            if found is None and self.table is not None:
                found = self.table.objects.get(config)
            return config if found is None else found
        if config is None or isinstance(config, _PLAIN):
            return config
        if isinstance(config, (list, tuple)):
            return [self.read(item) for item in config]
        if not isinstance(config, Mapping):
            raise TypeError(f"Could not parse the config {config!r} of type {type(config).__name__}.")
        if not isinstance(config.get("class_name"), str) or not ({"config", "items"} & config.keys()):
            return {key: self.read(item) for key, item in config.items()}
        kind = config["class_name"]
        if kind in READERS:
            return self._value(kind, config)
        if kind == "__lambda__":
            return self._lambda(config.get("config"))
        return self._object(config)

    def _value(self, kind: str, config: Mapping[str, Any]) -> Any:
        inner = config.get("config")
        if kind == "__slice__":
            inner = inner.values() if isinstance(inner, Mapping) else inner or ()
            return slice(*(self.read(part) for part in inner))
        if kind == "__tuple__":
            return tuple(self.read(part) for part in config.get("items", inner or ()))
        try:
            return READERS[kind](inner)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TypeError(f"Could not parse the config of {kind}: {inner!r}. ({error})") from error

    def _lambda(self, inner: Any) -> Any:
        value = inner.get("value", inner) if isinstance(inner, Mapping) else inner
        if isinstance(value, Mapping):
            value = [value.get("code"), value.get("defaults"), value.get("closure")]
        if not isinstance(value, (list, tuple)) or len(value) != 3 or not isinstance(value[0], str):
            raise TypeError(f"A `__lambda__` holds bytecode, defaults and closure. Received: {inner!r}")
        if isinstance(value[0], bytecode.FunctionText):
            return value[0].function
        return bytecode.load_function(value, "lambda")

    def _object(self, config: Mapping[str, Any]) -> Any:
        inner = config["config"] if config["config"] is not None else {}
        if config["class_name"] == "function":
            if not isinstance(inner, str):
                raise TypeError(f"The `config` of a function must be its name. Received: {config!r}")
            return self._find_function(config)
        if not isinstance(inner, Mapping):
            raise TypeError(f"The `config` of {config['class_name']!r} must be a dict. Received: {inner!r}")
        shared = sharing.find_made(config)
        if shared is not None:
            return shared
        registered = config.get("registered_name")
        cls = self._find(config, lambda table: table.find_class(config["class_name"], registered, self.custom))
        if not inspect.isclass(cls):
            return cls
        made = self._make(cls, config, inner)
        sharing.note_made(config, made)
        return made

    def _find_function(self, config: Mapping[str, Any]) -> Any:
        name = function_name(config)
        known = known_custom_objects(self.custom)
        found = known.get(name) or next((item for key, item in known.items() if key.endswith(f">{name}")), None)
        families = _families(config.get("module")) if self.table is None else (self.table,)
        for family in families if found is None else ():
            item = family.objects.get(name)
            if inspect.isfunction(item):
                return item
        if found is None:
            raise UnknownObjectError(
                f"Could not locate the function {name!r}. Your own functions must be passed in "
                f"`custom_objects={{{name!r}: ...}}` or registered with `keras.saving.register_keras_serializable()`. "
                f"Received: {dict(config)!r}"
            )
        return found

    def _find(self, config: Mapping[str, Any], look: Callable[[Registry], Any]) -> Any:
        """Look for a name in the families, first in the one that `module` tells."""
        families = (self.table,) if self.table is not None else _families(config.get("module"))
        error: UnknownObjectError | None = None
        for family in families:
            try:
                return look(family)
            except UnknownObjectError as failure:
                error = error or failure
        raise error  # type: ignore[misc]

    def _make(self, cls: type, config: Mapping[str, Any], inner: Mapping[str, Any]) -> Any:
        if not hasattr(cls, "from_config"):
            raise TypeError(
                f"Cannot make an instance of {config['class_name']!r}: the class has no `from_config()` method. "
                f"Received: {dict(config)!r}"
            )
        try:
            made = make(cls, inner, self.custom)
        except TypeError as error:
            raise TypeError(
                f"{cls.__name__} could not be made from its config. Objects (layers, models, functions) that "
                "`get_config()` returns must be deserialized in `from_config()`, for instance with "
                f"`keras.saving.deserialize_keras_object`. ({error}) Received: {dict(config)!r}"
            ) from error
        finish(made, config, self.custom)
        return made


def finish(made: Any, config: Mapping[str, Any], custom: Mapping[str, Any] | None = None) -> None:
    """Build and compile an object as the keys `build_config` and `compile_config` beside its config say."""
    if config.get("build_config") and hasattr(made, "build_from_config") and not getattr(made, "built", False):
        build_from_config(made, config["build_config"])
        made.built = True
    if config.get("compile_config") and hasattr(made, "compile_from_config"):
        with CustomObjectScope(custom):
            made.compile_from_config(config["compile_config"])


def build_from_config(made: Any, shapes: Any) -> None:
    """Build an object for what its `get_build_config` returned."""
    if not isinstance(shapes, Mapping):
        raise ConfigError(f"The `build_config` of {type(made).__name__} must be a dict. Received: {str(shapes)[:1000]}")
    with reading_config(f"the shapes of {type(made).__name__} {getattr(made, 'name', '')!r}"):
        made.build_from_config(shapes)


def _families(module: Any) -> tuple[Registry, ...]:
    for part in reversed(str(module or "").split(".")):
        if part in _FAMILY_OF_MODULE:
            found = _FAMILY_OF_MODULE[part]
            return (found, *(family for family in FAMILIES if family is not found))
    return FAMILIES


def _array(inner: Mapping[str, Any]) -> np.ndarray:
    return np.array(inner["value"], dtype=inner["dtype"])


def _tensor(inner: Mapping[str, Any]) -> torch.Tensor:
    return torch.tensor(inner["value"], dtype=settings.torch_dtype(inner["dtype"]))


READERS.update(
    {
        "__numpy__": _array,
        "__tensor__": _tensor,
        "__bytes__": lambda inner: inner["value"].encode("utf-8"),
        "__ellipsis__": lambda inner: ...,
        "__dtype__": settings.torch_dtype,
        "__slice__": slice,
        "__tuple__": tuple,
    }
)
