"""Computing symbolic tensors without a Model: `function`, `gradients`, `placeholder`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from keras_torch import config
from keras_torch.backend.tensors import is_symbolic, tensor
from keras_torch.backend.variable import WeightView
from keras_torch.backend.variables import Update, get_value
from keras_torch.symbolic import FunctionOp, KerasTensor, Node, is_source, lower, producer, recomputed, sort_nodes


def placeholder(
    shape: Sequence[int | None] | None = None,
    ndim: int | None = None,
    dtype: Any = None,
    sparse: bool = False,
    name: str | None = None,
) -> KerasTensor:
    """Return a symbolic tensor to be an input of `function`; `shape`, or `ndim` for unknown sizes, must be given."""
    if shape is None and ndim is None:
        raise ValueError("`placeholder` needs `shape` or `ndim`. Received neither.")
    sizes = (None,) * int(ndim or 0) if shape is None else tuple(shape)
    return KerasTensor(sizes, dtype or config.floatx(), sparse=sparse, name=name)


def is_placeholder(x: Any) -> bool:
    """Whether `x` is symbolic and computed from nothing: a `placeholder` or an `Input`."""
    return isinstance(x, KerasTensor) and (x._keras_history is None or is_source(producer(x)))


class Gradients(nn.Module):
    """Computes the gradients of a tensor with respect to others and to weights, as a step of a running graph."""

    weights: tuple[Any, ...]

    def __init__(self, weights: Sequence[Any]) -> None:
        super().__init__()
        self.__dict__["weights"] = tuple(weights)

    def forward(self, loss: torch.Tensor, *tensors: torch.Tensor) -> list[torch.Tensor]:
        """Return the gradients in the order of the variables; where a weight stands, a tensor is not needed."""
        rest = iter(tensors)
        return real_gradients(loss, [next(rest) if item is None else item for item in self.weights])


class NoGraphError(RuntimeError):
    """Gradients are asked for where torch did not watch: a program that meets it is run anew, watched."""


def real_gradients(loss: Any, variables: Sequence[Any]) -> list[Any]:
    """Return the gradients of the sum of a real tensor; None for variables it does not depend on."""
    storages = [item.storages if isinstance(item, WeightView) else (item,) for item in variables]
    flat = [storage for group in storages for storage in group]
    if not all(item.requires_grad for item in (loss, *flat)):
        if loss.device.type == "meta":
            # Only shapes are wanted.
            return [torch.empty_like(item.value if isinstance(item, WeightView) else item) for item in variables]
        raise NoGraphError("`gradients` needs a loss and variables for which torch recorded what happened to them.")
    ones = torch.ones_like(loss)
    found = iter(torch.autograd.grad(loss, flat, ones, retain_graph=True, create_graph=True, allow_unused=True))
    results = []
    for item, group in zip(variables, storages, strict=True):
        grads = [next(found) for _ in group]
        known = isinstance(item, WeightView) and None not in grads
        results.append(item.from_storage(*grads) if known else grads[0])
    return results


def gradients(loss: Any, variables: Any) -> list[Any]:
    """Return the gradients of the sum of `loss` with respect to each variable or tensor it was computed from.

    Of symbolic tensors the gradients are symbolic; `function` computes them.
    """
    variables = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    if not is_symbolic([loss, *variables]):
        return real_gradients(loss, variables)
    operation = FunctionOp(Gradients([None if isinstance(item, KerasTensor) else item for item in variables]))
    outputs = [KerasTensor(tuple(item.shape), config.dtype_name(item.dtype), name="gradients") for item in variables]
    Node(operation, (loss, *(item for item in variables if isinstance(item, KerasTensor))), {}, outputs)
    return outputs


class Step:
    """An entry of `updates` that does something with the values of symbolic tensors, as an optimizer's update does."""

    def __init__(self, tensors: Sequence[Any], run: Callable[[list[Any]], None]) -> None:
        self.tensors = list(tensors)
        self.run = run


