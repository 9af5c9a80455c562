"""Calls of `keras.ops` → entries of a graph as Keras 3 writes them: Operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from keras_torch import config as settings
from keras_torch.models.operations.classes import BY_FUNCTION
from keras_torch.models.operations.recorded import Call, NotWritable
from keras_torch.symbolic import KerasTensor

Reference = Callable[[KerasTensor], list[Any]]
# Classes whose calls take any number of tensors.
_VARIADIC = {"einsum": "operands", "meshgrid": "x"}
# Arguments of calls whose lists are no values.
_NO_ARRAYS = ("key", "start_indices")


def as_keras_3(call: Call, name: str, refer: Reference) -> dict[str, Any]:
    """Return the entry of an Operation of Keras 3; `refer` gives the place of a tensor in the graph."""
    if call.function == "get_item":
        call = _indexing_of_keras_3(call)
    row = BY_FUNCTION.get(call.function)
    if row is None:
        raise NotWritable(f"`{call.function}` is no Operation of Keras 3")
    options = {key: call.arguments[key] for key in row.constructor if key in call.arguments}
    config = {"name": name, **{key: _plain(value) for key, value in options.items()}}
    rest = {key: value for key, value in call.arguments.items() if key not in row.constructor}
    if call.function in _VARIADIC:
        rest = dict(enumerate(rest[_VARIADIC[call.function]]))  # type: ignore[arg-type]
    args = [_value(value if key in _NO_ARRAYS else as_array(value), refer) for key, value in rest.items()]
    return {
        "module": f"keras.src.ops.{row.module}",
        "class_name": row.name,
        "config": config,
        "registered_name": row.name,
        "name": name,
        "inbound_nodes": [{"args": args, "kwargs": {}}],
    }


def _indexing_of_keras_3(call: Call) -> Call:
    """Return what indexes with a tensor or backwards as the function that does it: keys of Keras 3 hold numbers."""
    x, key = call.arguments["x"], call.arguments["key"]
    parts = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in [part for part in parts if part is Ellipsis]:
        place = next(index for index, part in enumerate(parts) if part is Ellipsis)
        used = sum(part is not None for part in parts) - 1
        parts[place : place + 1] = [slice(None)] * (x.ndim - used)
    others = {place: part for place, part in enumerate(parts) if part != slice(None) or isinstance(part, KerasTensor)}
    if all(isinstance(part, slice) and part == slice(None, None, -1) for part in others.values()) and others:
        return Call("flip", {"x": x, "axis": list(others)})
    if len(others) == 1:
        ((place, part),) = others.items()
        if isinstance(part, (KerasTensor, torch.Tensor, np.ndarray)) and not str(part.dtype).endswith("bool"):
            return Call("take", {"x": x, "indices": part, "axis": place})
    if any(isinstance(part, (KerasTensor, torch.Tensor, np.ndarray, list)) for part in parts):
        raise NotWritable("an index of Keras 3 with a tensor in it")
    return call


def as_array(value: Any) -> Any:
    """Return numbers in (nested) lists as an array; anything else, such as a list of tensors, as it is."""
    if (
        not isinstance(value, (list, tuple))
        or tensors_in(value)
        or any(isinstance(item, torch.Tensor) for item in value)
    ):
        return value
    array = np.asarray(value)
    return array.astype({"f": "float32", "i": "int32"}[array.dtype.kind]) if array.dtype.kind in "fi" else array


def _plain(value: Any) -> Any:
    """Return an argument of a constructor, which cannot be a tensor."""
    if isinstance(value, (KerasTensor, torch.Tensor)):
        raise NotWritable("a tensor where Keras 3 takes numbers only")
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, torch.dtype):
        return settings.dtype_name(value)
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _value(item: Any, refer: Reference) -> Any:
    """Return an argument of a call in the form of Keras 3."""
    if isinstance(item, KerasTensor):
        inner = {"shape": list(item.shape), "dtype": item.dtype, "keras_history": refer(item)}
        return {"class_name": "__keras_tensor__", "config": inner}
    if isinstance(item, (torch.Tensor, np.ndarray)):
        array = item.detach().cpu().numpy() if isinstance(item, torch.Tensor) else item
        return {"class_name": "__numpy__", "config": {"value": array.tolist(), "dtype": str(array.dtype)}}
    if isinstance(item, slice):
        inner = {key: _value(getattr(item, key), refer) for key in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": inner}
    if item is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(item, torch.dtype):
        return settings.dtype_name(item)
    if isinstance(item, (list, tuple)):
        return [_value(part, refer) for part in item]
    return item


def tensors_in(items: Any) -> list[Any]:
    """Return the symbolic tensors in (nested) lists."""
    found = []
    for item in items:
        if isinstance(item, (list, tuple)):
            found += tensors_in(item)
        elif isinstance(item, KerasTensor):
            found.append(item)
    return found
