"""Types of elements: torch's dtypes, with the attributes of TensorFlow's."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from keras_torch import config

_NAMES = (
    *("float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64", "complex64", "complex128", "bool"),
)
_ALIASES = {"half": "float16", "double": "float64"}


class StringType(str):
    """`tf.string`: the type of text, which torch has not; it is equal to its name and to numpy's type of objects."""

    __slots__ = ()
    name = "string"
    as_numpy_dtype = np.object_
    is_floating = is_integer = is_complex = is_bool = False

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True or getattr(other, "kind", "") in ("O", "U", "S")

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __repr__(self) -> str:
        return "tf.string"


STRING = StringType("string")


def as_numpy_dtype(dtype: torch.dtype) -> Any:
    """Return numpy's type; bfloat16, which numpy lacks, becomes float32."""
    return np.float32 if dtype is torch.bfloat16 else np.dtype(config.dtype_name(dtype)).type


def limit(dtype: torch.dtype, side: str) -> Any:
    """Return the smallest or largest number of a type."""
    if dtype is torch.bool:
        return side == "max"
    return getattr(torch.finfo(dtype) if dtype.is_floating_point else torch.iinfo(dtype), side)


def is_integer(dtype: torch.dtype) -> bool:
    """Whether the type holds whole numbers; booleans are none."""
    return not (dtype.is_floating_point or dtype.is_complex or dtype is torch.bool)


def as_dtype(type_value: Any) -> Any:
    """Return the type for a name, a numpy type or a torch type."""
    if type_value in (STRING, str, bytes) or getattr(type_value, "kind", "") in ("O", "U", "S"):
        return STRING
    return config.torch_dtype(type_value)


_TYPES = {
    **{name: config.torch_dtype(name) for name in _NAMES},
    **{alias: config.torch_dtype(name) for alias, name in _ALIASES.items()},
    "string": STRING,
    "DType": torch.dtype,
    "as_dtype": as_dtype,
}
NAMES = {f"{key} dtypes.{key}": value for key, value in _TYPES.items()}
