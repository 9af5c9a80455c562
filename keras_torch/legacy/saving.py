"""Objects as `{"class_name", "config"}`: how Keras 1, 2 and tf.keras before 2.13 wrote them, `keras.legacy.saving`."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from typing import Any

from keras_torch import config, registry

__all__ = ["deserialize_keras_object", "serialize_keras_object"]


def serialize_keras_object(instance: Any) -> Any:
    """Return `{"class_name", "config"}` of an instance with `get_config`, the name of a function; None stays None.

    ValueError for what has neither.
    """
    if instance is None or isinstance(instance, str):
        return instance
    if hasattr(instance, "get_config") and not inspect.isclass(instance):
        form = registry.serialize_keras_object(instance)
        custom = form.get("registered_name")
        return {"class_name": custom or form["class_name"], "config": form["config"]}
    if not hasattr(instance, "__name__"):
        raise ValueError(f"Cannot serialize {instance!r}: it has neither a `get_config()` method nor a `__name__`.")
    return registry.get_registered_name(instance)


def deserialize_keras_object(
    identifier: Any,
    module_objects: Mapping[str, Any] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """Make the object of a config dict, or find the class or function of a name.

    Names are looked for in `custom_objects`, then in `module_objects`; without these, among all of Keras's classes.
    Multi-backend Keras returns a class that is meant by its name, later ones an instance of it. ValueError for an
    unknown name, which calls it a `printable_module_name`.
    """
    if identifier is None or isinstance(identifier, types.FunctionType):
        return identifier
    table = registry.Registry(printable_module_name)
    if module_objects is None:
        for family in reversed(registry.FAMILIES):
            table.add(family.objects)
    else:
        table.add({name: item for name, item in module_objects.items() if not name.startswith("_")})
    if isinstance(identifier, str):
        found = table.find(identifier, custom_objects)
        return found() if inspect.isclass(found) and not config.is_classic() else found
    if not isinstance(identifier, Mapping):
        raise ValueError(
            f"A serialized {printable_module_name} is a name or a dict with `class_name` and `config`. "
            f"Received: {identifier!r}"
        )
    return table.get(identifier, custom_objects)
