"""`keras.ops.nn`: activations, normalization, losses and attention, by torch.nn.functional."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from keras_torch import backend, config
from keras_torch.backend import ctc
from keras_torch.backend.logits import note_logits
from keras_torch.ops.arguments import as_dtype, convert, floating, floats, operation, promoted
from keras_torch.ops.arguments import axes as axes_of
from keras_torch.ops.bits import polar
from keras_torch.ops.convolutions import (
    adaptive_average_pool,
    adaptive_max_pool,
    average_pool,
    conv,
    conv_transpose,
    depthwise_conv,
    fold,
    max_pool,
    separable_conv,
    unfold,
)
from keras_torch.ops.elementwise import tanh
from keras_torch.ops.reductions import moments
from keras_torch.ops.shapes import depth_to_space, space_to_depth
from keras_torch.ops.sorting import multi_hot, one_hot


@operation
def relu(x: Any) -> Any:
    """`max(x, 0)`."""
    return torch.relu(convert(x))


@operation
def relu6(x: Any) -> Any:
    """`min(max(x, 0), 6)`."""
    return F.relu6(convert(x))


@operation
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """`x`, with negative values multiplied by `negative_slope`."""
    return F.leaky_relu(floating(x), negative_slope)


@operation
def elu(x: Any, alpha: float = 1.0) -> Any:
    """`x` where positive, else `alpha * (exp(x) - 1)`."""
    return F.elu(floating(x), alpha)


@operation
def selu(x: Any) -> Any:
    """Scaled exponential linear unit."""
    return F.selu(floating(x))


@operation
def celu(x: Any, alpha: float = 1.0) -> Any:
    """`max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))`."""
    return F.celu(floating(x), alpha)


@operation
def gelu(x: Any, approximate: bool = True) -> Any:
    """Gaussian error linear unit, with the tanh approximation or exact."""
    return F.gelu(floating(x), approximate="tanh" if approximate else "none")


@operation
def glu(x: Any, axis: int = -1) -> Any:
    """Split `x` in two halves along `axis` and return `first * sigmoid(second)`."""
    return F.glu(floating(x), axis)


@operation
def silu(x: Any) -> Any:
    """`x * sigmoid(x)`."""
    return F.silu(floating(x))


swish = silu


@operation
def sigmoid(x: Any) -> Any:
    """`1 / (1 + exp(-x))`; remembers its logits for the cross-entropy losses."""
    x = floating(x)
    return note_logits(torch.sigmoid(x), x, "sigmoid")


@operation
def log_sigmoid(x: Any) -> Any:
    """`log(sigmoid(x))`."""
    return F.logsigmoid(floating(x))


@operation
def hard_sigmoid(x: Any) -> Any:
    """`relu6(x + 3) / 6`."""
    return F.hardsigmoid(floating(x))


@operation
def hard_silu(x: Any) -> Any:
    """`x * relu6(x + 3) / 6`."""
    return F.hardswish(floating(x))


hard_swish = hard_silu


@operation
def hard_tanh(x: Any) -> Any:
    """`x` clipped to [-1, 1]."""
    return torch.clamp(convert(x), -1, 1)


@operation
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x` where `|x| > threshold`, else 0."""
    return F.hardshrink(floating(x), threshold)


