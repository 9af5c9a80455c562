"""Adam and its relatives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.optimizers import kernels, torch_impl
from keras_torch.optimizers.base import Optimizer
from keras_torch.optimizers.devices import fused, step_count
from keras_torch.optimizers.state import ScalarState, Slot


class Moments(Optimizer):
    """What the relatives of Adam share: two decay rates and epsilon."""

    def __init__(self, learning_rate: Any, beta_1: float, beta_2: float, epsilon: float | None, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = config.epsilon() if epsilon is None else epsilon

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


class Adam(Moments):
    """Adam, with `amsgrad` as an option, by `torch.optim.Adam` (Kingma & Ba, arXiv:1412.6980).

    Keras adds epsilon to the root of the uncorrected second moment, torch to that of the corrected one: dividing
    epsilon by `sqrt(1 - beta_2 ** step)` in each step makes them the same.
    """

    slots = (
        Slot("exp_avg", "m", "momentum", "m"),
        Slot("exp_avg_sq", "v", "velocity", "v"),
        Slot("max_exp_avg_sq", "vhat", "velocity_hat", "vhat"),
    )
    _kernel = staticmethod(kernels.adam)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.amsgrad = amsgrad

    def _make_torch_optimizer(self, params: list[torch.Tensor]) -> torch.optim.Optimizer:
        kind = kernels.AdamW if self.weight_decay else kernels.Adam
        return kind(params, weight_decay=0.0, amsgrad=self.amsgrad, **fused(params))

    def _initial_state(self, param: torch.Tensor) -> dict[str, Any]:
        state = {"step": step_count(param, self.torch_optimizer.defaults)}  # type: ignore[union-attr]
        for slot in self.slots if self.amsgrad else self.slots[:2]:
            state[slot.key] = torch.zeros_like(param)
        return state

    def _torch_decays_weights(self) -> bool:
        return all(self._decays)

    def _configure(self, group: dict[str, Any], rate: float, step: int) -> None:
        group["lr"] = rate
        group["betas"] = (self.beta_1, self.beta_2)
        group["eps"] = self.epsilon / math.sqrt(1.0 - self.beta_2**step)
        if self.weight_decay:
            group["weight_decay"] = self.weight_decay if self._torch_decays_weights() else 0.0

    def _slot_groups(self, layout: str) -> list[list[Slot]]:
        first, second, largest = self.slots
        if layout in ("tf", "3"):
            return [[first, second], [largest]] if self.amsgrad else [[first, second]]
        return [[first], [second], [largest]] if self.amsgrad else [[first], [second]]

    def _scalar_states(self, layout: str) -> list[ScalarState]:
        if layout not in ("2", "2.3") or self.amsgrad:
            return []
        count = len(self._trainable_variables)
        return [ScalarState(f"training/{type(self).__name__}/vhat_{i}", _one_zero, _keep_nothing) for i in range(count)]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"amsgrad": self.amsgrad} if self.amsgrad or config.dialect() != "1" else {}
        return {**super().get_config(), **own}


def _one_zero() -> torch.Tensor:
    return torch.zeros(1)


def _keep_nothing(value: float) -> None:
    """Keras 2 stores an unused zero per variable where amsgrad is off."""


class AdamW(Adam):
    """Adam with decoupled weight decay, by `torch.optim.AdamW` (Loshchilov & Hutter, arXiv:1711.05101)."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        if weight_decay is None:
            raise ValueError("`weight_decay` of AdamW must be a number; without decay use Adam. Received: None")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs)


class Adamax(Moments):
    """Adam with the largest gradient seen in place of the second moment (section 7 of arXiv:1412.6980).

    The update is `torch_impl.Adamax`, because torch's own places epsilon elsewhere.
    """

    slots = (Slot("exp_avg", "m", "momentum", "m"), Slot("exp_inf", "u", "norm", "v"))

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def _make_torch_optimizer(self, params: list[torch.Tensor]) -> torch.optim.Optimizer:
        return torch_impl.Adamax(params)

    def _initial_state(self, param: torch.Tensor) -> dict[str, Any]:
        return {slot.key: torch.zeros_like(param) for slot in self.slots}

    def _configure(self, group: dict[str, Any], rate: float, step: int) -> None:
        group["lr"] = rate
        group["betas"] = (self.beta_1, self.beta_2)
        group["eps"] = self.epsilon
        group["step"] = step - 1


