"""New tensors, conversion, and functions that move values: TensorFlow's arguments on `keras.ops`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from keras_torch import config, ops
from keras_torch.backend.string_array import is_text, to_strings
from keras_torch.backend.tensors import recorded
from keras_torch.backend.variable import Variable, WeightView
from keras_torch.dropin.tensorflow.dtypes import STRING, as_dtype
from keras_torch.dropin.tensorflow.sizes import Sizes, ints, values
from keras_torch.models.operations import tensorflow_arrays as arrays
from keras_torch.symbolic import KerasTensor, SymbolicSize


def _is_text(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and _is_text(value[0])
    return is_text(value)


def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None, preferred_dtype: Any = None) -> Any:
    """Return a tensor; text becomes an array of strings. Python's floats are float32, its integers int32."""
    if dtype is not None:
        dtype = as_dtype(dtype)
    if dtype is STRING or _is_text(value):
        return to_strings(value, "A tensor of strings")
    if isinstance(value, Sizes):
        return value if dtype in (None, torch.int32, torch.int64) else ops.cast(values(value), dtype)
    if isinstance(value, (list, tuple)) and dtype is None:
        value = _python_numbers(value)
    if isinstance(value, KerasTensor) and (dtype is None or config.dtype_name(dtype) == value.dtype):
        return value
    return ops.convert_to_tensor(value, dtype)


def _recorded_conversion(value: Any, dtype: Any = None, dtype_hint: Any = None, preferred_dtype: Any = None) -> Any:
    """Return a tensor, of a symbolic one another that is called by itself, as in TensorFlow."""
    found = _apart(convert_to_tensor(value, dtype, dtype_hint, preferred_dtype), value)
    return ops.convert_to_tensor(found) if found is value and isinstance(value, KerasTensor) else found


def _apart(found: Any, value: Any) -> Any:
    """Return a tensor made of a value, a copy if it is the memory of an array or a variable, which may yet change."""
    if isinstance(value, np.ndarray):
        shared = isinstance(found, torch.Tensor) and found.data_ptr() == value.__array_interface__["data"][0]
    else:
        shared = isinstance(value, (Variable, WeightView)) and found.dtype == value.dtype
    return found.clone() if shared else found


def _python_numbers(value: Any) -> Any:
    """Give lists of Python's integers that do not fit int32 the type that they fit."""
    if any(isinstance(item, (torch.Tensor, KerasTensor)) for item in value):
        return value
    array = np.asarray(value)
    if array.dtype == np.int64 and array.size and np.abs(array).max() > np.iinfo(np.int32).max:
        return array
    return value


def constant(value: Any, dtype: Any = None, shape: Any = None) -> Any:
    """Return a tensor of a value; a single number fills `shape`."""
    found = _apart(convert_to_tensor(value, dtype), value)
    if shape is None:
        return found
    wanted = tuple(ints(shape))
    if isinstance(found, torch.Tensor) and found.numel() == 1:
        return found.reshape(()).expand(wanted).clone()
    return found.reshape(wanted)


def cast(x: Any, dtype: Any) -> Any:
    """Return `x` in another type; floats are cut to integers."""
    dtype = as_dtype(dtype)
    if isinstance(x, SymbolicSize) and dtype in (torch.int32, torch.int64):
        return x
    return _apart(ops.cast(values(x) if isinstance(x, Sizes) else convert_to_tensor(x), dtype), x)


def _cast_to(dtype: str) -> Any:
    def call(x: Any) -> Any:
        return cast(x, dtype)

    call.__name__ = f"to_{dtype}"
    return call


def zeros(shape: Any, dtype: Any = "float32", layout: Any = None) -> Any:
    """Zeros of a shape; empty text for `tf.string`."""
    if as_dtype(dtype) is STRING:
        return to_strings(np.full(tuple(ints(shape)), "", object), "A tensor of strings")
    return ops.zeros(ints(shape), as_dtype(dtype))


def ones(shape: Any, dtype: Any = "float32", layout: Any = None) -> Any:
    """Ones of a shape."""
    return ops.ones(ints(shape), as_dtype(dtype))


def eye(num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = "float32") -> Any:
    """Ones on the diagonal of matrices, as many as `batch_shape` says."""
    columns = num_rows if num_columns is None else num_columns
    return _eye(num_rows, columns, [] if batch_shape is None else ints(batch_shape), as_dtype(dtype))


@recorded
def _eye(rows: Any, columns: Any, batch: list[int], dtype: torch.dtype) -> Any:
    found = torch.eye(int(rows), int(columns), dtype=dtype, device=config.default_device())
    return found.expand(*batch, *found.shape)


def fill(dims: Any, value: Any) -> Any:
    """A shape filled with a value, in the type of the value."""
    value = convert_to_tensor(value)
    return ops.full(ints(dims), value, value.dtype)


def range_(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None) -> Any:
    """Evenly spaced numbers from `start`, or 0, up to but without `limit`."""
    given = [_number(item) for item in (start, limit, delta)]
    if dtype is None:
        tensors = [item for item in (start, limit, delta) if isinstance(item, (torch.Tensor, np.generic, KerasTensor))]
        found = [config.torch_dtype(item.dtype) for item in tensors]
        if torch.int64 in found and not any(isinstance(item, float) for item in given):
            dtype = torch.int64
    first, last, step = given
    return ops.arange(first, last, step, None if dtype is None else as_dtype(dtype))


def _number(item: Any) -> Any:
    """Return a tensor of one number as that number."""
    return item.item() if isinstance(item, (torch.Tensor, np.generic)) else item


