"""Names of TensorFlow's functions → ours: plain renames here, the rest where it is written."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from keras_torch import ops
from keras_torch.models.operations import tensorflow_arrays, tensorflow_images, tensorflow_math

# Function of `keras.ops`, names in tf, tf.math, tf.nn and tf.linalg | TensorFlow's arguments in the order of ours.
_RENAMED = """
    absolute abs | x
    negative negative neg | x
    sign sign | x
    sqrt sqrt | x
    rsqrt rsqrt | x
    exp exp exponential | x
    expm1 expm1 | x
    log log | x
    log1p log1p | x
    sin sin | x
    cos cos | x
    tan tan | x
    arcsin asin | x
    arccos acos | x
    arctan atan | x
    sinh sinh | x
    cosh cosh | x
    tanh tanh | x
    arcsinh asinh | x
    arccosh acosh | x
    arctanh atanh | x
    arctan2 atan2 | y x
    erf erf | x
    erfc erfc | x
    erfinv erfinv | x
    i0 bessel_i0 | x
    floor floor | x
    ceil ceil | x
    round round rint | x
    sigmoid sigmoid | x
    log_sigmoid log_sigmoid | x
    reciprocal reciprocal | x
    isnan is_nan | x
    isinf is_inf | x
    isfinite is_finite | x
    logical_not logical_not | x
    conjugate conj | x
    real real | input
    imag imag | input
    angle angle | input
    divide_no_nan divide_no_nan div_no_nan | x y
    mod floormod mod | x y
    power pow | x y
    maximum maximum | x y
    minimum minimum | x y
    logical_and logical_and | x y
    logical_or logical_or | x y
    logical_xor logical_xor | x y
    nextafter nextafter | x1 x2
    relu relu | features
    relu6 relu6 | features
    elu elu | features
    selu selu | features
    leaky_relu leaky_relu | features alpha
    softplus softplus | features
    softsign softsign | features
    log_softmax log_softmax | logits axis
    top_k top_k | input k sorted
    in_top_k in_top_k | targets predictions k
    broadcast_to broadcast_to | input shape
    tile tile | input multiples
    repeat repeat | input repeats axis
    roll roll | input shift axis
    flip reverse | tensor axis
    stop_gradient stop_gradient | input
    saturate_cast saturate_cast | value dtype
    zeros_like zeros_like | input dtype
    size size | input
    mean reduce_mean | input_tensor axis keepdims
    max reduce_max | input_tensor axis keepdims
    min reduce_min | input_tensor axis keepdims
    std reduce_std | input_tensor axis keepdims
    var reduce_variance | input_tensor axis keepdims
    logsumexp reduce_logsumexp | input_tensor axis keepdims
    all reduce_all | input_tensor axis keepdims
    any reduce_any | input_tensor axis keepdims
    segment_sum segment_sum | data segment_ids
    segment_prod segment_prod | data segment_ids
    segment_max segment_max | data segment_ids
    segment_min segment_min | data segment_ids
    segment_sum unsorted_segment_sum | data segment_ids num_segments
    segment_prod unsorted_segment_prod | data segment_ids num_segments
    segment_max unsorted_segment_max | data segment_ids num_segments
    segment_min unsorted_segment_min | data segment_ids num_segments
    searchsorted searchsorted | sorted_sequence values side
    cholesky cholesky | input
    det det | input
    inv inv | input
    logdet logdet | matrix
    cross cross | a b
    tensordot tensordot | a b axes
"""


def _renamed(function: Callable[..., Any], arguments: tuple[str, ...], own: tuple[str, ...]) -> Callable[..., Any]:
    pairs = dict(zip(arguments, own, strict=False))

    def call(*args: Any, **kwargs: Any) -> Any:
        given = dict(zip(own, args, strict=False))
        return function(**given, **{pairs.get(key, key): value for key, value in kwargs.items()})

    # As an activation it is stored by its name.
    call.__name__ = function.__name__
    call.arguments = frozenset(arguments)  # type: ignore[attr-defined]
    return call


def _table() -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {}
    for line in _RENAMED.strip().split("\n"):
        names, _, arguments = line.partition("|")
        own, *aliases = names.split()
        function = getattr(ops, own)
        parameters = tuple(inspect.signature(function).parameters)
        for alias in aliases:
            found[alias] = _renamed(function, tuple(arguments.split()), parameters)
    return {**found, **tensorflow_math.FUNCTIONS, **tensorflow_arrays.FUNCTIONS, **tensorflow_images.FUNCTIONS}


FUNCTIONS = _table()
