"""Lowering a graph of nodes to a `torch.fx.GraphModule`: running a Keras model is running generated torch code."""

from __future__ import annotations

import functools
import keyword
import operator
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import fx, nn
from torch.utils import _pytree as pytree

from keras_torch import config
from keras_torch.symbolic.keras_tensor import KerasTensor
from keras_torch.symbolic.node import FunctionOp, Node, is_source, producer


def sort_nodes(
    inputs: Sequence[KerasTensor],
    outputs: Sequence[KerasTensor],
    follow: Callable[[KerasTensor], bool] = lambda tensor: True,
) -> tuple[list[Node], list[Node]]:
    """Walk from `outputs` to `inputs`, depth first, and return the nodes in two orders.

    In the first each node comes after those it needs. The second is the order in which they were come upon, the nodes
    that made the inputs included. `follow` says which tensors to walk along. ValueError if an output needs a tensor
    that is not among the inputs.
    """
    given = {id(tensor) for tensor in inputs}
    finished: list[Node] = []
    entered: set[int] = set()
    met: dict[int, Node] = {}
    stack: list[tuple[KerasTensor, bool]] = [(tensor, False) for tensor in reversed(outputs)]
    while stack:
        tensor, expanded = stack.pop()
        if id(tensor) in given:
            if tensor._keras_history is not None:
                met.setdefault(id(producer(tensor)), producer(tensor))
            continue
        node = tensor._computed_by or producer(tensor)
        if expanded:
            finished.append(node)
            continue
        if id(node) in entered:
            continue
        if is_source(node):
            raise ValueError(
                f"Graph disconnected: there is no value for {tensor!r} of the layer {node.operation.name!r}, which is "
                f"not among the inputs {[item.name for item in inputs]}. Add it to `inputs`."
            )
        entered.add(id(node))
        met.setdefault(id(node), node)
        stack.append((tensor, True))
        stack.extend((item, False) for item in reversed(node.taken) if follow(item))
    return finished, list(met.values())


class Places:
    """How an operation runs on a device that is not that of its inputs, which layers know and this module does not.

    `of(operation, device)` tells whether it, or a call in a `device` block, has a place of its own; `wrap` of both
    returns the module to run. `together` of a function returns one that takes tensors that lie apart, too, and `fetch`
    lets models take inputs from elsewhere.
    """

    of: Callable[[Any, Any], bool]
    wrap: Callable[[Any, Any], Any]
    together: Callable[[Any], Any]
    fetch: Callable[[], None]


