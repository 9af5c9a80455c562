"""One tensor in a graph or a record: `TensorProto` (tensorflow/core/framework/tensor.proto)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_torch.saving.tensorflow import protobuf
from keras_torch.saving.tensorflow.bundle import STRING, TYPES, shape_of

_TYPE, _SHAPE, _CONTENT = 1, 2, 4
# The field with the values one by one, by the number of the type.
_FIELDS = {1: 5, 2: 6, 3: 7, 4: 7, 5: 7, 6: 7, STRING: 8, 9: 10, 10: 11, 17: 7}
# How many values one may stand for.
_MOST = 10_000_000


def type_of(message: Any) -> int:
    """Return TensorFlow's number for the type; 0 if the message tells none."""
    return next((item for number, wire, item in protobuf.fields(message) if (number, wire) == (_TYPE, 0)), 0)


def read(message: Any) -> np.ndarray:
    """Return the array; strings are bytes in an array of objects.

    ValueError for types beside numbers of up to 64 bits and strings, and where values and shape do not fit.
    """
    kind = type_of(message)
    if kind not in _FIELDS:
        raise ValueError(f"The tensor is of a type that is not read, TensorFlow's number {kind}.")
    parts: dict[int, list[tuple[int, Any]]] = {}
    for number, wire, content in protobuf.fields(message):
        parts.setdefault(number, []).append((wire, content))
    shape = shape_of(parts[_SHAPE][-1][1]) if _SHAPE in parts else ()
    if _CONTENT in parts:
        # A view of the message, which nothing is to write to.
        return np.frombuffer(parts[_CONTENT][-1][1], TYPES[kind]).reshape(shape)
    values = [value for wire, content in parts.get(_FIELDS[kind], ()) for value in _values(kind, wire, content)]
    missing = math.prod(shape) - len(values)
    if missing > _MOST:
        raise ValueError(f"The tensor of shape {shape} has {len(values)} values.")
    # What repeats at the end is left out.
    values += (values[-1:] or [b"" if kind == STRING else 0]) * missing
    if kind == STRING:
        return np.array([*values, None], object)[:-1].reshape(shape)
    return np.array(values, TYPES[kind]).reshape(shape)


def _values(kind: int, wire: int, content: Any) -> list[Any]:
    if kind == STRING:
        return [bytes(content)]
    if kind in (1, 2):
        return np.frombuffer(content, "<f4" if kind == 1 else "<f8").tolist()
    return protobuf.packed_varints(content).tolist() if wire == protobuf.BYTES else [protobuf.signed(content)]
