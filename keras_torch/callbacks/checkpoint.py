"""ModelCheckpoint: saving a model while it trains."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Collection, Mapping
from typing import Any

from keras_torch import config
from keras_torch.callbacks.arguments import check_numbers, check_path
from keras_torch.callbacks.counting import BatchCount
from keras_torch.callbacks.logs import Logs
from keras_torch.callbacks.monitor import MonitorCallback
from keras_torch.callbacks.output import print_message
from keras_torch.checkpoint import check_writable, files_in, is_checkpoint_name


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, after epochs or after a number of batches.

    `filepath` may hold `{epoch:02d}` (from 1), `{batch}` and names of the logs, as in `{val_loss:.2f}`; any file name
    is accepted. `save_best_only` saves when `monitor` (`acc` and `accuracy` both answer) improved, by `mode` `"min"`,
    `"max"` or `"auto"`, and has to beat `initial_value_threshold` first. `save_weights_only` calls
    `model.save_weights`. `save_freq` is `"epoch"`, or a number of batches; `period` a number of epochs, and
    `verbose=1` reports. `load_weights_on_restart` begins with the newest file that `filepath` can name.
    """

    upward = dict.fromkeys(("1", "2", "tf"), "acc|^fmeasure")

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
        load_weights_on_restart: bool = False,
    ) -> None:
        if save_freq != "epoch" and (isinstance(save_freq, (bool, str)) or not isinstance(save_freq, int)):
            raise ValueError(
                f"`save_freq` of ModelCheckpoint must be 'epoch' or a number of batches. Received: {save_freq!r}"
            )
        check_numbers("ModelCheckpoint", 1, period=period, **({} if save_freq == "epoch" else {"save_freq": save_freq}))
        super().__init__(monitor, mode)
        self.filepath = check_path("ModelCheckpoint", "filepath", filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.period = period
        self.load_weights_on_restart = load_weights_on_restart
        if initial_value_threshold is not None:
            self.best = initial_value_threshold
        self.epochs_since_last_save = 0
        self._batches_since_last_save = 0
        self._batches = BatchCount()
        self._epoch = 0

    def unused_hooks(self) -> Collection[str]:
        return ("on_train_batch_end",) if self.save_freq == "epoch" else ()

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        is_prefix = self.save_weights_only and is_checkpoint_name(self.filepath, config.dialect())
        check_writable(self.filepath + ".index" if is_prefix else self.filepath, "ModelCheckpoint")
        path = newest_file(self.filepath) if self.load_weights_on_restart else None
        if path is not None:
            self.model.load_weights(path)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self.save_freq == "epoch":
            return
        self._batches_since_last_save += self._batches.advance(batch)
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
        message = f"\nEpoch {self._number(epoch)}: "
        if self.save_best_only:
            self._settle()
            current = self._monitored(logs)
            if current is None and config.dialect() in ("1", "2", "tf"):
                return
            if getattr(current, "ndim", 0):
                warnings.warn(
                    f"ModelCheckpoint(save_best_only=True) compares numbers only, so it saves whatever "
                    f"{self.monitor!r} is. Received: an array of shape {current.shape}",
                    stacklevel=4,
                )
            elif current is not None:
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

    def _number(self, epoch: int) -> int:
        """Return what stands for an epoch in file names: Keras 1 counted from 0."""
        return epoch if config.dialect() == "1" else epoch + 1

    def _path(self, epoch: int, batch: int | None, logs: Mapping[str, Any] | None) -> str:
        if "{" not in self.filepath:
            return self.filepath
        fields = Logs(logs)
        fields["epoch"] = self._number(epoch)
        if batch is not None:
            fields["batch"] = batch + 1
        try:
            return self.filepath.format_map(fields)
        except (KeyError, ValueError) as error:
            raise KeyError(
                f"The `filepath` of ModelCheckpoint cannot be filled in: {self.filepath!r} ({error}). "
                f"Available names are: {', '.join(fields)}"
            ) from error


def newest_file(pattern: str) -> str | None:
    """Return the file last written whose name `pattern`, with its fields in braces, could give; None if there is none.

    Of files written in the same instant it is the one whose name sorts last. For a checkpoint of TensorFlow, which is
    several files, it is what their names begin with.
    """
    folder, name = os.path.split(pattern)
    wanted = re.compile("".join(".*" if part[:1] == "{" else re.escape(part) for part in re.split(r"({[^}]*})", name)))
    found = [item for item in files_in(folder) if wanted.fullmatch(os.path.basename(item[1]))]
    return max(found)[1] if found else None
