"""Nodes: one call of a layer or of a torch function on symbolic tensors."""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from keras_torch import config
from keras_torch.symbolic import recomputed
from keras_torch.symbolic.inference import infer
from keras_torch.symbolic.keras_tensor import KerasTensor
from keras_torch.symbolic.naming import take_name, unique_name
from keras_torch.symbolic.structure import leaves, map_tree
from keras_torch.symbolic.torch_modules import recorded_call

# Python's operators as Keras 3 names them in a graph.
_OPERATORS = {
    "mul": "multiply",
    "sub": "subtract",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "pow": "power",
    "neg": "negative",
    "abs": "absolute",
    "getitem": "get_item",
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}
# Stands in the names of steps behind that of what they lead to.
STEP = "/"
_internal = False
# The lists of the `recorded_nodes` blocks that are open.
_recording: list[list[Node]] = []
# The functions recorded in the dialect of tf.keras that wait for the names that layers of their own would have.
_unnamed: list[weakref.ref[FunctionOp]] = []
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


@contextlib.contextmanager
def recorded_nodes() -> Iterator[list[Node]]:
    """Yield a list of the nodes that are made inside, in order."""
    nodes: list[Node] = []
    _recording.append(nodes)
    try:
        yield nodes
    finally:
        _recording.pop()


class InModule:
    """For pickle, the function that a decorated one calls: the module knows only the latter by its name."""

    def __init__(self, function: Any, depth: int) -> None:
        self.function = function
        self.depth = depth

    @classmethod
    def of(cls, target: Any) -> Any:
        """Return what is to be pickled in the place of a function: the function itself, if its module has it."""
        found, depth = _by_name(target), 0
        while found is not target and hasattr(found, "__wrapped__"):
            found, depth = found.__wrapped__, depth + 1
        return cls(_by_name(target), depth) if depth and found is target else target

    @staticmethod
    def found(kept: Any) -> Any:
        """Return the function that `of` was given."""
        if not isinstance(kept, InModule):
            return kept
        found = kept.function
        for _ in range(kept.depth):
            found = found.__wrapped__
        return found


def _by_name(target: Any) -> Any:
    found = sys.modules.get(getattr(target, "__module__", None) or "")
    for part in getattr(target, "__qualname__", "").split("."):
        found = getattr(found, part, None)
    return found


