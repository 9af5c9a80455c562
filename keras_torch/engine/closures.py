"""Layers whose `call` uses symbolic tensors that it is not given, as any tensor could be used in a graph of TensorFlow.

Such a call is recorded once, on symbolic tensors, and lowered to a program of the inputs and of the tensors from
outside; these become further arguments of the layer's node.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils import _pytree as pytree

from keras_torch.symbolic import KerasTensor, internal_nodes, lower, recorded_nodes, uses_symbolic_tensors

# The keyword argument of a node: the number of the layer's program, then the tensors from outside.
ARGUMENT = "_closure"


def _functions(layer: Any) -> list[Any]:
    """Return the functions of the user that a layer runs."""
    if not layer._is_builtin:
        return [layer.call]
    return [layer.function, layer.arguments] if layer._runs_function else []


def may_close(layer: Any) -> bool:
    """Whether what the layer runs mentions symbolic tensors."""
    return any(
        uses_symbolic_tensors(item)
        for function in _functions(layer)
        for item in (function.values() if isinstance(function, dict) else [function])
    )


def _given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Return the arguments of a call that a program takes, in a fixed order."""
    return pytree.tree_leaves((args, [kwargs[key] for key in sorted(kwargs) if key not in ("training", ARGUMENT)]))


class Closure:
    """The programs of one call of a layer: one, or one for each mode where `call` takes `training`."""

    def __init__(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        inputs = [item for item in _given(args, kwargs) if isinstance(item, KerasTensor)]
        self.positions = [n for n, item in enumerate(_given(args, kwargs)) if isinstance(item, KerasTensor)]
        self.captured: list[KerasTensor] = []
        self.programs: dict[bool | None, torch.nn.Module] = {}
        modes = (True, False) if layer._call_signature.takes_training else (None,)
        recorded = [_record(layer, args, kwargs, mode, inputs) for mode in modes]
        self.outputs = recorded[-1][0]
        known: set[int] = set()
        for tensor in (tensor for *_, captured in recorded for tensor in captured):
            if id(tensor) not in known:
                known.add(id(tensor))
                self.captured.append(tensor)
        for mode, (outputs, losses, _) in zip(modes, recorded, strict=True):
            self.programs[mode] = lower([*inputs, *self.captured], (outputs, losses)).eval()

    def run(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], captured: list[Any]) -> Any:
        """Run the call on real tensors."""
        given = _given(args, kwargs)
        program = self.programs[layer.training if None not in self.programs else None]
        if program.training != layer.training:
            program.train(layer.training)
        outputs, losses = program(*(given[position] for position in self.positions), *captured)
        for loss in losses:
            layer._add_call_loss(loss)
        return outputs


def _record(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], mode: Any, inputs: list[KerasTensor]) -> Any:
    """Call a layer on symbolic tensors; return the outputs, the losses it adds and the tensors from outside."""
    options = kwargs if mode is None else {**kwargs, "training": mode}
    before = len(layer._call_losses)
    with internal_nodes(), recorded_nodes() as nodes:
        call = type(layer).call
        outputs = getattr(call, "unphased", call)(layer, *args, **options)
    losses = [item for item in layer._call_losses[before:] if isinstance(item, KerasTensor)]
    del layer._call_losses[before:]
    inside = {id(tensor) for node in nodes for tensor in node.output_tensors}.union(map(id, inputs))
    used = [tensor for node in nodes for tensor in node.taken]
    used += [item for item in pytree.tree_leaves((outputs, losses)) if isinstance(item, KerasTensor)]
    return outputs, losses, [tensor for tensor in used if id(tensor) not in inside]


def _stand_in(item: Any) -> Any:
    return KerasTensor(item.shape, item.dtype) if type(item) is KerasTensor else item


def close(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Closure | None:
    """Return the recorded call of a layer if it uses symbolic tensors from outside, else None."""
    given = kwargs.get(ARGUMENT)
    own = {key: item for key, item in kwargs.items() if key != ARGUMENT}
    try:
        closure = Closure(layer, args, own)
        if not closure.captured:
            # What is mentioned may be an argument, too.
            closure = Closure(layer, *pytree.tree_map(_stand_in, (args, own)))
    except (TypeError, ValueError, AttributeError, NotImplementedError, RuntimeError):
        # `call` does not work without values, so nothing from outside gets into it either.
        return None
    if not closure.captured:
        return None
    closures = layer.__dict__.setdefault("_closures", [])
    closures.append(closure)
    kwargs[ARGUMENT] = [len(closures) - 1, *(closure.captured if given is None else given[1:])]
    return closure


def run_closed(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run the call that the node's arguments name."""
    number, *captured = kwargs[ARGUMENT]
    return layer._closures[number].run(layer, args, kwargs, captured)
