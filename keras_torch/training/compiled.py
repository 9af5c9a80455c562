"""What `compile` makes of its arguments: strings become losses and metrics for each output, with Keras's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from keras_torch import config, metrics, registry
from keras_torch.data.structure import flatten
from keras_torch.engine import placement
from keras_torch.losses import categorical_crossentropy, sparse_categorical_crossentropy
from keras_torch.registry import pickled
from keras_torch.training.compiled_loss import CompiledLoss, function_name
from keras_torch.training.outputs import (
    as_column,
    has_names,
    in_a_row,
    in_output_order,
    is_deep,
    listed,
    output_names_of,
    per_output,
)

_SHORT = {"accuracy": "accuracy", "acc": "accuracy", "crossentropy": "crossentropy", "ce": "crossentropy"}
_CLASSIC_NAMES = {"accuracy": "acc", "crossentropy": "ce"}


@dataclass
class Entry(pickled.HoldsFunctions):
    """One metric of one output: what the user gave, its name in logs, and the object once it exists.

    `plain` says that the name is the metric's own, without a prefix or number.
    """

    output: int
    given: Any
    name: str
    weighted: bool
    plain: bool
    metric: Any = None

    @property
    def names(self) -> list[str]:
        """The names in logs; several once a function turns out to return a dict."""
        return getattr(self.metric, "result_names", [self.name])


class CompiledMetrics(pickled.HoldsFunctions):
    """The metrics of one model, updated together. Names follow the dialect ('acc' in Keras 1 and 2)."""

    name = "compile_metrics"

    def __init__(
        self,
        given: Any = None,
        weighted: Any = None,
        output_names: list[str] | None = None,
        loss: CompiledLoss | None = None,
        labels: list[str] | None = None,
        keyed: bool = False,
    ) -> None:
        self.user_metrics = given
        self.user_weighted_metrics = weighted
        self.output_names = output_names
        self.built = False
        self._as_columns = config.dialect() == "tf"
        # Names of the outputs and shapes of targets and predictions that the metrics were made for.
        self.plan: tuple[list[str], bool, bool, list[Any], list[Any]] | None = None
        self._labels = labels
        self._keyed = keyed
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
    def entries(self) -> list[Entry]:
        """What stands in the logs; without metric objects before the first batch."""
        return list(self._entries or ())

    @property
    def metrics(self) -> list[Any]:
        """The metric objects in Keras's order; empty before the first batch."""
        return [entry.metric for entry in self._entries or () if entry.metric is not None]

    @property
    def variables(self) -> list[Any]:
        """The state of `metrics`."""
        return [variable for metric in self.metrics for variable in metric.variables]

    @property
    def names(self) -> list[str]:
        """The names in logs; known at compile time where the model's outputs are."""
        return [name for entry in self._entries or () for name in entry.names]

    def evaluated_names(self, losses: list[str]) -> list[str]:
        """Return the order in which `evaluate` lists the running means called `losses` and the metrics.

        Keras 3 has the metrics without prefixes behind the total loss, and sorts the others behind the losses.
        """
        if config.dialect() != "3":
            return [*losses, *self.names]
        plain = [name for entry in self._entries or () if entry.plain for name in entry.names]
        others = sorted(name for entry in self._entries or () if not entry.plain for name in entry.names)
        return [*losses[:1], *plain, *losses[1:], *others]

    def _plan(self, names: list[str], named: bool = True) -> list[Entry]:
        """Give each metric its name; the names of outputs come first where there are several with names."""
        prefixes = [f"{name}_" if named and len(names) > 1 else "" for name in self._labels or names]
        plain = spread(self.user_metrics, names, "`metrics`")
        weighted = spread(self.user_weighted_metrics, names, "`weighted_metrics`")
        outputs = listed(names, self._keyed)
        if config.is_modern():
            order = [(index, False) for index in outputs] + [(index, True) for index in outputs]
        else:
            order = [(index, weight) for index in outputs for weight in (False, True)]
        entries: list[Entry] = []
        taken: set[str] = set()
        for index, weight in order:
            for given in (weighted if weight else plain)[index]:
                given = _resolved(given)
                self._check_single(entries, index, given)
                own = metric_name(given)
                name = self._free_name(prefixes[index], own, weight, taken)
                taken.add(name)
                entries.append(Entry(index, given, name, weight, name == own))
        return entries

    def _check_single(self, entries: list[Entry], output: int, given: Any) -> None:
        twice = any(entry.output == output and entry.given is given for entry in entries)
        if isinstance(given, metrics.Metric) and twice:
            raise ValueError(
                f"The metric {given.name!r} is given twice for one output and would count each batch twice. Make one "
                f"object for each. Received: metrics={self.user_metrics!r}, "
                f"weighted_metrics={self.user_weighted_metrics!r}"
            )

    def _free_name(self, prefix: str, name: str, weighted: bool, taken: set[str]) -> str:
        if weighted and (prefix + name in taken or config.is_classic()):
            name = f"weighted_{name}"
        full, number = prefix + name, 0
        while full in taken:
            if config.dialect() == "tf":
                raise ValueError(
                    f"Two metrics have the name {full!r}; the logs need different ones. Give one of them another "
                    f"`name`. Received: metrics={self.user_metrics!r}, weighted_metrics={self.user_weighted_metrics!r}"
                )
            number += 1
            full = f"{prefix}{name}_{number}"
        return full

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Make the metric objects; which accuracy is meant depends on the shapes of targets and predictions."""
        names = self.output_names or output_names_of(y_pred)
        if is_deep(y_pred):
            self.user_metrics = in_a_row(self.user_metrics, y_pred, several=True)
            self.user_weighted_metrics = in_a_row(self.user_weighted_metrics, y_pred, several=True)
        targets = [None if target is None else tuple(target.shape) for target in in_output_order(y_true, y_pred, names)]
        predictions = [tuple(prediction.shape) for prediction in flatten(y_pred)]
        self.build_as((names, has_names(y_pred), isinstance(y_pred, Mapping), targets, predictions))

    def build_as(self, plan: tuple[list[str], bool, bool, list[Any], list[Any]]) -> None:
        """Make the metric objects from what `plan` holds after `build`."""
        self.plan = names, named, keyed, targets, predictions = plan
        if self._entries is None:
            self._keyed = keyed
            self._entries = self._plan(names, named)
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

    def _make(self, entry: Entry, true_shape: Any, pred_shape: Any, loss: Any, again: bool) -> Any:
        given = entry.given
        if isinstance(given, metrics.Metric):
            metric = metrics.clone_metric(given) if again else given
            metric.given_name, metric.name = own_name(given), entry.name
            return metric
        return metrics.as_metric(given, true_shape, pred_shape, loss, entry.name)

    def meaning(self, entry: Entry) -> Any:
        """Return the function that an entry's "accuracy" or "crossentropy" is, or None for others.

        Before the first batch only a loss for several classes tells.
        """
        if not isinstance(entry.given, str) or entry.given.lower() not in _SHORT:
            return None
        if entry.metric is not None:
            return entry.metric._fn
        loss = self._loss.losses[entry.output] if self._loss is not None and self._loss.built else None
        function = getattr(loss, "fn", loss)
        for known, targets in ((sparse_categorical_crossentropy, (None,)), (categorical_crossentropy, (None, None))):
            if function is known:
                return metrics.resolve_accuracy(targets, (None, None), entry.given)
        return None

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch."""
        if not self.built:
            self.build(y_true, y_pred)
        if self._updates is not None and isinstance(y_true, torch.Tensor) and isinstance(y_pred, torch.Tensor):
            y_true = _beside(y_true, y_pred, self._as_columns)
            mask = getattr(y_pred, "_keras_mask", None)
            for update in self._updates:
                update(y_true, y_pred) if mask is None else update(y_true, y_pred, mask)
            return
        targets = in_output_order(y_true, y_pred, self.output_names)
        weights = in_output_order(sample_weight, y_pred, self.output_names)
        predictions = flatten(y_pred)
        for entry in self._entries or ():
            index = entry.output
            _update(entry, targets[index], predictions[index], weights[index], self._as_columns)

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