class Nadam(Moments):
    """Adam with Nesterov's momentum, by `torch.optim.NAdam` (Dozat 2015).

    torch's `momentum_decay` is the exponent of the momentum schedule, `0.96 ** (step * momentum_decay)`. It is 1 in
    Keras 2.11 and later, and Keras 1's and 2's `schedule_decay`, by default 0.004, before.

    In graph mode Keras 2.15 multiplies its running product of momenta once per variable instead of once per step,
    which alters the first steps; here it is once per step, as in its eager mode and in Keras 3.
    """

    slots = (Slot("exp_avg", "m", "momentum", "m"), Slot("exp_avg_sq", "v", "velocity", "v"))
    _kernel = staticmethod(kernels.step_of(torch.optim.NAdam))
    # Whether the product of momenta came with a restored state: then it is not computed anew from the steps.
    _product_is_given = False
    _counters = (*Optimizer._counters, "_product_is_given")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        schedule_decay: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.schedule_decay = schedule_decay
        classic = 0.004 if config.is_classic() else 1.0
        self._momentum_decay = classic if schedule_decay is None else float(schedule_decay)

    def _make_torch_optimizer(self, params: list[torch.Tensor]) -> torch.optim.Optimizer:
        return kernels.NAdam(params, momentum_decay=self._momentum_decay, foreach=True)

    def _initial_state(self, param: torch.Tensor) -> dict[str, Any]:
        state = {"step": torch.zeros((), device="cpu"), "mu_product": torch.ones((), device="cpu")}
        return {**state, **{slot.key: torch.zeros_like(param) for slot in self.slots}}

    def _configure(self, group: dict[str, Any], rate: float, step: int) -> None:
        group["lr"] = rate
        group["betas"] = (self.beta_1, self.beta_2)
        group["eps"] = self.epsilon

    def _set_step(self, step: int) -> None:
        super()._set_step(step)
        if self._product_is_given:
            self._product_is_given = False
            return
        # In float32, as the steps themselves multiply it.
        product = np.float32(1.0)
        for i in range(1, step + 1):
            product *= np.float32(self.beta_1 * (1.0 - 0.5 * 0.96 ** (i * self._momentum_decay)))
            if product == 0.0:
                break
        self._set_momentum_product(float(product))

    def _momentum_product(self) -> torch.Tensor:
        entries = self.torch_optimizer.state.values() if self.torch_optimizer is not None else ()
        return next((entry["mu_product"].detach().clone() for entry in entries), torch.ones(()))

    def _set_momentum_product(self, product: float) -> None:
        for entry in self.torch_optimizer.state.values():  # type: ignore[union-attr]
            entry["mu_product"].fill_(product)

    def _take_momentum_product(self, product: float) -> None:
        self._set_momentum_product(product)
        self._product_is_given = True

    def _scalar_states(self, layout: str) -> list[ScalarState]:
        if layout not in ("3", "v2"):
            return []
        name = "variable" if layout == "3" else "Nadam/momentum_cache"
        return [ScalarState(name, self._momentum_product, self._take_momentum_product)]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments (`schedule_decay` only if it was given, or in dialects 1 and 2)."""
        decay = self._momentum_decay if config.is_classic() else self.schedule_decay
        found = {**super().get_config(), **({} if decay is None else {"schedule_decay": decay})}
        if not self.decay:
            # Of Keras 1's and 2's optimizers only this one had no `decay`.
            found.pop("decay", None)
        return found


class ScheduleFreeAdamW(Moments):
    """AdamW that needs no schedule, by `torch_impl.ScheduleFreeAdamW` (Defazio et al., arXiv:2405.15682).

    The weights are those that training works with; the rate climbs linearly to its value in `warmup_steps` steps.
    """

    slots = (Slot("z", "momentum", "momentum"), Slot("exp_avg_sq", "velocity", "velocity"))

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-8,
        warmup_steps: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        if not 0 < beta_1 <= 1:
            raise ValueError(
                "`beta_1` of ScheduleFreeAdamW is the share of the mean in the weights: above 0 and at most 1. "
                f"Received: {beta_1!r}"
            )
        self.warmup_steps = warmup_steps

    def _make_torch_optimizer(self, params: list[torch.Tensor]) -> torch.optim.Optimizer:
        return torch_impl.ScheduleFreeAdamW(params)

    def _initial_state(self, param: torch.Tensor) -> dict[str, Any]:
        return {"z": param.detach().clone(), "exp_avg_sq": torch.zeros_like(param)}

    def _configure(self, group: dict[str, Any], rate: float, step: int) -> None:
        group["lr"] = rate * min(step / self.warmup_steps, 1.0) if self.warmup_steps > 0 else rate
        group["betas"] = (self.beta_1, self.beta_2)
        group["eps"] = self.epsilon
        group["step"] = step - 1

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "warmup_steps": self.warmup_steps}
