"""Arithmetic, reductions, activations and losses of TensorFlow in graphs of tf.keras; see `tensorflow_arrays`."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from keras_torch import backend, ops
from keras_torch.backend.tensors import axes_of
from keras_torch.models.operations import sizes
from keras_torch.symbolic import KerasTensor


def _numbers(compute: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    return sizes.on_sizes(compute, function)


add = _numbers(operator.add, ops.add)
subtract = _numbers(operator.sub, ops.subtract)
multiply = _numbers(operator.mul, ops.multiply)
floordiv = _numbers(operator.floordiv, ops.floor_divide)
floormod = _numbers(operator.mod, ops.mod)


def _comparison(compute: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    return sizes.on_sizes(compute, function, known=True)


greater = _comparison(operator.gt, ops.greater)
greater_equal = _comparison(operator.ge, ops.greater_equal)
less = _comparison(operator.lt, ops.less)
less_equal = _comparison(operator.le, ops.less_equal)
equal = _comparison(operator.eq, ops.equal)
not_equal = _comparison(operator.ne, ops.not_equal)


def square(x: Any) -> Any:
    return ops.square(x)


def truediv(x: Any, y: Any) -> Any:
    return ops.true_divide(x, y)


def div(x: Any, y: Any) -> Any:
    """Division as TensorFlow 1 had it: of integers, rounded down."""
    whole = all(
        backend.is_int_dtype(item.dtype) if hasattr(item, "dtype") else isinstance(item, int) for item in (x, y)
    )
    return floordiv(x, y) if whole else ops.true_divide(x, y)


def multiply_no_nan(x: Any, y: Any) -> Any:
    return ops.where(ops.equal(y, 0), ops.zeros_like(x), ops.multiply(x, y))


def squared_difference(x: Any, y: Any) -> Any:
    return ops.square(ops.subtract(x, y))


def xlogy(x: Any, y: Any) -> Any:
    return ops.where(ops.equal(x, 0), ops.zeros_like(x), ops.multiply(x, ops.log(y)))


def xdivy(x: Any, y: Any) -> Any:
    return ops.where(ops.equal(x, 0), ops.zeros_like(x), ops.divide(x, y))


def add_n(inputs: Any) -> Any:
    total = inputs[0]
    for item in inputs[1:]:
        total = ops.add(total, item)
    return total


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any) -> Any:
    if isinstance(clip_value_min, KerasTensor) or isinstance(clip_value_max, KerasTensor):
        return ops.minimum(ops.maximum(t, clip_value_min), clip_value_max)
    return ops.clip(t, clip_value_min, clip_value_max)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None) -> Any:
    total = ops.sqrt(ops.sum(ops.square(t), axes, True))
    return ops.divide(ops.multiply(t, clip_norm), ops.maximum(total, clip_norm))


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, dim: Any = None) -> Any:
    axis = dim if axis is None else axis
    total = ops.sum(ops.square(x), axis, True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(total, epsilon)))


def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: Any = None, keep_dims: Any = None) -> Any:  # noqa: A002
    keepdims = bool(keepdims or keep_dims)
    if ord in ("euclidean", 2) and not (ord == 2 and isinstance(axis, (list, tuple)) and len(axis) == 2):
        return ops.sqrt(ops.sum(ops.square(tensor), axis, keepdims))
    return ops.norm(tensor, ord, axis, keepdims)


def reduce_sum(input_tensor: Any, axis: Any = None, keepdims: Any = False) -> Any:
    return ops.sum(sizes.as_tensor(input_tensor), axis, bool(keepdims))


def reduce_prod(input_tensor: Any, axis: Any = None, keepdims: Any = False) -> Any:
    if isinstance(input_tensor, tuple) and sizes.is_sizes(input_tensor):
        return sizes.product(input_tensor)
    return ops.prod(input_tensor, axis, bool(keepdims))


def reduce_euclidean_norm(input_tensor: Any, axis: Any = None, keepdims: Any = False) -> Any:
    return ops.sqrt(ops.sum(ops.square(input_tensor), axis, bool(keepdims)))


def l2_loss(t: Any) -> Any:
    return ops.multiply(ops.sum(ops.square(t)), 0.5)


def cumsum(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    return _accumulate(ops.cumsum, x, axis, exclusive, reverse, 0)


def cumprod(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    return _accumulate(ops.cumprod, x, axis, exclusive, reverse, 1)


def _accumulate(function: Any, x: Any, axis: int, exclusive: bool, reverse: bool, start: int) -> Any:
    rank = len(x.shape)
    (axis,) = axes_of(x, axis)
    if reverse:
        x = ops.flip(x, axis)
    if exclusive:
        widths = [[1, 0] if place == axis else [0, 0] for place in range(rank)]
        cut = tuple(slice(None, -1) if place == axis else slice(None) for place in range(rank))
        x = ops.get_item(ops.pad(x, widths, "constant", start), cut)
    x = function(x, axis)
    return ops.flip(x, axis) if reverse else x


def argmax(input: Any, axis: Any = None, output_type: Any = "int64", dimension: Any = None) -> Any:  # noqa: A002
    axis = dimension if axis is None else axis
    return ops.cast(ops.argmax(input, 0 if axis is None else axis), output_type or "int64")


def argmin(input: Any, axis: Any = None, output_type: Any = "int64", dimension: Any = None) -> Any:  # noqa: A002
    axis = dimension if axis is None else axis
    return ops.cast(ops.argmin(input, 0 if axis is None else axis), output_type or "int64")


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING") -> Any:
    found = ops.sort(values, axis)
    return ops.flip(found, axis) if direction.upper() == "DESCENDING" else found


def argsort(values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False) -> Any:
    return ops.argsort(ops.negative(values) if direction.upper() == "DESCENDING" else values, axis)


def softmax(logits: Any, axis: Any = None, dim: Any = None) -> Any:
    axis = dim if axis is None else axis
    return ops.softmax(logits, -1 if axis is None else axis)


def gelu(features: Any, approximate: bool = False) -> Any:
    return ops.gelu(features, approximate)


def silu(features: Any, beta: float = 1.0) -> Any:
    return ops.silu(features) if beta == 1.0 else ops.multiply(features, ops.sigmoid(ops.multiply(features, beta)))


def crelu(features: Any, axis: int = -1) -> Any:
    return ops.relu(ops.concatenate([features, ops.negative(features)], axis))


def sigmoid_cross_entropy_with_logits(labels: Any = None, logits: Any = None) -> Any:
    return ops.binary_crossentropy(labels, logits, True)


def softmax_cross_entropy_with_logits(labels: Any, logits: Any, axis: int = -1) -> Any:
    return ops.categorical_crossentropy(labels, logits, True, axis)


def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any) -> Any:
    return ops.sparse_categorical_crossentropy(labels, logits, True)


def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False, keep_dims: Any = None) -> Any:
    return ops.moments(x, axes, bool(keepdims or keep_dims))


def batch_normalization(x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: float) -> Any:
    factor = ops.rsqrt(ops.add(variance, variance_epsilon))
    factor = factor if scale is None else ops.multiply(factor, scale)
    result = ops.multiply(ops.subtract(x, mean), factor)
    return result if offset is None else ops.add(result, offset)


def dropout(x: Any, rate: Any = None, noise_shape: Any = None, seed: Any = None, keep_prob: Any = None) -> Any:
    rate = 1.0 - keep_prob if rate is None and keep_prob is not None else rate
    return backend.dropout(x, rate, noise_shape, seed)


def embedding_lookup(params: Any, ids: Any, max_norm: Any = None, partition_strategy: str = "mod") -> Any:
    found = ops.take(_only(params), ids, 0)
    return found if max_norm is None else clip_by_norm(found, max_norm, [-1])


def _only(params: Any) -> Any:
    return (
        params[0] if isinstance(params, list) and len(params) == 1 and len(getattr(params[0], "shape", ())) else params
    )


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": add,
    "add_n": add_n,
    "add_v2": add,
    "accumulate_n": add_n,
    "argmax": argmax,
    "argmin": argmin,
    "argsort": argsort,
    "batch_normalization": batch_normalization,
    "clip_by_norm": clip_by_norm,
    "clip_by_value": clip_by_value,
    "crelu": crelu,
    "cumprod": cumprod,
    "cumsum": cumsum,
    "div": div,
    "divide": truediv,
    "dropout": dropout,
    "embedding_lookup": embedding_lookup,
    "eq": equal,
    "equal": equal,
    "floor_div": floordiv,
    "floordiv": floordiv,
    "floormod": floormod,
    "gelu": gelu,
    "greater": greater,
    "greater_equal": greater_equal,
    "l2_loss": l2_loss,
    "l2_normalize": l2_normalize,
    "less": less,
    "less_equal": less_equal,
    "mod": floormod,
    "moments": moments,
    "multiply": multiply,
    "multiply_no_nan": multiply_no_nan,
    "ne": not_equal,
    "norm": norm,
    "not_equal": not_equal,
    "reduce_euclidean_norm": reduce_euclidean_norm,
    "reduce_prod": reduce_prod,
    "reduce_sum": reduce_sum,
    "sigmoid_cross_entropy_with_logits": sigmoid_cross_entropy_with_logits,
    "silu": silu,
    "softmax": softmax,
    "softmax_cross_entropy_with_logits": softmax_cross_entropy_with_logits,
    "softmax_cross_entropy_with_logits_v2": softmax_cross_entropy_with_logits,
    "sort": sort,
    "sparse_softmax_cross_entropy_with_logits": sparse_softmax_cross_entropy_with_logits,
    "square": square,
    "squared_difference": squared_difference,
    "subtract": subtract,
    "swish": silu,
    "truediv": truediv,
    "xdivy": xdivy,
    "xlogy": xlogy,
}
