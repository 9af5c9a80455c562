"""Schedulers of torch as learning rate schedules."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np
import torch

from keras_torch.optimizers.schedules.learning_rate_schedule import Formula


class TorchSchedule(Formula):
    """The rates of a class of `torch.optim.lr_scheduler`, one step of it for each update, for any optimizer.

    `Adam(TorchSchedule(0.1, torch.optim.lr_scheduler.StepLR, step_size=30, gamma=0.5))`; the class may also be given by
    name, or as a `functools.partial`. For steps of epochs, give the torch optimizer to `compile` and call
    `scheduler.step()` in a callback. ValueError for what is no such class, and for ReduceLROnPlateau, which looks at
    metrics.
    """

    def __init__(self, initial_learning_rate: float, scheduler: Any, **arguments: Any) -> None:
        if isinstance(scheduler, functools.partial) and not scheduler.args:
            scheduler, arguments = scheduler.func, {**scheduler.keywords, **arguments}
        found: Any = getattr(torch.optim.lr_scheduler, scheduler, None) if isinstance(scheduler, str) else scheduler
        known = inspect.isclass(found) and issubclass(found, torch.optim.lr_scheduler.LRScheduler)
        if not known or issubclass(found, torch.optim.lr_scheduler.ReduceLROnPlateau):
            raise ValueError(
                "`scheduler` of TorchSchedule must be a class of torch.optim.lr_scheduler, or its name, other than "
                f"ReduceLROnPlateau, for which there is a callback. Received: {scheduler!r}"
            )
        self.initial_learning_rate = float(initial_learning_rate)
        self.scheduler = found
        self.arguments = arguments
        self._step = 0
        self._running: Any = self._start()

    def _start(self) -> Any:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=self.initial_learning_rate)
        self._step = 0
        return self.scheduler(optimizer, **self.arguments)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_running": None}

    def rate(self, step: Any) -> Any:
        """Return the rate at `step`, or an array of them."""
        if np.ndim(step):
            return np.reshape([self.rate(each) for each in np.ravel(step)], np.shape(step)).astype(np.float32)
        if self._running is None or step < self._step:
            self._running = self._start()
        while self._step < step:
            # torch warns of schedulers that step before their optimizer.
            self._running.optimizer.step()
            self._running.step()
            self._step += 1
        return np.float32(self._running.get_last_lr()[0])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the name of the class."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "scheduler": self.scheduler.__name__,
            **self.arguments,
        }
