"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch.optimizers import kernels
from keras_torch.optimizers.base import Optimizer
from keras_torch.optimizers.devices import fused
from keras_torch.optimizers.state import Slot

# Keras's velocity moves on at a rate of 0; torch's buffer, which is velocity / rate, needs a rate to do so.
SMALLEST_RATE = 1e-30


class SGD(Optimizer):
    """Gradient descent with momentum, by `torch.optim.SGD`.

    Keras folds the learning rate into its velocity, `v = momentum * v - rate * g`, so that a new rate does not act
    on old gradients. torch's buffer holds `-v`: it runs at rate 1 with `1 - dampening` as the rate. Nesterov's rule
    allows no dampening; there the buffer is rescaled by `old / new` when the rate changes.
    """

    slots = (Slot("momentum_buffer", "m", "momentum", "momentum"),)
    _kernel = staticmethod(kernels.step_of(torch.optim.SGD))
    _counters = (*Optimizer._counters, "_buffer_rate")

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` of SGD must be a number from 0 to 1. Received: {momentum!r}")
        self.momentum = float(momentum)
        self.nesterov = nesterov
        self._buffer_rate = 1.0

    def _make_torch_optimizer(self, params: list[torch.Tensor]) -> torch.optim.Optimizer:
        nesterov = self.nesterov and self.momentum > 0
        return kernels.SGD(params, lr=1.0, momentum=self.momentum, nesterov=nesterov, **fused(params))

    def _initial_state(self, param: torch.Tensor) -> dict[str, Any]:
        return {"momentum_buffer": torch.zeros_like(param)} if self.momentum else {}

    def _configure(self, group: dict[str, Any], rate: float, step: int) -> None:
        if group["momentum"] != self.momentum:
            self._change_momentum(group)
        if not group["momentum"]:
            group["lr"] = rate
        elif not group["nesterov"]:
            group["dampening"] = 1.0 - rate
        else:
            rate = rate or SMALLEST_RATE
            if rate != self._buffer_rate:
                buffers = list(self._slot_tensors("momentum_buffer").values())
                with torch.no_grad():
                    torch._foreach_mul_(buffers, self._buffer_rate / rate)
                self._buffer_rate = group["lr"] = rate

    def _change_momentum(self, group: dict[str, Any]) -> None:
        """Take over a momentum that was set on the optimizer, as schedules of momentum do."""
        group["momentum"] = self.momentum
        group["nesterov"] = self.nesterov and self.momentum > 0
        held = self.torch_optimizer.state  # type: ignore[union-attr]
        for param in group["params"]:
            for key, value in self._initial_state(param).items():
                held[param].setdefault(key, value)
        if not group["nesterov"]:
            group["lr"] = 1.0

    def _slot_groups(self, layout: str) -> list[list[Slot]]:
        # Keras 3 and the OptimizerV2 classes keep no momentum when it is zero, the others do.
        return [list(self.slots)] if self.momentum or layout not in ("3", "v2") else []

    def _read_slot(self, key: str, param: torch.Tensor) -> torch.Tensor | None:
        found = super()._read_slot(key, param)
        return -self._buffer_rate * found if key == "momentum_buffer" and found is not None else found

    def _write_slot(self, key: str, param: torch.Tensor, value: torch.Tensor) -> None:
        super()._write_slot(key, param, value / -self._buffer_rate if key == "momentum_buffer" else value)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
