"""Sums over many batches: float32 variables to look at, exact while nobody does."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch import checkpoint
from keras_torch.backend.variable import Variable


def wide_dtype(device: torch.device) -> torch.dtype:
    """Return the type in which sums run: float64, which only Apple's GPUs lack."""
    return torch.float32 if device.type == "mps" else torch.float64


class RunningSum:
    """A sum of which a state variable shows the float32 value.

    float32 counts no further than 2**24. So amounts are added in float64, numbers known to Python in Python, and
    reach the variable when somebody looks at it; the result of a metric does not look.
    """

    def __init__(self, variable: Variable) -> None:
        self._variable = variable
        self._pending: torch.Tensor | None = None
        self._number: float = 0
        # Whether the variable may hold something: a start value, what was written for a look, or the user's own.
        self._seen = True

    def add(self, amount: torch.Tensor, factor: float = 1) -> None:
        """Add `factor * amount`, a tensor of the shape of the variable, which moves to the amount's device."""
        pending = self._pending
        if pending is None or pending.device != amount.device:
            pending = self._new_pending(amount)
        pending.add_(amount, alpha=factor) if factor != 1 else pending.add_(amount)

    def _new_pending(self, amount: torch.Tensor) -> torch.Tensor:
        variable = self._variable if self._pending is None else self.settled()
        if variable.device != amount.device:
            variable.data = variable.data.to(amount.device)
        with torch.inference_mode(False):
            shape = self._variable.shape
            self._pending = torch.zeros(shape, dtype=wide_dtype(amount.device), device=amount.device)
        return self._pending

    def add_number(self, number: float) -> None:
        """Add a number to a sum of shape `()` without touching the device."""
        if torch.compiler.is_compiling():
            # torch.compile would compile anew for each value of the number
            self.add(torch.full((), number, dtype=torch.float64, device=self._variable.device))
        else:
            self._number += number

    def value(self) -> Any:
        """Return the sum in float64 where there is a tensor to it, else as a Python number."""
        total: Any = self._number
        if self._pending is not None:
            total = self._pending + total if total else self._pending
        if self._seen:
            total = self._variable.detach().to(wide_dtype(self._variable.device)) + total
        return total

    def tensor(self) -> torch.Tensor:
        """Return the sum in the type of the variable, as a tensor of its own."""
        value = self.value()
        if isinstance(value, torch.Tensor):
            return value.to(self._variable.dtype, copy=True)
        return torch.full_like(self._variable.detach(), value)

    def settled(self) -> Variable:
        """Return the variable with everything in it."""
        with torch.no_grad():
            if self._pending is not None or self._number:
                self._variable.copy_(self.tensor())
        self._pending, self._number, self._seen = None, 0, True
        return self._variable

    @property
    def variable(self) -> Variable:
        """The variable that shows the sum, as it is."""
        return self._variable

    def replace(self, value: torch.Tensor) -> None:
        """Set the sum, without rounding it."""
        device = self._variable.device if self._pending is None else self._pending.device
        self._pending = value.to(device, wide_dtype(device), copy=True).view(self._variable.shape)
        self._number, self._seen = 0, False

    def state_dict(self) -> dict[str, Any]:
        """Return the sum exactly, as plain data, without looking."""
        return checkpoint.attributes(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to what `state_dict` returned."""
        checkpoint.set_attributes(self, state)

    def clear(self) -> None:
        """Start anew with 0."""
        self._pending, self._number = None, 0
        if self._seen:
            self._variable.detach().zero_()
            self._seen = False


class Running:
    """Attribute of a metric that holds a `RunningSum` and reads as its variable: `total = Running()`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __set__(self, metric: Any, variable: Variable) -> None:
        metric.running[self.name] = RunningSum(variable)

    def __get__(self, metric: Any, owner: type) -> Any:
        if metric is None:
            return self
        sums = metric.running
        if self.name not in sums:
            raise AttributeError(f"{type(metric).__name__!r} object has no attribute {self.name!r}")
        return sums[self.name].settled()