class Function:
    """Computes symbolic outputs for values of symbolic inputs: a list of arrays in, a list of numpy arrays out.

    `K.learning_phase()` may stand among the inputs; the value there, 0 or 1, is the mode of the run (inference
    without it). `updates` are pairs of a variable and the symbolic value it gets after each run.
    """

    def __init__(self, inputs: Any, outputs: Any, updates: Any = None, name: str | None = None) -> None:
        self.inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        self.outputs = outputs
        self.name = name
        # Layers change their averages themselves when they run; what stands for that here is the variable.
        changes = [item for item in updates or () if not isinstance(item, (torch.Tensor, WeightView))]
        self._steps = [item for item in changes if isinstance(item, Step)]
        self._late = [item for item in changes if isinstance(item, Update) and item.change is not None]
        known = [id(item) for item in (*self._steps, *self._late)]
        self.updates = [tuple(item) for item in changes if id(item) not in known]
        for item in self.inputs:
            if not isinstance(item, (KerasTensor, int)):
                raise ValueError(
                    "`inputs` must be symbolic tensors (`Input`, `K.placeholder`, outputs of layers) or "
                    f"`K.learning_phase()`. Received: {item!r} of type {type(item).__name__}"
                )
        tensors = [item for item in self.inputs if isinstance(item, KerasTensor)]
        wanted = (outputs, [value for _, value in self.updates], [step.tensors for step in self._steps])
        leaves = [item for item in pytree.tree_leaves(wanted) if isinstance(item, KerasTensor)]
        nodes, _ = sort_nodes(tensors, leaves)
        self._differentiates = any(isinstance(getattr(n.operation, "target", None), Gradients) for n in nodes)
        self._program = lower(tensors, wanted)

    def __call__(self, inputs: Any) -> Any:
        """Run on a list of values, one for each input."""
        values = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        missing = self.inputs[len(values) :]
        if missing and not any(isinstance(symbol, KerasTensor) for symbol in missing):
            # Learning phases, which TensorFlow had a default for.
            values += [0] * len(missing)
        if len(values) != len(self.inputs):
            raise ValueError(f"The function takes {len(self.inputs)} inputs. Received: {len(values)}")
        phase = 0
        arguments = []
        device = next((item.device for item in self._program.parameters()), config.default_device())
        for symbol, value in zip(self.inputs, values, strict=True):
            if not isinstance(symbol, KerasTensor):
                phase = int(value)
                continue
            value = tensor(value, symbol.dtype).detach().to(device)
            arguments.append(value.requires_grad_(self._differentiates and value.is_floating_point()))
        results, new_values, tensors = self._run(arguments, bool(phase))
        results = pytree.tree_map(
            lambda asked, found: recomputed.latest(asked) if isinstance(asked, torch.Tensor) else found,
            self.outputs,
            results,
        )
        given = [value for _, value in self.updates]
        new_values = [
            recomputed.required(old) if isinstance(old, torch.Tensor) else new
            for old, new in zip(given, new_values, strict=True)
        ]
        for (variable, _), value in zip(self.updates, new_values, strict=True):
            variable.assign(value)
        for update in self._late:
            update.run()
        for step, values in zip(self._steps, tensors, strict=True):
            step.run(values)
        return pytree.tree_map(lambda item: get_value(item) if isinstance(item, torch.Tensor) else item, results)

    def _run(self, arguments: Sequence[torch.Tensor], training: bool) -> Any:
        modes = [(module, module.training) for module in self._program.modules()]
        self._program.train(training)
        try:
            with torch.set_grad_enabled(self._differentiates):
                return self._program(*arguments)
        finally:
            for module, mode in modes:
                module.training = mode
                getattr(module, "_call_losses", []).clear()


def function(inputs: Any, outputs: Any, updates: Any = None, name: str | None = None) -> Function:
    """Return a callable that computes symbolic `outputs` for values of `inputs`; see `Function`."""
    return Function(inputs, outputs, updates, name)
