"""The names that the constructors of classes take."""

from __future__ import annotations

import functools
import inspect
from typing import Any

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
