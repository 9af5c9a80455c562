"""The callback behind the progress bar of fit, evaluate and predict."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from keras_torch import config
from keras_torch.callbacks.base import Callback
from keras_torch.callbacks.output import print_message, redraws
from keras_torch.callbacks.progbar import Progbar


class ProgbarLogger(Callback):
    """Shows progress and metrics on standard output, as far as `verbose` asks for it.

    Metric values are read only when the bar is really drawn. `count_mode` is `"steps"`, or `"samples"` as in Keras 1
    and 2. `stateful_metrics`, names that are not to be averaged, is taken for the scripts that pass it: the logs of our
    loop are results of the epoch so far, so none is. Validation inside `fit` shows no bar of its own.
    """

    only_writes = True

    def __init__(self, count_mode: str = "steps", stateful_metrics: Iterable[str] | None = None) -> None:
        if count_mode not in ("steps", "samples"):
            raise ValueError(f"`count_mode` of ProgbarLogger must be 'steps' or 'samples'. Received: {count_mode!r}")
        self.use_steps = count_mode == "steps"
        self.stateful_metrics = set(stateful_metrics or ())
        self.verbose = 1
        self.epochs = 1
        self.target: int | None = None
        self.seen = 0
        self.progbar: Progbar | None = None
        self._in_fit = False

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        verbose = params.get("verbose", 1)
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.epochs = params.get("epochs") or 1
        self.target = params.get("steps") if self.use_steps else params.get("samples")

    def unused_hooks(self) -> Collection[str]:
        if self.target is None or (self.verbose == 1 and redraws()):
            return ()
        return ("on_train_batch_end", "on_test_batch_end", "on_predict_batch_end")

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._begin()
        if self.progbar is not None and (self.epochs > 1 or self.progbar.titles_every_run):
            print_message(f"Epoch {epoch + 1}/{self.epochs}")

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        if not self._in_fit:
            self._begin()

    def on_predict_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        if not self._in_fit:
            self._begin()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._step(batch, logs)

    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if not self._in_fit:
            self._step(batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if not self._in_fit:
            self._step(batch, None)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._finish(logs)

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        if not self._in_fit:
            self._finish(logs)

    def on_predict_end(self, logs: Mapping[str, Any] | None = None) -> None:
        if not self._in_fit:
            self._finish(None)

    def _begin(self) -> None:
        self.seen = 0
        unit = "step" if self.use_steps else "sample"
        self.progbar = Progbar(self.target, verbose=self.verbose, unit_name=unit) if self.verbose else None

    def _step(self, batch: int, logs: Mapping[str, Any] | None) -> None:
        size = 1 if self.use_steps else (self.params or {}).get("batch_size") or 1
        self.seen = (batch + 1) * size
        # The line of the last batch was left to the end of the epoch until tf.keras.
        last = config.is_classic() and self.target is not None and self.seen >= self.target
        if self.progbar is not None and self.progbar.due() and not last:
            self._show(self.seen, logs, finalize=False)

    def _finish(self, logs: Mapping[str, Any] | None) -> None:
        if self.target is None:
            self.target = self.seen
        if self.progbar is not None:
            self.progbar.target = self.target
            self._show(self.target, logs, finalize=True)

    def _show(self, current: int, logs: Mapping[str, Any] | None, finalize: bool) -> None:
        if self.progbar is not None:
            logs = getattr(logs, "so_far", None) or logs
            # Keras 1 and 2 told each batch's number and size in the logs, too.
            values = {name: value for name, value in (logs or {}).items() if name not in ("batch", "size")}
            if config.is_classic():
                # There the logs of an epoch begin with the validation, but not the line.
                values = dict(sorted(values.items(), key=lambda item: item[0].startswith("val_")))
            # Logs hold results of the epoch so far: nothing is to be averaged again.
            self.progbar.stateful_metrics = set(values)
            self.progbar.update(current, values, finalize=finalize)
