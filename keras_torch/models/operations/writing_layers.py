"""Calls of `keras.ops` → layers that every Keras has: what `.h5` files of both tf.keras and Keras 3 can hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from keras_torch.models.operations.recorded import Call, NotWritable
from keras_torch.models.operations.writing import Reference
from keras_torch.models.operations.writing_tensorflow import spelled_otherwise
from keras_torch.symbolic import KerasTensor

_MERGED = {
    "add": "Add",
    "maximum": "Maximum",
    "minimum": "Minimum",
    "multiply": "Multiply",
    "subtract": "Subtract",
}
_ACTIVATIONS = {
    "elu": "elu",
    "exp": "exponential",
    "relu": "relu",
    "selu": "selu",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
    "softplus": "softplus",
    "softsign": "softsign",
    "tanh": "tanh",
}
# (function, axes of the input) -> the layer that reduces all axes between the first and the last.
_POOLED = {
    ("max", 3): "GlobalMaxPooling1D",
    ("max", 4): "GlobalMaxPooling2D",
    ("mean", 3): "GlobalAveragePooling1D",
    ("mean", 4): "GlobalAveragePooling2D",
}


def as_layer(call: Call, name: str, refer: Reference, classic: bool = False) -> dict[str, Any]:
    """Return the entry of a layer that computes the call; `classic` leaves out what multi-backend Keras 2 lacks."""
    function, given = spelled_otherwise(call)
    values = list(given.values())
    if function in _MERGED:
        tensors = [item for item in values if isinstance(item, KerasTensor)]
        if len(tensors) == 1 and not classic:
            return _rescaled(function, values, name, refer)
        if len(tensors) != 2 or _kinds(tensors) != 1 or tuple(tensors[0].shape) != tuple(tensors[1].shape):
            raise NotWritable(f"no layer for `{function}` of these")
        return _entry(_MERGED[function], {}, name, tensors, refer)
    if function == "concatenate":
        tensors, axis = given["xs"], given["axis"]
        if not all(isinstance(item, KerasTensor) for item in tensors) or _kinds(tensors) != 1:
            raise NotWritable("no layer for `concatenate` of these")
        if axis is None or axis % tensors[0].ndim == 0:
            raise NotWritable("no layer for `concatenate` along the batch")
        return _entry("Concatenate", {"axis": axis}, name, tensors, refer)
    x = values[0]
    if not isinstance(x, KerasTensor) or not x.dtype.startswith("float"):
        raise NotWritable(f"no layer for `{function}` of this")
    if function == "negative" and not classic:
        return _entry("Rescaling", {"scale": -1.0, "offset": 0.0}, name, [x], refer)
    if function in _ACTIVATIONS and _is_plain(function, x, given):
        return _entry("Activation", {"activation": _ACTIVATIONS[function]}, name, [x], refer)
    if function == "leaky_relu":
        return _entry("LeakyReLU", {"negative_slope": given["negative_slope"]}, name, [x], refer)
    if (function, x.ndim) in _POOLED and _reduces_space(x, given):
        return _entry(_POOLED[function, x.ndim], {"data_format": "channels_last"}, name, [x], refer)
    if function == "transpose" and given["axes"] is not None and given["axes"][0] == 0:
        return _entry("Permute", {"dims": list(given["axes"][1:])}, name, [x], refer)
    shape = _new_shape(function, x, given)
    if shape is not None:
        return _entry("Reshape", {"target_shape": shape}, name, [x], refer)
    raise NotWritable(f"no layer for `{function}`")


def _kinds(tensors: list[KerasTensor]) -> int:
    return len({item.dtype for item in tensors})


def _is_plain(function: str, x: KerasTensor, given: dict[str, Any]) -> bool:
    if function == "softmax":
        return x.ndim > 1 and given["axis"] in (-1, x.ndim - 1)
    return given.get("alpha", 1.0) == 1.0


def _reduces_space(x: KerasTensor, given: dict[str, Any]) -> bool:
    axis = given["axis"]
    if axis is None or given["keepdims"] or given.get("initial") is not None:
        return False
    found = [axis] if isinstance(axis, int) else list(axis)
    return sorted(item % x.ndim for item in found) == list(range(1, x.ndim - 1))


def _rescaled(function: str, values: list[Any], name: str, refer: Reference) -> dict[str, Any]:
    """Return a layer that multiplies by a number and adds one."""
    first, second = values
    number = second if isinstance(first, KerasTensor) else first
    x = first if isinstance(first, KerasTensor) else second
    steps: dict[str, Callable[[], tuple[float, float]]] = {
        "add": lambda: (1.0, float(number)),
        "multiply": lambda: (float(number), 0.0),
        "subtract": lambda: (1.0, -float(number)) if x is first else (-1.0, float(number)),
    }
    plain = isinstance(number, (int, float)) and not isinstance(number, bool)
    if function not in steps or not plain or not x.dtype.startswith("float"):
        raise NotWritable(f"no layer for `{function}` with this")
    scale, offset = steps[function]()
    return _entry("Rescaling", {"scale": scale, "offset": offset}, name, [x], refer)


def _new_shape(function: str, x: KerasTensor, given: dict[str, Any]) -> list[int] | None:
    """Return the shape without the batch that a function gives a tensor whose other sizes are known."""
    own = list(x.shape[1:])
    if None in own:
        return None
    if function == "reshape":
        shape = list(given["newshape"])
        kept = shape[:1] == [-1] and all(isinstance(size, int) and size > 0 for size in shape[1:])
        return shape[1:] if kept and math.prod(shape[1:]) == math.prod(own) else None
    if function == "expand_dims" and isinstance(given["axis"], int):
        place = given["axis"] % (x.ndim + 1)
        return [*own[: place - 1], 1, *own[place - 1 :]] if place else None
    if function == "squeeze" and isinstance(given["axis"], int):
        place = given["axis"] % x.ndim
        return [*own[: place - 1], *own[place:]] if place and own[place - 1] == 1 and len(own) > 1 else None
    return None


def _entry(
    class_name: str, options: dict[str, Any], name: str, tensors: list[KerasTensor], refer: Reference
) -> dict[str, Any]:
    config = {"name": name, "trainable": True, "dtype": tensors[0].dtype, **options}
    node = [[*refer(item), {}] for item in tensors]
    return {"class_name": class_name, "config": config, "name": name, "inbound_nodes": [node]}
