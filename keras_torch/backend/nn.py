"""Activations, losses and normalization on tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional as F

from keras_torch import config
from keras_torch.backend.devices import together
from keras_torch.backend.logits import logits_of, note_logits
from keras_torch.backend.random import generator
from keras_torch.backend.tensors import axes_of, floating, recorded, tensor
from keras_torch.legacy import translated


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """`x` from `threshold` up to `max_value`; below `threshold`, `alpha * (x - threshold)`."""
    x = tensor(x)
    if threshold == 0.0:
        positive = torch.relu(x) if alpha == 0.0 else F.leaky_relu(x, alpha)
        return positive if max_value is None else torch.clamp(positive, max=max_value)
    positive = torch.where(torch.gt(x, threshold), x, torch.zeros_like(x))
    # A negative threshold lets negative values through, but the bounds of Keras start at 0.
    positive = positive if max_value is None else torch.clamp(positive, 0.0, max_value)
    return positive if alpha == 0.0 else positive - alpha * torch.relu(threshold - x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """`x` where positive, else `alpha * (exp(x) - 1)`."""
    return F.elu(floating(x), alpha)


def softmax(x: Any, axis: int = -1) -> Any:
    """Normalize `exp(x)` to sum 1 along an axis."""
    x = floating(x)
    result = torch.softmax(x, axis)
    return note_logits(result, x, "softmax") if axis in (-1, x.ndim - 1) else result


def softplus(x: Any) -> Any:
    """`log(exp(x) + 1)`."""
    return F.softplus(floating(x))


def softsign(x: Any) -> Any:
    """`x / (|x| + 1)`."""
    return F.softsign(floating(x))


def sigmoid(x: Any) -> Any:
    """`1 / (1 + exp(-x))`."""
    x = floating(x)
    return note_logits(torch.sigmoid(x), x, "sigmoid")


def hard_sigmoid(x: Any) -> Any:
    """`0.2 * x + 0.5`, clipped to [0, 1]."""
    return torch.clamp(0.2 * floating(x) + 0.5, 0.0, 1.0)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    return torch.tanh(floating(x))


@recorded
def dropout(x: Any, level: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None) -> Any:
    """Set a fraction `level` of the values to 0 and scale the others by `1 / (1 - level)`, in every mode."""
    if isinstance(level, (int, float)) and not 0 <= level <= 1:
        raise ValueError(f"`level` must be a share between 0 and 1. Received: level={level!r}")
    x = floating(x)
    if noise_shape is None and generator(seed, x.device) is None:
        return F.dropout(x, level)
    shape = x.shape if noise_shape is None else tuple(n or x.shape[axis] for axis, n in enumerate(noise_shape))
    kept = torch.rand(shape, dtype=x.dtype, device=x.device, generator=generator(seed, x.device)) >= level
    return x * kept / (1.0 - level)


def l2_normalize(x: Any, axis: Any = None) -> Any:
    """Divide by the Euclidean norm over the axes; a squared norm below 1e-12 counts as 1e-12."""
    x = floating(x)
    total = torch.sum(torch.square(x), axes_of(x, axis), keepdim=True)
    return x * torch.rsqrt(torch.clamp(total, min=1e-12))


@recorded
def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    """Whether at most `k - 1` predictions of a row exceed that of the target class, which there must be."""
    predictions, targets = tensor(predictions), tensor(targets, "int64")
    classes = predictions.shape[1]
    wanted = torch.gather(predictions, 1, targets.clamp(0, classes - 1).unsqueeze(1))
    known = (targets >= 0) & (targets < classes) & torch.isfinite(wanted.squeeze(1))
    return torch.sum(predictions > wanted, 1).lt(k) & known


def _clipped(probabilities: Any) -> Any:
    return torch.clamp(probabilities, config.epsilon(), 1.0 - config.epsilon())


def _log_softmax(output: Any, from_logits: bool, axis: int) -> Any:
    logits = logits_of(output, from_logits, "softmax")
    if logits is not None:
        return F.log_softmax(logits, axis)
    return torch.log(_clipped(output / torch.sum(output, axis, keepdim=True)))


@translated("backend.categorical_crossentropy")
@together
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """Return `-sum(target * log(output))` along `axis`, for probabilities or logits."""
    target, output = tensor(target), floating(output)
    return -torch.sum(target * _log_softmax(output, from_logits, axis), axis)


@together
def categorical_focal_crossentropy(
    target: Any, output: Any, alpha: Any = 0.25, gamma: float = 2.0, from_logits: bool = False, axis: int = -1
) -> Any:
    """Categorical cross-entropy with each class's term times `alpha * (1 - p)**gamma`."""
    target, output = tensor(target), floating(output)
    logits = logits_of(output, from_logits, "softmax")
    output = output if logits is None else torch.softmax(logits, axis)
    output = _clipped(output / torch.sum(output, axis, keepdim=True))
    return -torch.sum(alpha * torch.pow(1.0 - output, gamma) * target * torch.log(output), axis)


