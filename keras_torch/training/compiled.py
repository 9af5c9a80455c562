"""What `compile` makes of its arguments: strings become losses and metrics for each output, with Keras's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from keras_torch import config, metrics
from keras_torch.data.structure import flatten
from keras_torch.training.compiled_loss import CompiledLoss, function_name
from keras_torch.training.outputs import as_column, in_output_order, output_names_of, per_output

_SHORT = {"accuracy": "accuracy", "acc": "accuracy", "crossentropy": "crossentropy", "ce": "crossentropy"}
_CLASSIC_NAMES = {"accuracy": "acc", "crossentropy": "ce"}


@dataclass
class Entry:
    """One metric of one output: what the user gave, its name in logs, and the object once it exists."""

    output: int
    given: Any
    name: str
    weighted: bool
    metric: Any = None


class CompiledMetrics:
    """The metrics of one model, updated together. Names follow the dialect ('acc' in Keras 1 and 2)."""

    name = "compile_metrics"

    def __init__(
        self,
        given: Any = None,
        weighted: Any = None,
        output_names: list[str] | None = None,
        loss: CompiledLoss | None = None,
    ) -> None:
        self.user_metrics = given
        self.user_weighted_metrics = weighted
        self.output_names = output_names
        self.built = False
        self._loss = loss
        self._entries: list[Entry] | None = None
        self._updates: list[Any] | None = None
        for item in _leaves(given) + _leaves(weighted):
            _check(item)
        if output_names is not None:
            self._entries = self._plan(output_names)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to update."""
        return not _leaves(self.user_metrics) and not _leaves(self.user_weighted_metrics)

    @property
    def metrics(self) -> list[Any]:
        """The metric objects in Keras's order; empty before the first batch."""
        return [entry.metric for entry in self._entries or () if entry.metric is not None]

    @property
    def names(self) -> list[str]:
        """The names in logs; known at compile time where the model's outputs are."""
        return [entry.name for entry in self._entries or ()]

    def _plan(self, names: list[str]) -> list[Entry]:
        plain = _spread(self.user_metrics, names, "`metrics`")
        weighted = _spread(self.user_weighted_metrics, names, "`weighted_metrics`")
        entries: list[Entry] = []
        taken: set[str] = set()
        for index, output in enumerate(names):
            prefix = f"{output}_" if len(names) > 1 else ""
            for given in plain[index]:
                self._enter(entries, taken, Entry(index, given, prefix + metric_name(given), False))
            for given in weighted[index]:
                name = prefix + metric_name(given)
                if name in taken or config.is_classic():
                    name = f"{prefix}weighted_{metric_name(given)}"
                self._enter(entries, taken, Entry(index, given, name, True))
        return entries

    def _enter(self, entries: list[Entry], taken: set[str], entry: Entry) -> None:
        if entry.name in taken:
            raise ValueError(
                f"Two metrics have the name {entry.name!r}; the logs need different ones. Give one of them another "
                f"`name`. Received: metrics={self.user_metrics!r}, weighted_metrics={self.user_weighted_metrics!r}"
            )
        taken.add(entry.name)
        entries.append(entry)

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Make the metric objects; which accuracy is meant depends on the shapes of targets and predictions."""
        names = self.output_names or output_names_of(y_pred)
        if self._entries is None:
            self._entries = self._plan(names)
        targets, predictions = in_output_order(y_true, y_pred, names), flatten(y_pred)
        several = len(names) > 1
        used: set[int] = set()
        for entry in self._entries:
            target = targets[entry.output] if entry.output < len(targets) else None
            if target is None:
                continue
            loss = self._loss.losses[entry.output] if self._loss is not None and self._loss.built else None
            again = several and id(entry.given) in used
            entry.metric = self._make(entry, target, predictions[entry.output], loss, again)
            used.add(id(entry.given))
        self._entries = [entry for entry in self._entries if entry.metric is not None]
        single = not several and not any(entry.weighted for entry in self._entries)
        self._updates = [entry.metric.update_state for entry in self._entries] if single else None
        self.built = True

    def _make(self, entry: Entry, y_true: Any, y_pred: Any, loss: Any, again: bool) -> Any:
        given = entry.given
        if isinstance(given, metrics.Metric):
            metric = metrics.clone_metric(given) if again else given
            metric.name = entry.name
            return metric
        return metrics.as_metric(given, tuple(y_true.shape), tuple(y_pred.shape), loss, entry.name)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch."""
        if not self.built:
            self.build(y_true, y_pred)
        if self._updates is not None and isinstance(y_true, torch.Tensor) and isinstance(y_pred, torch.Tensor):
            y_true = as_column(y_true, y_pred)
            mask = getattr(y_pred, "_keras_mask", None)
            for update in self._updates:
                update(y_true, y_pred, mask)
            return
        targets = in_output_order(y_true, y_pred, self.output_names)
        weights = in_output_order(sample_weight, y_pred, self.output_names)
        predictions = flatten(y_pred)
        for entry in self._entries or ():
            _update(entry, targets[entry.output], predictions[entry.output], weights[entry.output])

    def result(self) -> dict[str, Any]:
        """Return name → value; a metric whose result is a dict adds its own names."""
        return results_of(self.metrics)

    def reset_state(self) -> None:
        """Start anew; metric objects that the user gave are reset even before the first batch."""
        for metric in self.metrics or _leaves(self.user_metrics) + _leaves(self.user_weighted_metrics):
            if isinstance(metric, metrics.Metric):
                metric.reset_state()


