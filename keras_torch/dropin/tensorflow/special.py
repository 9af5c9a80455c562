"""Functions of numbers, bits and matrices that torch has under other names, and some that are a line of torch each."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from keras_torch.backend.tensors import recorded
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.dtypes import as_dtype
from keras_torch.dropin.tensorflow.sizes import ints
from keras_torch.dropin.tensorflow.sparse import SparseTensor


def _of(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of torch that takes what can be a tensor, a symbolic one as well."""

    def call(x: Any, y: Any = None) -> Any:
        return function(convert_to_tensor(x)) if y is None else function(*_pair(x, y))

    call.__name__ = getattr(function, "__name__", "call")
    return recorded(call)


def _pair(x: Any, y: Any) -> tuple[Any, Any]:
    """Return two tensors; a number of Python gets the other's type."""
    if not hasattr(x, "dtype") and hasattr(y, "dtype"):
        return convert_to_tensor(x, y.dtype), convert_to_tensor(y)
    x = convert_to_tensor(x)
    return x, convert_to_tensor(y, None if hasattr(y, "dtype") else x.dtype)


def truncatediv(x: Any, y: Any) -> Any:
    """The quotient, rounded towards 0."""
    return torch.div(*_pair(x, y), rounding_mode="trunc")


def reciprocal_no_nan(x: Any) -> Any:
    """1 / x, and 0 where x is 0."""
    x = convert_to_tensor(x)
    return torch.where(x == 0, torch.zeros_like(x), 1 / x)


def lbeta(x: Any) -> Any:
    """The logarithm of the beta function of the numbers along the last axis."""
    x = convert_to_tensor(x)
    return torch.lgamma(x).sum(-1) - torch.lgamma(x.sum(-1))


def polygamma(a: Any, x: Any) -> Any:
    """The derivatives of order `a`, a single whole number, of the logarithm of the gamma function's derivative."""
    orders = convert_to_tensor(a).unique().tolist()
    if len(orders) != 1 or orders[0] != int(orders[0]):
        raise ValueError(f"`tf.math.polygamma` takes one whole number as `a`. Received: {a!r}")
    return torch.special.polygamma(int(orders[0]), convert_to_tensor(x))


def invert_permutation(x: Any) -> Any:
    """Where each number stands in a permutation."""
    x = convert_to_tensor(x)
    return torch.argsort(x).to(x.dtype)


def scalar_mul(scalar: Any, x: Any) -> Any:
    """A number times a tensor."""
    first, second = _pair(scalar, x)
    return first * second


def histogram_fixed_width(values: Any, value_range: Any, nbins: int = 100, dtype: Any = "int32") -> Any:
    """How many values fall into each of `nbins` equal parts of a range; those outside count in the outermost."""
    x = convert_to_tensor(values).double().flatten()
    low, high = (float(item) for item in value_range)
    places = torch.floor((x - low) / (high - low) * int(nbins)).long().clamp(0, int(nbins) - 1)
    return torch.bincount(places, minlength=int(nbins)).to(as_dtype(dtype))


def unravel_index(indices: Any, dims: Any) -> Any:
    """The places in an array of a shape, one a column, of places in it laid out flat."""
    indices = convert_to_tensor(indices)
    return torch.stack(torch.unravel_index(indices, tuple(ints(dims)))).to(indices.dtype)


def bitcast(input: Any, type: Any) -> Any:  # noqa: A002 - TensorFlow's names
    """The same bytes as another type (`Tensor.view`)."""
    return convert_to_tensor(input).view(as_dtype(type))


def broadcast_shape(shape_x: Any, shape_y: Any) -> torch.Size:
    """The shape that two shapes are broadcast to."""
    return torch.broadcast_shapes(tuple(ints(shape_x)), tuple(ints(shape_y)))


def tensor_diag(diagonal: Any) -> Any:
    """A tensor with the values on its diagonal: of shape (*s, *s) for values of shape s."""
    x = convert_to_tensor(diagonal)
    return torch.diag(x.flatten()).reshape(*x.shape, *x.shape)


