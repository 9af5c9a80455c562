"""`tf.Variable` on our variables, and TensorFlow 1's functions that assign."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from keras_torch import backend, initializers
from keras_torch.backend.variable import WeightView
from keras_torch.dropin.tensorflow import graph, slicing
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.dtypes import as_dtype
from keras_torch.dropin.tensorflow.settings import accept
from keras_torch.dropin.tensorflow.sizes import ints


class _VariableType(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        """Weights of layers are variables, too."""
        return isinstance(instance, (backend.Variable, WeightView, graph.SymbolicVariable))

    def __call__(
        cls,
        initial_value: Any = None,
        trainable: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
        collections: Any = None,
    ) -> Any:
        value = (
            initial_value()
            if callable(initial_value) and not isinstance(initial_value, torch.Tensor)
            else initial_value
        )
        if value is None:
            raise ValueError("`tf.Variable` needs an `initial_value`. Received: None")
        value = convert_to_tensor(value, dtype)
        if not isinstance(value, torch.Tensor):
            raise TypeError(
                "`tf.Variable` holds numbers here: torch has no tensors of text. Keep text in a Python list. "
                f"Received: {initial_value!r}"
            )
        made = backend.Variable(
            value.detach().clone(), trainable=trainable is not False, name=(name or "Variable").partition(":")[0]
        )
        made.constraint = constraint
        return graph.GraphVariable(made) if graph.describes_graph() else made


class _Variable(metaclass=_VariableType):
    """`tf.Variable(value)`: a `keras_torch.backend.Variable`, a torch Parameter with TensorFlow's `assign` and kin."""


# mypy does not know that the metaclass takes the arguments.
Variable: Any = _Variable


def assign(ref: Any, value: Any, validate_shape: Any = None, use_locking: Any = None) -> Any:
    """Copy a value into a variable."""
    return ref.assign(value)


def assign_add(ref: Any, value: Any, use_locking: Any = None) -> Any:
    """Add to a variable."""
    return ref.assign_add(value)


def assign_sub(ref: Any, value: Any, use_locking: Any = None) -> Any:
    """Subtract from a variable."""
    return ref.assign_sub(value)


def _scattered(name: str) -> Any:
    """Return TensorFlow 1's function that changes the rows of a variable whose numbers are given."""

    def call(ref: Any, indices: Any, updates: Any, use_locking: Any = None) -> Any:
        places = convert_to_tensor(indices)[..., None]
        return ref.assign(slicing.NAMES[f"tensor_scatter_nd_{name}"](ref, places, updates))

    call.__name__ = f"scatter_{name}"
    return call


_made: dict[str, Any] = {}
_scopes: list[str] = []


@contextlib.contextmanager
def variable_scope(
    name_or_scope: Any = None, default_name: Any = None, values: Any = None, reuse: Any = None, **options: Any
) -> Iterator[str]:
    """Put a name before those of variables that `get_variable` makes inside."""
    _scopes.append(str(name_or_scope or default_name))
    try:
        yield "/".join(_scopes)
    finally:
        _scopes.pop()


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: Any = None,
    constraint: Any = None,
    **options: Any,
) -> Any:
    """Return the variable of that name in the scope, which is made the first time."""
    path = "/".join((*_scopes, name))
    if path not in _made:
        if initializer is None or isinstance(initializer, type) or callable(initializer):
            maker = initializers.get(initializer or "glorot_uniform")
            value = maker(tuple(ints(shape)), dtype="float32" if dtype is None else as_dtype(dtype))
        else:
            value = convert_to_tensor(initializer, dtype)
        _made[path] = Variable(value, trainable, name=path, constraint=constraint)
        # Of a graph, the symbolic tensor knows it.
        _made[path].regularizer = regularizer
    return _made[path]


def forget_variables() -> None:
    """Let `get_variable` make all variables anew."""
    _made.clear()


def trainable_variables(scope: str | None = None) -> list[Any]:
    """The variables of the graph that are to be trained. Models list theirs as `model.trainable_variables`."""
    made = {id(item): item for item in (*_made.values(), *graph.variables()) if item.trainable}
    return [item for item in made.values() if item.name.startswith(scope or "")]


def global_variables(scope: str | None = None) -> list[Any]:
    """All variables of the graph. Models list theirs as `model.variables`."""
    made = {id(item): item for item in (*_made.values(), *graph.variables())}
    return [item for item in made.values() if item.name.startswith(scope or "")]


NAMES = {"Variable": Variable}
VERSION_1 = {
    "AUTO_REUSE": True,
    "assign": assign,
    "assign_add": assign_add,
    "assign_sub": assign_sub,
    "get_variable": get_variable,
    "global_variables all_variables": global_variables,
    "is_variable_initialized": lambda variable: True,
    **{f"scatter_{name}": _scattered(name) for name in ("add", "max", "min", "sub", "update")},
    "report_uninitialized_variables": accept,
    "trainable_variables": trainable_variables,
    "variable_scope": variable_scope,
}