@operation
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x` moved towards 0 by `threshold`."""
    return F.softshrink(floating(x), threshold)


@operation
def tanh_shrink(x: Any) -> Any:
    """`x - tanh(x)`."""
    return F.tanhshrink(floating(x))


@operation
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """`x` where it exceeds `threshold`, else `default_value`."""
    return F.threshold(convert(x), threshold, default_value)


@operation
def softplus(x: Any) -> Any:
    """`log(exp(x) + 1)`."""
    return F.softplus(floating(x))


@operation
def softsign(x: Any) -> Any:
    """`x / (|x| + 1)`."""
    return F.softsign(floating(x))


@operation
def squareplus(x: Any, b: float = 4) -> Any:
    """`(x + sqrt(x**2 + b)) / 2` (https://arxiv.org/abs/2112.11687)."""
    x = floating(x)
    return (x + torch.sqrt(torch.square(x) + b)) / 2


@operation
def sparse_plus(x: Any) -> Any:
    """0 up to -1, `(x + 1)**2 / 4` up to 1, then `x`."""
    x = floating(x)
    return torch.where(x >= 1, x, torch.square(torch.clamp(x, -1.0, 1.0) + 1) / 4)


@operation
def sparse_sigmoid(x: Any) -> Any:
    """`(x + 1) / 2` clipped to [0, 1]."""
    return (F.hardtanh(floating(x)) + 1) / 2


@operation
def sparsemax(x: Any, axis: int = -1) -> Any:
    """Sparse alternative to softmax along `axis` (https://arxiv.org/abs/1602.02068), with the numbers of Keras 3.

    The paper's threshold is `(sum of the support - 1) / size`; Keras 3 (to 3.15 at least) sums the *cumulated* sums, so
    that a result with more than one non-zero entry adds up to less than 1. Models trained there need the same here.
    """
    x = floating(x)
    ordered = torch.sort(x, dim=axis, descending=True).values
    cumulated = torch.cumsum(ordered, axis)
    rank = torch.cumsum(torch.ones_like(ordered), axis)
    support = ordered * rank > cumulated - 1
    total = torch.sum(torch.where(support, cumulated, torch.zeros_like(cumulated)), axis, keepdim=True)
    return torch.relu(x - (total - 1) / torch.sum(support, axis, keepdim=True))


@operation
def softmax(x: Any, axis: Any = -1) -> Any:
    """Normalize `exp(x)` to sum 1 along an axis, over several together, or over all for None."""
    x = floating(x)
    if not isinstance(axis, int):
        return torch.exp(x - torch.logsumexp(x, axes_of(x, axis), keepdim=True))
    (place,) = axes_of(x, axis)
    result = torch.softmax(x, place)
    return note_logits(result, x, "softmax") if place == x.dim() - 1 else result


@operation
def log_softmax(x: Any, axis: Any = -1) -> Any:
    """The logarithm of `softmax`, computed without rounding small probabilities to zero."""
    x = floating(x)
    if not isinstance(axis, int):
        return x - torch.logsumexp(x, axes_of(x, axis), keepdim=True)
    return torch.log_softmax(x, axes_of(x, axis)[0])


@operation
def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`; the statistics lie along `axis`."""
    given = [None if item is None else convert(item) for item in (mean, variance, offset, scale)]
    return backend.batch_normalization(convert(x), *given, axis, epsilon)


@operation
def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None, rms_scaling: bool = False
) -> Any:
    """Normalize each sample over `axis` to mean 0 and variance 1, scale by `gamma`, add `beta`.

    `rms_scaling` only divides by the root of `gamma**2` times the variance, as the option of the layer in Keras 3.
    """
    x = floating(x)
    places = axes_of(x, axis)
    working = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    variance, mean = torch.var_mean(working, places, correction=0, keepdim=True)
    shape = [n if place in places else 1 for place, n in enumerate(x.shape)]
    factor = torch.rsqrt(variance + (config.epsilon() if epsilon is None else epsilon))
    scale = None if gamma is None else floating(gamma).reshape(shape).to(working.dtype)
    factor = factor if scale is None else factor * scale
    result = working * factor if rms_scaling else (working - mean) * factor
    if beta is not None and not rms_scaling:
        result = result + floating(beta).reshape(shape).to(working.dtype)
    return result.to(x.dtype)


@operation
def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> Any:
    """Divide by the root of the mean square over `axis`; multiply by `scale`."""
    x = floating(x)
    working = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    places = axes_of(x, axis)
    square = torch.mean(torch.square(working), places, keepdim=True)
    result = working * torch.rsqrt(square + (config.epsilon() if epsilon is None else epsilon))
    if scale is not None:
        shape = [n if place in places else 1 for place, n in enumerate(x.shape)]
        result = result * floating(scale).reshape(shape).to(working.dtype)
    return result.to(x.dtype)


@operation
def normalize(x: Any, axis: Any = -1, order: float = 2, epsilon: float | None = None) -> Any:
    """Divide by the norm of an order over axes; a norm below the root of `epsilon` counts as that."""
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"`order` must be an integer of at least 1. Received: order={order!r}")
    x = floating(x)
    least = config.epsilon() if epsilon is None else epsilon
    places = axes_of(x, axis)
    if order == 2:
        total = torch.sum(torch.square(x), places, keepdim=True)
        return x * torch.rsqrt(torch.clamp(total, min=least**2))
    norm = torch.linalg.vector_norm(x, order, places, keepdim=True)
    return x / torch.clamp(norm, min=least)


@operation
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """The cross-entropy between each target in [0, 1] and a probability or logit."""
    return backend.binary_crossentropy(convert(target), convert(output), from_logits)


@operation
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """`-sum(target * log(output))` along `axis`, for probabilities or logits."""
    return backend.categorical_crossentropy(convert(target), convert(output), from_logits, axis)


@operation
def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """Minus the log probability of the integer class `target`."""
    target, output = convert(target), convert(output)
    if target.dim() == output.dim() and target.shape[-1] == 1:
        target = target.squeeze(-1)
    return backend.sparse_categorical_crossentropy(target, output, from_logits, axis)


@operation
def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Any:
    """The loss of connectionist temporal classification of logits (samples, time, classes)."""
    values = F.log_softmax(_single(output), -1).transpose(0, 1)
    inputs, targets = convert(output_length).long(), convert(target_length).long()
    return F.ctc_loss(values, convert(target).long(), inputs, targets, blank=mask_index, reduction="none")


def _single(x: Any) -> Any:
    """Return floats of single precision at least."""
    x = floating(x)
    return as_dtype(x, promoted(x.dtype, torch.float32))


@operation
def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> Any:
    """Return labels (paths, samples, time), filled up with -1, of logits (samples, time, classes), and their scores.

    "greedy" takes the best class of each step, scored by minus the sum of its logits; "beam_search" the `top_paths`
    likeliest sequences, scored by their log probabilities, on the CPU.
    """
    x, lengths = _single(inputs), convert(sequence_lengths).long()
    mask_index = x.shape[-1] - 1 if mask_index is None else mask_index % x.shape[-1]
    if strategy == "greedy":
        return ctc.greedy(x, lengths.to(x.device), merge_repeated, mask_index)
    if strategy == "beam_search":
        return ctc.beam_search(x, lengths, beam_width, top_paths, mask_index)
    raise ValueError(f"`strategy` must be 'greedy' or 'beam_search'. Received: strategy={strategy!r}")


@operation
def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """The peak signal to noise ratio in decibels."""
    x1, x2 = floating(x1), floating(x2)
    error = torch.mean(torch.square(x1 - x2.to(x1.dtype)))
    return 20 * torch.log10(torch.as_tensor(max_val, dtype=x1.dtype)) - 10 * torch.log10(error)


@operation
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """`softmax(query @ key * scale + bias) @ value` for tensors (batch, time, heads, size).

    `F.scaled_dot_product_attention`, which chooses the kernel; fewer heads of `key` and `value` are shared.
    """
    if attn_logits_soft_cap is not None:
        raise NotImplementedError(
            "`dot_product_attention` has no `attn_logits_soft_cap`. Received: a value other than None"
        )
    query, key, value = (item.transpose(1, 2) for item in floats(query, key, value))
    bias = None if bias is None else convert(bias).to(query.dtype)
    if mask is not None:
        mask = convert(mask, "bool")
        bias = mask if bias is None else torch.where(mask, bias, torch.finfo(query.dtype).min)
    if is_causal and bias is not None:
        allowed = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=query.device).tril()
        bias = bias & allowed if bias.dtype is torch.bool else torch.where(allowed, bias, torch.finfo(bias.dtype).min)
    result = F.scaled_dot_product_attention(
        *(query, key, value),
        attn_mask=bias,
        is_causal=is_causal and bias is None,
        scale=scale,
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return result.transpose(1, 2)


__all__ = [
    "adaptive_average_pool",
    "adaptive_max_pool",
    "average_pool",
    "batch_normalization",
    "binary_crossentropy",
    "categorical_crossentropy",
    "celu",
    "conv",
    "conv_transpose",
    "ctc_decode",
    "ctc_loss",
    "depth_to_space",
    "depthwise_conv",
    "dot_product_attention",
    "elu",
    "fold",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "layer_normalization",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "max_pool",
    "moments",
    "multi_hot",
    "normalize",
    "one_hot",
    "polar",
    "psnr",
    "relu",
    "relu6",
    "rms_normalization",
    "selu",
    "separable_conv",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "space_to_depth",
    "sparse_categorical_crossentropy",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
    "unfold",
]
