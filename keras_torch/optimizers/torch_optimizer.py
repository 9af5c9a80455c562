"""Any `torch.optim` optimizer in Keras's clothes."""

from __future__ import annotations

import functools
from typing import Any

import torch

from keras_torch.optimizers import state
from keras_torch.optimizers.base import Optimizer
from keras_torch.optimizers.state import Slot


class TorchOptimizer(Optimizer):
    """Front of a torch optimizer: an instance, or a class (or function of the parameters) with its arguments.

    `compile(optimizer=torch.optim.AdamW(model.parameters()))`, `compile(optimizer=torch.optim.AdamW)` and
    `compile(optimizer=functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9))` make one.
    The learning rate is that of the first parameter group; a torch scheduler on an instance may change it
    (`LambdaCallback(on_epoch_end=lambda epoch, logs: scheduler.step())`), and so may Keras's callbacks, which set it
    in all groups. TypeError for what is no optimizer; ValueError for LBFGS, which computes a loss several times.
    """

    _has_classic_config = False
    _owns_state = False

    _counters = (*Optimizer._counters, "_seen_rate", "_group_rate")

    def __new__(cls, optimizer: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return an optimizer of Keras as it is: those of `tf.train`, for which Keras 2 had `TFOptimizer`, are."""
        return optimizer if isinstance(optimizer, Optimizer) else super().__new__(cls)

    def __init__(
        self,
        optimizer: Any,
        learning_rate: float | None = None,
        **kwargs: Any,
    ) -> None:
        own = {key: value for key, value in kwargs.items() if key in _FACADE}
        self.options = {key: value for key, value in kwargs.items() if key not in _FACADE}
        if isinstance(optimizer, functools.partial) and not optimizer.args:
            optimizer, self.options = optimizer.func, {**optimizer.keywords, **self.options}
        _check(optimizer)
        if learning_rate is not None:
            self.options["lr"] = float(learning_rate)
        held = optimizer if isinstance(optimizer, torch.optim.Optimizer) else None
        if held is not None and self.options:
            raise ValueError(
                f"A torch optimizer that is already made keeps its own settings. Received: {self.options}. Set them on "
                "the torch optimizer, or pass its class."
            )
        kind = optimizer if held is None else type(held)
        start = self.options.get("lr", 0.001) if held is None else held.param_groups[0]["lr"]
        own.setdefault("name", getattr(kind, "__name__", "torch_optimizer"))
        super().__init__(learning_rate=float(start), **own)
        self._takes_parts = getattr(kind, "__name__", "") not in _OF_WHOLES
        self._factory: Any = optimizer if held is None else None
        self.torch_optimizer = held
        self._seen_rate = float(self._learning_rate)

    def _build_torch_optimizer(self, params: list[torch.Tensor]) -> None:
        if self.torch_optimizer is None:
            self.torch_optimizer = self._factory(params, **self.options)
            rate = self.torch_optimizer.param_groups[0]["lr"]
            if "lr" not in self.options and float(self._learning_rate) == self._seen_rate:
                self._learning_rate.assign(float(rate))
                self._seen_rate = float(self._learning_rate)
            return
        held = {id(param) for group in self.torch_optimizer.param_groups for param in group["params"]}
        missing = [
            state.path_of(self._trainable_variables[owner], owner)
            for param, owner in zip(self._params, self._owners, strict=True)
            if id(param) not in held
        ]
        if missing and self._factory is None:
            raise ValueError(
                f"The {self.name} optimizer from torch does not hold the variables {missing}. Make it from "
                "`model.parameters()` after the model is built, or pass its class, as in `optimizer=torch.optim.Adam`."
            )
        if missing:
            self.torch_optimizer.add_param_group({"params": [p for p in params if id(p) not in held]})

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the first parameter group, as a variable."""
        self._read_rate()
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._learning_rate.assign(value)

    def _read_rate(self) -> None:
        """Take over a rate that was changed on the torch side, unless it was changed on Keras's side."""
        if self.torch_optimizer is None or float(self._learning_rate) != self._seen_rate:
            return
        rate = float(self.torch_optimizer.param_groups[0]["lr"])
        if rate != self._group_rate:
            self._learning_rate.assign(rate)
            self._group_rate = rate
            self._seen_rate = float(self._learning_rate)

    _group_rate: float | None = None

    def _rate(self) -> float:
        self._read_rate()
        return super()._rate()

    def _configure(self, group: dict[str, Any], rate: float, step: int) -> None:
        current = float(self._learning_rate)
        if current != self._seen_rate or self.decay:
            for each in self.torch_optimizer.param_groups:  # type: ignore[union-attr]
                each["lr"] = rate
            self._seen_rate, self._group_rate = current, rate

    def _set_step(self, step: int) -> None:
        """torch counts for itself."""

    def _slot_groups(self, layout: str) -> list[list[Slot]]:
        held = self.torch_optimizer.state.values() if self.torch_optimizer is not None else ()
        keys: dict[str, None] = {}
        for entry in held:
            keys.update((k, None) for k, v in entry.items() if isinstance(v, torch.Tensor) and v.dim() > 0)
        return [[Slot(key, key, key) for key in keys]] if keys else []

    def get_config(self) -> dict[str, Any]:
        """Return the settings: the name of torch's class and its arguments."""
        if self.torch_optimizer is not None:
            kind, options = type(self.torch_optimizer).__name__, dict(self.torch_optimizer.defaults)
        else:
            kind, options = getattr(self._factory, "__name__", repr(self._factory)), dict(self.options)
        plain = {k: v for k, v in options.items() if isinstance(v, (bool, int, float, str, tuple, type(None)))}
        settings = {key: value for key, value in super().get_config().items() if key in _FACADE}
        plain.pop("lr", None)
        return {**settings, "optimizer": kind, "learning_rate": float(self.learning_rate), **plain}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> TorchOptimizer:
        """Make the front of a new optimizer of a class in `torch.optim`."""
        config = dict(config)
        name = config.pop("optimizer")
        found = (custom_objects or {}).get(name) or getattr(torch.optim, str(name), None)
        if not (isinstance(found, type) and issubclass(found, torch.optim.Optimizer)):
            raise ValueError(f"Unknown optimizer class of torch.optim. Received: {name!r}")
        return cls(found, **config)


def _check(optimizer: Any) -> None:
    if not isinstance(optimizer, torch.optim.Optimizer) and not callable(optimizer):
        raise TypeError(
            "`optimizer` of TorchOptimizer must be an optimizer of torch, its class, or a function of the parameters "
            f"that returns one. Received: {optimizer!r} of type {type(optimizer).__name__}"
        )
    kind = optimizer if isinstance(optimizer, type) else type(optimizer)
    if issubclass(kind, torch.optim.LBFGS):
        raise ValueError(
            "torch.optim.LBFGS computes the loss several times in a step, which `fit` does not. Received: "
            f"optimizer={optimizer!r}. Call its `step(closure)` in a loop of your own, or take another optimizer."
        )


# Optimizers of torch that look at rows, columns or singular values of a weight.
_OF_WHOLES = ("Adafactor", "Muon")
# Arguments of the facade that torch optimizers do not have; `weight_decay` and the learning rate are torch's own.
_FACADE = (
    "name",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "decay",
)
