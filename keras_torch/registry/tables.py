"""One table per family: names and config dicts become objects, and objects become names and config dicts."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from keras_torch import config as settings
from keras_torch.errors import UnknownObjectError, reading_config, suggest
from keras_torch.registry import sharing
from keras_torch.registry.custom import CustomObjectScope, get_registered_name, known_custom_objects, registered_name

# Classes whose path differs from that of their family.
_MODULES = {
    "Sequential": "keras",
    "Distiller": "keras.distillation",
    "DTypePolicy": "keras",
    "DTypePolicyMap": "keras.dtype_policies",
}
_FUNCTIONAL = {"tf": "keras.src.engine.functional"}
_MODULES_OF_TF = {"LossScaleOptimizer": "keras.mixed_precision", "DTypePolicy": "keras.mixed_precision"}


_for_hdf5: ContextVar[bool] = ContextVar("config_for_hdf5", default=False)


@contextmanager
def for_hdf5() -> Iterator[None]:
    """Let configs be written as HDF5 files need them, which versions before Keras 3 read as well."""
    token = _for_hdf5.set(True)
    try:
        yield
    finally:
        _for_hdf5.reset(token)


def wants_lists() -> bool:
    """Whether a layer's calls are written as Keras 2 did: lists of references instead of `args` and `kwargs`."""
    return _for_hdf5.get() or settings.dialect() in ("1", "2", "tf")


def wants_single_lists() -> bool:
    """Whether the only input or output stands in a list, as in Keras 2; tf.keras reads it without as well."""
    return wants_lists() and not (_for_hdf5.get() and not settings.is_classic())


def counts_from_1() -> bool:
    """Whether the calls of nested models are counted as Keras 2 did; the writer of HDF5 files does it himself."""
    return not _for_hdf5.get() and settings.dialect() in ("1", "2", "tf")


def wants_modern() -> bool:
    """Whether configs are written as only Keras 3 reads them, where its form is another."""
    dialect = settings.dialect()
    return dialect == "3" or (dialect is None and not _for_hdf5.get())


def snake_case(name: str) -> str:
    """Return `name` as Keras derives layer names: `"Conv2D"` → `"conv2d"`, `"MaxPooling2D"` → `"max_pooling2d"`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def is_foreign(name: str) -> bool:
    """Whether a registered name, `package>name`, can only mean a user's own: Keras's packages are Custom and keras."""
    package, found, _ = name.rpartition(">")
    return bool(found) and package != "Custom" and not package.startswith("keras")


class Registry:
    """One family's table.

    `kind` is the word that error messages use, `module` the path that the family's classes have in Keras.
    """

    def __init__(self, kind: str, module: str = "keras") -> None:
        self.kind = kind
        self.module = module
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
        known = known_custom_objects(custom)
        if name in known:
            return known[name]
        if short in known and name.startswith("Custom>"):
            return known[short]
        for key in () if is_foreign(name) else (short, short.lower()):
            if key in self._lookup:
                return self._lookup[key]
        # Keras 3.6 wrote functions without the package under which they are registered.
        registered = next((item for key, item in known.items() if key.endswith(f">{name}")), None)
        if registered is not None:
            return registered
        raise UnknownObjectError(
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
            return found() if isinstance(found, type) else found
        if hasattr(identifier, "get_config") and not isinstance(identifier, type):
            return identifier
        if isinstance(identifier, Mapping):
            return self.from_dict(identifier, custom)
        if inspect.isclass(identifier):
            return identifier()
        if callable(identifier):
            return identifier
        raise ValueError(
            f"Could not interpret the {self.kind} identifier; expected a name, a config dict, a function or an "
            f"instance. Received: {identifier!r} of type {type(identifier).__name__}"
        )

    def from_dict(self, config: Mapping[str, Any], custom: Mapping[str, Any] | None = None) -> Any:
        """Build an object from `{"class_name": ..., "config": ...}`; a `module` is not looked for.

        ValueError if the class is unknown; a ConfigError, which names it, if it cannot be made of its config.
        """
        if "class_name" not in config:
            raise ValueError(
                f"A {self.kind} config needs the keys `class_name` and `config`. Received: {dict(config)!r}"
            )
        shared = sharing.find_made(config)
        if shared is not None:
            return shared
        with reading_config(_label(self.kind, config["class_name"], config.get("config"))):
            made = self._made(config, custom)
        sharing.note_made(config, made)
        return made

    def _made(self, config: Mapping[str, Any], custom: Mapping[str, Any] | None) -> Any:
        inner = config.get("config")
        class_name = config["class_name"]
        registered = config.get("registered_name")
        if class_name == "function":
            return self.find(function_name(config), custom)
        found = self.find_class(class_name, registered, custom)
        if not inspect.isclass(found):
            return found
        if isinstance(inner, Mapping) and hasattr(found, "from_config"):
            return make(found, inner, custom)
        return found(**(inner or {}))

    def find_class(
        self, class_name: str, registered: str | None = None, custom: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the class of a config; ValueError, which is a TypeError as well, if there is none."""
        if registered and registered != class_name:
            known = known_custom_objects(custom)
            for name in (registered, class_name):
                if name in known:
                    return known[name]
            if is_foreign(registered):
                return self.find(registered, custom)
            if ">" not in registered and class_name in self._lookup:
                raise ValueError(
                    f"The {self.kind} {class_name!r} resolved to a Keras built-in, which has no registered name. Take "
                    f"`registered_name` out of the config. Received: {registered!r}"
                )
        return self.find(class_name, custom)

    def serialize(self, item: Any) -> Any:
        """Return an instance as a config dict; None and names stay as they are.

        A function gives its name in dialects 1 and 2 and if it is an activation of Keras, else a dict.
        """
        if item is None or isinstance(item, str):
            return item
        if hasattr(item, "get_config") and not inspect.isclass(item):
            return describe_instance(item, item.get_config())
        if registered_name(item) is None and not hasattr(item, "__name__"):
            raise ValueError(f"Cannot serialize the {self.kind} {item!r}: it has neither a name nor a `get_config`.")
        if settings.is_classic() or (self is activations and item.__module__.startswith("keras_torch.")):
            return get_registered_name(item)
        return describe_function(item)


