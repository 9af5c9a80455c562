"""Callbacks that collect the results of epochs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from keras_torch.callbacks.base import Callback
from keras_torch.callbacks.logs import MetricDict


class History(Callback):
    """Collects the logs of each epoch; `fit` returns it.

    `history.history` maps names to lists of numbers, and answers to both `acc` and `accuracy`; `history.epoch` lists
    the epochs' numbers.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = MetricDict()
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            # Not MetricDict's own method: `acc` and `accuracy` may both be there.
            dict.setdefault(self.history, name, []).append(value)
        if self.model is not None:
            self.model.history = self

    def __getstate__(self) -> dict[str, Any]:
        # A stored history need not drag the model along.
        return {**self.__dict__, "_model": None}


class BaseLogger(Callback):
    """Completes an epoch's logs with the last batch's values of the metrics in `params["metrics"]`.

    In Keras 2 this callback averaged batch values. Here the values of batches are averages over the epoch so far
    already, so the last one is the epoch's.
    """

    def __init__(self, stateful_metrics: Iterable[str] | None = None) -> None:
        self.stateful_metrics = set(stateful_metrics or ())
        self.totals: Mapping[str, Any] = {}

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.totals = {}

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        # Not copied, so that the values stay on the device.
        so_far = getattr(logs, "so_far", None)
        self.totals = (logs if so_far is None else so_far) or {}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for name in (self.params or {}).get("metrics") or ():
            if logs is not None and name in self.totals:
                logs.setdefault(name, self.totals[name])
