"""The functions of TensorFlow that stand in graphs of tf.keras (`TFOpLambda`), with TensorFlow's arguments.

They are made of `keras_torch.ops`, so a graph that is read holds nothing else. Signatures are those of TensorFlow 2;
arguments that only TensorFlow 1 had are taken where a file may hold them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_torch import backend, ops
from keras_torch.models.operations import sizes
from keras_torch.symbolic import KerasTensor


def concat(values: Any, axis: Any) -> Any:
    if any(isinstance(item, tuple) for item in values) and sizes.is_sizes(values):
        return sizes.joined(values)
    return ops.concatenate([_constant(sizes.as_tensor(item)) for item in values], axis)


def _constant(item: Any) -> Any:
    """Return numbers in (nested) lists as an array, whose shape is seen where unknown sizes must fit it."""
    if not isinstance(item, list) or any(isinstance(part, KerasTensor) for part in item):
        return item
    array = np.asarray(item)
    return array.astype("float32" if array.dtype.kind == "f" else "int32") if array.dtype.kind in "fi" else array


def stack(values: Any, axis: int = 0) -> Any:
    if sizes.is_sizes(values):
        return tuple(values)
    return ops.stack([_constant(item) for item in values], axis)


def unstack(value: Any, num: Any = None, axis: int = 0) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return ops.unstack(value, num, axis)


def expand_dims(input: Any, axis: Any = None, dim: Any = None) -> Any:  # noqa: A002
    axis = dim if axis is None else axis
    return (input,) if sizes.is_size(input) else ops.expand_dims(input, axis)


def cast(x: Any, dtype: Any) -> Any:
    if sizes.is_sizes(x) and not isinstance(x, list) and str(dtype).startswith(("int", "uint")):
        return x
    return ops.cast(sizes.as_tensor(x), dtype)


def count_nonzero(
    input: Any = None,  # noqa: A002
    axis: Any = None,
    keepdims: Any = None,
    dtype: Any = "int64",
    input_tensor: Any = None,
) -> Any:
    found = ops.not_equal(input_tensor if input is None else input, 0)
    return ops.cast(ops.sum(ops.cast(found, "int32"), axis, bool(keepdims)), dtype)


def split(value: Any, num_or_size_splits: Any, axis: int = 0) -> Any:
    where = num_or_size_splits
    if isinstance(where, (list, tuple)):
        total, where = 0, list(where)
        places = []
        for size in where[:-1]:
            if size < 0:
                known = sum(item for item in where if item >= 0)
                size = value.shape[axis] - known
            total += size
            places.append(total)
        where = places
    return ops.split(value, where, axis)


def reshape(tensor: Any, shape: Any) -> Any:
    if isinstance(shape, (list, tuple)) and not sizes.is_sizes(shape):
        return backend.reshape(tensor, shape)
    if isinstance(tensor, tuple) and sizes.is_sizes(tensor):
        return tensor[0] if not shape else tensor
    if not sizes.is_sizes(shape):
        return backend.reshape(tensor, shape)
    wanted = _listed(shape)
    symbolic = [place for place, size in enumerate(wanted) if isinstance(size, KerasTensor)]
    if len(symbolic) == 1 and -1 not in [size for size in wanted if isinstance(size, int)]:
        # The only size that is not known is what is left, whatever it was computed from.
        wanted[symbolic[0]] = -1
        symbolic = []
    return backend.reshape(tensor, wanted) if symbolic else ops.reshape(tensor, wanted)


def _listed(shape: Any) -> list[Any]:
    return list(shape) if isinstance(shape, (list, tuple)) else [shape]


def squeeze(input: Any, axis: Any = None, squeeze_dims: Any = None) -> Any:  # noqa: A002
    axis = squeeze_dims if axis is None else axis
    return ops.squeeze(input, axis if axis != [] else None)


def transpose(a: Any, perm: Any = None, conjugate: bool = False) -> Any:
    found = ops.transpose(a, perm)
    return ops.conjugate(found) if conjugate else found


def matrix_transpose(a: Any, conjugate: bool = False) -> Any:
    found = ops.swapaxes(a, -1, -2)
    return ops.conjugate(found) if conjugate else found


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    **options: Any,
) -> Any:
    """Multiply matrices; that one of them is sparse (`a_is_sparse`) or what type the product has changes no number."""
    if set(options) - {"a_is_sparse", "b_is_sparse", "output_type", "grad_a", "grad_b"}:
        raise TypeError(f"`matmul` got unexpected arguments. Received: {sorted(options)}")
    a = matrix_transpose(a, adjoint_a) if transpose_a or adjoint_a else a
    b = matrix_transpose(b, adjoint_b) if transpose_b or adjoint_b else b
    found = ops.matmul(a, b)
    return ops.cast(found, options["output_type"]) if options.get("output_type") else found


def matvec(a: Any, b: Any, transpose_a: bool = False) -> Any:
    return ops.squeeze(matmul(a, ops.expand_dims(b, -1), transpose_a), -1)


def einsum(equation: str, *inputs: Any) -> Any:
    if not inputs:
        raise ValueError(
            "tf.keras did not write the tensors of `tf.einsum` into the file, so its call cannot be rebuilt. Build the "
            "model in code and load the weights with `load_weights`."
        )
    return ops.einsum(equation, *inputs)


def gather(params: Any, indices: Any, axis: Any = None, batch_dims: int = 0, validate_indices: Any = None) -> Any:
    if isinstance(params, tuple) and isinstance(indices, (int, list)):
        return params[indices] if isinstance(indices, int) else tuple(params[index] for index in indices)
    axis = batch_dims if axis is None else axis
    if batch_dims == 0:
        return ops.take(params, indices, axis)
    if batch_dims == 1 and axis % len(params.shape) == 1 and hasattr(indices, "shape"):
        rest = len(params.shape) - 2
        count = len(indices.shape) - 1
        flat = ops.reshape(indices, (-1, _size(indices.shape[1:]), *[1] * rest)) if count != 1 or rest else indices
        found = ops.take_along_axis(params, flat, 1)
        return ops.reshape(found, (-1, *indices.shape[1:], *params.shape[2:])) if count != 1 else found
    raise ValueError(
        "`tf.gather` is read with batch_dims of 0, or of 1 along axis 1. "
        f"Received: batch_dims={batch_dims}, axis={axis}"
    )


def _size(shape: Any) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def gather_nd(params: Any, indices: Any, batch_dims: int = 0) -> Any:
    if batch_dims:
        raise ValueError(f"`tf.gather_nd` is read without batch_dims. Received: batch_dims={batch_dims}")
    depth = indices.shape[-1]
    places = ops.split(indices, depth, -1) if depth > 1 else [indices]
    return ops.get_item(params, tuple(ops.squeeze(place, -1) for place in places))


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if isinstance(condition, tuple):
        return tuple(a if chosen else b for chosen, a, b in zip(condition, x, y, strict=True))
    return ops.where(condition, sizes.as_tensor(x), sizes.as_tensor(y))


def ones_like(input: Any, dtype: Any = None) -> Any:  # noqa: A002
    return (1,) * len(input) if isinstance(input, tuple) else ops.ones_like(input, dtype)


def shape(input: Any, out_type: Any = None) -> Any:  # noqa: A002
    return sizes.shape_of(input)


def rank(input: Any) -> Any:  # noqa: A002
    return len(input.shape)


def fill(dims: Any, value: Any) -> Any:
    return ops.full(dims, value)


def zeros(shape: Any, dtype: Any = "float32") -> Any:
    return ops.zeros(shape, dtype)


def ones(shape: Any, dtype: Any = "float32") -> Any:
    return ops.ones(shape, dtype)


def eye(num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = "float32") -> Any:
    found = ops.eye(num_rows, num_columns, dtype=dtype)
    return found if batch_shape is None else ops.broadcast_to(found, (*batch_shape, *found.shape))


def one_hot(
    indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: Any = None, dtype: Any = None
) -> Any:
    found = ops.one_hot(indices, depth, -1 if axis is None else axis, dtype or "float32")
    if on_value is None and off_value is None:
        return found
    return ops.where(ops.cast(found, "bool"), 1.0 if on_value is None else on_value, off_value or 0.0)


def arange(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None) -> Any:
    return ops.arange(start, limit, delta, dtype)


def linspace(start: Any, stop: Any, num: int, axis: int = 0) -> Any:
    return ops.linspace(start, stop, num, axis=axis)


def identity(input: Any) -> Any:  # noqa: A002
    return ops.copy(input)


def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None) -> Any:
    if isinstance(value, tuple) and sizes.is_sizes(value):
        return value
    return ops.convert_to_tensor(value, dtype)


def ensure_shape(x: Any, shape: Any) -> Any:
    return ops.copy(x)


def check_numerics(tensor: Any, message: str) -> Any:
    return ops.copy(tensor)


def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Any:
    mode = mode.lower()
    return ops.pad(tensor, paddings, mode, constant_values if mode == "constant" else None)


def slice_(input_: Any, begin: Any, size: Any) -> Any:
    if isinstance(input_, tuple):
        count = size[0] if size[0] >= 0 else len(input_)
        return input_[begin[0] : begin[0] + count]
    bounds = zip(begin, size, strict=True)
    return ops.get_item(input_, tuple(slice(start, None if n == -1 else start + n) for start, n in bounds))


def strided_slice(
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
) -> Any:
    """Index with slices whose ends stand in lists; a bit of a mask says what holds for one axis instead."""
    strides = [1] * len(begin) if strides is None else strides
    key: list[Any] = []
    for place, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        bit = 1 << place
        if ellipsis_mask & bit:
            key.append(Ellipsis)
        elif new_axis_mask & bit:
            key.append(None)
        elif shrink_axis_mask & bit:
            key.append(first)
        else:
            key.append(slice(None if begin_mask & bit else first, None if end_mask & bit else last, step))
    return getitem(input_, key)


def getitem(tensor: Any, slice_spec: Any, var: Any = None) -> Any:
    """Index a tensor, or a tuple of sizes."""
    key = tuple(slice_spec) if isinstance(slice_spec, list) else slice_spec
    if isinstance(tensor, tuple):
        key = key[0] if isinstance(key, tuple) and len(key) == 1 else key
        return tensor[key]
    return ops.get_item(tensor, key)


def boolean_mask(tensor: Any, mask: Any, axis: Any = None) -> Any:
    return ops.get_item(tensor, (*[slice(None)] * (axis or 0), mask))


def meshgrid(*args: Any, indexing: str = "xy") -> Any:
    return ops.meshgrid(*args, indexing=indexing)


def diag(diagonal: Any, **options: Any) -> Any:
    if any(value is not None for key, value in options.items() if key != "align"):
        raise ValueError(f"`tf.linalg.diag` is read without options. Received: {options}")
    size = diagonal.shape[-1]
    return ops.multiply(ops.expand_dims(diagonal, -1), ops.eye(size))


def diag_part(input: Any, **options: Any) -> Any:  # noqa: A002
    if any(value is not None for key, value in options.items() if key not in ("align", "k")) or options.get("k"):
        raise ValueError(f"`tf.linalg.diag_part` is read without options. Received: {options}")
    return ops.diagonal(input, 0, -2, -1)


def trace(x: Any) -> Any:
    return ops.trace(x, 0, -2, -1)


def band_part(input: Any, num_lower: int, num_upper: int) -> Any:  # noqa: A002
    found = input if num_lower < 0 else ops.triu(input, -num_lower)
    return found if num_upper < 0 else ops.tril(found, num_upper)


def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = "bool") -> Any:
    found = ops.less(ops.arange(ops.max(lengths) if maxlen is None else maxlen), ops.expand_dims(lengths, -1))
    return ops.cast(found, dtype)


def bias_add(value: Any, bias: Any, data_format: Any = None) -> Any:
    if data_format is not None and data_format.startswith("NC"):
        return backend.bias_add(value, bias, "channels_first")
    return ops.add(value, bias)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "band_part": band_part,
    "bias_add": bias_add,
    "boolean_mask": boolean_mask,
    "cast": cast,
    "concat": concat,
    "convert_to_tensor": convert_to_tensor,
    "count_nonzero": count_nonzero,
    "debugging.check_numerics": check_numerics,
    "diag": diag,
    "diag_part": diag_part,
    "einsum": einsum,
    "ensure_shape": ensure_shape,
    "expand_dims": expand_dims,
    "eye": eye,
    "fill": fill,
    "gather": gather,
    "gather_nd": gather_nd,
    "getitem": getitem,
    "identity": identity,
    "linspace": linspace,
    "matmul": matmul,
    "matrix_transpose": matrix_transpose,
    "matvec": matvec,
    "meshgrid": meshgrid,
    "one_hot": one_hot,
    "ones": ones,
    "ones_like": ones_like,
    "pad": pad,
    "range": arange,
    "rank": rank,
    "reshape": reshape,
    "sequence_mask": sequence_mask,
    "shape": shape,
    "slice": slice_,
    "split": split,
    "squeeze": squeeze,
    "stack": stack,
    "strided_slice": strided_slice,
    "trace": trace,
    "transpose": transpose,
    "unstack": unstack,
    "where": where,
    "zeros": zeros,
}
