"""Lion and Ftrl."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch.optimizers import torch_impl
from keras_torch.optimizers.base import Optimizer
from keras_torch.optimizers.state import Slot


class Lion(Optimizer):
    """Steps of one size along the sign of an interpolated gradient, by `torch_impl.Lion` (arXiv:2302.06675)."""

    slots = (Slot("exp_avg", "m", "momentum"),)

    def __init__(self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        if not 0 < beta_1 <= 1:
            raise ValueError(
                "`beta_1` of Lion must be above 0 (at 0 only the sign of the last gradient counts) and at most 1. "
                f"Received: {beta_1!r}"
            )
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def _make_torch_optimizer(self, params: list[torch.Tensor]) -> torch.optim.Optimizer:
        return torch_impl.Lion(params)

    def _initial_state(self, param: torch.Tensor) -> dict[str, Any]:
        return {"exp_avg": torch.zeros_like(param)}

    def _configure(self, group: dict[str, Any], rate: float, step: int) -> None:
        group["lr"] = rate
        group["betas"] = (self.beta_1, self.beta_2)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}


class Ftrl(Optimizer):
    """Follow the regularized leader, for sparse linear models, by `torch_impl.Ftrl` (McMahan et al. 2013)."""

    slots = (Slot("accumulator", "accumulator", "accumulator"), Slot("linear", "linear", "linear"))

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        if learning_rate_power > 0:
            raise ValueError(f"`learning_rate_power` of Ftrl must not be positive. Received: {learning_rate_power!r}")
        for key, value in self._settings().items():
            if key not in ("learning_rate_power", "beta") and value < 0:
                raise ValueError(f"`{key}` of Ftrl must not be negative. Received: {value!r}")

    def _settings(self) -> dict[str, Any]:
        names = (
            "learning_rate_power",
            "initial_accumulator_value",
            "l1_regularization_strength",
            "l2_regularization_strength",
            "l2_shrinkage_regularization_strength",
            "beta",
        )
        return {name: getattr(self, name) for name in names}

    def _make_torch_optimizer(self, params: list[torch.Tensor]) -> torch.optim.Optimizer:
        return torch_impl.Ftrl(
            params,
            lr_power=self.learning_rate_power,
            initial_accumulator_value=self.initial_accumulator_value,
            l1=self.l1_regularization_strength,
            l2=self.l2_regularization_strength,
            l2_shrinkage=self.l2_shrinkage_regularization_strength,
            beta=self.beta,
        )

    def _initial_state(self, param: torch.Tensor) -> dict[str, Any]:
        start = torch.full_like(param, self.initial_accumulator_value)
        return {"accumulator": start, "linear": torch.zeros_like(param)}

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), **self._settings()}
