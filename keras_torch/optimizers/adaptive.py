"""Optimizers that scale each weight's step by the size of its past gradients."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch import config
from keras_torch.optimizers import kernels, torch_impl
from keras_torch.optimizers.base import Optimizer
from keras_torch.optimizers.devices import fused, step_count
from keras_torch.optimizers.state import Slot


def _known(settings: dict[str, Any]) -> dict[str, Any]:
    """Leave out, in dialects 1 and 2, what Keras did not have then, unless it is used."""
    return {key: value for key, value in settings.items() if value} if config.is_classic() else settings


class RMSprop(Optimizer):
    """Steps divided by a running root mean square of the gradients (Hinton 2012).

    The update is `torch_impl.RMSprop`: `g / sqrt(v + epsilon)`, in dialects 1 and 2 `g / (sqrt(v) + epsilon)`.
    """

    slots = (
        Slot("square_avg", "velocity", "velocity", "rms"),
        Slot("momentum_buffer", "momentum", "momentum", "momentum"),
        Slot("grad_avg", "average_gradient", "average_gradient", "mg"),
    )
    _counts_in_keras_2 = False

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float | None = 1e-7,
        centered: bool = False,
        ema_overwrite_frequency: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, ema_overwrite_frequency=ema_overwrite_frequency, **kwargs)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = config.epsilon() if epsilon is None else epsilon
        self.centered = centered
        self._eps_outside = config.is_classic()

    def _make_torch_optimizer(self, params: list[torch.Tensor]) -> torch_impl.RMSprop:
        return torch_impl.RMSprop(params, momentum=self.momentum, centered=self.centered, eps_outside=self._eps_outside)

    def _initial_state(self, param: torch.Tensor) -> dict[str, Any]:
        return {slot.key: torch.zeros_like(param) for slot in self._used_slots()}

    def _used_slots(self) -> list[Slot]:
        used = (True, self.momentum > 0, self.centered)
        return [slot for slot, flag in zip(self.slots, used, strict=True) if flag]

    def _slot_groups(self, layout: str) -> list[list[Slot]]:
        return [[slot] for slot in self._used_slots()]

    def _configure(self, group: dict[str, Any], rate: float, step: int) -> None:
        group["lr"] = rate
        group["rho"] = self.rho
        group["momentum"] = self.momentum
        group["eps"] = self.epsilon

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon, "centered": self.centered}
        return {**super().get_config(), **_known(own)}


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients, by `torch.optim.Adagrad` (Duchi et al. 2011).

    Keras adds epsilon under the root: torch's sum starts at `initial_accumulator_value + epsilon` and its own epsilon
    is 0. In dialects 1 and 2 epsilon stands beside the root, as in torch.
    """

    slots = (Slot("sum", "accumulator", "accumulator", "accumulator"),)
    _kernel = staticmethod(kernels.step_of(torch.optim.Adagrad))
    _counts_in_keras_2 = False

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float | None = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = config.epsilon() if epsilon is None else epsilon
        self._eps_in_sum = 0.0 if config.is_classic() else self.epsilon

    def _make_torch_optimizer(self, params: list[torch.Tensor]) -> torch.optim.Optimizer:
        chosen = fused(params, ("cpu",))
        eps = 0.0 if self._eps_in_sum else self.epsilon
        start = self.initial_accumulator_value + self._eps_in_sum
        return kernels.Adagrad(params, eps=eps, initial_accumulator_value=start, **chosen)

    def _initial_state(self, param: torch.Tensor) -> dict[str, Any]:
        defaults = self.torch_optimizer.defaults  # type: ignore[union-attr]
        start = torch.full_like(param, defaults["initial_accumulator_value"])
        return {"step": step_count(param, defaults), "sum": start}

    def _read_slot(self, key: str, param: torch.Tensor) -> torch.Tensor | None:
        found = super()._read_slot(key, param)
        return (found - self._eps_in_sum).clamp_(min=0.0) if key == "sum" and found is not None else found

    def _write_slot(self, key: str, param: torch.Tensor, value: torch.Tensor) -> None:
        super()._write_slot(key, param, value + self._eps_in_sum if key == "sum" else value)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon}
        return {**super().get_config(), **_known(own)}


class Adadelta(Optimizer):
    """Steps scaled by the ratio of past steps to past gradients, by `torch.optim.Adadelta` (arXiv:1212.5701)."""

    slots = (
        Slot("square_avg", "accumulated_grad", "accumulated_grad", "accum_grad"),
        Slot("acc_delta", "accumulated_delta_var", "accumulated_delta_var", "accum_var"),
    )
    _kernel = staticmethod(kernels.step_of(torch.optim.Adadelta))
    _counts_in_keras_2 = False

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float | None = 1e-7, **kwargs: Any
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.rho = rho
        self.epsilon = config.epsilon() if epsilon is None else epsilon

    def _make_torch_optimizer(self, params: list[torch.Tensor]) -> torch.optim.Optimizer:
        return kernels.Adadelta(params, foreach=True)

    def _initial_state(self, param: torch.Tensor) -> dict[str, Any]:
        return {"step": torch.zeros((), device="cpu"), **{slot.key: torch.zeros_like(param) for slot in self.slots}}

    def _configure(self, group: dict[str, Any], rate: float, step: int) -> None:
        group["lr"] = rate
        group["rho"] = self.rho
        group["eps"] = self.epsilon

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}