def results_of(items: list[Any]) -> dict[str, Any]:
    """Return name → result of metrics."""
    logs: dict[str, Any] = {}
    for metric in items:
        result = metric.result()
        if isinstance(result, Mapping):
            logs.update(result)
        else:
            logs[metric.name] = result
    return logs


def _update(entry: Entry, y_true: Any, y_pred: Any, sample_weight: Any) -> None:
    if y_true is None:
        return
    y_true = as_column(y_true, y_pred)
    weight = getattr(y_pred, "_keras_mask", None)
    if entry.weighted and sample_weight is not None:
        if weight is not None:
            weight = weight.to(sample_weight.dtype)
            sample_weight = sample_weight.reshape(sample_weight.shape + (1,) * (weight.dim() - sample_weight.dim()))
        weight = sample_weight if weight is None else weight * sample_weight
    entry.metric.update_state(y_true, y_pred, weight)


def metric_name(given: Any) -> str:
    """Return the name that the logs use for a metric, before prefixes for outputs."""
    if isinstance(given, str):
        if config.is_classic():
            short = _SHORT.get(given.lower())
            return _CLASSIC_NAMES[short] if short else _classic_name(given)
        return given
    if isinstance(given, Mapping):
        return str(dict(given.get("config") or {}).get("name") or metrics.get(given).name)
    name = getattr(given, "name", None)
    return name if isinstance(name, str) else function_name(given)


def _classic_name(given: str) -> str:
    """Keras 1 and 2 log the function's full name: 'mse' is 'mean_squared_error'."""
    found = metrics.get(given)
    return found.name if isinstance(found, metrics.Metric) else function_name(found)


def _check(item: Any) -> None:
    """Fail on unknown metric names in `compile` already."""
    if isinstance(item, str) and item.lower() not in _SHORT:
        metrics.find(item)
    elif not isinstance(item, (str, Mapping)) and not callable(item):
        raise ValueError(
            "A metric must be a name, a function, a Metric or its config. "
            f"Received: {item!r} of type {type(item).__name__}"
        )


def _leaves(given: Any) -> list[Any]:
    if isinstance(given, Mapping) and "class_name" in given:
        return [given]
    if isinstance(given, Mapping):
        return [leaf for item in given.values() for leaf in _leaves(item)]
    if isinstance(given, (list, tuple)):
        return [leaf for item in given for leaf in _leaves(item)]
    return [] if given is None else [given]


def _spread(given: Any, names: list[str], label: str) -> list[list[Any]]:
    """Return the list of metrics of each output."""
    if given is None:
        return [[] for _ in names]
    if not isinstance(given, (list, tuple)) and not (isinstance(given, Mapping) and "class_name" not in given):
        return [_leaves(given) for _ in names]
    if isinstance(given, Mapping):
        return [_leaves(item) for item in per_output(given, names, label)]
    nested = any(isinstance(item, (list, tuple)) or item is None for item in given)
    each = nested or (config.dialect() in (None, "3") and len(given) == len(names))
    if len(names) > 1 and each:
        return [_leaves(item) for item in per_output(given, names, label)]
    return [_leaves(given) for _ in names]
