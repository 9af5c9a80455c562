"""ModelCheckpoint: saving a model while it trains."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from keras_torch.callbacks.base import Callback
from keras_torch.callbacks.logs import Logs
from keras_torch.callbacks.monitor import comparison, monitored_value, worst
from keras_torch.callbacks.output import print_message


class ModelCheckpoint(Callback):
    """Saves the model, or its weights, after epochs or after a number of batches.

    Args:
        filepath: Where to; `{epoch:02d}` (from 1), `{batch}` and names of the logs, as in `{val_loss:.2f}`, are filled
            in. Any file name is accepted.
        monitor: Name in the logs that `save_best_only` watches; `acc` and `accuracy` both answer.
        verbose: 1 reports every saving.
        save_best_only: Save only when the watched value improved.
        save_weights_only: Call `model.save_weights` instead of `model.save`.
        mode: `"min"`, `"max"` or `"auto"` (by the name).
        save_freq: `"epoch"`, or a number of batches.
        initial_value_threshold: Value that the first saving has to beat.
        period: Save every so many epochs.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        period: int = 1,
    ) -> None:
        if save_freq != "epoch" and (isinstance(save_freq, (bool, str)) or not isinstance(save_freq, int)):
            raise ValueError(
                f"`save_freq` of ModelCheckpoint must be 'epoch' or a number of batches. Received: {save_freq!r}"
            )
        self.filepath = os.fspath(filepath)
        self.monitor = monitor
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.mode = mode
        self.save_freq = save_freq
        self.period = period
        self.monitor_op = comparison(mode, monitor, "ModelCheckpoint")
        self.best = worst(self.monitor_op) if initial_value_threshold is None else initial_value_threshold
        self.epochs_since_last_save = 0
        self._batches_since_last_save = 0
        self._epoch = 0

    def unused_hooks(self) -> Collection[str]:
        return ("on_train_batch_end",) if self.save_freq == "epoch" else ()

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self.epochs_since_last_save = 0
        self._batches_since_last_save = 0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self.save_freq == "epoch":
            return
        self._batches_since_last_save += 1
        if self._batches_since_last_save >= int(self.save_freq):
            self._batches_since_last_save = 0
            self._save(self._epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.save_freq != "epoch":
            return
        self.epochs_since_last_save += 1
        if self.epochs_since_last_save >= self.period:
            self.epochs_since_last_save = 0
            self._save(epoch, None, logs)

    def _save(self, epoch: int, batch: int | None, logs: Mapping[str, Any] | None) -> None:
        path = self._path(epoch, batch, logs)
        message = f"\nEpoch {epoch + 1}: "
        if self.save_best_only:
            current = monitored_value(logs, self.monitor, "ModelCheckpoint(save_best_only=True)")
            if current is None:
                return
            if not self.monitor_op(current, self.best):
                if self.verbose > 0:
                    print_message(f"{message}{self.monitor} did not improve from {self.best:.5f}")
                return
            message += f"{self.monitor} improved from {self.best:.5f} to {current:.5f}, "
            self.best = current
        if self.verbose > 0:
            print_message(f"{message}saving model to {path}")
        self._write(path)

    def _write(self, path: str) -> None:
        if os.path.dirname(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        save = self.model.save_weights if self.save_weights_only else self.model.save
        save(path, overwrite=True)

    def _path(self, epoch: int, batch: int | None, logs: Mapping[str, Any] | None) -> str:
        if "{" not in self.filepath:
            return self.filepath
        fields = Logs(logs)
        fields["epoch"] = epoch + 1
        if batch is not None:
            fields["batch"] = batch + 1
        try:
            return self.filepath.format_map(fields)
        except (KeyError, ValueError) as error:
            raise KeyError(
                f"The `filepath` of ModelCheckpoint cannot be filled in: {self.filepath!r} ({error}). "
                f"Available names are: {', '.join(fields)}"
            ) from error
