"""TensorBoard: results, weights and profiles of a run as files for TensorBoard."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Collection, Mapping
from typing import Any

import torch

from keras_torch import config
from keras_torch.callbacks.arguments import check_numbers, check_path
from keras_torch.callbacks.base import Callback
from keras_torch.callbacks.counting import BatchCount
from keras_torch.callbacks.event_files import EventFiles
from keras_torch.callbacks.layer_outputs import layer_outputs
from keras_torch.callbacks.projector import Projector
from keras_torch.distributed import sharding

_HOOKS_OF_BATCHES = ("on_train_batch_begin", "on_train_batch_end")


class TensorBoard(Callback):
    """Writes a run for TensorBoard with torch's SummaryWriter; needs the package `tensorboard`.

    Results of epochs go to `log_dir/train` and `log_dir/validation` (in dialects 1 and 2 all to `log_dir`), under the
    tags of the dialect's Keras. `update_freq` is `"epoch"`, `"batch"` or a number of batches (of samples in dialect 2)
    after which results so far are written as well. Every `histogram_freq` epochs there are histograms of the weights,
    with `write_grads` of the last batch's gradients, and with `write_images` pictures of the weights. `write_graph`
    draws the model. `profile_batch` is a batch from 1, or a first and a last one, for `torch.profiler`.
    `write_steps_per_second` measures the speed. Every `embeddings_freq` epochs the tables of Embedding layers, or the
    outputs of `embeddings_layer_names` for `embeddings_data` (`batch_size` at a time), are written for the projector;
    `embeddings_metadata` is the file of their labels, or a dict from layer names to files.
    """

    only_writes = True

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int | str | tuple[int, int] = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
        write_grads: bool = False,
        embeddings_layer_names: Any = None,
        embeddings_data: Any = None,
        batch_size: int = 32,
    ) -> None:
        wrong = isinstance(update_freq, str) and update_freq not in ("epoch", "batch")
        if wrong or (not isinstance(update_freq, str) and int(update_freq) < 1):
            raise ValueError(
                "`update_freq` of TensorBoard must be 'epoch', 'batch' or a number of batches from 1. "
                f"Received: {update_freq!r}"
            )
        check_numbers("TensorBoard", 0, histogram_freq=histogram_freq, embeddings_freq=embeddings_freq)
        check_numbers("TensorBoard", 1, batch_size=batch_size)
        self.log_dir = check_path("TensorBoard", "log_dir", log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_grads = write_grads
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.batch_size = batch_size
        self._first_profiled, self._last_profiled = _profiled_batches(profile_batch)
        self._projector = Projector(embeddings_freq, embeddings_layer_names, embeddings_metadata, embeddings_data)
        self._classic = config.is_classic()
        self._files: EventFiles = self._make_files()
        self._profiler: Any = None
        self._start_run()

    def _make_files(self) -> EventFiles:
        names = ("", "") if self._classic else ("train", "validation")
        folders = {key: os.path.join(self.log_dir, name) for key, name in zip(("train", "val"), names, strict=True)}
        return EventFiles(folders, tensors=not self._classic)

    def _start_run(self) -> None:
        self._batches = BatchCount()
        self._samples = 0
        self._last_update = 0
        self._epoch_start = self._batch_start = time.time()
        self._epoch_batches = 0

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_model": None, "_files": self._make_files(), "_profiler": None}

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._files.close()
        # Opened now, so that a missing package is reported before the training.
        self._files.writer("train")
        if self.write_graph:
            self._files.graphs("train", model)
        self._projector.check(model)

    def unused_hooks(self) -> Collection[str]:
        return _HOOKS_OF_BATCHES if self.update_freq == "epoch" and not self._first_profiled else ()

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        if self.histogram_freq and sharding():
            raise ValueError(
                "TensorBoard runs in the main process, which has only a part of the weights of a sharded model. "
                f"Received: histogram_freq={self.histogram_freq!r}. Set it to 0, or train without `--shard` and "
                "`--zero`."
            )
        self._start_run()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._stop_profiler()
        self._files.close()

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        iterations = getattr(self.model.optimizer, "iterations", None)
        if iterations is not None and not self._classic:
            values = {f"evaluation_{name}_vs_iterations": value for name, value in (logs or {}).items()}
            self._files.scalars("val", values, int(iterations))
            self._files.flush()

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._batch_start = time.time()
        if self._profiler is None and self._first_profiled <= self._batches.total + 1 <= self._last_profiled:
            self._start_profiler()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        passed = self._batches.advance(batch)
        if self._profiler is not None and self._batches.total >= self._last_profiled:
            self._stop_profiler()
        if self.update_freq == "epoch":
            return
        self._samples += passed * ((logs or {}).get("size") or 1) if self._classic else passed
        every = int(self.update_freq)
        if self._classic:
            if self._samples - self._last_update >= every:
                self._last_update = self._samples
                self._files.scalars("train", _results(logs), self._samples)
        elif self._samples // every > (self._samples - passed) // every:
            values = {f"batch_{name}": value for name, value in (logs or {}).items()}
            if self.write_steps_per_second:
                values["batch_steps_per_second"] = passed / max(time.time() - self._batch_start, 1e-9)
            self._files.scalars("train", values, self._samples)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._epoch_start = time.time()
        self._epoch_batches = self._iterations()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._classic:
            step = epoch if self.update_freq == "epoch" else self._samples
            self._files.scalars("train", _results(logs), step)
        else:
            self._write_epoch(epoch, logs or {})
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        self._projector.write(self.model, self._files.writer("train"), epoch, self.batch_size)
        self._files.flush()

    def _iterations(self) -> int:
        iterations = getattr(self.model.optimizer, "iterations", None)
        return self._batches.total if iterations is None else int(iterations)

    def _write_epoch(self, epoch: int, logs: Mapping[str, Any]) -> None:
        train = {f"epoch_{name}": value for name, value in logs.items() if not name.startswith("val_")}
        held_out = {f"epoch_{name[4:]}": value for name, value in logs.items() if name.startswith("val_")}
        train.update({f"epoch_{name}": rate for name, rate in _learning_rates(self.model.optimizer).items()})
        if self.write_steps_per_second:
            seconds = max(time.time() - self._epoch_start, 1e-9)
            train["epoch_steps_per_second"] = (self._iterations() - self._epoch_batches) / seconds
        self._files.scalars("train", train, epoch)
        self._files.scalars("val", held_out, epoch)

    def _write_weights(self, epoch: int) -> None:
        if self._classic and not self.validation_data:
            # Keras 1 wrote no histograms then.
            if config.dialect() == "2":
                raise ValueError(
                    "For TensorBoard(histogram_freq=...) validation_data must be provided to `fit`, as arrays. "
                    f"Received: histogram_freq={self.histogram_freq} and no arrays."
                )
            return
        channels_last = config.image_data_format() == "channels_last"
        endings = ("", "_grad", "") if self._classic else ("/histogram", "/gradient", "/image")
        for layer in self.model.layers:
            for weight in layer.weights:
                name = (weight.path if config.is_modern() else weight.name).replace(":", "_")
                self._files.histogram("train", name + endings[0], weight.value, epoch)
                if self.write_grads and weight.grad is not None:
                    self._files.histogram("train", name + endings[1], weight.grad, epoch)
                if self.write_images:
                    self._files.image("train", name + endings[2], weight.value, epoch, channels_last, self._classic)
        if self._classic:
            count = len(self.model.inputs)
            found = layer_outputs(self.model, self.model.layers, self.validation_data[:count], self.batch_size)
            for name, outputs in found.items():
                for number, values in enumerate(outputs):
                    tag = f"{name}_out_{number}" if len(outputs) > 1 else f"{name}_out"
                    self._files.histogram("train", tag, values, epoch)

    def _start_profiler(self) -> None:
        handler = torch.profiler.tensorboard_trace_handler(self._files.folders["train"])
        profiler = torch.profiler.profile(on_trace_ready=handler)
        try:
            profiler.start()
        except RuntimeError as error:
            warnings.warn(f"TensorBoard(profile_batch=...) could not start torch.profiler: {error}", stacklevel=2)
            self._first_profiled = self._last_profiled = 0
        else:
            self._profiler = profiler

    def _stop_profiler(self) -> None:
        if self._profiler is not None:
            self._profiler.stop()
            self._profiler = None


def _results(logs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the logs without what Keras 1 and 2 told about a batch."""
    return {name: value for name, value in (logs or {}).items() if name not in ("batch", "size")}


def _learning_rates(optimizer: Any) -> dict[str, Any]:
    """Return the rates that an epoch's scalars show: in tf.keras those of schedules, since Keras 3 all."""
    if optimizer is None:
        return {}
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if hasattr(optimizer, "optimizers"):
        return {f"learning_rate_{item.name}": item.learning_rate for item in optimizer.optimizers}
    if config.dialect() == "tf" and isinstance(getattr(optimizer, "_learning_rate", None), torch.Tensor):
        return {}
    rate = getattr(optimizer, "learning_rate", None)
    return {} if rate is None else {"learning_rate": rate}


def _profiled_batches(value: Any) -> tuple[int, int]:
    """Return the first and the last batch to profile, from 1; (0, 0) for none."""
    try:
        parts = [int(item) for item in (value.split(",") if isinstance(value, str) else value)]
    except TypeError:
        parts = [value] if isinstance(value, int) else []
    except ValueError:
        parts = []
    first, last = (parts * 2)[:2] if len(parts) in (1, 2) else (-1, -1)
    if first < 0 or last < first:
        raise ValueError(
            "`profile_batch` of TensorBoard must be 0, the number of a batch, or a pair of such numbers in order. "
            f"Received: {value!r}"
        )
    return first, last
