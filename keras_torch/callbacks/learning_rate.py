"""Callbacks that change the learning rate."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend.variable import Variable
from keras_torch.callbacks.arguments import check_numbers
from keras_torch.callbacks.base import Callback
from keras_torch.callbacks.monitor import MonitorCallback, patience_start
from keras_torch.callbacks.output import print_message


def log_name() -> str:
    """Return the name of the learning rate in logs: `lr` in Keras 1, 2 and tf.keras. Both names answer on lookup."""
    return "lr" if config.dialect() in ("1", "2", "tf") else "learning_rate"


def _rate_attribute(optimizer: Any) -> str:
    """Return the attribute that holds the rate: optimizers that do not derive from ours may know the old name only."""
    return "learning_rate" if hasattr(optimizer, "learning_rate") else "lr"


def _optimizers(model: Any) -> list[Any]:
    """Return the optimizers that have a rate: those of a MultiOptimizer, else the model's own."""
    return list(getattr(model.optimizer, "optimizers", ())) or [model.optimizer]


def _log_rates(model: Any, logs: dict[str, Any], owner: str) -> None:
    """Enter the learning rate into logs, with the optimizer's name where there are several."""
    several = hasattr(model.optimizer, "optimizers")
    for optimizer in _optimizers(model):
        logs[f"learning_rate_{optimizer.name}" if several else log_name()] = _learning_rate(optimizer, owner)


def _label(model: Any, optimizer: Any) -> str:
    return f"{optimizer.name} learning rate" if hasattr(model.optimizer, "optimizers") else "learning rate"


def _set_learning_rate(optimizer: Any, rate: float) -> None:
    name = _rate_attribute(optimizer)
    current = getattr(optimizer, name, None)
    if isinstance(current, Variable):
        current.assign(rate)
    else:
        setattr(optimizer, name, rate)


def _learning_rate(optimizer: Any, owner: str) -> float:
    rate = getattr(optimizer, _rate_attribute(optimizer), None)
    try:
        return float(rate.detach() if isinstance(rate, torch.Tensor) else rate)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{owner} needs an optimizer whose `learning_rate` is a number; a schedule cannot be changed from outside. "
            f"Received: {type(optimizer).__name__} with learning_rate={rate!r}"
        ) from error


class LearningRateScheduler(Callback):
    """Sets the learning rate at the start of each epoch to `schedule(epoch, learning_rate)` or `schedule(epoch)`.

    In dialect "1" a schedule is called with the epoch alone. `verbose=1` reports each value.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise ValueError(f"`schedule` of LearningRateScheduler must be a function. Received: {schedule!r}")
        self.schedule = schedule
        self.verbose = verbose
        self._takes_rate = config.dialect() != "1" and _accepts_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        for optimizer in _optimizers(self.model):
            self._set(optimizer, epoch)

    def _set(self, optimizer: Any, epoch: int) -> None:
        current = _learning_rate(optimizer, "LearningRateScheduler")
        rate = self.schedule(epoch, current) if self._takes_rate else self.schedule(epoch)
        is_number = isinstance(rate, (numbers.Real, np.floating)) and not isinstance(rate, bool)
        if not is_number and not (isinstance(rate, (torch.Tensor, np.ndarray)) and rate.ndim == 0):
            raise ValueError(
                f"The `schedule` of LearningRateScheduler must return a float. Received: {rate!r} for epoch {epoch}"
            )
        _set_learning_rate(optimizer, float(rate))
        if self.verbose > 0:
            label = _label(self.model, optimizer)
            print_message(f"\nEpoch {epoch + 1}: LearningRateScheduler setting {label} to {rate}.")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            _log_rates(self.model, logs, "LearningRateScheduler")


def _accepts_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:
        # A builtin without a signature: Keras offers both arguments first.
        return True
    return True


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` when a metric has not improved for `patience` epochs.

    Args:
        monitor: Name in the logs; `acc` and `accuracy` both answer.
        factor: Less than 1.
        patience: Epochs without improvement before a reduction.
        verbose: 1 reports reductions.
        mode: `"min"`, `"max"` or `"auto"` (by the name, or by what the compiled metric says).
        min_delta: Smallest change that counts as an improvement.
        cooldown: Epochs to wait after a reduction before counting again.
        min_lr: Lower bound of the learning rate.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        check_numbers(
            "ReduceLROnPlateau", factor=factor, patience=patience, min_delta=min_delta, cooldown=cooldown, min_lr=min_lr
        )
        if factor >= 1.0:
            raise ValueError(f"`factor` of ReduceLROnPlateau must be less than 1. Received: {factor!r}")
        super().__init__(monitor, mode)
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.min_delta = min_delta
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._reset()

    def _reset(self) -> None:
        self.best = self._worst()
        self.cooldown_counter = 0
        self.wait = patience_start()

    def _is_improvement(self, value: Any, best: Any) -> bool:
        """Return whether `value` beats `best` by `min_delta`."""
        return bool(value < best - self.min_delta if self._less_is_better else value > best + self.min_delta)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            _log_rates(self.model, logs, "ReduceLROnPlateau")
        self._settle()
        current = self._monitored(logs)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = patience_start()
        if self._is_improvement(current, self.best):
            self.best = current
            self.wait = patience_start()
        elif not self.in_cooldown():
            self.wait += 1
            reduced = (
                [self._reduce(epoch, each) for each in _optimizers(self.model)] if self.wait >= self.patience else []
            )
            if any(reduced):
                self.cooldown_counter = self.cooldown
                self.wait = 0

    def _reduce(self, epoch: int, optimizer: Any) -> bool:
        """Lower the rate of an optimizer, unless it is at its minimum; return whether it was lowered."""
        rate = _learning_rate(optimizer, "ReduceLROnPlateau")
        if rate <= np.float32(self.min_lr):
            return False
        new_rate = max(rate * self.factor, self.min_lr)
        _set_learning_rate(optimizer, new_rate)
        if self.verbose > 0:
            label = _label(self.model, optimizer)
            print_message(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing {label} to {new_rate}.")
        return True

    def in_cooldown(self) -> bool:
        """Whether a recent reduction still suspends counting."""
        return self.cooldown_counter > 0