def _update(entry: Entry, y_true: Any, y_pred: Any, sample_weight: Any, as_columns: bool) -> None:
    if y_true is None:
        return
    y_true = _beside(y_true, y_pred, as_columns)
    weight = getattr(y_pred, "_keras_mask", None)
    if entry.weighted and sample_weight is not None:
        sample_weight = sample_weight.to(y_pred.device)
        if weight is not None:
            weight = weight.to(sample_weight.dtype)
            sample_weight = sample_weight.reshape(sample_weight.shape + (1,) * (weight.dim() - sample_weight.dim()))
        weight = sample_weight if weight is None else weight * sample_weight
    if weight is None:
        # Metrics of users need not take weights.
        entry.metric.update_state(y_true, y_pred)
    else:
        entry.metric.update_state(y_true, y_pred, weight)


def _beside(y_true: Any, y_pred: Any, as_columns: bool) -> Any:
    """Return targets on the device of the predictions; single columns of targets may lack their axis."""
    if config.Placement.used:
        (y_true,) = placement.beside(y_pred, y_true)
    return as_column(y_true, y_pred, as_columns)


def own_name(metric: Any) -> str:
    """Return the name that a Metric had before it was compiled, when it may have got that of an output as well."""
    return metric.given_name or metric.name


def _resolved(given: Any) -> Any:
    """Make what a config, a class or, in tf.keras, the name of a class means; its own name counts then."""
    if isinstance(given, type) and issubclass(given, metrics.Metric):
        return given()
    if isinstance(given, Mapping):
        return metrics.get(given)
    if isinstance(given, str) and given.lower() not in _SHORT and config.dialect() == "tf":
        found = metrics.find(given)
        return found() if isinstance(found, type) else given
    return given


def metric_name(given: Any) -> str:
    """Return the name that the logs use for a metric, before prefixes for outputs."""
    if isinstance(given, str):
        if config.is_classic():
            short = _SHORT.get(given.lower())
            return _CLASSIC_NAMES[short] if short else _classic_name(given)
        return given
    if isinstance(given, metrics.Metric):
        return own_name(given)
    name = getattr(given, "name", None)
    if isinstance(name, str):
        return name
    if config.is_classic():
        return function_name(given)
    name = getattr(given, "__name__", None)
    if name is None or config.dialect() != "tf":
        return registry.snake_case(name or type(given).__name__)
    return name


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


def spread(given: Any, names: list[str], label: str) -> list[list[Any]]:
    """Return the list of metrics of each output, or of what stands for them in a config.

    A list without lists in it holds for every output, but in Keras 3 where it has an entry for each.
    """
    if given is None:
        return [[] for _ in names]
    if isinstance(given, Mapping) and "class_name" not in given:
        return [_leaves(item) for item in per_output(given, names, label)]
    if isinstance(given, (list, tuple)) and given and len(names) > 1:
        dialect = config.dialect()
        each = any(isinstance(item, (list, tuple)) for item in given) or dialect == "3"
        if dialect is None:
            each = each or len(given) == len(names) or None in given
        if each:
            return [_leaves(item) for item in per_output(given, names, label)]
    return [_leaves(given) for _ in names]
