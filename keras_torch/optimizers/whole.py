"""Optimizers that look at a variable as a whole, in Keras's layout: Lamb, Adafactor and Muon."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch

from keras_torch.optimizers import state, torch_whole
from keras_torch.optimizers.adam import Moments
from keras_torch.optimizers.base import Optimizer
from keras_torch.optimizers.state import Slot


class _Whole(Optimizer):
    """Tells the torch optimizer which variables stand behind its parameters."""

    torch_optimizer: torch_whole.WholeVariables | None
    _takes_parts = False

    def _build_torch_optimizer(self, params: list[torch.Tensor]) -> None:
        if self.torch_optimizer is None:
            self.torch_optimizer = self._make_torch_optimizer(params)
        else:
            self.torch_optimizer.param_groups[0]["params"] += params
        self._tell_variables()
        for param in params:
            self.torch_optimizer.state[param] = self._initial_state(param)

    def _make_torch_optimizer(self, params: list[torch.Tensor]) -> torch_whole.WholeVariables:
        raise NotImplementedError(f"{type(self).__name__} must define `_make_torch_optimizer(params)`.")

    def _tell_variables(self) -> None:
        owners = zip(self._params, self._owners, strict=True)
        self.torch_optimizer.variables = {param: self._trainable_variables[owner] for param, owner in owners}  # type: ignore[union-attr]

    def _initial_state(self, param: torch.Tensor) -> dict[str, Any]:
        return self.torch_optimizer.new_state(param, self.torch_optimizer.param_groups[0])  # type: ignore[union-attr]

    def _configure(self, group: dict[str, Any], rate: float, step: int) -> None:
        # A copy of a torch optimizer has lost all but its state and groups.
        if not self.torch_optimizer.variables:  # type: ignore[union-attr]
            self._tell_variables()
        group["lr"] = rate
        group["step"] = step - 1


class Lamb(Moments, _Whole):
    """Adam with steps scaled to the norm of each variable, for large batches (You et al., arXiv:1904.00962)."""

    slots = (Slot("exp_avg", "momentum", "momentum"), Slot("exp_avg_sq", "velocity", "velocity"))

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def _make_torch_optimizer(self, params: list[torch.Tensor]) -> torch_whole.WholeVariables:
        return torch_whole.Lamb(params)

    def _configure(self, group: dict[str, Any], rate: float, step: int) -> None:
        super()._configure(group, rate, step)
        group["betas"] = (self.beta_1, self.beta_2)
        group["eps"] = self.epsilon


class _FactorVariable(state.SlotVariable):
    """A handle on state that Adafactor keeps in Keras's layout, or in a smaller shape than the variable's."""

    def _entry(self) -> dict[str, torch.Tensor]:
        held = self._optimizer.torch_optimizer.state  # type: ignore[union-attr]
        return next((held[s] for s in state.storages(self._variable) if s in held), {})

    @property
    def value(self) -> torch.Tensor:
        """The factor; 0 for variables that are not factored. The second moment of others is made of its factors."""
        entry, key = self._entry(), self._slot.key
        if key == "square" and "row" in entry:
            return torch_whole.factored(entry["row"], entry["column"]).nan_to_num(0.0)
        return entry[key] if key in entry else torch.zeros(())

    @property
    def shape(self) -> torch.Size:
        """Shape of the factor."""
        return self.value.shape

    def _write(self, value: torch.Tensor) -> None:
        held = self._entry().get(self._slot.key)
        if held is not None:
            held.copy_(value)


class Adafactor(_Whole):
    """Adam's second moment kept as means over rows and columns, by `torch_whole.Adafactor` (arXiv:1804.04235).

    The rate is at most `1 / sqrt(step)` and scales with the size of each variable. `relative_step` asks for that
    limit too, which holds anyway, as in Keras. The last two axes in Keras's layout are factored; 2.15 failed with
    more than two.
    """

    slots = (Slot("row", "r", ""), Slot("column", "c", ""), Slot("square", "v", "velocity"))

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def _make_torch_optimizer(self, params: list[torch.Tensor]) -> torch_whole.WholeVariables:
        return torch_whole.Adafactor(params)

    def _configure(self, group: dict[str, Any], rate: float, step: int) -> None:
        super()._configure(group, rate, step)
        group["beta_2_decay"] = self.beta_2_decay
        group["eps"] = (self.epsilon_1, self.epsilon_2)
        group["clip_threshold"] = self.clip_threshold

    def _slot_handle(self, slot: Slot, index: int, name: str, layout: str) -> state.SlotVariable:
        if slot not in self.slots:
            return super()._slot_handle(slot, index, name, layout)
        if slot.key != "square" and layout == "3":
            # Keras 3 calls the factors like the weight itself, without its layer.
            variable = self._trainable_variables[index]
            short = state.path_of(variable, index).rpartition("/")[2]
            name = f"{self.name}/{short}" if len(variable.shape) > 1 else short
        return _FactorVariable(self, slot, index, name)

    def _has_slot(self, slot: Slot, index: int, layout: str) -> bool:
        # Keras 3 lists the unused factors of vectors, two zeros, before 2.15's list has none.
        return layout == "3" or slot not in self.slots[:2] or len(self._trainable_variables[index].shape) > 1

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class Muon(_Whole):
    """Orthogonal steps for matrices, AdamW for all else, by `torch_whole.Muon` (Jordan et al. 2024).

    AdamW, with `adam_*` and `learning_rate * adam_lr_ratio`, also updates matrices that have "embedding" in their path
    (unless `exclude_embeddings` is False) or match one of the patterns in `exclude_layers`, which should name the
    output layer. `rms_rate` scales steps to those of Adam (arXiv:2502.16982); None leaves it out.
    """

    slots = (Slot("momentum_buffer", "momentum", "momentum"), Slot("exp_avg_sq", "velocity", "velocity"))

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        if isinstance(exclude_layers, str):
            raise ValueError(
                f"`exclude_layers` of Muon must be a list of patterns of layer names. Received: {exclude_layers!r}. "
                f"Pass [{exclude_layers!r}]."
            )
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        self.exclude_layers = list(exclude_layers or [])
        self.exclude_embeddings = exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate

    def _should_use_adamw(self, variable: Any) -> bool:
        """Whether AdamW updates a variable; subclasses may decide otherwise, as in Keras."""
        if len(variable.shape) != 2:
            return True
        path = state.path_of(variable, 0)
        if self.exclude_embeddings and "embedding" in path.lower():
            return True
        return any(re.search(pattern, path) for pattern in self.exclude_layers)

    def _make_torch_optimizer(self, params: list[torch.Tensor]) -> torch_whole.WholeVariables:
        return torch_whole.Muon(params)

    def _tell_variables(self) -> None:
        super()._tell_variables()
        optimizer: Any = self.torch_optimizer
        optimizer.plain = {p for p, variable in optimizer.variables.items() if self._should_use_adamw(variable)}

    def _configure(self, group: dict[str, Any], rate: float, step: int) -> None:
        super()._configure(group, rate, step)
        group["adam_lr"] = rate * self.adam_lr_ratio
        group["betas"] = (self.adam_beta_1, self.adam_beta_2)
        group["eps"] = self.epsilon
        group["ns_coefficients"] = (self.muon_a, self.muon_b, self.muon_c)
        for key in ("momentum", "nesterov", "ns_steps", "rms_rate"):
            group[key] = getattr(self, key)

    def _has_slot(self, slot: Slot, index: int, layout: str) -> bool:
        return slot.key != "exp_avg_sq" or self._should_use_adamw(self._trainable_variables[index])

    def _decays_here(self) -> bool:
        return bool(self.weight_decay or self.adam_weight_decay)

    def _decay_weights(self, chosen: Sequence[int], rate: float) -> None:
        for by_adamw, factor in ((False, self.weight_decay), (True, self.adam_weight_decay)):
            variables = self._trainable_variables
            group = [i for i in chosen if self._should_use_adamw(variables[self._owners[i]]) is by_adamw]
            self._scale_weights(group, factor, rate)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = (
            *("adam_beta_1", "adam_beta_2", "epsilon", "exclude_layers", "muon_a", "muon_b", "muon_c"),
            *("adam_lr_ratio", "momentum", "ns_steps", "nesterov", "exclude_embeddings", "adam_weight_decay"),
            "rms_rate",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
