"""Nodes: one call of a layer or of a torch function on symbolic tensors."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from keras_torch import config
from keras_torch.symbolic.inference import infer
from keras_torch.symbolic.keras_tensor import KerasTensor
from keras_torch.symbolic.naming import unique_name
from keras_torch.symbolic.torch_modules import recorded_call

_internal = False
# Calls that take an operation's outputs, without keeping them alive.
_consumers: weakref.WeakKeyDictionary[Any, list[weakref.ref[Node]]] = weakref.WeakKeyDictionary()


@contextlib.contextmanager
def internal_nodes() -> Iterator[None]:
    """Mark what is recorded inside as internal: masks and losses, which a model's list of layers does not show."""
    global _internal
    before, _internal = _internal, True
    try:
        yield
    finally:
        _internal = before


class FunctionOp:
    """A recorded torch function in the place where a layer stands in other nodes."""

    def __init__(self, target: Any) -> None:
        self.target = target
        self.name = unique_name(_readable(target))
        self.internal = _internal
        self._inbound_nodes: list[Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function, or record another call of it."""
        if any(isinstance(item, KerasTensor) for item in pytree.tree_leaves((args, kwargs))):
            return record_function(self.target, args, kwargs)
        return self.target(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<FunctionOp {self.name}>"


def _readable(target: Any) -> str:
    name = getattr(target, "__name__", type(target).__name__).strip("_")
    return name if name.isidentifier() else "function"


class Node:
    """Links the symbolic inputs of one call to its outputs; `operation` is a layer or a FunctionOp."""

    def __init__(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
        self.operation = operation
        # Copies of the lists and dicts: the caller may go on changing its own.
        self.args, self.kwargs = pytree.tree_map(lambda item: item, (args, kwargs))
        self.outputs = outputs
        self.input_tensors = [item for item in pytree.tree_leaves((args, kwargs)) if isinstance(item, KerasTensor)]
        self.output_tensors = [item for item in pytree.tree_leaves(outputs) if isinstance(item, KerasTensor)]
        for tensor in self.input_tensors:
            if tensor._keras_history is not None:
                _consumers.setdefault(tensor._keras_history[0], []).append(weakref.ref(self))
        self.attach(operation._inbound_nodes)

    def attach(self, calls: list[Node]) -> None:
        """Become the latest of the operation's calls, as which the outputs then know this one."""
        index = len(calls)
        calls.append(self)
        for position, tensor in enumerate(self.output_tensors):
            tensor._keras_history = (self.operation, index, position)

    @property
    def outbound_layer(self) -> Any:
        """The layer that was called (Keras 1 and 2 name)."""
        return self.operation

    @property
    def inbound_layers(self) -> list[Any]:
        """The operations whose outputs went in."""
        return [tensor._keras_history[0] for tensor in self.input_tensors if tensor._keras_history]

    @property
    def parent_nodes(self) -> list[Node]:
        """The nodes whose outputs went in, in the order of the arguments."""
        return [producer(tensor) for tensor in self.input_tensors if tensor._keras_history]

    def __repr__(self) -> str:
        return f"<Node {self.operation.name}: {self.input_tensors} -> {self.output_tensors}>"


def outbound_nodes(operation: Any) -> list[Node]:
    """Return the calls that take outputs of an operation, oldest first."""
    nodes = [reference() for reference in _consumers.get(operation, ())]
    return [node for node in nodes if node is not None and not getattr(node.operation, "internal", False)]


def set_outbound_nodes(operation: Any, nodes: list[Node]) -> None:
    """Replace what `outbound_nodes` returns for an operation."""
    _consumers[operation] = [weakref.ref(node) for node in nodes]


def producer(tensor: KerasTensor) -> Node:
    """Return the node that made a symbolic tensor."""
    if tensor._keras_history is None:
        raise ValueError(f"{tensor!r} is not the output of a layer or a function. Start from `keras.Input(...)`.")
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]


def get_source_inputs(tensor: Any, layer: Any = None, node_index: int | None = None) -> list[Any]:
    """Return the inputs of the graph that `tensor` is computed from, each once, in the order they are met.

    `layer` and `node_index` name the call to start from; by default it is the one that made `tensor`.
    """
    history = getattr(tensor, "_keras_history", None)
    if history is None:
        return [tensor]
    node = producer(tensor) if layer is None else layer._inbound_nodes[node_index or 0]
    found: dict[int, Any] = {}
    seen = set()
    waiting = list(reversed(node.input_tensors)) or [tensor]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        before = producer(current).input_tensors if current._keras_history else ()
        if before:
            waiting += reversed(before)
        else:
            found[id(current)] = current
    return list(found.values())


def record_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Record a torch function: infer its outputs, make a node, return the symbolic outputs."""
    args, kwargs = pytree.tree_map(_constant, (args, kwargs))
    outputs = infer(function, args, kwargs, f"`{_readable(function)}`")
    if not any(isinstance(item, KerasTensor) for item in pytree.tree_leaves(outputs)):
        return outputs
    function, args, kwargs = recorded_call(function, tuple(args), kwargs)
    operation = FunctionOp(function)
    for tensor in pytree.tree_leaves(outputs):
        if isinstance(tensor, KerasTensor):
            tensor.name = operation.name
    Node(operation, args, kwargs, outputs)
    return outputs


def _constant(item: Any) -> Any:
    if isinstance(item, np.ndarray):
        tensor = torch.as_tensor(item)
        return tensor.to(config.torch_dtype(config.floatx())) if tensor.dtype == torch.float64 else tensor
    return item.item() if isinstance(item, np.generic) else item
