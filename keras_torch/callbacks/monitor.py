"""What the callbacks that watch one metric have in common."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from keras_torch import config
from keras_torch.callbacks.base import Callback

# Of which metrics Keras 3 knows the better direction, by their classes ...
_UP = frozenset(
    "Accuracy AUC BinaryAccuracy CategoricalAccuracy ConcordanceCorrelation CosineSimilarity FBetaScore "
    "PearsonCorrelation Precision R2Score Recall SensitivitySpecificityBase SensitivityAtSpecificity "
    "SpecificityAtSensitivity PrecisionAtRecall RecallAtPrecision SparseCategoricalAccuracy "
    "SparseTopKCategoricalAccuracy TopKCategoricalAccuracy IoU MeanIoU BinaryIoU OneHotIoU OneHotMeanIoU".split()
)
_DOWN = frozenset(
    "BinaryCrossentropy CategoricalCrossentropy CategoricalHinge Hinge LogCoshError MeanAbsoluteError "
    "MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError RootMeanSquaredError "
    "SparseCategoricalCrossentropy SquaredHinge".split()
)
# ... and by their default names, where no such object is at hand.
_UPWARD_NAMES = ("auc", "precision", "recall", "iou", "f1_score", "fbeta_score", "r2_score", "cosine_similarity")
_DOWNWARD_NAMES = re.compile("loss|error|hinge|entropy|divergence|poisson|logcosh|(^|_)(mae|mse|mape|msle|rmse|kld)$")


def _direction_by_name(name: str) -> str | None:
    name = name.removeprefix("val_")
    if "acc" in name or name.startswith("fmeasure") or any(word in name for word in _UPWARD_NAMES):
        return "max"
    return "min" if _DOWNWARD_NAMES.search(name) else None


def _direction_by_class(metric: Any) -> str | None:
    """Return what a metric says itself in `_direction`, Keras 3's attribute, or what its class is known for."""
    said = getattr(metric, "_direction", None)
    if said is not None:
        return "max" if said == "up" else "min"
    for cls in type(metric).__mro__:
        if cls.__name__ in _UP or cls.__name__ in _DOWN:
            return "max" if cls.__name__ in _UP else "min"
    return None


class MonitorCallback(Callback):
    """Base of EarlyStopping, ModelCheckpoint and ReduceLROnPlateau: a name in the logs, and which values are better.

    With mode `"auto"` the name decides: more is better for accuracies, and without a dialect or in Keras 3's also for
    AUC, precision, recall and their like. There the compiled metric of that name may say otherwise: its class, or its
    attribute `_direction` (`"up"` or `"down"`). In dialect "3" an unknown name raises ValueError, as in Keras 3.
    """

    best: Any
    # In older dialects: which names meant that more is better.
    upward: ClassVar[dict[str, str]] = dict.fromkeys(("1", "2", "tf"), "acc")

    def __init__(self, monitor: str, mode: str) -> None:
        if not isinstance(monitor, str):
            raise TypeError(f"`monitor` of {type(self).__name__} must be a name in the logs. Received: {monitor!r}")
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__} knows the modes 'auto', 'min' and 'max'; 'auto' is used for {mode!r}.",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self._settled = mode != "auto"
        direction = self._guess() if mode == "auto" else mode
        self.monitor_op: Callable[[Any, Any], Any] = np.less if direction == "min" else np.greater
        self.best = self._worst()

    def _guess(self) -> str:
        pattern = self.upward.get(config.dialect() or "")
        if pattern is None:
            return _direction_by_name(self.monitor) or "min"
        return "max" if re.search(pattern, self.monitor) else "min"

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._settled = self.mode != "auto"

    def _worst(self) -> float:
        """Return a value that every other one beats."""
        return np.inf if self._less_is_better else -np.inf

    @property
    def _less_is_better(self) -> bool:
        return self.monitor_op is np.less

    def _turn(self) -> None:
        """Take the other direction."""
        untouched = self.best == self._worst()
        self.monitor_op = np.greater if self._less_is_better else np.less
        if untouched:
            self.best = self._worst()

    def _settle(self) -> None:
        """Ask the metric that is watched, once the model has it, which direction is better."""
        if self._settled:
            return
        self._settled = True
        if not config.is_modern():
            return
        name = self.monitor.removeprefix("val_")
        metrics = [metric for metric in getattr(self.model, "metrics", ()) if getattr(metric, "name", None) == name]
        found = next((way for way in map(_direction_by_class, metrics) if way), None)
        if found is None and config.dialect() == "3" and _direction_by_name(name) is None:
            raise ValueError(
                f"{type(self).__name__} cannot tell whether more or less of {self.monitor!r} is better. Pass "
                "`mode='max'` or `mode='min'`. Received: mode='auto'"
            )
        if found is not None and (found == "min") != self._less_is_better:
            self._turn()

    def _monitored(self, logs: Mapping[str, Any] | None) -> Any:
        """Return the watched value, or None with a warning that lists the names there are."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which the logs do not have. They have: "
                f"{', '.join(logs or ()) or 'nothing'}",
                stacklevel=4,
            )
        return value


def patience_start() -> int:
    """Return where counting epochs without progress starts: Keras 1 allowed one epoch more than its `patience`."""
    return -1 if config.dialect() == "1" else 0
