"""`tf.Variable` on our variables, and TensorFlow 1's functions that assign."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch import backend
from keras_torch.backend.variable import WeightView
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.settings import accept


class _VariableType(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        """Weights of layers are variables, too."""
        return isinstance(instance, (backend.Variable, WeightView))

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
            value.detach().clone(), trainable is not False, name=(name or "Variable").partition(":")[0]
        )
        made.constraint = constraint
        return made


class Variable(metaclass=_VariableType):
    """`tf.Variable(value)`: a `keras_torch.backend.Variable`, a torch Parameter with TensorFlow's `assign` and kin."""


def assign(ref: Any, value: Any, validate_shape: Any = None, use_locking: Any = None) -> Any:
    """Copy a value into a variable."""
    return ref.assign(value)


def assign_add(ref: Any, value: Any, use_locking: Any = None) -> Any:
    """Add to a variable."""
    return ref.assign_add(value)


def assign_sub(ref: Any, value: Any, use_locking: Any = None) -> Any:
    """Subtract from a variable."""
    return ref.assign_sub(value)


NAMES = {"Variable": Variable}
VERSION_1 = {
    "assign": assign,
    "assign_add": assign_add,
    "assign_sub": assign_sub,
    "is_variable_initialized": lambda variable: True,
    "report_uninitialized_variables": accept,
}
