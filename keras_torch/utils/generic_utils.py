"""Keras 2's path of general helpers: lists, shapes, signatures and functions as text."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any

from keras_torch.registry import (
    CustomObjectScope,
    allow_bytecode,
    custom_object_scope,
    dump_function,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    load_function,
    register_keras_serializable,
)
from keras_torch.utils.object_forms import deserialize_keras_object, serialize_keras_object
from keras_torch.utils.progbar import Progbar

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "custom_object_scope",
    "deserialize_keras_object",
    "func_dump",
    "func_load",
    "get_custom_objects",
    "get_from_module",
    "get_registered_name",
    "get_registered_object",
    "has_arg",
    "is_all_none",
    "make_tuple",
    "object_list_uid",
    "register_keras_serializable",
    "serialize_keras_object",
    "slice_arrays",
    "to_list",
    "transpose_shape",
    "unpack_singleton",
]

# Digests of the bytecode that this program dumped itself, which it may therefore load again.
_dumped: set[bytes] = set()


def to_list(x: Any, allow_tuple: bool = False) -> list[Any]:
    """Return a list as it is, a tuple as a list if `allow_tuple`, and all else as a list of one item."""
    if isinstance(x, list):
        return x
    return list(x) if allow_tuple and isinstance(x, tuple) else [x]


def unpack_singleton(x: Any) -> Any:
    """Return the item of a list or tuple that holds just one; any other list as it is."""
    return x[0] if len(x) == 1 else x


def object_list_uid(object_list: Any) -> str:
    """Return a text that tells one list of objects from another, by their identity."""
    return ", ".join(str(id(item)) for item in to_list(object_list))


def is_all_none(iterable_or_element: Any) -> bool:
    """Whether a value, or every item of a list or tuple, is None."""
    return all(item is None for item in to_list(iterable_or_element, allow_tuple=True))


def slice_arrays(arrays: Any, start: Any = None, stop: int | None = None) -> Any:
    """Return the rows `start` to `stop`, or those whose numbers `start` lists, of an array or of each array of a list.

    None in a list stays None; no arrays at all give `[None]`.
    """
    if arrays is None:
        return [None]
    rows = slice(start, stop)
    if hasattr(start, "__len__"):
        # A dataset in an HDF5 file takes only a list of numbers.
        rows = start.tolist() if hasattr(start, "tolist") else start
    if isinstance(arrays, list):
        return [None if array is None else array[rows] for array in arrays]
    return arrays[rows]


slice_X = slice_arrays  # Keras 1's name, in `engine.training`


def transpose_shape(shape: Any, target_format: str, spatial_axes: tuple[int, ...]) -> Any:
    """Return a `channels_last` shape in `target_format`; with `channels_first` the last size goes before the space."""
    if target_format not in ("channels_first", "channels_last"):
        raise ValueError(f'`target_format` must be "channels_first" or "channels_last". Received: {target_format!r}')
    if target_format == "channels_last":
        return shape
    sizes = [*shape[: spatial_axes[0]], shape[-1], *(shape[axis] for axis in spatial_axes)]
    return type(shape)(sizes)


def has_arg(fn: Callable[..., Any], name: str, accept_all: bool = False) -> bool:
    """Whether `fn` has an argument `name` that can be given by keyword; with `accept_all`, `**kwargs` counts too."""
    parameters = inspect.signature(fn).parameters
    if name in parameters:
        return parameters[name].kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return accept_all and any(item.kind is inspect.Parameter.VAR_KEYWORD for item in parameters.values())


def make_tuple(*args: Any) -> tuple[Any, ...]:
    """Return the arguments as a tuple (Keras 1)."""
    return args


def get_from_module(
    identifier: Any,
    module_params: dict[str, Any],
    module_name: str,
    instantiate: bool = False,
    kwargs: dict[str, Any] | None = None,
) -> Any:
    """Return what a name, or a dict with a `name` and arguments, means in `module_params` (`globals()`, in Keras 1).

    Custom objects come first. `instantiate` constructs a class, with `kwargs`; what is no name is returned as it is.
    """
    if isinstance(identifier, dict):
        arguments = {key: value for key, value in identifier.items() if key != "name"}
        return get_from_module(identifier["name"], module_params, module_name, True, arguments)
    if not isinstance(identifier, str):
        return identifier
    found = get_custom_objects().get(identifier) or module_params.get(identifier)
    if found is None:
        known = sorted(name for name in module_params if not name.startswith("_"))
        raise ValueError(f"Unknown {module_name}: {identifier!r}. Known are {known}, and custom objects.")
    return found(**(kwargs or {})) if instantiate else found


def func_dump(func: Callable[..., Any]) -> tuple[str, Any, Any]:
    """Return a function's bytecode in base64, its defaults and the values it closes over."""
    code, defaults, closure = dump_function(func)
    _dumped.add(_digest(code))
    return code, defaults, closure


def func_load(
    code: Any,
    defaults: tuple[Any, ...] | None = None,
    closure: tuple[Any, ...] | None = None,
    globs: dict[str, Any] | None = None,
    safe_mode: bool = True,
) -> Callable[..., Any]:
    """Rebuild a function from `func_dump`'s text, or from its whole tuple; `globs` are its global names.

    Bytecode can do anything. What this program did not dump itself is refused unless `safe_mode=False`, which older
    Keras did not ask for.
    """
    if isinstance(code, (tuple, list)):
        code, defaults, closure = code
    if safe_mode and _digest(code) not in _dumped:
        raise ValueError(
            "func_load refuses Python bytecode that this program did not dump itself, since it could do anything. "
            "If you trust its author, pass `safe_mode=False`."
        )
    with allow_bytecode():
        return load_function((code, defaults, closure), "func_load", globs)


def _digest(code: str) -> bytes:
    return hashlib.sha256("".join(code.split()).encode("utf-8", "surrogatepass")).digest()
