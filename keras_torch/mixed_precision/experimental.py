"""The names that mixed precision had in TensorFlow 2.1 to 2.3."""

from __future__ import annotations

from typing import Any

from keras_torch import optimizers
from keras_torch.config import DTypePolicy, dtype_policy, set_dtype_policy
from keras_torch.optimizers.loss_scale import loss_scale_arguments

__all__ = ["LossScaleOptimizer", "Policy", "get_layer_policy", "global_policy", "set_policy"]

global_policy = dtype_policy
set_policy = set_dtype_policy


def Policy(name: str, loss_scale: Any = "auto") -> DTypePolicy:
    """Return a DTypePolicy. `loss_scale` must be "auto" or "dynamic": `compile` scales losses of "mixed_float16"."""
    if loss_scale not in ("auto", "dynamic"):
        raise ValueError(
            "A policy has no `loss_scale` of its own: wrap the optimizer, as in "
            f"`LossScaleOptimizer(optimizer, {loss_scale!r})`. Received: loss_scale={loss_scale!r}"
        )
    return DTypePolicy(name)


def LossScaleOptimizer(optimizer: Any, loss_scale: Any = "dynamic") -> optimizers.LossScaleOptimizer:
    """Return the optimizer wrapped in a LossScaleOptimizer; `loss_scale` is "dynamic" or a fixed number."""
    return optimizers.LossScaleOptimizer(optimizers.get(optimizer), **loss_scale_arguments(loss_scale))


def get_layer_policy(layer: Any) -> DTypePolicy:
    """Return a layer's dtype policy."""
    return layer.dtype_policy
