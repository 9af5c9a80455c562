"""CUDA graphs: forward and backward passes that were recorded once and are replayed (`torch.cuda.graph`).

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
from torch.nn.modules.module import _has_any_global_hook as has_any_global_hook
from torch.utils import _pytree as pytree

from keras_torch import config, distributed
from keras_torch.engine import Layer
from keras_torch.layers import Lambda, TorchModuleWrapper
from keras_torch.optimizers import LossScaleOptimizer
from keras_torch.symbolic import FunctionOp

# Steps of one shape that run as ever before one is recorded: libraries are loaded and algorithms chosen in them.
WARM_STEPS = 3
# As many where nobody asked for it: to record takes as long as some dozens of steps.
UNASKED_STEPS = 20
# Shapes of batches that are recorded, each of which keeps the memory of a step.
MOST = 4
_PLAIN = (bool, int, float, str, type(None))
_MOVING = ("training", "stop_training", "stop_evaluating", "stop_predicting")


@dataclass(eq=False)
class _Recorded:
    """One step and the tensors in which it takes its batch and leaves its results."""

    graph: torch.cuda.CUDAGraph
    inputs: list[torch.Tensor]
    y_pred: Any
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

    def __init__(self, forward: Any, automatic: bool = False) -> None:
        self._forward = forward
        self.automatic = automatic
        # Whether steps run as ever for now: those outside of loops, in which nobody looks after settings.
        self.paused = False
        self._warm_steps = UNASKED_STEPS if automatic else WARM_STEPS
        self._settings: Any = None
        self._recorded: dict[Hashable, _Recorded] = {}
        self._seen: dict[Hashable, int] = {}
        self._failed = False
        self._idle = 0

    def step(self, model: Any, compiled: Any, batch: Any) -> tuple[Any, torch.Tensor] | None:
        """Return predictions and loss of a batch, with gradients in place; None if the step has to run as ever."""
        if self.paused or self._failed:
            return None
        leaves, structure = pytree.tree_flatten(batch)
        tensors = [item for item in leaves if item is not None]
        if not all([isinstance(item, torch.Tensor) for item in tensors]):
            # Text, say, which no kernel takes.
            return None
        key = (structure, *(None if item is None else (item.shape, item.dtype) for item in leaves))
        recorded = self._recorded.get(key)
        if recorded is not None and not recorded.is_valid():
            self.forget()
            recorded = None
        if recorded is None:
            self._seen[key] = self._seen.get(key, 0) + 1
            if self._seen[key] <= self._warm_steps or len(self._recorded) == MOST or not self._pays():
                return None
            try:
                recorded = self._recorded[key] = self._record(model, compiled, leaves, structure)
            except RuntimeError as error:
                self._failed = True
                if not self.automatic:
                    _warn(model, error)
                return None
        for place, item in zip(recorded.inputs, tensors, strict=True):
            place.copy_(item)
        recorded.graph.replay()
        for param, grad in zip(recorded.params, recorded.grads, strict=True):
            param.grad = grad
        return recorded.y_pred, recorded.loss

    def _pays(self) -> bool:
        """Whether the GPU waits for the host: twice in a row, as it has to once whenever the host has waited for it."""
        if not self.automatic:
            return True
        self._idle = self._idle + 1 if torch.cuda.current_stream().query() else 0
        return self._idle > 1

    def forget(self) -> None:
        """Record anew: other weights are trained, say."""
        self._recorded.clear()
        self._seen.clear()

    def check(self, model: Any) -> None:
        """Forget what was recorded with other settings of layers: the rate of a dropout, or whether one is trained."""
        settings = [
            (name, value)
            for module in model.modules()
            for name, value in module.__dict__.items()
            if type(value) in _PLAIN and (name[0] != "_" or name == "_trainable") and name not in _MOVING
        ]
        if settings != self._settings:
            self.forget()
        self._settings = settings

    def _record(self, model: Any, compiled: Any, leaves: list[Any], structure: Any) -> _Recorded:
        held = [None if item is None else item.clone() for item in leaves]
        x, y, weight = pytree.tree_unflatten(held, structure)
        params = [param for param in model.parameters() if param.requires_grad]
        if not params:
            raise RuntimeError("no weight is trained")
        graph = torch.cuda.CUDAGraph()
        for module in model.modules():
            for device, generator in module.__dict__.get("_generators", {}).items():
                if device.type == "cuda":
                    graph.register_generator_state(generator)
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            y_pred, loss = self._forward(model, model, compiled, x, y, weight, True)
            found: Any = torch.autograd.grad(loss, params, allow_unused=True)
            grads = list(map(_laid_out, params, found))
        outcome = pytree.tree_map_only(torch.Tensor, _detached, y_pred)
        state = [*model.parameters(), *model.buffers()]
        inputs = [item for item in held if item is not None]
        places = [tensor.data_ptr() for tensor in state]
        return _Recorded(graph, inputs, outcome, loss.detach(), params, grads, state, places)


def replays_of(model: Any, compiled: Any, forward: Any, automatic: bool) -> Replays | None:
    """Return what replays the steps of a model; None if they do more than kernels do: torch.compile may cope.

    They do with code of the user's own, states that layers keep from batch to batch, losses and metrics of layers,
    scaled losses, several losses, or several processes. Unless the user asked for it (`automatic`), also with functions
    of the user's, hooks, masks, and layers that look things up.
    """
    plain = (
        compiled.loss.is_single
        and compiled.compute_loss is None
        and compiled.symbolic is None
        and not model._overrides("train_step")
        and not isinstance(compiled.optimizer, LossScaleOptimizer)
        and not distributed.is_active()
    )
    if not plain or not all(map(_is_pure, model.modules())):
        return None
    return Replays(forward, automatic) if not automatic or _is_simple(model, compiled) else None


def _is_pure(module: nn.Module) -> bool:
    """Whether all that a module does to its inputs is done by kernels."""
    if not isinstance(module, Layer):
        return True
    if isinstance(module, (Lambda, TorchModuleWrapper)) or not _is_known(type(module).call):
        return False
    return not (getattr(module, "stateful", False) or module.__dict__.get("_added_metrics"))


def _is_simple(model: Any, compiled: Any) -> bool:
    """Whether there is nothing in a step that may be different next time, or that may wait for the GPU."""
    network, loss = getattr(model, "_network", None), compiled.loss.losses[0]
    parts = getattr(loss, "parts", [loss])
    if network is None or _has_masks(network) or config.Placement.used or has_any_global_hook():
        return False
    functions = [node.operation.target for node in network.nodes if isinstance(node.operation, FunctionOp)]
    functions += [getattr(type(part), "call", type(part)) for part in parts]
    functions += [part.fn for part in parts if hasattr(part, "fn")]
    if not all(map(_is_known, functions)):
        return False
    return all(map(_is_simple_module, model.modules()))


def _is_simple_module(module: nn.Module) -> bool:
    hooks: list[Any] = [
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    ]
    for param in module._parameters.values():
        if param is not None:
            hooks += [param._backward_hooks, param._post_accumulate_grad_hooks]
    if any(hooks):
        return False
    if not isinstance(module, Layer):
        return True
    if getattr(module, "_network", None) is not None:
        return not _has_masks(module._network)
    regularizers = [getattr(weight, "regularizer", None) for weight in module._own_weights]
    owned = [getattr(module, "activation", None), module.activity_regularizer, *regularizers]
    known = all(item is None or _is_known(item) or _is_known(type(item)) for item in owned)
    return known and not type(module).__module__.startswith("keras_torch.layers.preprocessing")


def _has_masks(network: Any) -> bool:
    """Whether anything is masked: lengths of sequences are read by the host."""
    nodes = network.nodes
    return any(getattr(tensor, "_keras_mask", None) is not None for node in nodes for tensor in node.output_tensors)


def _is_known(item: Any) -> bool:
    """Whether a function or a class is this package's or torch's."""
    return (getattr(item, "__module__", None) or "torch").partition(".")[0] in ("keras_torch", "torch", "_operator")


def _detached(tensor: torch.Tensor) -> torch.Tensor:
    found = tensor.detach()
    if hasattr(tensor, "_keras_mask"):
        found._keras_mask = tensor._keras_mask  # type: ignore[attr-defined]
    return found


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