@translated("backend.sparse_categorical_crossentropy")
@recorded
def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1, ignore_class: int | None = None
) -> Any:
    """Return minus the log probability of the integer class `target`; 0 for targets of `ignore_class`."""
    target, output = tensor(target, "int64"), floating(output)
    logits = logits_of(output, from_logits, "softmax")
    values = torch.movedim(F.log_softmax(torch.log(_clipped(output)) if logits is None else logits, axis), axis, -1)
    target = target.reshape(values.shape[:-1])
    valid = None if ignore_class is None else torch.ne(target, ignore_class)
    classes = target if valid is None else torch.where(valid, target, 0)
    losses = -torch.gather(values, -1, classes.unsqueeze(-1)).squeeze(-1)
    return losses if valid is None else torch.where(valid, losses, 0.0)


@translated("backend.binary_crossentropy")
@together
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """Return the cross-entropy between each target in [0, 1] and an independent probability or logit."""
    output = floating(output)
    target = tensor(target, output.dtype)
    logits = logits_of(output, from_logits, "sigmoid")
    if logits is not None:
        return F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    # tf.keras adds epsilon once more inside the logarithms
    epsilon = config.epsilon() if config.dialect() == "tf" else 0.0
    output = _clipped(output)
    return -(target * torch.log(output + epsilon) + (1.0 - target) * torch.log(1.0 - output + epsilon))


@together
def binary_focal_crossentropy(
    target: Any,
    output: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
) -> Any:
    """Binary cross-entropy times `(1 - p)**gamma`, where p is the probability of the truth."""
    output = floating(output)
    target = tensor(target, output.dtype)
    probability = torch.sigmoid(output) if from_logits else output
    right = target * probability + (1.0 - target) * (1.0 - probability)
    values = torch.pow(1.0 - right, gamma) * binary_crossentropy(target=target, output=output, from_logits=from_logits)
    return (target * alpha + (1.0 - target) * (1.0 - alpha)) * values if apply_class_balancing else values


@translated("backend.bias_add")
@recorded
def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Any:
    """Add a bias of one axis (channels), or of all axes but the batch with the channels last."""
    x, bias = tensor(x), tensor(bias)
    if bias.dim() not in (1, x.dim() - 1):
        raise ValueError(
            f"`bias` must have 1 or {x.dim() - 1} axes for `x` of shape {tuple(x.shape)}. "
            f"Received: bias of shape {tuple(bias.shape)}"
        )
    if config.standardize_data_format(data_format) == "channels_first" and x.dim() > 2:
        # Keras reshapes the larger bias to have the channels first; its axes are not moved.
        bias = bias.reshape(bias.shape[-1], *bias.shape[:-1], *[1] * (x.dim() - 1 - bias.dim()))
    return x + bias


def _along(statistic: Any, x: Any, kept: Sequence[int]) -> Any:
    """Give a mean or a scale the axes of `x`, of which it has the `kept` ones."""
    if statistic is None:
        return None
    statistic = tensor(statistic)
    sizes = [n if axis in kept else 1 for axis, n in enumerate(x.shape)]
    return statistic.reshape(sizes) if statistic.numel() == math.prod(sizes) else statistic


def _normalized(x: Any, statistics: Sequence[Any], epsilon: float) -> Any:
    mean, var, beta, gamma = statistics
    scale = torch.rsqrt(var + epsilon)
    scale = scale if gamma is None else scale * gamma
    return (x - mean) * scale if beta is None else (x - mean) * scale + beta


@recorded
def normalize_batch_in_training(
    x: Any, gamma: Any, beta: Any, reduction_axes: Sequence[int], epsilon: float = 1e-3
) -> Any:
    """Normalize by the mean and variance over axes, scale by `gamma`, add `beta`; return result, mean and variance.

    The returned variance of images is that of a sample (divided by one less), as TensorFlow's kernel gives it.
    """
    x = floating(x)
    axes = axes_of(x, reduction_axes)
    kept = [axis for axis in range(x.dim()) if axis not in axes]
    var, mean = torch.var_mean(x, axes, correction=0)
    shaped = [_along(item, x, kept) for item in (mean, var, beta, gamma)]
    normed = _normalized(x, shaped, epsilon)
    if x.dim() == 4 and list(reduction_axes) == [0, 1, 2]:
        count = x.numel() // x.shape[-1]
        var = var * (count / max(count - 1, 1))
    return normed, mean, var


@translated("backend.batch_normalization")
@recorded
def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Any:
    """Return `(x - mean) / sqrt(var + epsilon) * gamma + beta`; the statistics lie along `axis` or fit as they are."""
    x = floating(x)
    shaped = [_along(item, x, axes_of(x, axis)) for item in (mean, var, beta, gamma)]
    return _normalized(x, shaped, epsilon)
