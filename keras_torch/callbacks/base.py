"""The base class of callbacks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from torch.nn.parallel import DistributedDataParallel

from keras_torch.legacy import adapt

# Every hook a callback may override. Those of batches also have Keras 1's names, see `Callback.on_batch_end`.
EVENTS = (
    "on_train_begin", "on_train_end", "on_test_begin", "on_test_end", "on_predict_begin", "on_predict_end",
    "on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end", "on_test_batch_begin",
    "on_test_batch_end", "on_predict_batch_begin", "on_predict_batch_end",
)  # fmt: skip


class Callback:
    """Base class of objects that act at certain moments of `fit`, `evaluate` and `predict`.

    `self.model` is the model; `self.params` holds `verbose`, `epochs`, `steps`, `samples`, `batch_size`,
    `do_validation` and `metrics`, as far as they are known. `logs` maps names to numbers: what is stored there at the
    end of an epoch reaches the callbacks that follow, History among them.
    """

    _model: Any = None
    params: dict[str, Any] | None = None
    validation_data: Any = None
    # Whether each event reaches all others first.
    comes_last = False
    # Whether it does nothing but write, so that where several processes train together one of them is enough.
    only_writes = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("keras_torch"):
            adapt(cls)

    @property
    def model(self) -> Any:
        """The model; of one inside DistributedDataParallel, the model itself."""
        model = self._model
        return model.module if isinstance(model, DistributedDataParallel) else model

    @model.setter
    def model(self, model: Any) -> None:
        self._model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Receive the settings of the run."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Receive the model."""
        self.model = model

    def unused_hooks(self) -> Collection[str]:
        """Return names of overridden hooks that this instance does not need in this run."""
        return ()

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Called before the first epoch."""

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Called after the last epoch, with that epoch's logs."""

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Called before an evaluation or validation."""

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Called after an evaluation or validation, with its results."""

    def on_predict_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Called before prediction."""

    def on_predict_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Called after prediction."""

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Called before an epoch; the first is 0."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called after an epoch and its validation, with the results of both."""

    def on_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Keras 1's name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Keras 1's name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Called before a training step."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Called after a training step, with the results of the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Called before an evaluation step, validation included."""

    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Called after an evaluation step, validation included."""

    def on_predict_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Called before a prediction step."""

    def on_predict_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Called after a prediction step; `logs["outputs"]` holds its predictions."""