def reshape(tensor: Any, shape: Any) -> Any:
    """Return the values in another shape; one size may be -1: what is left."""
    tensor = convert_to_tensor(tensor)
    if isinstance(tensor, (torch.Tensor, np.ndarray)):
        return tensor.reshape(tuple(ints(shape)))
    return arrays.reshape(tensor, ints(shape))


def expand_dims(input: Any, axis: Any = None) -> Any:  # noqa: A002 - TensorFlow's names, here and below
    """Add an axis of size 1."""
    input = input if isinstance(input, SymbolicSize) else convert_to_tensor(input)
    place = 0 if axis is None else int(np.reshape(axis, ()))  # a list of one is read, too
    return np.expand_dims(input, place) if isinstance(input, np.ndarray) else arrays.expand_dims(input, place)


def squeeze(input: Any, axis: Any = None) -> Any:  # noqa: A002
    """Remove axes of size 1."""
    input = convert_to_tensor(input)
    if isinstance(input, np.ndarray):
        return np.squeeze(input, None if axis in (None, []) else axis)
    return arrays.squeeze(input, axis)


def concat(values: Any, axis: Any, concat_dim: Any = None) -> Any:
    """Join tensors along an axis; shapes, too."""
    if isinstance(axis, (list, tuple)) and isinstance(values, int):
        values, axis = axis, values
    if isinstance(values, (torch.Tensor, KerasTensor)):
        return values
    if any(isinstance(item, Sizes) for item in values):
        return Sizes(part for item in values for part in ints(item))
    found = [convert_to_tensor(item) for item in values]
    if all(isinstance(item, np.ndarray) for item in found):
        return to_strings(np.concatenate(found, int(axis)), "A tensor of strings")
    return ops.concatenate(found, int(axis))


def stack(values: Any, axis: int = 0) -> Any:
    """Join tensors along a new axis."""
    if isinstance(values, (list, tuple)) and any(isinstance(item, SymbolicSize) for item in values):
        return Sizes(ints(values))
    found = [convert_to_tensor(item) for item in values]
    if found and all(isinstance(item, np.ndarray) for item in found):
        return to_strings(np.stack(found, axis), "A tensor of strings")
    return ops.stack(found, axis)


def unstack(value: Any, num: Any = None, axis: int = 0) -> Any:
    """The slices along an axis."""
    return list(value) if isinstance(value, Sizes) else ops.unstack(convert_to_tensor(value), num, axis)


def split(value: Any, num_or_size_splits: Any, axis: Any = 0, num: Any = None) -> Any:
    """Cut into so many equal parts, or into parts of the given sizes."""
    if isinstance(value, int) and not isinstance(axis, int):
        # TensorFlow before 1.0: axis, number, tensor.
        value, axis = axis, value
    where = num_or_size_splits
    where = ints(where) if isinstance(where, (list, tuple, torch.Tensor, np.ndarray)) else where
    if isinstance(where, list) and len(where) == 0:
        return []
    return arrays.split(convert_to_tensor(value), where, int(axis))


def transpose(a: Any, perm: Any = None, conjugate: bool = False) -> Any:
    """Reorder the axes, or reverse their order."""
    return arrays.transpose(convert_to_tensor(a), None if perm is None else ints(perm), conjugate)


def tile(input: Any, multiples: Any) -> Any:  # noqa: A002
    """Repeat the whole tensor, so many times along each axis."""
    return ops.tile(convert_to_tensor(input), ints(multiples))


def broadcast_to(input: Any, shape: Any) -> Any:  # noqa: A002
    """Repeat axes of size 1 up to a shape."""
    return ops.broadcast_to(convert_to_tensor(input), ints(shape))


def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Any:
    """Add values before and after along each axis: a constant, or the tensor's own mirrored."""
    if isinstance(paddings, (torch.Tensor, np.ndarray)):
        paddings = paddings.tolist()
    paddings = [ints(pair) for pair in paddings]
    return arrays.pad(convert_to_tensor(tensor), paddings, mode, _number(constant_values))


def identity(input: Any) -> Any:  # noqa: A002
    """Return a copy."""
    return input if isinstance(input, Sizes) else ops.copy(convert_to_tensor(input))


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor, symbolic ones and variables included."""
    return isinstance(x, (torch.Tensor, KerasTensor)) or hasattr(x, "storages")


def ensure_shape(x: Any, shape: Any) -> Any:
    """Return `x`. ValueError if its shape does not fit."""
    known = tuple(None if n is None else int(n) for n in shape)
    if len(x.shape) != len(known) or any(None not in (a, b) and a != b for a, b in zip(x.shape, known, strict=True)):
        raise ValueError(f"`ensure_shape` expects a tensor of the shape {known}. Received: {tuple(x.shape)}")
    return x


NAMES = {
    "broadcast_to": broadcast_to,
    "cast dtypes.cast": cast,
    "concat": concat,
    "constant": constant,
    "convert_to_tensor": _recorded_conversion,
    "ensure_shape": ensure_shape,
    "expand_dims": expand_dims,
    "eye linalg.eye": eye,
    "fill": fill,
    "identity": identity,
    "is_tensor": is_tensor,
    "ones": ones,
    "pad": pad,
    "range": range_,
    "reshape": reshape,
    "split": split,
    "squeeze": squeeze,
    "stack": stack,
    "tile": tile,
    "transpose": transpose,
    "unstack": unstack,
    "zeros": zeros,
}
VERSION_1 = {
    "pack": stack,
    "to_bfloat16": _cast_to("bfloat16"),
    "to_double": _cast_to("float64"),
    "to_float": _cast_to("float32"),
    "to_int32": _cast_to("int32"),
    "to_int64": _cast_to("int64"),
    "unpack": unstack,
}
