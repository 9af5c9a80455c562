"""`jit_compile="cudagraph"`: forward and backward passes that were recorded once and are replayed (`torch.cuda.graph`).

A step of a small model takes the host longer than the GPU: of what it does in Python, and of the launches of kernels,
one replay is left. Optimizer and metrics follow as ever.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from keras_torch import distributed
from keras_torch.engine import Layer
from keras_torch.layers import Lambda, TorchModuleWrapper
from keras_torch.optimizers import LossScaleOptimizer

# Steps of one shape that run as ever before one is recorded: libraries are loaded and algorithms chosen in them.
WARM_STEPS = 3
# Shapes of batches that are recorded, each of which keeps the memory of a step.
MOST = 4


@dataclass(eq=False)
class _Recorded:
    """One step and the tensors in which it takes its batch and leaves its results."""

    graph: torch.cuda.CUDAGraph
    inputs: list[torch.Tensor]
    y_pred: torch.Tensor
    loss: torch.Tensor
    params: list[nn.Parameter]
    grads: Sequence[torch.Tensor | None]
    state: list[torch.Tensor]
    places: list[int]

    def is_valid(self) -> bool:
        """Whether weights and statistics are still where they were."""
        return [tensor.data_ptr() for tensor in self.state] == self.places


class Replays:
    """The recorded steps of one compiled model, one for each shape of batches. `forward` computes what is recorded."""

    def __init__(self, forward: Any) -> None:
        self._forward = forward
        self._recorded: dict[Hashable, _Recorded] = {}
        self._seen: dict[Hashable, int] = {}
        self._failed = False

    def step(self, model: Any, compiled: Any, batch: Any) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Return predictions and loss of a batch, with gradients in place; None if the step has to run as ever."""
        leaves, structure = pytree.tree_flatten(batch)
        key = (structure, *((item.shape, item.dtype) if isinstance(item, torch.Tensor) else item for item in leaves))
        recorded = self._recorded.get(key)
        if recorded is not None and not recorded.is_valid():
            self.forget()
            recorded = None
        if recorded is None:
            self._seen[key] = self._seen.get(key, 0) + 1
            if self._failed or self._seen[key] <= WARM_STEPS or len(self._recorded) == MOST:
                return None
            try:
                recorded = self._recorded[key] = self._record(model, compiled, leaves, structure)
            except RuntimeError as error:
                self._failed = True
                _warn(model, error)
                return None
        given = (item for item in leaves if isinstance(item, torch.Tensor))
        for place, item in zip(recorded.inputs, given, strict=True):
            place.copy_(item)
        recorded.graph.replay()
        for param, grad in zip(recorded.params, recorded.grads, strict=True):
            param.grad = grad
        return recorded.y_pred, recorded.loss

    def forget(self) -> None:
        """Record anew: other weights are trained, say."""
        self._recorded.clear()
        self._seen.clear()

    def _record(self, model: Any, compiled: Any, leaves: list[Any], structure: Any) -> _Recorded:
        held = [item.clone() if isinstance(item, torch.Tensor) else item for item in leaves]
        x, y, weight = pytree.tree_unflatten(held, structure)
        params = [param for param in model.parameters() if param.requires_grad]
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            y_pred, loss = self._forward(model, model, compiled, x, y, weight, True)
            found: Any = torch.autograd.grad(loss, params, allow_unused=True)
            grads = list(map(_laid_out, params, found))
        outcome = y_pred.detach()
        mask = getattr(y_pred, "_keras_mask", None)
        if mask is not None:
            outcome._keras_mask = mask
        state = [*model.parameters(), *model.buffers()]
        inputs = [item for item in held if isinstance(item, torch.Tensor)]
        places = [tensor.data_ptr() for tensor in state]
        return _Recorded(graph, inputs, outcome, loss.detach(), params, grads, state, places)


def replays_of(model: Any, compiled: Any, forward: Any) -> Replays | None:
    """Return what replays the steps of a model; None if they do more than kernels do: torch.compile may cope.

    They do with code of the user's own, states that layers keep from batch to batch, losses and metrics of layers,
    scaled losses, several losses, or several processes.
    """
    plain = (
        compiled.loss.is_single
        and compiled.compute_loss is None
        and compiled.symbolic is None
        and not model._overrides("train_step")
        and not isinstance(compiled.optimizer, LossScaleOptimizer)
        and not distributed.is_active()
    )
    return Replays(forward) if plain and all(map(_is_pure, model.modules())) else None


def _is_pure(module: nn.Module) -> bool:
    """Whether all that a module does to its inputs is done by kernels."""
    if not isinstance(module, Layer):
        return True
    if isinstance(module, (Lambda, TorchModuleWrapper)) or not type(module).call.__module__.startswith("keras_torch."):
        return False
    return not (getattr(module, "stateful", False) or module.__dict__.get("_added_metrics"))


def _laid_out(param: torch.Tensor, grad: torch.Tensor | None) -> torch.Tensor | None:
    """Return a gradient in the memory layout of its parameter, which fused optimizers take for granted."""
    return grad if grad is None or grad.stride() == param.stride() else torch.empty_like(param).copy_(grad)


def _warn(model: Any, error: Exception) -> None:
    reason = " ".join(str(error).split())[:200]
    warnings.warn(
        f"Model {model.name!r} trains without CUDA graphs in spite of `jit_compile='cudagraph'`, because a step could "
        f"not be recorded ({type(error).__name__}: {reason}). Compile with `jit_compile=False` to do without.",
        stacklevel=6,
    )
