"""`StatelessScope`: variables have other values for a while."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

# The scopes that are open, outermost first; assigning to a variable tells the innermost.
active: list[StatelessScope] = []


class StatelessScope:
    """A context in which variables have the values of `state_mapping`, pairs (variable, value), and keep none.

    What is assigned inside is undone at the end; `get_current_value` tells it, inside and afterwards. The values are
    written into the variables: for gradients with respect to them use `layer.stateless_call` with `torch.func.grad`.
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Any, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        if collect_losses:
            raise NotImplementedError(
                "`StatelessScope` collects no losses. Use `layer.stateless_call(..., return_losses=True)`. "
                "Received: collect_losses=True"
            )
        self._given = list(state_mapping or ())
        for item in self._given:
            if not isinstance(item, tuple) or len(item) != 2 or not hasattr(item[0], "assign"):
                raise ValueError(f"`state_mapping` must hold pairs (variable, value). Received: {item!r}")
        # id -> variable, its value outside, its value inside (None while the scope is open).
        self._kept: dict[int, tuple[Any, torch.Tensor, torch.Tensor | None]] = {}

    def note(self, variable: Any) -> None:
        """Remember the value of a variable that is about to change."""
        if id(variable) not in self._kept:
            self._kept[id(variable)] = (variable, variable.value.detach().clone(), None)

    def add_update(self, update: tuple[Any, Any]) -> None:
        """Give a variable, first of a pair, the value that is second."""
        update[0].assign(update[1])

    def get_current_value(self, variable: Any) -> torch.Tensor | None:
        """Return the value that a variable has, or had at the end of the scope; None if it never got one."""
        if id(variable) not in self._kept:
            return None
        inside = self._kept[id(variable)][2]
        return variable.value.detach().clone() if inside is None else inside

    def __enter__(self) -> StatelessScope:
        active.append(self)
        for variable, value in self._given:
            variable.assign(value)
        return self

    def __exit__(self, *exc: object) -> None:
        active.remove(self)
        for key, (variable, outside, _) in list(self._kept.items()):
            self._kept[key] = (variable, outside, variable.value.detach().clone())
            variable.assign(outside)
