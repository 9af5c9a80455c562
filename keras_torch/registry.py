"""Name → object tables: how strings and config dicts become layers, losses, optimizers and so on.

Each family fills its table from its own import list. Nothing is ever imported by a name that stands in a file.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from keras_torch.errors import suggest

custom_objects: dict[str, Any] = {}
_registered_names: dict[Any, str] = {}


def snake_case(name: str) -> str:
    """Return `name` as Keras derives layer names: `"Conv2D"` → `"conv2d"`, `"MaxPooling2D"` → `"max_pooling2d"`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _is_foreign(name: str) -> bool:
    """Whether a registered name, `package>name`, can only mean a user's own: Keras's packages are Custom and keras."""
    package, found, _ = name.rpartition(">")
    return bool(found) and package != "Custom" and not package.startswith("keras")


class Registry:
    """One family's table. `kind` is the word that error messages use."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.objects: dict[str, Any] = {}
        self._lookup: dict[str, Any] = {}

    def add(self, objects: Mapping[str, Any] | Iterable[Any]) -> None:
        """Add objects under the given names, or under their `__name__`."""
        items: Iterable[Any] = objects
        named = objects if isinstance(objects, Mapping) else {item.__name__: item for item in items}
        for name, item in named.items():
            self.objects[name] = item
            for alias in (name, name.lower(), snake_case(name)):
                self._lookup.setdefault(alias, item)
            self._lookup[name] = item

    def find(self, name: str, custom: Mapping[str, Any] | None = None) -> Any:
        """Return the class or function called `name`; custom objects come first. ValueError if there is none."""
        short = name.rsplit(">", 1)[-1]
        for table in (custom or {}, custom_objects):
            if name in table:
                return table[name]
            if short in table and name.startswith("Custom>"):
                return table[short]
        for key in () if _is_foreign(name) else (short, short.lower()):
            if key in self._lookup:
                return self._lookup[key]
        raise ValueError(
            f"Unknown {self.kind}: {name!r}.{suggest(short, self.objects)} Your own {self.kind} must be passed in "
            f"`custom_objects={{{name!r}: ...}}` or registered with `keras.saving.register_keras_serializable()`. "
            f"Received: {name!r}"
        )

    def get(self, identifier: Any, custom: Mapping[str, Any] | None = None) -> Any:
        """Turn None, a name, a config dict, a class, a function or an instance into the object to use."""
        if identifier is None:
            return None
        if isinstance(identifier, str):
            found = self.find(identifier, custom)
            return found() if inspect.isclass(found) else found
        if isinstance(identifier, Mapping):
            return self.from_dict(identifier, custom)
        if inspect.isclass(identifier):
            return identifier()
        if callable(identifier) or hasattr(identifier, "get_config"):
            return identifier
        raise ValueError(
            f"Could not interpret the {self.kind} identifier; expected a name, a config dict, a function or an "
            f"instance. Received: {identifier!r} of type {type(identifier).__name__}"
        )

    def from_dict(self, config: Mapping[str, Any], custom: Mapping[str, Any] | None = None) -> Any:
        """Build an object from `{"class_name": ..., "config": ...}`; `module` entries are ignored."""
        if "class_name" not in config:
            raise ValueError(
                f"A {self.kind} config needs the keys `class_name` and `config`. Received: {dict(config)!r}"
            )
        inner = config.get("config")
        class_name = config["class_name"]
        registered = config.get("registered_name")
        if class_name == "function":
            return self.find(str(registered if registered and registered != "function" else inner), custom)
        found = self._find_class(class_name, registered, custom)
        if not inspect.isclass(found):
            return found
        if isinstance(inner, Mapping) and hasattr(found, "from_config"):
            if custom and "custom_objects" in inspect.signature(found.from_config).parameters:
                return found.from_config(dict(inner), custom_objects=dict(custom))
            with CustomObjectScope(custom or {}):
                return found.from_config(dict(inner))
        return found(**(inner or {}))

    def _find_class(self, class_name: str, registered: str | None, custom: Mapping[str, Any] | None) -> Any:
        if registered and registered != class_name:
            for table in (custom or {}, custom_objects):
                for name in (registered, class_name):
                    if name in table:
                        return table[name]
            if _is_foreign(registered):
                return self.find(registered, custom)
        return self.find(class_name, custom)

    def serialize(self, item: Any) -> Any:
        """Return the name of a function, or `{"class_name", "config"}` of an instance; None stays None."""
        if item is None or isinstance(item, str):
            return item
        if hasattr(item, "get_config") and not inspect.isclass(item):
            return {"class_name": get_registered_name(type(item)), "config": item.get_config()}
        name = _registered_names.get(item) or getattr(item, "__name__", None)
        if name is None:
            raise ValueError(f"Cannot serialize the {self.kind} {item!r}: it has neither a name nor a `get_config`.")
        return name


activations = Registry("activation function")
initializers = Registry("initializer")
regularizers = Registry("regularizer")
constraints = Registry("constraint")
losses = Registry("loss")
metrics = Registry("metric")
optimizers = Registry("optimizer")
schedules = Registry("learning rate schedule")
layers = Registry("layer")
callbacks = Registry("callback")
dtype_policies = Registry("dtype policy")


class CustomObjectScope:
    """Make custom classes and functions findable by name inside a `with` block."""

    def __init__(self, *objects: Mapping[str, Any]) -> None:
        self.objects: dict[str, Any] = {}
        for item in objects:
            self.objects.update(item or {})
        self._before: list[dict[str, Any]] = []

    def __enter__(self) -> CustomObjectScope:
        self._before.append(dict(custom_objects))
        custom_objects.update(self.objects)
        return self

    def __exit__(self, *exc: object) -> None:
        custom_objects.clear()
        custom_objects.update(self._before.pop())


def custom_object_scope(*objects: Mapping[str, Any]) -> CustomObjectScope:
    """Function form of `CustomObjectScope`."""
    return CustomObjectScope(*objects)


def get_custom_objects() -> dict[str, Any]:
    """Return the live table of custom objects."""
    return custom_objects


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Class or function decorator: make it loadable from files under `package>name`."""

    def register(item: Any) -> Any:
        registered = f"{package}>{name or item.__name__}"
        if inspect.isclass(item) and not hasattr(item, "get_config"):
            raise ValueError(f"Cannot register the class {item.__name__}: it has no `get_config()` method.")
        custom_objects[registered] = item
        _registered_names[item] = registered
        return item

    return register


def get_registered_name(item: Any) -> str:
    """Return the name under which `item` was registered, else its own name."""
    return _registered_names.get(item) or item.__name__


def get_registered_object(name: str, custom: Mapping[str, Any] | None = None) -> Any:
    """Return the custom object called `name`, or None."""
    return (custom or {}).get(name) or custom_objects.get(name)
