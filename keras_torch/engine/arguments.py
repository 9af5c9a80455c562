"""What the constructors of classes take, and what they were called with: the config of a class without `get_config`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_torch import config as settings

_PLAIN = (str, int, float, bool, type(None))

# What every layer takes.
COMMON = frozenset(
    {
        "name",
        "trainable",
        "dtype",
        "input_shape",
        "batch_input_shape",
        "batch_shape",
        "input_dim",
        "input_length",
        "batch_size",
        "weights",
        "autocast",
        "activity_regularizer",
    }
)


@functools.cache
def constructor_arguments(cls: Any) -> frozenset[str] | None:
    """Return the names that a class's constructor takes, those handed on to its bases included; None: anything."""
    names: set[str] = set()
    for base in cls.__mro__:
        if base.__module__ == "keras_torch.engine.base_layer":
            return frozenset(names | COMMON)
        if "__init__" not in base.__dict__:
            continue
        parameters = inspect.signature(inspect.unwrap(base.__dict__["__init__"])).parameters
        variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        names.update(key for key, p in parameters.items() if p.kind not in variadic and key != "self")
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return frozenset(names)
    return None


def only_accepted(cls: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config without the keys that the class's own constructor cannot be given."""
    parameters = inspect.signature(cls.__init__).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return dict(config)
    return {key: value for key, value in config.items() if key in parameters}


def is_plain(item: Any) -> bool:
    """Whether a value is text, a number, None, or a list, tuple or dict of such."""
    if isinstance(item, Mapping):
        return all(map(is_plain, item.values()))
    return all(map(is_plain, item)) if isinstance(item, (list, tuple)) else isinstance(item, (*_PLAIN, np.generic))


def constructor_config(item: Any, given: tuple[tuple[Any, ...], dict[str, Any]] | None) -> dict[str, Any]:
    """Return the arguments that an object was made with, and, since Keras 3, the defaults of others.

    NotImplementedError if one is no plain value, or has no name; multi-backend Keras leaves it out.
    """
    cls = type(item)
    parameters = inspect.signature(cls.__init__).parameters
    unnamed = {name for name, p in parameters.items() if p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL)} - {"self"}
    if given is None:
        raise _not_serializable(cls, "arguments that are no plain values")
    bound = inspect.signature(cls.__init__).bind_partial(item, *given[0], **given[1])
    if settings.is_modern():
        bound.apply_defaults()
    found: dict[str, Any] = {}
    for index, (name, value) in enumerate(bound.arguments.items()):
        kind = parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            found.update(value)
        elif index > 0 and (name not in unnamed or value):
            found[name] = value
    if settings.is_classic():
        return {name: value for name, value in found.items() if name not in unnamed and is_plain(value)}
    if unnamed & found.keys():
        raise _not_serializable(cls, "positional arguments without a name")
    wrong = next((name for name, value in found.items() if not is_plain(value)), None)
    if wrong is not None:
        raise _not_serializable(cls, f"`{wrong}`, whose value is not plain", found[wrong])
    return found


def _not_serializable(cls: type, what: str, *received: Any) -> NotImplementedError:
    return NotImplementedError(
        f"{cls.__name__} has no `get_config()` and was made with {what}, so that its config cannot be worked out: only "
        "text, numbers, None, and lists and dicts of these can. Define `get_config(self)`, which returns the "
        "constructor's arguments, and `from_config(cls, config)` where some are objects."
        + "".join(f" Received: {item!r}" for item in received)
    )