class FunctionOp:
    """A recorded torch function in the place where a layer stands in other nodes."""

    # Whether it is but a step on the way to what another computes, which stands for all of its `steps`.
    is_step = False
    steps: tuple[FunctionOp, ...] = ()
    # Whether its name is that of a layer of tf.keras.
    is_named = False
    # The names under `tensorflow` of the function that was called and recorded this one last.
    called: tuple[str, ...] = ()
    # What tf.keras has in the place of a function, made when it is asked for.
    layer: Any = None

    def __init__(self, target: Any) -> None:
        self.target = target
        dialect = config.dialect()
        self.name = unique_name(_readable(target, dialect))
        self.internal = _internal
        self._inbound_nodes: list[Node] = []
        if dialect == "tf" and not _internal:
            _unnamed.append(weakref.ref(self))

    def __getstate__(self) -> dict[str, Any]:
        state = {key: value for key, value in self.__dict__.items() if key != "layer"}
        return {**state, "target": InModule.of(self.target)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, target=InModule.found(state["target"]))

    def rename(self, name: str) -> None:
        """Take another name, which its outputs have as well."""
        self.name, self.is_named = name, True
        for node in self._inbound_nodes:
            for tensor in node.output_tensors:
                tensor.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function, or record another call of it."""
        if any(isinstance(item, KerasTensor) for item in pytree.tree_leaves((args, kwargs))):
            return record_function(self.target, args, kwargs)
        return self.target(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<FunctionOp {self.name}>"


def count_unnamed() -> int:
    """Return how many functions wait for names: what is recorded from now on comes behind them."""
    return len(_unnamed)


def take_unnamed() -> list[FunctionOp]:
    """Return the functions that wait for names, oldest first, and forget them."""
    found = [operation for operation in (reference() for reference in _unnamed) if operation is not None]
    _unnamed.clear()
    return found


def as_one(outputs: Any, since: int, called: tuple[str, ...] = ()) -> None:
    """Note that functions recorded since a count are steps on the way to `outputs`, if they did not make these."""
    recorded = [operation for operation in (reference() for reference in _unnamed[since:]) if operation is not None]
    made = {id(operation) for operation in _functions_of(outputs)}
    last = [operation for operation in recorded if id(operation) in made]
    steps = tuple(operation for operation in recorded if id(operation) not in made)
    for operation in last:
        operation.called = called
        operation.steps = steps
    for operation in steps:
        operation.is_step = bool(last)


def called_as(name: str, function: Any, *args: Any) -> Any:
    """Call a function that tf.keras knows by another name."""
    before = count_unnamed()
    outputs = function(*args)
    as_one(outputs, before, (name,))
    return outputs


def give_name(outputs: Any, name: str) -> None:
    """Give the functions that made `outputs` a name that is theirs already, in a file or in a graph like this."""
    for operation in _functions_of(outputs):
        operation.rename(name)
        operation.is_step = STEP in name
    take_name(name)


def _functions_of(outputs: Any) -> list[FunctionOp]:
    tensors = [item for item in leaves(outputs) if isinstance(item, KerasTensor) and item._keras_history]
    return [op for op in (tensor._keras_history[0] for tensor in tensors) if isinstance(op, FunctionOp)]  # type: ignore


def _readable(target: Any, dialect: str | None) -> str:
    name = getattr(target, "__name__", type(target).__name__).strip("_")
    if dialect == "3":
        name = _OPERATORS.get(name, name)
    return name if name.isidentifier() else "function"


class Node:
    """Links the symbolic inputs of one call to its outputs; `operation` is a layer or a FunctionOp."""

    def __init__(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
        self.operation = operation
        # That of the `device` block in which the call stands.
        self.device = None if config.current_device() is None else config.place_here()
        # Copies of the lists and dicts: the caller may go on changing its own.
        self.args, self.kwargs = map_tree(_kept, (args, kwargs))
        self.outputs = outputs
        self.taken = [item for item in leaves((args, kwargs)) if isinstance(item, KerasTensor)]
        self.output_tensors = [item for item in leaves(outputs) if isinstance(item, KerasTensor)]
        for tensor in self.taken:
            if tensor._keras_history is not None:
                _consumers.setdefault(tensor._keras_history[0], []).append(weakref.ref(self))
        self.attach(operation._inbound_nodes)
        for nodes in _recording:
            nodes.append(self)

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
        return [operation for operation, _, _ in self._histories()]

    @property
    def parent_nodes(self) -> list[Node]:
        """The nodes whose outputs went in, in the order of the arguments."""
        return [producer(tensor) for tensor in self.taken if tensor._keras_history]

    @property
    def input_tensors(self) -> list[KerasTensor]:
        """The symbolic tensors that went in; in Keras 1 and 2 without masks, and of an input the tensor that it is."""
        return self._inputs() if config.is_classic() else self.taken

    def _histories(self) -> list[tuple[Any, int, int]]:
        inputs = [] if is_source(self) else self._inputs()
        return [tensor._keras_history for tensor in inputs if tensor._keras_history]

    def _inputs(self) -> list[KerasTensor]:
        if is_source(self):
            return self.output_tensors
        given = {key: item for key, item in self.kwargs.items() if not key.endswith("mask") and key[0] != "_"}
        return [item for item in leaves((self.args, given)) if isinstance(item, KerasTensor)]

    @property
    def input_masks(self) -> list[Any]:
        """The masks that the inputs carry (Keras 1 and 2 name)."""
        return [tensor._keras_mask for tensor in self._inputs()]

    @property
    def output_masks(self) -> list[Any]:
        """The masks that the outputs carry (Keras 1 and 2 name)."""
        return [tensor._keras_mask for tensor in self.output_tensors]

    @property
    def input_shapes(self) -> list[Any]:
        """The shapes of the inputs (Keras 1 and 2 name)."""
        return [tuple(tensor.shape) for tensor in self._inputs()]

    @property
    def output_shapes(self) -> list[Any]:
        """The shapes of the outputs (Keras 1 and 2 name)."""
        return [tuple(tensor.shape) for tensor in self.output_tensors]

    @property
    def node_indices(self) -> list[int]:
        """Which call of its layer made each input (Keras 1 and 2 name)."""
        return [index for _, index, _ in self._histories()]

    @property
    def tensor_indices(self) -> list[int]:
        """Which output of that call each input is (Keras 1 and 2 name)."""
        return [position for _, _, position in self._histories()]

    def get_config(self) -> dict[str, Any]:
        """Return the names of the layers and the indices that tell this call from others, as in Keras 1 and 2."""
        return {
            "outbound_layer": self.operation.name,
            "inbound_layers": [layer.name for layer in self.inbound_layers],
            "node_indices": self.node_indices,
            "tensor_indices": self.tensor_indices,
        }

    def __repr__(self) -> str:
        return f"<Node {self.operation.name}: {self.taken} -> {self.output_tensors}>"


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


def is_step(operation: Any) -> bool:
    """Whether an operation is but a step on the way to what another computes."""
    return isinstance(operation, FunctionOp) and operation.is_step


def taken_by(node: Node) -> list[KerasTensor]:
    """Return the tensors that go into a node, or into the steps on the way to it."""
    found: list[KerasTensor] = []
    for tensor in node.taken:
        history = tensor._keras_history
        if history and is_step(history[0]):
            found += [item for item in taken_by(producer(tensor)) if not any(item is known for known in found)]
        else:
            found.append(tensor)
    return found


def is_source(node: Node) -> bool:
    """Whether a node is an input: functions without symbolic arguments, such as random ones, make their outputs."""
    return not node.taken and not isinstance(node.operation, FunctionOp)


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
    waiting = list(reversed(node.taken)) or [tensor]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        made = producer(current) if current._keras_history else None
        if made is None or is_source(made):
            found[id(current)] = current
        else:
            waiting += reversed(made.taken)
    return list(found.values())


def record_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Record a torch function: infer its outputs, make a node, return the symbolic outputs."""
    args, kwargs = pytree.tree_map(_constant, (args, kwargs))
    outputs = infer(function, args, kwargs, f"`{_readable(function, config.dialect())}`")
    if not any(isinstance(item, KerasTensor) for item in pytree.tree_leaves(outputs)):
        return outputs
    function, args, kwargs = recorded_call(function, tuple(args), kwargs)
    operation = FunctionOp(function)
    for tensor in pytree.tree_leaves(outputs):
        if isinstance(tensor, KerasTensor):
            tensor.name = operation.name
    Node(operation, args, kwargs, outputs)
    return outputs


