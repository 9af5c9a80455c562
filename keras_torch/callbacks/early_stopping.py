"""Callbacks that end training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from keras_torch import config
from keras_torch.callbacks.arguments import check_numbers
from keras_torch.callbacks.base import Callback
from keras_torch.callbacks.monitor import MonitorCallback, patience_start
from keras_torch.callbacks.output import print_message


class EarlyStopping(MonitorCallback):
    """Stops training when a metric has not improved for `patience` epochs.

    Args:
        monitor: Name in the logs; `acc` and `accuracy` both answer.
        min_delta: Smallest change that counts as an improvement.
        patience: Epochs without improvement before stopping.
        verbose: 1 says why training stopped.
        mode: `"min"`, `"max"` or `"auto"` (by the name, or by what the compiled metric says).
        baseline: Value that has to be beaten as well.
        restore_best_weights: Go back to the best epoch's weights. In Keras 3 (and without a dialect) at the end of
            training in any case, in older ones only after an early stop.
        start_from_epoch: Epochs to wait before watching.
    """

    upward = {"1": "acc|^fmeasure", "2": "acc", "tf": "(acc|accuracy|auc)$"}

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode)
        check_numbers("EarlyStopping", min_delta=min_delta, patience=patience, start_from_epoch=start_from_epoch)
        if baseline is not None:
            check_numbers("EarlyStopping", baseline=baseline)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.min_delta = -abs(min_delta) if self._less_is_better else abs(min_delta)
        self._reset()

    def _turn(self) -> None:
        super()._turn()
        self.min_delta = -self.min_delta

    def _reset(self) -> None:
        self.wait = patience_start()
        self.stopped_epoch = 0
        self.best = self._worst()
        if self.baseline is not None and config.is_classic():
            self.best = self.baseline
        self.best_weights: Any = None
        self.best_epoch = 0
        self._epochs_seen = 0

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._settle()
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights = self.model.get_weights()
            self.best_epoch = epoch
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = patience_start()
            return
        # An epoch 0 that fails to beat the baseline could stop training in Keras 2 alone.
        if self.wait >= self.patience and (epoch > 0 or config.is_classic()):
            self.stopped_epoch = epoch
            self.model.stop_training = True
            if not config.is_modern():
                self._restore()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print_message(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if config.is_modern():
            self._restore()

    def _restore(self) -> None:
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print_message(f"Back to the weights of epoch {self.best_epoch + 1}, the best one")
            self.model.set_weights(self.best_weights)

    def get_monitor_value(self, logs: Mapping[str, Any] | None) -> Any:
        """Return the watched value; None, with a warning, if the logs lack it."""
        return self._monitored(logs)

    def _is_improvement(self, value: Any, reference: Any) -> bool:
        return bool(self.monitor_op(value - self.min_delta, reference))


class TerminateOnNaN(Callback):
    """Stops training as soon as a batch's loss is NaN or infinite.

    With `raise_error` it raises RuntimeError instead, so that no callback gets `on_train_end` and a backup stays. It
    looks at the loss of every batch, which makes a GPU wait for each.
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"NaN or Inf loss encountered at batch {batch}, so training ends. Received: loss={loss}")
        print_message(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