def tensor_diag_part(input: Any) -> Any:  # noqa: A002
    """The values on the diagonal of a tensor of shape (*s, *s)."""
    x = convert_to_tensor(input)
    half = x.shape[: x.dim() // 2]
    return torch.diagonal(x.reshape(half.numel(), half.numel())).reshape(half)


def normalize(tensor: Any, ord: Any = "euclidean", axis: Any = None) -> tuple[Any, Any]:  # noqa: A002
    """A tensor divided by its norm along axes, or by that of all its values, and the norm."""
    x = convert_to_tensor(tensor)
    power = 2 if ord == "euclidean" else float("inf") if ord in (np.inf, "inf") else ord
    norm = torch.linalg.vector_norm(x, power, axis, keepdim=True)
    return x / norm, norm


def sqrtm(input: Any) -> Any:  # noqa: A002
    """The square root of matrices whose eigenvalues are no negative numbers (`torch.linalg.eig`)."""
    x = convert_to_tensor(input)
    values, vectors = torch.linalg.eig(x)
    found = vectors @ torch.diag_embed(values.sqrt()) @ torch.linalg.inv(vectors)
    return found if x.is_complex() else found.real


def adjoint(matrix: Any) -> Any:
    """The conjugate transpose of matrices."""
    return convert_to_tensor(matrix).mH


def eig(tensor: Any) -> tuple[Any, Any]:
    """The eigenvalues and eigenvectors of matrices."""
    return tuple(torch.linalg.eig(convert_to_tensor(tensor)))  # type: ignore[return-value]


def static_value(tensor: Any, partial: bool = False) -> Any:
    """The values as a numpy array; None for a symbolic tensor."""
    return convert_to_tensor(tensor).numpy() if not hasattr(tensor, "_keras_history") else None


def shape_n(input: Any, out_type: Any = "int32") -> list[Any]:  # noqa: A002
    """The shapes of tensors."""
    return [torch.tensor(tuple(convert_to_tensor(item).shape), dtype=as_dtype(out_type)) for item in input]


def weighted_moments(x: Any, axes: Any, frequency_weights: Any, keepdims: bool = False) -> tuple[Any, Any]:
    """The mean and the variance over axes, weighted."""
    x, weights = _pair(x, frequency_weights)
    weights = weights.expand_as(x)
    total = weights.sum(axes, keepdim=True)
    mean = (x * weights).sum(axes, keepdim=True) / total
    variance = ((x - mean).square() * weights).sum(axes, keepdim=True) / total
    if keepdims:
        return mean, variance
    sizes = [size for axis, size in enumerate(x.shape) if axis not in {place % x.dim() for place in np.ravel(axes)}]
    return mean.reshape(sizes), variance.reshape(sizes)


def space_to_batch(input: Any, block_shape: Any, paddings: Any) -> Any:  # noqa: A002
    """Move blocks of the axes behind the first, padded, into the first."""
    x, blocks, pads = convert_to_tensor(input), ints(block_shape), np.asarray(paddings).tolist()
    count, rest = len(blocks), x.shape[1 + len(blocks) :]
    x = torch.nn.functional.pad(x, [0, 0] * len(rest) + [n for pair in reversed(pads) for n in pair])
    sizes = [size // block for size, block in zip(x.shape[1 : 1 + count], blocks, strict=True)]
    apart = x.reshape(x.shape[0], *(n for pair in zip(sizes, blocks, strict=True) for n in pair), *rest)
    order = [*range(2, 2 * count + 1, 2), 0, *range(1, 2 * count, 2), *range(2 * count + 1, apart.dim())]
    return apart.permute(order).reshape(-1, *sizes, *rest)


def batch_to_space(input: Any, block_shape: Any, crops: Any) -> Any:  # noqa: A002
    """Move blocks from the first axis back into those behind it, and crop these."""
    x, blocks, cut = convert_to_tensor(input), ints(block_shape), np.asarray(crops).tolist()
    count, sizes, rest = len(blocks), x.shape[1 : 1 + len(blocks)], x.shape[1 + len(blocks) :]
    apart = x.reshape(*blocks, -1, *sizes, *rest)
    order = [
        count,
        *(n for place in range(count) for n in (count + 1 + place, place)),
        *range(2 * count + 1, apart.dim()),
    ]
    whole = [size * block for size, block in zip(sizes, blocks, strict=True)]
    found = apart.permute(order).reshape(-1, *whole, *rest)
    return found[(slice(None), *(slice(a, n - b) for (a, b), n in zip(cut, whole, strict=True)))]


def ctc_greedy_decoder(
    inputs: Any, sequence_length: Any, merge_repeated: bool = True, blank_index: int | None = None
) -> tuple[list[SparseTensor], Any]:
    """Decode (time, batch, classes) by the best class of each step; the negated sums of these come second."""
    logits = convert_to_tensor(inputs)
    blank = logits.shape[2] - 1 if blank_index is None else blank_index % logits.shape[2]
    best, kinds = logits.max(2)
    rows, scores = [], []
    for place, length in enumerate(ints(sequence_length)):
        path = kinds[:length, place]
        path = torch.unique_consecutive(path) if merge_repeated else path
        rows.append(path[path != blank])
        scores.append(-best[:length, place].sum())
    places = [(row, column) for row, found in enumerate(rows) for column in range(len(found))]
    shape = (len(rows), max(map(len, rows), default=0))
    decoded = SparseTensor(torch.tensor(places).reshape(-1, 2), torch.cat(rows), shape)
    return [decoded], torch.stack(scores)[:, None]


def hessians(ys: Any, xs: Any) -> None:
    """NotImplementedError: with values there is nothing to differentiate afterwards."""
    raise NotImplementedError("`tf.hessians` needs a graph: use two `tf.GradientTape`s, or `torch.func.hessian`.")


_BITS: dict[str, Callable[..., Any]] = {
    "bitwise.bitwise_and": operator.and_,
    "bitwise.bitwise_or": operator.or_,
    "bitwise.bitwise_xor": operator.xor,
    "bitwise.invert": operator.invert,
    "bitwise.left_shift": operator.lshift,
    "bitwise.right_shift": operator.rshift,
}
_TORCH: dict[str, Callable[..., Any]] = {
    "math.bessel_i0e math.special.bessel_i0e": torch.special.i0e,
    "math.bessel_i1 math.special.bessel_i1": torch.special.i1,
    "math.bessel_i1e math.special.bessel_i1e": torch.special.i1e,
    "math.erfcinv": lambda x: torch.erfinv(1 - x),
    "math.special.bessel_i0": torch.special.i0,
    "math.special.bessel_j0": torch.special.bessel_j0,
    "math.special.bessel_j1": torch.special.bessel_j1,
    "math.special.bessel_k0": torch.special.modified_bessel_k0,
    "math.special.bessel_k0e": torch.special.scaled_modified_bessel_k0,
    "math.special.bessel_k1": torch.special.modified_bessel_k1,
    "math.special.bessel_k1e": torch.special.scaled_modified_bessel_k1,
    "math.special.bessel_y0": torch.special.bessel_y0,
    "math.special.bessel_y1": torch.special.bessel_y1,
    "math.xlog1py": torch.special.xlog1py,
    "math.zeta": torch.special.zeta,
    "realdiv": torch.true_divide,
    "truncatemod": torch.fmod,
}
NAMES = {
    **{path: _of(function) for path, function in {**_BITS, **_TORCH}.items()},
    "bitcast": recorded(bitcast),
    "broadcast_dynamic_shape broadcast_static_shape": broadcast_shape,
    "eig linalg.eig": recorded(eig),
    "eigvals linalg.eigvals": _of(torch.linalg.eigvals),
    "get_static_value": static_value,
    "hessians": hessians,
    "histogram_fixed_width": recorded(histogram_fixed_width),
    "linalg.adjoint": recorded(adjoint),
    "linalg.normalize": recorded(normalize),
    "linalg.sqrtm matrix_square_root": recorded(sqrtm),
    "linalg.tensor_diag": recorded(tensor_diag),
    "linalg.tensor_diag_part": recorded(tensor_diag_part),
    "math.invert_permutation": recorded(invert_permutation),
    "math.lbeta": recorded(lbeta),
    "math.polygamma": recorded(polygamma),
    "math.reciprocal_no_nan": recorded(reciprocal_no_nan),
    "math.scalar_mul scalar_mul": recorded(scalar_mul),
    "batch_to_space": recorded(batch_to_space),
    "identity_n": lambda input: list(input),
    "nn.ctc_greedy_decoder": ctc_greedy_decoder,
    "nn.weighted_moments": recorded(weighted_moments),
    "shape_n": shape_n,
    "space_to_batch nn.space_to_batch space_to_batch_nd": recorded(space_to_batch),
    "timestamp": lambda: torch.tensor(time.time(), dtype=torch.float64),
    "truncatediv": recorded(truncatediv),
    "unravel_index": recorded(unravel_index),
}