def make(cls: type, config: Mapping[str, Any], custom: Mapping[str, Any] | None = None) -> Any:
    """Call a class's `from_config`, which may ask for the custom objects, and in any case finds them by name."""
    with CustomObjectScope(custom), reading_config(_label("", cls.__name__, config)):
        from_config: Any = cls.from_config  # type: ignore[attr-defined]
        if custom and "custom_objects" in inspect.signature(from_config).parameters:
            return from_config(dict(config), custom_objects=dict(custom))
        return from_config(dict(config))


def _label(kind: str, class_name: Any, config: Any) -> str:
    """Return how errors call the object that a config describes."""
    name = config.get("name") if isinstance(config, Mapping) else None
    label = f"{kind} {str(class_name)[:100]!r}".lstrip()
    return f"{label} named {name[:100]!r}" if isinstance(name, str) else label


def function_name(config: Mapping[str, Any]) -> str:
    """Return the name in the config dict of a function."""
    registered = config.get("registered_name")
    return str(registered if registered and registered != "function" else config.get("config"))


def describe_function(function: Any) -> dict[str, Any]:
    """Return the config dict of a named function, as tf.keras 2.13 and Keras 3 write it."""
    name = get_registered_name(function)
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def describe_instance(item: Any, config: Any) -> dict[str, Any]:
    """Return the config dict around `config`; of class and config alone in dialects 1 and 2.

    Keras's classes go by their public path, those of users by the name under which they are registered.
    """
    cls = type(item)
    if not isinstance(config, Mapping):
        raise TypeError(f"`get_config` of {cls.__name__} must return a dict. Received: {config!r}")
    path = _public_path(cls)
    registered = None if path else get_registered_name(cls)
    if settings.is_classic():
        return {"class_name": path[1] if path else registered, "config": config}
    if path is None:
        path = "" if cls.__module__ in ("__main__", "builtins") else cls.__module__, cls.__name__
    else:
        registered = path[1] if path[1] == "Functional" else None
    described = {"module": path[0] or None, "class_name": path[1], "config": config, "registered_name": registered}
    sharing.note_written(item, described)
    return described


def _public_path(cls: type) -> tuple[str, str] | None:
    """Return where Keras has a class of ours, and its name there; None for a class of a user."""
    name, dialect = cls.__name__, settings.dialect() or "3"
    if not cls.__module__.startswith("keras_torch.") or registered_name(cls):
        return None
    if cls.__module__ == "keras_torch.models.model":
        return _FUNCTIONAL.get(dialect, "keras.src.models.functional"), "Functional"
    for family in FAMILIES:
        if family.objects.get(name) is cls:
            special = _MODULES_OF_TF if dialect == "tf" else {}
            return special.get(name) or _MODULES.get(name) or family.module, name
    return "keras" + cls.__module__.removeprefix("keras_torch"), name


activations = Registry("activation function", "keras.activations")
initializers = Registry("initializer", "keras.initializers")
regularizers = Registry("regularizer", "keras.regularizers")
constraints = Registry("constraint", "keras.constraints")
losses = Registry("loss", "keras.losses")
metrics = Registry("metric", "keras.metrics")
optimizers = Registry("optimizer", "keras.optimizers")
schedules = Registry("learning rate schedule", "keras.optimizers.schedules")
layers = Registry("layer", "keras.layers")
callbacks = Registry("callback", "keras.callbacks")
dtype_policies = Registry("dtype policy", "keras.dtype_policies")
distillation = Registry("distillation loss", "keras.distillation")

# In the order in which a class is looked for where nothing says of which family it is.
FAMILIES = (
    layers,
    losses,
    metrics,
    optimizers,
    schedules,
    initializers,
    regularizers,
    constraints,
    activations,
    dtype_policies,
    callbacks,
    distillation,
)
