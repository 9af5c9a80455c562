"""A step of an optimizer as a function of values, in the style of JAX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from keras_torch.backend.variable import VariableMethods


class StatelessApply:
    """The part of `Optimizer` that makes a step and keeps nothing of it."""

    name: str
    built: bool
    variables: Any
    apply: Any
    _trainable_variables: list[Any]

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return the values that a step makes of the model's variables and of the optimizer's; all stay as they are.

        The optimizer must have been built on the variables. ValueError for another number of values.
        """
        if not self.built:
            raise ValueError(
                f"The optimizer {self.name!r} must know the variables before `stateless_apply`: call "
                "`optimizer.build(model.trainable_variables)`."
            )
        own, others = list(self.variables), list(self._trainable_variables)
        if (len(optimizer_variables), len(trainable_variables)) != (len(own), len(others)):
            raise ValueError(
                f"`stateless_apply` of {self.name!r} takes {len(own)} values of the optimizer and {len(others)} of the "
                f"model. Received: {len(optimizer_variables)} and {len(trainable_variables)}"
            )
        variables, given = [*others, *own], [*trainable_variables, *optimizer_variables]
        # Copies first: the values given may be those of the variables.
        given, kept = [_value(item) for item in given], [_value(item) for item in variables]
        try:
            _assign(variables, given)
            self.apply(grads)
            after = [_value(item) for item in variables]
        finally:
            _assign(variables, kept)
        return after[: len(others)], after[len(others) :]


def _value(item: Any) -> torch.Tensor:
    value = item.value if isinstance(item, VariableMethods) else torch.as_tensor(item)  # type: ignore[attr-defined]
    return value.detach().clone()


def _assign(variables: list[Any], values: list[torch.Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        if isinstance(variable, VariableMethods):
            variable.assign(value)
        else:
            variable.data.copy_(value)
