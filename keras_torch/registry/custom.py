"""Classes and functions of the user: the global table, scopes, and names registered with a decorator."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from keras_torch import config

custom_objects: dict[str, Any] = {}
_registered_names: dict[Any, str] = {}
# What the scopes around the running code hold; a new thread starts without any, as in tf.keras and Keras 3.
_scoped: ContextVar[Mapping[str, Any]] = ContextVar("scoped_custom_objects", default={})  # noqa: B039 - never changed


class CustomObjectScope:
    """Make custom classes and functions findable by name inside a `with` block.

    Scopes nest. Multi-backend Keras (dialects 1 and 2) enters the objects into the table that `get_custom_objects`
    returns, and takes one dict or several; later ones keep them apart from it, for the running thread.
    """

    def __init__(self, *custom_objects: Mapping[str, Any] | None) -> None:
        self.custom_objects: dict[str, Any] = {}
        for item in custom_objects:
            if item is not None and not isinstance(item, Mapping):
                raise TypeError(
                    "`custom_objects` must be a dict of names and the classes or functions that they mean. "
                    f"Received: {item!r} of type {type(item).__name__}"
                )
            self.custom_objects.update(item or {})
        self._undo: list[Callable[[], None]] = []

    def __enter__(self) -> CustomObjectScope:
        if config.is_classic():
            before = dict(custom_objects)
            custom_objects.update(self.custom_objects)
            self._undo.append(lambda: _replace(before))
        else:
            token = _scoped.set({**_scoped.get(), **self.custom_objects})
            self._undo.append(lambda: _scoped.reset(token))
        return self

    def __exit__(self, *exc: object) -> None:
        self._undo.pop()()


def _replace(objects: Mapping[str, Any]) -> None:
    custom_objects.clear()
    custom_objects.update(objects)


def custom_object_scope(*custom_objects: Mapping[str, Any] | None) -> CustomObjectScope:
    """Function form of `CustomObjectScope`."""
    return CustomObjectScope(*custom_objects)


def get_custom_objects() -> dict[str, Any]:
    """Return the live global table of custom objects; what a scope holds is in it in dialects 1 and 2 only."""
    return custom_objects


def known_custom_objects(custom: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return all custom objects by name; those of a call come before those of scopes, these before the global ones."""
    return {**custom_objects, **_scoped.get(), **(custom or {})}


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Class or function decorator: make it loadable from files under `package>name`; `name` is its own by default.

    ValueError for a class without `get_config`. What was registered last under a name counts.
    """

    def register(item: Any) -> Any:
        registered = f"{package}>{item.__name__ if name is None else name}"
        if inspect.isclass(item) and not hasattr(item, "get_config"):
            raise ValueError(
                f"Cannot register a class that does not have a get_config() method: {item.__name__}. Define "
                "`get_config(self)`, which returns the constructor's arguments."
            )
        custom_objects[registered] = item
        _registered_names[item] = registered
        return item

    return register


def registered_name(item: Any) -> str | None:
    """Return the name under which `item` was registered, or None."""
    try:
        return _registered_names.get(item)
    except TypeError:
        # Not hashable, so nobody can have registered it.
        return None


def get_registered_name(obj: Any) -> str:
    """Return the name under which `obj` was registered, else its own name."""
    return registered_name(obj) or obj.__name__


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """Return the custom object called `name`, else the one in `module_objects`, or None."""
    found = known_custom_objects(custom_objects).get(name)
    return (module_objects or {}).get(name) if found is None else found
