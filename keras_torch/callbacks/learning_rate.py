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


def _set_learning_rate(model: Any, rate: float) -> None:
    optimizer = model.optimizer
    name = _rate_attribute(optimizer)
    current = getattr(optimizer, name, None)
    if isinstance(current, Variable):
        current.assign(rate)
    else:
        setattr(optimizer, name, rate)


def _learning_rate(model: Any, owner: str) -> float:
    rate = getattr(model.optimizer, _rate_attribute(model.optimizer), None)
    try:
        return float(rate.detach() if isinstance(rate, torch.Tensor) else rate)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{owner} needs an optimizer whose `learning_rate` is a number; a schedule cannot be changed from outside. "
            f"Received: {type(model.optimizer).__name__} with learning_rate={rate!r}"
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
        current = _learning_rate(self.model, "LearningRateScheduler")
        rate = self.schedule(epoch, current) if self._takes_rate else self.schedule(epoch)
        is_number = isinstance(rate, (numbers.Real, np.floating)) and not isinstance(rate, bool)
        if not is_number and not (isinstance(rate, (torch.Tensor, np.ndarray)) and rate.ndim == 0):
            raise ValueError(
                f"The `schedule` of LearningRateScheduler must return a float. Received: {rate!r} for epoch {epoch}"
            )
        _set_learning_rate(self.model, float(rate))
        if self.verbose > 0:
            print_message(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs[log_name()] = _learning_rate(self.model, "LearningRateScheduler")


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
        rate = _learning_rate(self.model, "ReduceLROnPlateau")
        if logs is not None:
            logs[log_name()] = rate
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
            if self.wait >= self.patience and rate > np.float32(self.min_lr):
                self._reduce(epoch, rate)

    def _reduce(self, epoch: int, rate: float) -> None:
        new_rate = max(rate * self.factor, self.min_lr)
        _set_learning_rate(self.model, new_rate)
        if self.verbose > 0:
            print_message(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new_rate}.")
        self.cooldown_counter = self.cooldown
        self.wait = 0

    def in_cooldown(self) -> bool:
        """Whether a recent reduction still suspends counting."""
        return self.cooldown_counter > 0