class _Builder:
    """Collects fx nodes and the modules and constants they refer to."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.placed = config.Placement.used and any(Places.of(_target(node), node.device) for node in nodes)
        # Kept, for modules are told apart by their ids.
        self.wrappers: list[Any] = []
        self.graph = fx.Graph()
        self.root: dict[str, Any] = {}
        self.targets: dict[int, str] = {}
        self.values: dict[int, fx.Node] = {}

    @functools.cached_property
    def device(self) -> torch.device:
        """Where the first weight is; what is default if there is none."""
        for node in self.nodes:
            target = _target(node)
            weight = next(target.parameters(), None) if isinstance(target, nn.Module) else None
            if weight is not None and not weight.is_meta:
                return weight.device
        return config.current_device() or config.default_device()

    def target(self, item: Any, wanted: str) -> str:
        """Return the attribute name under which the generated code finds a module or a constant."""
        if id(item) not in self.targets:
            # Python reads identifiers in this form of Unicode.
            base = re.sub(r"\W", "_", unicodedata.normalize("NFKC", wanted))
            base = base if base[:1].isalpha() else f"layer_{base}"
            if keyword.iskeyword(base) or hasattr(fx.GraphModule, base) or base in ("graph", "code", "training"):
                base += "_"
            name, number = base, 1
            while name in self.root:
                name, number = f"{base}_{number}", number + 1
            self.root[name] = item
            self.targets[id(item)] = name
        return self.targets[id(item)]

    def argument(self, item: Any) -> Any:
        """Replace symbolic tensors by fx nodes, real tensors by attributes."""
        if isinstance(item, KerasTensor):
            return self.values[id(item)]
        if isinstance(item, torch.Tensor):
            name = self.target(item, "constant")
            if item.dim() and item.device.type == "cpu" and not isinstance(item, nn.Parameter):
                self.root[name] = item.to(self.device)
            return self.graph.get_attr(name)
        if isinstance(item, tuple) and hasattr(item, "_fields"):
            return type(item)(*(self.argument(part) for part in item))
        if isinstance(item, (list, tuple)):
            return (
                type(item)(self.argument(part) for part in item)
                if type(item) in (list, tuple)
                else [self.argument(part) for part in item]
            )
        if isinstance(item, dict):
            return {key: self.argument(part) for key, part in item.items()}
        if isinstance(item, slice):
            return slice(self.argument(item.start), self.argument(item.stop), self.argument(item.step))
        return item

    def add(self, node: Node) -> None:
        """Append one node's call, and take its outputs apart."""
        args = tuple(self.argument(item) for item in node.args)
        kwargs = {key: self.argument(item) for key, item in node.kwargs.items()}
        operation = node.operation
        if self.placed:
            module = Places.wrap(_target(node), node.device)
            self.wrappers.append(module)
            result = self.graph.call_module(self.target(module, str(operation.name)), args, kwargs)
        elif isinstance(operation, FunctionOp) and not isinstance(operation.target, nn.Module):
            method = _method_name(operation.target)
            on_gpu = self.device.type not in ("cpu", "meta")
            if on_gpu:
                Places.fetch()
            if on_gpu and _takes_several(node):
                # One may be an input, a size, or made of sizes, which lie in the processor's memory.
                result = self.graph.call_function(Places.together(operation.target), args, kwargs)
            elif method:
                result = self.graph.call_method(method, args, kwargs)
            else:
                result = self.graph.call_function(operation.target, args, kwargs)
        elif isinstance(operation, (nn.Module, FunctionOp)):
            module = operation.target if isinstance(operation, FunctionOp) else operation
            result = self.graph.call_module(self.target(module, str(operation.name)), args, kwargs)
        else:
            raise TypeError(f"Cannot run {operation!r} in a model: it is neither a layer nor a torch function.")
        self.unpack(node.outputs, result)

    def unpack(self, structure: Any, result: fx.Node) -> None:
        """Bind each symbolic output to the fx node that holds it."""
        if isinstance(structure, KerasTensor):
            self.values[id(structure)] = result
            return
        items = structure.items() if isinstance(structure, dict) else enumerate(structure)
        for key, part in items:
            if any(isinstance(leaf, KerasTensor) for leaf in pytree.tree_leaves(part)):
                self.unpack(part, self.graph.call_function(operator.getitem, (result, key)))


def _target(node: Node) -> Any:
    """Return the layer or the function that a node calls."""
    return node.operation.target if isinstance(node.operation, FunctionOp) else node.operation


def _takes_several(node: Node) -> bool:
    kinds = (KerasTensor, torch.Tensor)
    return sum(isinstance(item, kinds) for item in pytree.tree_leaves((node.args, node.kwargs))) > 1


def _method_name(target: Any) -> str | None:
    """Return the name of a tensor method, None for an ordinary function."""
    name = getattr(target, "__name__", "")
    is_method = type(target).__name__ in ("method_descriptor", "wrapper_descriptor")
    return name if is_method and getattr(torch.Tensor, name, None) is target else None


def lower(inputs: Sequence[KerasTensor], outputs: Any, effects: Sequence[KerasTensor] = ()) -> fx.GraphModule:
    """Return a GraphModule from the tensors `inputs`, as positional arguments, to the structure `outputs`.

    What leads to `effects` is run as well, for what it does on the way.
    """
    leaves = [item for item in pytree.tree_leaves(outputs) if isinstance(item, KerasTensor)]
    nodes = sort_nodes(inputs, [*leaves, *effects])[0]
    builder = _Builder(nodes)
    for position, tensor in enumerate(inputs):
        placeholder = builder.graph.placeholder(re.sub(r"\W", "_", f"input_{position}_{tensor.name}"))
        builder.values[id(tensor)] = placeholder
    for node in nodes:
        builder.add(node)
    builder.graph.output(builder.argument(outputs))
    program = fx.GraphModule({}, builder.graph) if not builder.root else _graph_module(builder)
    return program


def _graph_module(builder: _Builder) -> fx.GraphModule:
    holder = nn.Module()
    for name, item in builder.root.items():
        if isinstance(item, torch.Tensor) and not isinstance(item, nn.Parameter):
            holder.register_buffer(name, item)
        else:
            setattr(holder, name, item)
    program = fx.GraphModule(holder, builder.graph)
    # Found without nn.Module.__getattr__, which costs as much as a small layer.
    program.__dict__.update({k: v for k, v in builder.root.items() if isinstance(v, nn.Module)})
    return program
