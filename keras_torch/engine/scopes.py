"""Contexts of Keras 3: devices, rematerialization, symbolic work."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree
from torch.utils import checkpoint

from keras_torch import config
from keras_torch.engine import placement

_MODES = ("full", "activations", "larger_than", "list_of_layers", None)
rematerializing: list[RematScope] = []


def device(device_name: str) -> config.DeviceScope:
    """Return a context in which new tensors and weights lie on a device, "cpu:0" or "gpu:1", and layers compute there.

    A layer that is made in it stays there: its inputs come to it wherever it is called. One that was made elsewhere
    and is called in it computes there with copies of its weights. ValueError if the device is not there.
    """
    if not isinstance(device_name, str):
        raise ValueError(f"`device_name` must be a text such as 'cpu:0' or 'gpu:0'. Received: {device_name!r}")
    return placement.scope_of(config.device_named(device_name))


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is computed again for its gradient instead of keeping what is in between.

    `torch.utils.checkpoint`.
    """

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        return checkpoint.checkpoint(f, *args, use_reentrant=False, **kwargs)

    return call


class RematScope:
    """A context: layers made in it are computed again for their gradients (`torch.utils.checkpoint`).

    `mode` is "full" (all layers), "activations" (layers that are activations alone), "larger_than" (those whose outputs
    have more than `output_size_threshold` values), "list_of_layers" (those of `layer_names`), or None (no layer).
    """

    def __init__(
        self, mode: str | None = "full", output_size_threshold: int = 1024, layer_names: Sequence[str] | None = None
    ) -> None:
        if mode not in _MODES:
            raise ValueError(f"`mode` of RematScope must be one of {_MODES}. Received: mode={mode!r}")
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = tuple(layer_names or ())

    def __enter__(self) -> RematScope:
        rematerializing.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        rematerializing.remove(self)

    def _covers(self, layer: Any, args: Any, kwargs: Any) -> bool:
        if self.mode == "activations":
            return type(layer).__name__ == "Activation" or type(layer).__module__.endswith(
                "layers.advanced_activations"
            )
        if self.mode == "list_of_layers":
            return layer.name in self.layer_names
        if self.mode == "larger_than":
            shapes = layer.compute_output_shape(*(tuple(item.shape) for item in pytree.tree_leaves(args)))
            sizes = shapes if isinstance(shapes, list) else [shapes]
            return any(math.prod(size) > self.output_size_threshold for size in sizes)
        return self.mode == "full"


def rematerialize(layer: Any) -> None:
    """Let a layer that is made inside a RematScope be computed again for its gradient."""
    scope, forward = rematerializing[-1], layer.forward

    def call(*args: Any, **kwargs: Any) -> Any:
        if torch.is_grad_enabled() and layer.training and scope._covers(layer, args, kwargs):
            return layer.rematerialized_call(forward, *args, **kwargs)
        return forward(*args, **kwargs)

    layer.__dict__["forward"] = call


class SymbolicScope:
    """A context for work on symbolic tensors. Functions tell from their arguments, so nothing changes inside."""

    def __enter__(self) -> SymbolicScope:
        return self

    def __exit__(self, *exc: object) -> None:
        return None
