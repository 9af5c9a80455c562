"""clone_model: the same architecture with fresh weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils import _pytree as pytree

from keras_torch.engine import Input, InputLayer
from keras_torch.models.model import Model
from keras_torch.models.network import replay
from keras_torch.models.sequential import Sequential
from keras_torch.symbolic import FunctionOp, KerasTensor


def clone_model(model: Model, input_tensors: Any = None, clone_function: Callable[[Any], Any] | None = None) -> Model:
    """Return a model of the same architecture with newly initialized weights.

    `clone_function(layer)` may return another layer in place of each; `input_tensors` are used as the new inputs.
    """
    if not isinstance(model, Model):
        raise ValueError(f"`clone_model` takes a Model. Received: {model!r} of type {type(model).__name__}")
    clone = clone_function or _clone_layer
    if isinstance(model, Sequential):
        return _clone_sequential(model, input_tensors, clone)
    if model._network is None:
        if clone_function is not None or input_tensors is not None:
            raise ValueError(
                f"Model {model.name!r} is subclassed: `clone_function` and `input_tensors` need a graph of layers."
            )
        return type(model).from_config(model.get_config())
    network = model._network
    given = pytree.tree_leaves(input_tensors) if input_tensors is not None else None
    if given is not None and len(given) != len(network.flat_inputs):
        raise ValueError(
            f"`input_tensors` must have one tensor per input of model {model.name!r}: {network.input_names}. "
            f"Received: {len(given)}"
        )
    wrong = next((item for item in given or () if not isinstance(item, KerasTensor)), None)
    if wrong is not None:
        raise ValueError(
            f"`input_tensors` for model {model.name!r} must be symbolic; make them with `Input`. Received: {wrong!r}"
        )
    tensors: dict[int, KerasTensor] = {}
    for index, old in enumerate(network.flat_inputs):
        if given is None:
            new = Input(batch_shape=old.shape, dtype=old.dtype, name=network.input_names[index])
        else:
            new = given[index]
        tensors[id(old)] = new
    clones: dict[int, Any] = {}

    def replace(operation: Any) -> Any:
        if isinstance(operation, FunctionOp):
            return operation
        if id(operation) not in clones:
            clones[id(operation)] = clone(operation)
        return clones[id(operation)]

    inputs = pytree.tree_map(lambda tensor: tensors[id(tensor)], network.inputs)
    copy = Model(inputs, replay(network, tensors, replace), name=model.name)
    for tensor in network.effects:
        copy._add_effect(tensors[id(tensor)])
    return copy


def _clone_sequential(model: Sequential, input_tensors: Any, clone: Callable[[Any], Any]) -> Sequential:
    copy = Sequential(name=model.name)
    if input_tensors is not None:
        leaves = pytree.tree_leaves(input_tensors)
        if len(leaves) != 1 or not isinstance(leaves[0], KerasTensor):
            raise ValueError(f"A Sequential model takes one symbolic input tensor. Received: {input_tensors!r}")
        copy.add(Input(batch_shape=leaves[0].shape, dtype=leaves[0].dtype))
    elif len(model._inputs) == 1:
        copy.add(InputLayer.from_config(model._inputs[0].get_config()))
    for layer in model.layers:
        copy.add(clone(layer))
    return copy


def _clone_layer(layer: Any) -> Any:
    if isinstance(layer, Model):
        return clone_model(layer)
    return type(layer).from_config(layer.get_config())
