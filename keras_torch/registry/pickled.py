"""Functions inside pickles. Python finds a function by its name alone, so lambdas and inner functions need more."""

from __future__ import annotations

import functools
import sys
import types
import weakref
from collections.abc import Callable
from typing import Any

from keras_torch.registry.bytecode import allow_bytecode, dump_function, load_function, names_for_lambdas

# One stand-in for each function, so that a function that is used twice in a pickle stays one.
_stand_ins: weakref.WeakKeyDictionary[Any, PickledFunction] = weakref.WeakKeyDictionary()


class PickledFunction:
    """Stands for a function without a name in a pickle: as bytecode, which runs no sooner than the pickle does.

    `functools.partial` takes it for the function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __deepcopy__(self, memo: Any) -> PickledFunction:
        return self

    def __reduce__(self) -> Any:
        return _unpickled, (dump_function(self.function), self.function.__module__)


def _unpickled(dumped: Any, module: str) -> PickledFunction:
    names = vars(sys.modules[module]) if module in sys.modules else names_for_lambdas()
    with allow_bytecode():
        return PickledFunction(load_function(dumped, "lambda", names))


def _has_name(function: types.FunctionType) -> bool:
    found: Any = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function


def hold(value: Any) -> Any:
    """Return a value, or the containers in it, with stand-ins for functions that have no name to be found by."""
    if isinstance(value, types.FunctionType):
        if _has_name(value):
            return value
        if value not in _stand_ins:
            _stand_ins[value] = PickledFunction(value)
        return _stand_ins[value]
    return _mapped(hold, value)


def release(value: Any) -> Any:
    """Return what `hold` was given."""
    return value.function if isinstance(value, PickledFunction) else _mapped(release, value)


def _mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply a function inside plain containers; one in which nothing changes is returned itself."""
    kind = type(value)
    if kind is dict:
        items = {key: function(item) for key, item in value.items()}
        return value if all(items[key] is item for key, item in value.items()) else items
    if kind in (list, tuple):
        parts = kind(map(function, value))
        return value if all(new is old for new, old in zip(parts, value, strict=True)) else parts
    if kind is functools.partial:
        inner = function(value.func)
        return value if inner is value.func else functools.partial(inner, *value.args, **value.keywords)
    return value


class HoldsFunctions:
    """Mixin of objects whose attributes may be lambdas or inner functions, and which can be pickled all the same."""

    def __getstate__(self) -> dict[str, Any]:
        return hold(dict(self.__dict__))

    def __setstate__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(release(values))
