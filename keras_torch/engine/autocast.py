"""Mixed precision: while a layer computes, its float weights are cast to the dtype of its computation.

A layer of a mixed policy has `autocast.forward` as its own `forward`; other layers know nothing of this. As
`torch.func.functional_call` does, the cast tensors stand in the modules in place of the parameters meanwhile, so that
torch modules, Keras views of their weights and variables of `add_weight` all give them. Gradients go back through the
casts, in float32. One kernel a weight, as `torch.autocast` needs.
"""

from __future__ import annotations

import contextlib
import threading
import types
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from keras_torch import config
from keras_torch.backend import Variable
from keras_torch.backend.variable import VariableMethods
from keras_torch.engine.weights import WeightsMixin

# The cast weights stand in the modules, where another thread would take them for the parameters.
_lock = threading.RLock()


class CastVariable(VariableMethods, torch.Tensor):
    """A variable's value in the dtype of the computation, while a layer computes.

    What Keras offers on variables works: `assign` changes the variable itself. Results of torch functions are plain.
    """

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]
    _variable: Variable

    @property
    def value(self) -> torch.Tensor:
        """The value in the dtype of the computation, differentiable."""
        return self

    @property
    def local_path(self) -> str:
        """The name inside the layer that made the variable."""
        return self._variable.local_path

    @property
    def path(self) -> str:
        """The name with the layers around it."""
        return self._variable.path

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change the variable."""
        return self._variable.trainable

    @property
    def storages(self) -> tuple[torch.Tensor, ...]:
        """The parameter that holds the value."""
        return (self._variable,)

    @property
    def constraint(self) -> Any:  # type: ignore[override]
        """The variable's constraint."""
        return self._variable.constraint

    @property
    def regularizer(self) -> Any:  # type: ignore[override]
        """The variable's regularizer."""
        return self._variable.regularizer

    def assign(self, value: Any) -> Any:
        """Copy a value into the variable, in the variable's own dtype."""
        self._variable.assign(value)
        return self

    def assign_add(self, value: Any) -> Any:
        """Add to the variable."""
        self._variable.assign_add(value)
        return self

    def assign_sub(self, value: Any) -> Any:
        """Subtract from the variable."""
        self._variable.assign_sub(value)
        return self


def _cast(weight: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    cast = weight.to(dtype)
    if not isinstance(weight, Variable):
        return cast
    view = cast.as_subclass(CastVariable)
    view._variable = weight
    return view


def _tables(module: nn.Module) -> Iterator[dict[str, Any]]:
    """The tables of tensors of a module and the plain modules in it; layers inside go by their own policy.

    Statistics of batches, and what they are applied with, stay: torch takes them beside inputs of half precision.
    """
    if isinstance(module, _NormBase):
        return
    yield module._parameters
    if isinstance(module, nn.RNNBase):
        yield module._buffers
    for child in module._modules.values():
        if child is not None and not isinstance(child, WeightsMixin):
            yield from _tables(child)


def _is_cast(item: Any, dtype: torch.dtype) -> bool:
    """Whether a tensor, or any in a list, tuple or dict, must be cast."""
    if isinstance(item, torch.Tensor):
        return item.is_floating_point() and item.dtype != dtype and not getattr(item, "_keeps_dtype", False)
    if isinstance(item, (list, tuple, dict)):
        return any(_is_cast(part, dtype) for part in (item.values() if isinstance(item, dict) else item))
    return False


def _convert(item: Any, dtype: torch.dtype, done: dict[int, Any]) -> Any:
    """Return the cast of a float tensor, or a copy of a container with casts in it; anything else itself."""
    if not _is_cast(item, dtype):
        return item
    if isinstance(item, dict):
        return {key: _convert(part, dtype, done) for key, part in item.items()}
    if isinstance(item, (list, tuple)):
        parts = [_convert(part, dtype, done) for part in item]
        return tuple(parts) if isinstance(item, tuple) else parts
    if id(item) not in done:
        done[id(item)] = _cast(item, dtype)
    return done[id(item)]


def _exchange(layer: Any) -> tuple[list[Any], list[Any]]:
    """Put the casts in the places of the weights; return what stood where."""
    dtype = layer._compute_torch_dtype
    done: dict[int, Any] = {}
    tensors, containers = [], []
    for table in _tables(layer):
        for key, item in list(table.items()):
            if _is_cast(item, dtype):
                tensors.append((table, key, item))
                table[key] = _convert(item, dtype, done)
    for name in layer._tracked:
        item = layer.__dict__[name]
        if _is_cast(item, dtype):
            containers.append((name, item))
            object.__setattr__(layer, name, _convert(item, dtype, done))
    return tensors, containers


@contextlib.contextmanager
def cast_weights(layer: Any) -> Iterator[None]:
    """Let the float weights of a layer (not of the layers in it) have its compute dtype inside a `with` block."""
    if not is_mixed(layer):
        yield
        return
    compiling = torch.compiler.is_compiling()
    with contextlib.nullcontext() if compiling else _lock:
        tensors, containers = _exchange(layer)
        try:
            yield
        finally:
            for table, key, item in tensors:
                table[key] = item
            for name, item in containers:
                object.__setattr__(layer, name, item)


def forward(layer: Any, *args: Any, **kwargs: Any) -> Any:
    """Run the `forward` of a layer's class with its weights cast."""
    with cast_weights(layer):
        return type(layer).forward(layer, *args, **kwargs)


def widened_forward(layer: Any, inputs: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    """Run the `forward` of a layer's class in the dtype of its weights, and return the compute dtype."""
    wide = inputs.to(config.torch_dtype(layer.variable_dtype))
    return type(layer).forward(layer, wide, *args, **kwargs).to(layer._compute_torch_dtype)


def is_mixed(layer: Any) -> bool:
    """Whether a layer computes in another dtype than that of its weights."""
    own = layer.__dict__.get("forward")
    return own is not None and getattr(own, "__func__", None) in (forward, widened_forward)


def install(layer: Any, mixed: bool) -> None:
    """Let a layer cast its weights, or what it takes, when it computes; or no more."""
    if mixed:
        layer.__dict__["forward"] = types.MethodType(widened_forward if layer._widens else forward, layer)
    elif is_mixed(layer):
        del layer.__dict__["forward"]
