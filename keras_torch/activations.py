"""Activation functions: thin names over `torch.nn.functional`, usable on real and symbolic tensors alike."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from keras_torch import config, registry
from keras_torch.backend.logits import note_logits
from keras_torch.backend.tensors import as_tensor
from keras_torch.legacy import translated
from keras_torch.ops import nn

Activation = Callable[..., Any]


def linear(x: Tensor) -> Tensor:
    """Return `x`; None as it is."""
    return x if x is None else as_tensor(x)


@translated("relu")
def relu(x: Tensor, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """`x` from `threshold` up to `max_value`; below `threshold`, `negative_slope * (x - threshold)`."""
    x = as_tensor(x)
    if threshold == 0.0:
        if negative_slope != 0.0 and max_value is None:
            return F.leaky_relu(x, negative_slope)
        positive = torch.relu(x)
    else:
        positive = torch.where(x > threshold, x, torch.zeros_like(x))
    if max_value == 6.0 and threshold == 0.0:
        # Other than a clamp, relu6 has no gradient at its upper end; Keras has it for this bound.
        positive = F.relu6(x)
    elif max_value is not None:
        # A negative threshold lets negative values through, but the bounds of Keras start at 0.
        lowest = 0.0 if threshold < 0.0 else None
        positive = torch.clamp(positive, lowest, max_value)
    return positive if negative_slope == 0.0 else positive - negative_slope * torch.relu(threshold - x)


@translated("leaky_relu")
def leaky_relu(x: Tensor, negative_slope: float = 0.2) -> Tensor:
    """`x`, with negative values multiplied by `negative_slope`."""
    x = as_tensor(x)
    return F.leaky_relu(x, negative_slope)


def relu6(x: Tensor) -> Tensor:
    """`min(max(x, 0), 6)`."""
    x = as_tensor(x)
    return F.relu6(x)


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """`x` where positive, else `alpha * (exp(x) - 1)` (https://arxiv.org/abs/1511.07289)."""
    x = as_tensor(x)
    return F.elu(x, alpha)


def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """`max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))` (https://arxiv.org/abs/1704.07483)."""
    x = as_tensor(x)
    return F.celu(x, alpha)


def selu(x: Tensor) -> Tensor:
    """Scaled exponential linear unit (https://arxiv.org/abs/1706.02515)."""
    x = as_tensor(x)
    return F.selu(x)


def gelu(x: Tensor, approximate: bool = False) -> Tensor:
    """Gaussian error linear unit, exact or with the tanh approximation (https://arxiv.org/abs/1606.08415)."""
    x = as_tensor(x)
    return F.gelu(x, approximate="tanh" if approximate else "none")


def silu(x: Tensor) -> Tensor:
    """`x * sigmoid(x)`, also called swish (https://arxiv.org/abs/1710.05941)."""
    x = as_tensor(x)
    return F.silu(x)


swish = silu


def mish(x: Tensor) -> Tensor:
    """`x * tanh(softplus(x))` (https://arxiv.org/abs/1908.08681)."""
    x = as_tensor(x)
    return F.mish(x)


def glu(x: Tensor, axis: int = -1) -> Tensor:
    """Split `x` in two halves along `axis` and return `first * sigmoid(second)`."""
    x = as_tensor(x)
    return F.glu(x, axis)


def softmax(x: Tensor, axis: int | tuple[int, ...] | list[int] = -1) -> Tensor:
    """Normalize `exp(x)` to sum 1 along `axis` (several axes: over all of them together).

    The result of a softmax over the last axis remembers its logits, so that the cross-entropy losses can start from
    them, as tf.keras does: that is exact where a probability rounds to 0 or 1. ValueError for a tensor of one axis in
    the dialects older than Keras 3.
    """
    x = as_tensor(x)
    if x.ndim < 2 and config.dialect() in ("1", "2", "tf"):
        raise ValueError(f"`softmax` needs a tensor of at least two axes. Received: a tensor of shape {tuple(x.shape)}")
    if not isinstance(axis, int):
        return torch.exp(log_softmax(x, axis))
    result = torch.softmax(x, axis)
    return note_logits(result, x, "softmax") if axis in (-1, x.ndim - 1) else result


def log_softmax(x: Tensor, axis: int | tuple[int, ...] | list[int] = -1) -> Tensor:
    """The logarithm of `softmax`, computed without rounding small probabilities to zero."""
    x = as_tensor(x)
    if not isinstance(axis, int):
        return x - torch.logsumexp(x, tuple(axis), keepdim=True)
    return torch.log_softmax(x, axis)


def sigmoid(x: Tensor) -> Tensor:
    """`1 / (1 + exp(-x))`; remembers its logits as `softmax` does."""
    x = as_tensor(x)
    return note_logits(torch.sigmoid(x), x, "sigmoid")


def log_sigmoid(x: Tensor) -> Tensor:
    """`log(sigmoid(x))`, finite for very negative `x`."""
    x = as_tensor(x)
    return F.logsigmoid(x)


def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    x = as_tensor(x)
    return torch.tanh(x)


def _hard_sigmoid_classic(x: Tensor) -> Tensor:
    return torch.clamp(0.2 * x + 0.5, 0.0, 1.0)


def _hard_sigmoid_modern(x: Tensor) -> Tensor:
    return F.hardsigmoid(x)


_hard_sigmoid_classic.__name__ = _hard_sigmoid_modern.__name__ = "hard_sigmoid"


def _hard_sigmoid_of_dialect() -> Activation:
    return _hard_sigmoid_classic if config.dialect() in ("1", "2", "tf") else _hard_sigmoid_modern


def hard_sigmoid(x: Tensor) -> Tensor:
    """Piecewise linear sigmoid.

    Up to Keras 2.15 (dialects "1", "2", "tf") it is `clip(0.2 * x + 0.5, 0, 1)`, since Keras 3 `relu6(x + 3) / 6`.
    `get("hard_sigmoid")` fixes the formula once, by the dialect spoken then.
    """
    x = as_tensor(x)
    return _hard_sigmoid_of_dialect()(x)


def hard_silu(x: Tensor) -> Tensor:
    """`x * relu6(x + 3) / 6`, also called hard swish (https://arxiv.org/abs/1905.02244)."""
    x = as_tensor(x)
    return F.hardswish(x)


hard_swish = hard_silu


def hard_tanh(x: Tensor) -> Tensor:
    """`x` clipped to [-1, 1]."""
    x = as_tensor(x)
    return F.hardtanh(x)


def hard_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """`x` where `|x| > threshold`, else 0."""
    x = as_tensor(x)
    return F.hardshrink(x, threshold)


def soft_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """`x` moved towards 0 by `threshold`, and 0 where `|x| <= threshold`."""
    x = as_tensor(x)
    return F.softshrink(x, threshold)


def tanh_shrink(x: Tensor) -> Tensor:
    """`x - tanh(x)`."""
    x = as_tensor(x)
    return F.tanhshrink(x)


def threshold(x: Tensor, threshold: float, default_value: float) -> Tensor:
    """`x` where it exceeds `threshold`, else `default_value`."""
    x = as_tensor(x)
    return F.threshold(x, threshold, default_value)


def softplus(x: Tensor) -> Tensor:
    """`log(exp(x) + 1)`; torch returns `x` itself above 20, which differs by less than 2e-9."""
    x = as_tensor(x)
    return F.softplus(x)


def softsign(x: Tensor) -> Tensor:
    """`x / (|x| + 1)`."""
    x = as_tensor(x)
    return F.softsign(x)


def exponential(x: Tensor) -> Tensor:
    """`exp(x)`."""
    x = as_tensor(x)
    return torch.exp(x)


def squareplus(x: Tensor, b: float = 4) -> Tensor:
    """`(x + sqrt(x**2 + b)) / 2` (https://arxiv.org/abs/2112.11687)."""
    return nn.squareplus(as_tensor(x), b)


def sparse_plus(x: Tensor) -> Tensor:
    """0 up to -1, `(x + 1)**2 / 4` up to 1, then `x`."""
    return nn.sparse_plus(as_tensor(x))


def sparse_sigmoid(x: Tensor) -> Tensor:
    """`(x + 1) / 2` clipped to [0, 1]."""
    return nn.sparse_sigmoid(as_tensor(x))


def sparsemax(x: Tensor, axis: int = -1) -> Tensor:
    """Sparse alternative to softmax along `axis` (https://arxiv.org/abs/1602.02068), with the numbers of Keras 3."""
    return nn.sparsemax(as_tensor(x), axis)


registry.activations.add(
    [
        celu, elu, exponential, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_tanh, leaky_relu, linear,
        log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu, soft_shrink, softmax, softplus, softsign,
        sparse_plus, sparse_sigmoid, sparsemax, squareplus, tanh, tanh_shrink, threshold,
    ]
)  # fmt: skip
registry.activations.add({"swish": silu, "hard_swish": hard_silu})

# Layers whose names Keras 2 accepts as an activation.
_LAYER_NAMES = ("ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU")


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Activation:
    """Return the activation for a name, a config, a function or a layer; None means `linear`."""
    if identifier is None:
        return linear
    if isinstance(identifier, str) and identifier in _LAYER_NAMES:
        return registry.layers.get(identifier, custom_objects)
    if config.is_classic() and isinstance(identifier, torch.nn.Module):
        warnings.warn(
            "A layer was given as an activation. Add it to the model behind the other layer instead. "
            f"Received: {identifier!r}",
            UserWarning,
            stacklevel=2,
        )
    if isinstance(identifier, Mapping) and identifier.get("class_name") in registry.layers.objects:
        return registry.layers.from_dict(identifier, custom_objects)
    found = registry.activations.get(identifier, custom_objects)
    return _hard_sigmoid_of_dialect() if found is hard_sigmoid else found


def serialize(activation: Any) -> Any:
    """Return the name of an activation function, or the config of an activation layer.

    `silu` is called `"swish"` in dialects older than Keras 3, which do not all know the newer name.
    """
    if activation is silu and config.dialect() in ("1", "2", "tf"):
        return "swish"
    return registry.activations.serialize(activation)


@translated("activations.deserialize")
def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Activation:
    """Return the activation for a name or a config."""
    return get(config, custom_objects)