def symbolic_constant(value: torch.Tensor) -> KerasTensor:
    """Return a symbolic tensor for a real one, whose values at the time of a run count."""
    tensor = KerasTensor(tuple(value.shape), config.dtype_name(value.dtype))
    Node(FunctionOp(_itself), (value,), {}, tensor)
    return tensor


def _itself(value: torch.Tensor) -> torch.Tensor:
    return value.view_as(value)


def _kept(item: Any) -> Any:
    """Return an argument to keep: of a tensor that was computed beforehand only its value, as it is not made again."""
    if not isinstance(item, torch.Tensor) or item.grad_fn is None or recomputed.Graphs.are_described():
        return item
    return item.detach() if _is_computed(item) else item


def _is_computed(value: torch.Tensor) -> bool:
    """Whether a tensor with a history is more than another view of a weight."""
    source = value._base if value._is_view() else value
    return source is not None and source.grad_fn is not None


def _of_weights(value: torch.Tensor) -> Any:
    """Return a symbolic tensor for what Keras 1 and 2 would compute from weights in each run, if that is possible."""
    try:
        compute = recomputed.again(value, "")
    except ValueError:
        return value
    tensor = KerasTensor(tuple(value.shape), config.dtype_name(value.dtype))
    Node(FunctionOp(recomputed.Recomputed(compute)), (), {}, tensor)
    return tensor


def _constant(item: Any) -> Any:
    if isinstance(item, np.ndarray):
        tensor = torch.as_tensor(item)
        return tensor.to(config.torch_dtype(config.floatx())) if tensor.dtype == torch.float64 else tensor
    if isinstance(item, torch.Tensor):
        graph = item.grad_fn is not None and recomputed.Graphs.are_described()
        return _of_weights(item) if graph and _is_computed(item) else item
    return item.item() if isinstance(item, np.generic) else item
