"""Symbolic tensors, the graph they record, and its lowering to torch.fx."""

from __future__ import annotations

from keras_torch.symbolic import related_sizes
from keras_torch.symbolic.closures import uses_symbolic_tensors
from keras_torch.symbolic.inference import infer
from keras_torch.symbolic.keras_tensor import KerasTensor, Shape, is_keras_tensor
from keras_torch.symbolic.lowering import lower, sort_nodes
from keras_torch.symbolic.naming import get_uid, reset_names, unique_name, unused_name
from keras_torch.symbolic.node import (
    FunctionOp,
    Node,
    as_one,
    called_as,
    count_unnamed,
    get_source_inputs,
    give_name,
    internal_nodes,
    is_source,
    outbound_nodes,
    producer,
    record_function,
    recorded_nodes,
    set_outbound_nodes,
    symbolic_constant,
    take_unnamed,
)
from keras_torch.symbolic.sizes import SymbolicSize, symbolic_size

__all__ = [
    "FunctionOp",
    "KerasTensor",
    "Node",
    "Shape",
    "SymbolicSize",
    "as_one",
    "called_as",
    "count_unnamed",
    "get_source_inputs",
    "get_uid",
    "give_name",
    "infer",
    "internal_nodes",
    "is_keras_tensor",
    "is_source",
    "lower",
    "outbound_nodes",
    "producer",
    "record_function",
    "recorded_nodes",
    "related_sizes",
    "reset_names",
    "set_outbound_nodes",
    "sort_nodes",
    "symbolic_constant",
    "symbolic_size",
    "take_unnamed",
    "unique_name",
    "unused_name",
    "uses_symbolic_tensors",
]
