"""Arithmetic and reductions where TensorFlow's types differ from those of `keras.ops`."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch import backend, ops
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.dtypes import as_dtype, is_integer
from keras_torch.dropin.tensorflow.sizes import Sizes, values
from keras_torch.models.operations import sizes, tensorflow_math
from keras_torch.models.operations.tensorflow_table import FUNCTIONS


def _is_whole(x: Any) -> bool:
    return is_integer(as_dtype(x.dtype))


def divide(x: Any, y: Any) -> Any:
    """`x / y`; of two tensors of integers float64, as in TensorFlow, or float32 for small ones."""
    x, y = values(x), values(y)
    pair = [item for item in (x, y) if hasattr(item, "dtype")]
    whole = (
        pair and all(map(_is_whole, pair)) and all(hasattr(item, "dtype") or isinstance(item, int) for item in (x, y))
    )
    if not whole:
        return ops.true_divide(x, y)
    dtype = "float32" if all(as_dtype(item.dtype).itemsize < 4 for item in pair) else "float64"
    x, y = (ops.cast(item, dtype) if hasattr(item, "dtype") else float(item) for item in (x, y))
    return ops.true_divide(x, y)


def _axes(axis: Any) -> Any:
    """Return axes given as a tensor as ints."""
    return axis.tolist() if isinstance(axis, torch.Tensor) else axis


def reduce_mean(input_tensor: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """The mean; of integers rounded towards 0, in their type."""
    x = convert_to_tensor(values(input_tensor))
    found = ops.mean(x, _axes(axis), bool(keepdims))
    return ops.cast(found, x.dtype) if _is_whole(x) else found


def reduce_sum(input_tensor: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """The sum, in the type of the values."""
    x = convert_to_tensor(values(input_tensor))
    found = ops.sum(x, _axes(axis), bool(keepdims))
    return found if found.dtype == x.dtype else ops.cast(found, x.dtype)


def reduce_prod(input_tensor: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """The product, in the type of the values; that of the sizes of a symbolic tensor is a size again."""
    if isinstance(input_tensor, Sizes):
        return sizes.product(input_tensor)
    x = convert_to_tensor(input_tensor)
    found = ops.prod(x, _axes(axis), bool(keepdims))
    return found if found.dtype == x.dtype else ops.cast(found, x.dtype)


def count_nonzero(input: Any, axis: Any = None, keepdims: Any = None, dtype: Any = "int64") -> Any:  # noqa: A002
    """How many values are other than 0."""
    found = ops.sum(ops.cast(ops.not_equal(input, 0), "int32"), _axes(axis), bool(keepdims))
    return ops.cast(found, as_dtype(dtype))


def clip_by_global_norm(t_list: Any, clip_norm: Any, use_norm: Any = None) -> Any:
    """Return tensors scaled by one factor to a common norm of at most `clip_norm`, and the norm; None stays None."""
    norm = global_norm(t_list) if use_norm is None else use_norm
    scale = clip_norm / torch.clamp(convert_to_tensor(norm), min=float(clip_norm))
    return [None if item is None else convert_to_tensor(item) * scale for item in t_list], norm


def global_norm(t_list: Any) -> Any:
    """The root of the sum of the squares of all values."""
    squares = [ops.sum(ops.square(item)) for item in t_list if item is not None]
    return torch.sqrt(sum(squares[1:], squares[0]))


def confusion_matrix(
    labels: Any, predictions: Any, num_classes: Any = None, weights: Any = None, dtype: Any = "int32"
) -> Any:
    """How often each label (row) was predicted as each class (column)."""
    labels, predictions = (convert_to_tensor(item).long() for item in (labels, predictions))
    count = int(torch.maximum(labels.max(), predictions.max())) + 1 if num_classes is None else int(num_classes)
    dtype = as_dtype(dtype)
    weight = torch.ones_like(labels, dtype=dtype) if weights is None else convert_to_tensor(weights).to(dtype)
    found = torch.zeros(count, count, dtype=dtype, device=labels.device)
    return found.index_put_((labels, predictions), weight, accumulate=True)


def bincount(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = "int32",
    axis: Any = None,
    binary_output: bool = False,
) -> Any:
    """How often each number from 0 on occurs; with `axis=-1` in each row."""
    arr = convert_to_tensor(arr)
    if axis == -1 and arr.dim() == 2:
        length = max(int(arr.max()) + 1, int(minlength or 0))
        rows = [bincount(row, None, length, maxlength, dtype, None, binary_output) for row in arr]
        return torch.stack(rows)
    weights = None if weights is None else convert_to_tensor(weights).flatten()
    found = torch.bincount(arr.flatten().long(), weights, int(minlength or 0))
    found = found if maxlength is None else found[: int(maxlength)]
    found = (found > 0) if binary_output else found
    return found.to(as_dtype(dtype) if weights is None or binary_output else weights.dtype)


def _segments(function: str) -> Any:
    def call(data: Any, segment_ids: Any, num_segments: Any = None) -> Any:
        data, ids = convert_to_tensor(data), convert_to_tensor(segment_ids).long()
        count = int(ids.max()) + 1 if num_segments is None else int(num_segments)
        index = ids.reshape(-1, *[1] * (data.dim() - 1)).expand_as(data)
        zeros = torch.zeros(count, *data.shape[1:], dtype=data.dtype, device=data.device)
        return zeros.scatter_reduce(0, index, data, function, include_self=False)

    call.__name__ = f"segment_{function}"
    return call


def segment_sqrt_n(data: Any, segment_ids: Any, num_segments: Any) -> Any:
    """The sum of each segment over the root of its size."""
    ids = convert_to_tensor(segment_ids)
    total = ops.segment_sum(data, ids, int(num_segments))
    count = ops.segment_sum(torch.ones_like(ids, dtype=total.dtype), ids, int(num_segments))
    return total / torch.sqrt(count.clamp(min=1)).reshape(-1, *[1] * (total.dim() - 1))


def reduce_logsumexp(input_tensor: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """`log(sum(exp(x)))` without overflow."""
    return ops.logsumexp(input_tensor, _axes(axis), bool(keepdims))


def cumulative_logsumexp(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    """`log(sum(exp(x)))` of all values up to each."""
    if exclusive:
        raise ValueError("`tf.math.cumulative_logsumexp` has no `exclusive` here. Received: exclusive=True")
    x = torch.flip(convert_to_tensor(x), (axis,)) if reverse else convert_to_tensor(x)
    found = torch.logcumsumexp(x, axis)
    return torch.flip(found, (axis,)) if reverse else found


def _special(function: Any) -> Any:
    def call(x: Any) -> Any:
        return function(convert_to_tensor(x))

    call.__name__ = function.__name__
    return call


def polyval(coeffs: Any, x: Any) -> Any:
    """The value of the polynomial with these coefficients, the highest power first."""
    x = convert_to_tensor(x)
    total: Any = 0.0
    for coefficient in coeffs:
        total = total * x + coefficient
    return total


def igamma(a: Any, x: Any) -> Any:
    """The lower regularized incomplete gamma function."""
    return torch.special.gammainc(convert_to_tensor(a), convert_to_tensor(x))


def igammac(a: Any, x: Any) -> Any:
    """The upper regularized incomplete gamma function."""
    return torch.special.gammaincc(convert_to_tensor(a), convert_to_tensor(x))


def approx_max_k(operand: Any, k: int, reduction_dimension: int = -1) -> Any:
    """The `k` largest values along an axis, exactly, and where they are."""
    found = torch.topk(convert_to_tensor(operand), int(k), reduction_dimension)
    return found.values, found.indices.to(torch.int32)


def complex_(real: Any, imag: Any) -> Any:
    """Complex numbers of real and imaginary parts."""
    return torch.complex(convert_to_tensor(real), convert_to_tensor(imag))


def is_strictly_increasing(x: Any) -> Any:
    """Whether each value is larger than the one before."""
    x = convert_to_tensor(x).flatten()
    return (x[1:] > x[:-1]).all()


def is_non_decreasing(x: Any) -> Any:
    """Whether no value is smaller than the one before."""
    x = convert_to_tensor(x).flatten()
    return (x[1:] >= x[:-1]).all()


def zero_fraction(value: Any) -> Any:
    """The share of values that are 0."""
    return ops.mean(ops.cast(ops.equal(value, 0), "float32"))


def add_n(inputs: Any) -> Any:
    """The sum of tensors."""
    items = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    return tensorflow_math.add_n([backend.identity(items[0]) if len(items) == 1 else items[0], *items[1:]])


NAMES = {
    "add_n math.add_n": add_n,
    "clip_by_global_norm": clip_by_global_norm,
    "complex dtypes.complex": complex_,
    "divide math.divide truediv math.truediv": divide,
    "linalg.global_norm": global_norm,
    "math.approx_max_k": approx_max_k,
    "math.bincount": bincount,
    "math.confusion_matrix": confusion_matrix,
    "math.count_nonzero": count_nonzero,
    "math.cumulative_logsumexp": cumulative_logsumexp,
    "math.digamma": _special(torch.digamma),
    "math.igamma": igamma,
    "math.igammac": igammac,
    "math.is_non_decreasing": is_non_decreasing,
    "math.is_strictly_increasing": is_strictly_increasing,
    "math.lgamma": _special(torch.lgamma),
    "math.ndtri": _special(torch.special.ndtri),
    "math.polyval": polyval,
    "math.segment_mean math.unsorted_segment_mean": _segments("mean"),
    "math.unsorted_segment_sqrt_n": segment_sqrt_n,
    "math.zero_fraction nn.zero_fraction": zero_fraction,
    "reduce_logsumexp math.reduce_logsumexp": reduce_logsumexp,
    "reduce_mean math.reduce_mean": reduce_mean,
    "reduce_prod math.reduce_prod": reduce_prod,
    "reduce_sum math.reduce_sum": reduce_sum,
}
VERSION_1 = {
    "bincount": bincount,
    "confusion_matrix": confusion_matrix,
    "count_nonzero": count_nonzero,
    "digamma": _special(torch.digamma),
    "global_norm": global_norm,
    "lgamma": _special(torch.lgamma),
    "lin_space": FUNCTIONS["linspace"],
    # Before TensorFlow 1.0.
    "mul": ops.multiply,
    "neg": ops.negative,
    "segment_mean": _segments("mean"),
    "select": ops.where,
    "sub": ops.subtract,
}
