"""What the callbacks that watch one metric have in common."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_torch import config

# Metrics of which Keras 3 knows that more is better, by their default names.
_MORE_IS_BETTER = ("auc", "precision", "recall", "iou", "f1_score", "fbeta_score", "r2_score", "cosine_similarity")


def comparison(mode: str, monitor: str, owner: str) -> Callable[[Any, Any], Any]:
    """Return `np.less` or `np.greater`: which of two values of `monitor` is the better one.

    With mode `"auto"` the name decides: more is better for accuracies, and as in Keras 3 for AUC, precision, recall
    and their like, unless the dialect is an older one, in which only accuracies, `fmeasure` and AUC counted.
    """
    if mode not in ("auto", "min", "max"):
        warnings.warn(f"{owner} knows the modes 'auto', 'min' and 'max'; 'auto' is used for {mode!r}.", stacklevel=3)
        mode = "auto"
    if mode != "auto":
        return np.less if mode == "min" else np.greater
    name = monitor.removeprefix("val_")
    upward = "acc" in name or name.startswith("fmeasure") or name.endswith("auc")
    if config.dialect() in (None, "3"):
        upward = upward or any(word in name for word in _MORE_IS_BETTER)
    return np.greater if upward else np.less


def worst(monitor_op: Callable[[Any, Any], Any]) -> float:
    """Return a value that every other one beats."""
    return np.inf if monitor_op is np.less else -np.inf


def monitored_value(logs: Mapping[str, Any] | None, monitor: str, owner: str) -> Any:
    """Return the value of `monitor`, or None with a warning that lists the names there are."""
    value = (logs or {}).get(monitor)
    if value is None:
        warnings.warn(
            f"{owner} watches {monitor!r}, which the logs do not have. They have: {', '.join(logs or ()) or 'nothing'}",
            stacklevel=3,
        )
    return value


def patience_start() -> int:
    """Return where counting epochs without progress starts: Keras 1 allowed one epoch more than its `patience`."""
    return -1 if config.dialect() == "1" else 0
