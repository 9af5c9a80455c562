"""Functions of a graph as the layers that tf.keras 2.4 to 2.15 has in their place: TFOpLambda and SlicingOpLambda."""

from __future__ import annotations

import operator
import re
from collections.abc import Container
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from keras_torch.engine import Layer
from keras_torch.models.operations.reading import make_operation
from keras_torch.models.operations.recorded import Call, NotWritable, call_of
from keras_torch.models.operations.writing_tensorflow import as_tensorflow
from keras_torch.symbolic import FunctionOp, KerasTensor, Node, take_unnamed, unused_name
from keras_torch.symbolic.node import STEP, taken_by
from keras_torch.symbolic.sizes import size_of

# Operators that tf.keras calls otherwise than the functions that do the same.
_OPERATORS = {
    operator.add: "__operators__.add",
    operator.eq: "__operators__.eq",
    operator.floordiv: "compat.v1.floor_div",
    operator.ne: "__operators__.ne",
    size_of: "compat.v1.shape",
}


class TFOpLambda(Layer):
    """A function of TensorFlow as a layer, called with the function's own arguments.

    `function` is its name, such as `"math.truediv"`. In `model.layers` of tf.keras one stands for what was recorded.
    """

    def __init__(self, function: str, name: str | None = None, trainable: bool = True, dtype: Any = None) -> None:
        super().__init__(name=name or unused_name(f"tf.{function}"), trainable=trainable, dtype=dtype)
        self.function = function
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the function, or record it under the layer's name."""
        entry = {"class_name": "TFOpLambda", "config": {"function": self.function}, "name": self.name}
        found = make_operation(entry)
        symbolic = any(isinstance(item, KerasTensor) for item in pytree.tree_leaves((args, kwargs)))
        return (found if symbolic else found.function)(*args, **kwargs)

    __call__ = call

    def get_input_at(self, node_index: int) -> Any:
        """Return the symbolic input(s) of the call number `node_index`."""
        found = taken_by(self._node(node_index, "input"))
        return found[0] if len(found) == 1 else found

    def get_config(self) -> dict[str, Any]:
        """Return name, dtype and function."""
        return {**super().get_config(), "function": self.function}


class SlicingOpLambda(TFOpLambda):
    """Indexing as a layer: it takes a tensor and `slice_spec`."""


def layer_of(operation: FunctionOp) -> TFOpLambda:
    """Return the layer that stands for a recorded function, always the same."""
    if operation.layer is None:
        named = operation.name.startswith("tf.")
        function = re.sub(r"_\d+$", "", operation.name[3:]) if named else _symbol(operation)
        cls = SlicingOpLambda if function == "__operators__.getitem" else TFOpLambda
        operation.layer = cls(function, operation.name)
    # They may be others after a graph was read again.
    operation.layer.__dict__["_inbound_nodes"] = operation._inbound_nodes
    return operation.layer


def name_operations(layers: Container[str]) -> None:
    """Give the functions recorded since the last call the names that their layers have, in the order of the calls.

    `layers` are names that others have.
    """
    for operation in take_unnamed():
        if operation._inbound_nodes and not (operation.is_named or operation.is_step):
            operation.rename(unused_name(f"tf.{_symbol(operation)}", layers))
            for step in operation.steps:
                step.rename(f"{operation.name}{STEP}{step.name}")


def _symbol(operation: FunctionOp) -> str:
    """Return what comes nearest to the name under `tensorflow` of a function."""
    called = [_last_part(name) for name in operation.called]
    written = [_written(item._inbound_nodes[0]) for item in (operation, *operation.steps)]
    for symbol in written:
        if not called or _last_part(symbol) in called:
            return symbol
    # Several functions of ours, none of which has that name.
    return next((name for name in operation.called if name.startswith("math.")), operation.called[0])


def _last_part(name: str) -> str:
    return name.rpartition(".")[2]


def _written(node: Node) -> str:
    target = node.operation.target
    if target in _OPERATORS:
        return _OPERATORS[target]
    try:
        call = call_of(node)
    except NotWritable:
        return node.operation.name
    # Of large constants only the number of axes counts.
    arguments = {
        key: value[(slice(1),) * value.ndim] if isinstance(value, (torch.Tensor, np.ndarray)) else value
        for key, value in call.arguments.items()
    }
    try:
        return as_tensorflow(Call(call.function, arguments), "", lambda tensor: ["", 0, 0])["config"]["function"]
    except NotWritable:
        return call.function
