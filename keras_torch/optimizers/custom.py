"""Optimizers that users write in the style of Keras 2.11-3: `build` and `update_step` with their own variables."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from typing import Any

import torch

from keras_torch import config, initializers
from keras_torch.backend.variable import Variable
from keras_torch.optimizers import state
from keras_torch.optimizers.old_protocols import OldProtocols, applies_each, gradient_of


def defines_update(cls: type) -> bool:
    """Whether a class has its own update: `update_step`, or what that was before Keras 2.11."""
    own = cls.update_step is not CustomUpdates.update_step  # type: ignore[attr-defined]
    return own or has_get_updates(cls) or applies_each(cls)


def has_get_updates(cls: type) -> bool:
    """Whether a class has a `get_updates` of its own."""
    return cls.get_updates is not OldProtocols.get_updates  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=128)
def _takes_rate(update_step: Any) -> bool:
    """Whether an `update_step` has the learning rate as its third argument, as since Keras 3."""
    return len(inspect.signature(update_step).parameters) > 3


class CustomUpdates(OldProtocols):
    """What Keras's base class offers to a subclass that has its own `update_step`."""

    name: str
    learning_rate: Any
    _own_variables: list[Variable]
    _trainable_variables: list[Any]
    _trainable_variables_indices: dict[int, int]
    _built = False

    def update_step(self, gradient: torch.Tensor, variable: Any, learning_rate: Any) -> None:
        """Update one variable from its gradient, both in Keras's layout. Without it torch.optim is used."""
        raise NotImplementedError(f"The optimizer class {type(self).__name__} has no `update_step` of its own.")

    @property
    def _index_dict(self) -> dict[int, int]:
        return self._trainable_variables_indices

    def add_variable(
        self, shape: Any, initializer: Any = "zeros", dtype: Any = None, name: str | None = None, **kwargs: Any
    ) -> Variable:
        """Add a variable to the optimizer's state."""
        if isinstance(initializer, torch.dtype):
            initializer, dtype = dtype or "zeros", initializer
        unknown = set(kwargs) - {"aggregation", "layout"}
        if unknown:
            raise TypeError(
                f"`add_variable` takes shape, initializer, dtype and name. Received: {', '.join(sorted(unknown))}"
            )
        dtype = config.torch_dtype(dtype)
        value = initializers.get(initializer)(tuple(shape or ()), dtype=config.dtype_name(dtype))
        variable = Variable(
            torch.as_tensor(value), trainable=False, dtype=dtype, name=f"{self.name}/{name or 'variable'}"
        )
        self._own_variables.append(variable)
        return variable

    def add_variable_from_reference(
        self,
        reference_variable: Any = None,
        name: str | None = None,
        shape: Any = None,
        initial_value: Any = None,
        initializer: Any = "zeros",
        model_variable: Any = None,
        variable_name: str | None = None,
    ) -> Variable:
        """Add a variable with the shape, type and device of a model's variable (Keras 2.15's and 3's arguments)."""
        reference = model_variable if reference_variable is None else reference_variable
        label = name or variable_name or "var"
        index = len(self._own_variables)
        if initial_value is None:
            wanted = tuple(reference.shape if shape is None else shape)
            initial_value = initializers.get(initializer)(wanted, dtype=config.dtype_name(reference.dtype))
        value = torch.as_tensor(getattr(initial_value, "value", initial_value)).detach()
        value = value.to(state.storages(reference)[0].device, reference.dtype).clone()
        path = f"{self.name}/{state.path_of(reference, index).replace('/', '_')}_{label}"
        variable = Variable(value, trainable=False, name=path)
        self._own_variables.append(variable)
        return variable

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Any], name: str | Sequence[str], initializer: Any = "zeros"
    ) -> Any:
        """Add one variable per model variable and name: a list, or a tuple of lists for several names."""
        names = [name] if isinstance(name, str) else list(name)
        given = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        if len(given) != len(names):
            raise ValueError(
                f"`add_optimizer_variables` takes one initializer, or one for each of the {len(names)} names. "
                f"Received: {len(given)} initializers"
            )
        lists: tuple[list[Variable], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for target, label, start in zip(lists, names, given, strict=True):
                target.append(self.add_variable_from_reference(variable, label, initializer=start))
        return lists[0] if isinstance(name, str) else lists

    def assign(self, variable: Any, value: Any) -> None:
        """Set a variable."""
        variable.assign(value)

    def assign_add(self, variable: Any, value: Any) -> None:
        """Add to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable: Any, value: Any) -> None:
        """Subtract from a variable."""
        variable.assign_sub(value)

    def _update_each(self, rate: float) -> None:
        """Let the subclass update each variable that has a gradient."""
        found = [(variable, gradient_of(variable)) for variable in self._trainable_variables]
        given = [(variable, gradient) for variable, gradient in found if gradient is not None]
        if has_get_updates(type(self)):
            self._run_get_updates([variable for variable, _ in given])
            return
        if applies_each(type(self)):
            self._apply_each(given)
            return
        extra = (torch.tensor(rate),) if _takes_rate(type(self).update_step) else ()
        for variable, gradient in given:
            self.update_step(gradient, variable, *extra)
