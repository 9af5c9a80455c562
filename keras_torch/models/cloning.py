"""clone_model: the same architecture with fresh weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils import _pytree as pytree

from keras_torch import config
from keras_torch.backend.variable import WeightView
from keras_torch.engine import Input, InputLayer
from keras_torch.models.model import Model
from keras_torch.models.network import Network, replay
from keras_torch.models.sequential import Sequential
from keras_torch.symbolic import FunctionOp, KerasTensor
from keras_torch.training import compiling


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Model:
    """Return a model of the same architecture with newly initialized weights; compiled alike, since Keras 3.

    `clone_function(layer)` may return another layer in place of each, `call_function(layer, *args, **kwargs)` may do
    more than to call it in the new graph. Models inside are cloned as a whole, by `clone_function` if it is given;
    with `recursive` it gets their layers instead. `input_tensors` are used as the new inputs.
    """
    if kwargs.keys() - {"cache"}:
        raise TypeError(f"`clone_model` has no argument {', '.join(map(repr, kwargs))}.")
    if not isinstance(model, Model):
        raise ValueError(f"`clone_model` takes a Model. Received: {model!r} of type {type(model).__name__}")
    clone = _layer_cloner(clone_function, call_function, recursive)
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError(
                f"`call_function` needs a functional model; {model.name!r} is a Sequential one. "
                f"Received: call_function={call_function!r}"
            )
        copy: Model = _clone_sequential(model, input_tensors, clone)
    elif model._network is None:
        if clone_function is not None or call_function is not None or input_tensors is not None:
            raise ValueError(
                f"Model {model.name!r} is subclassed: `clone_function`, `call_function` and `input_tensors` need a "
                "graph of layers."
            )
        return type(model).from_config(model.get_config())
    else:
        copy = _clone_functional(model, input_tensors, clone, call_function)
    if config.is_modern():
        compiling.compile_like(copy, model)
    return copy


def _layer_cloner(clone_function: Any, call_function: Any, recursive: bool) -> Callable[[Any], Any]:
    """Return the function that gives the copy of a layer, or of a model inside the model."""

    def clone(layer: Any) -> Any:
        is_graph = isinstance(layer, Sequential) or (isinstance(layer, Model) and layer._network is not None)
        if is_graph and (recursive or clone_function is None):
            call = None if isinstance(layer, Sequential) or not recursive else call_function
            return clone_model(layer, None, clone_function, call, recursive)
        return type(layer).from_config(layer.get_config()) if clone_function is None else clone_function(layer)

    return clone


def _clone_functional(model: Model, input_tensors: Any, clone: Callable[[Any], Any], call: Any) -> Model:
    network = model._network
    given = None if input_tensors is None else _in_order(model, network, input_tensors)
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
    cls = type(model) if type(model).__init__ is Model.__init__ else Model
    copy = cls(inputs, replay(network, tensors, replace, call), name=model.name)
    for tensor in network.effects:
        copy._add_effect(tensors[id(tensor)])
    return copy


def _in_order(model: Model, network: Network, input_tensors: Any) -> list[KerasTensor]:
    """Return the given inputs in the order of the network's; ValueError if they are not as many, or not symbolic."""
    wanted = network.inputs
    named = isinstance(wanted, Mapping)
    if named != isinstance(input_tensors, Mapping) or (named and wanted.keys() != input_tensors.keys()):
        raise ValueError(
            f"`input_tensors` must have the same structure as the inputs of model {model.name!r}: {wanted!r}. "
            f"Received: {input_tensors!r}"
        )
    given = pytree.tree_leaves({key: input_tensors[key] for key in wanted} if named else input_tensors)
    if len(given) != len(network.flat_inputs):
        raise ValueError(
            f"`input_tensors` must have one tensor per input of model {model.name!r}: {network.input_names}. "
            f"Received: {len(given)}"
        )
    return [_as_input(item, name, model) for item, name in zip(given, network.input_names, strict=True)]


def _as_input(item: Any, name: str, model: Model) -> KerasTensor:
    """Return a symbolic tensor; one for a variable, which then takes the place of data."""
    if isinstance(item, (torch.Tensor, WeightView)):
        return Input(tensor=item, name=f"input_wrapper_for_{name}")
    if not isinstance(item, KerasTensor):
        raise ValueError(
            f"`input_tensors` for model {model.name!r} must be symbolic; make them with `Input`. Received: {item!r}"
        )
    return item


def _clone_sequential(model: Sequential, input_tensors: Any, clone: Callable[[Any], Any]) -> Sequential:
    copy = Sequential(name=model.name)
    if input_tensors is not None:
        leaves = pytree.tree_leaves(input_tensors)
        if len(leaves) != 1:
            raise ValueError(f"A Sequential model takes one symbolic input tensor. Received: {input_tensors!r}")
        tensor = _as_input(leaves[0], model.input_names[0] if model._inputs else "input", model)
        if tensor is leaves[0]:
            tensor = Input(batch_shape=tensor.shape, dtype=tensor.dtype)
        copy.add(tensor)
    elif len(model._inputs) == 1:
        copy.add(InputLayer.from_config(model._inputs[0].get_config()))
    for layer in model.layers:
        copy.add(clone(layer))
    return copy
