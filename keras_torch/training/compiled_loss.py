"""The loss of a compiled model: one loss and weight for each output, their sum, and the running means of both."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from keras_torch import config, losses
from keras_torch.backend import Variable
from keras_torch.data.structure import flatten, is_nested
from keras_torch.distributed import Share
from keras_torch.engine import placement
from keras_torch.metrics import Metric
from keras_torch.metrics.summing import SumSlot
from keras_torch.registry import pickled
from keras_torch.training.outputs import (
    as_column,
    has_names,
    in_a_row,
    in_output_order,
    is_deep,
    listed,
    output_names_of,
    paths_of,
    per_output,
)


class LossTracker(Metric):
    """Mean of a loss over an epoch, each batch counting as many times as it has samples: one `add_` a step."""

    def __init__(self, name: str = "loss") -> None:
        super().__init__(name=name)
        self._total: torch.Tensor | None = None
        self._count = 0.0
        self._last: Any = None

    def add(self, loss: torch.Tensor, samples: float) -> None:
        """Count a batch's loss. Call it under `torch.no_grad()`."""
        if self._total is None:
            dtype = torch.float32 if loss.device.type == "mps" else torch.float64
            self._total = torch.zeros((), dtype=dtype, device=loss.device)
        self._total.add_(loss, alpha=samples)
        self._count += samples

    @property
    def is_used(self) -> bool:
        """Whether it has ever counted a batch."""
        return self._total is not None

    def record(self, loss: torch.Tensor, samples: int) -> None:
        """Count a batch's loss, and ignore the same tensor if the caller's own train_step hands it in again."""
        with torch.no_grad():
            self.add(loss, samples)
        self._last = weakref.ref(loss)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Count `values`, a scalar, with the weight `sample_weight` (1 by default)."""
        if self._last is not None and self._last() is values:
            return
        values = torch.as_tensor(values, dtype=None).detach()
        with torch.no_grad():
            weight = Share.of_batch() if sample_weight is None else float(sample_weight)
            self.add(values.mean() if values.dim() else values, weight)

    def result(self) -> torch.Tensor:
        """Return the mean so far."""
        if self._total is None:
            return torch.zeros(())
        return (self._total / max(self._count, 1e-12)).to(torch.float32)

    def sums(self) -> tuple[Any, Any]:
        """Return the weighted sum and the weight so far, as they are now."""
        return (0.0 if self._total is None else self._total.clone()), self._count

    def sum_slots(self) -> list[SumSlot]:
        """Return what adds up over processes: sum and weight."""
        return [SumSlot(self._both, self._set_both)]

    def _both(self) -> torch.Tensor:
        total = 0.0 if self._total is None else self._total
        return torch.stack([torch.as_tensor(value, dtype=torch.float64).cpu() for value in (total, self._count)])

    def _set_both(self, values: torch.Tensor) -> None:
        device = torch.device("cpu") if self._total is None else self._total.device
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self._total, self._count = values[0].to(device, dtype, copy=True), float(values[1])

    def reset_state(self) -> None:
        """Start a new mean."""
        if self._total is not None:
            self._total = torch.zeros_like(self._total)
        self._count = 0.0
        self._last = None

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_last": None}

    @property
    def variables(self) -> list[Variable]:
        """Copies of the weighted sum and the weight so far."""
        total = torch.zeros(()) if self._total is None else self._total.float()
        pairs = (("total", total), ("count", self._count))
        return [Variable(value, trainable=False, name=f"{self.name}/{name}") for name, value in pairs]


def function_name(function: Any) -> str:
    """Return the name under which a function appears in logs."""
    inner = getattr(function, "func", function)
    return getattr(inner, "__name__", None) or type(inner).__name__


class CompiledLoss(pickled.HoldsFunctions):
    """Losses and weights for the outputs of one model. Called with targets and predictions it returns the total."""

    def __init__(
        self,
        loss: Any,
        loss_weights: Any = None,
        output_names: list[str] | None = None,
        labels: list[str] | None = None,
        keyed: bool = False,
    ) -> None:
        self.user_loss = loss
        self.user_weights = loss_weights
        self.output_names = output_names
        self._given_labels = labels
        self._keyed = keyed
        self.total = LossTracker("loss")
        self.tracking = True
        self.built = False
        self._single: Any = None
        self.as_columns = config.dialect() == "tf"
        self._resolved = None if _is_nothing(loss) else _resolve(loss)
        if output_names is not None:
            self.build(output_names)

    def settle(self, structure: Any, names: list[str]) -> None:
        """Build for outputs that are a structure of structures, along which losses and weights may be given."""
        self._resolved = in_a_row(self._resolved, structure)
        self.user_weights = in_a_row(self.user_weights, structure)
        self.output_names = names
        if config.is_modern():
            self._given_labels = names if names == output_names_of(structure) else paths_of(structure, names)
        self.build(names)

    def build(self, names: list[str], named: bool = True) -> None:
        """Give each output its loss, weight and, if there are several outputs, its running mean.

        The running mean is called after the output, or, where outputs have no names, after the loss.
        """
        self.names = names
        multiple = len(names) > 1
        resolved = _counted_by_tf_keras(self._resolved, names) if config.dialect() == "tf" else self._resolved
        given = _entries(resolved, names, "`loss`")
        weights = _entries(self.user_weights, names, "`loss_weights`")
        pairs = [_joined(*item) for item in zip(given, weights, names, strict=True)]
        self.losses, self.weights = [loss for loss, _ in pairs], [weight for _, weight in pairs]
        if not any(loss is not None for loss in self.losses) and self._resolved is not None:
            raise ValueError(f"`loss` gives no loss to any of the outputs {names}. Received: loss={self.user_loss!r}")
        # Keras 3 needs no running mean for the loss of one output only.
        least = 2 if config.is_modern() else 1
        multiple = multiple and sum(loss is not None for loss in self.losses) >= least
        self.trackers = [
            LossTracker(f"{name}_loss") if multiple and loss is not None else None
            for name, loss in zip(self._labels(names, named), self.losses, strict=True)
        ]
        order = listed(names, self._keyed)
        if self._keyed and isinstance(self.user_loss, Mapping) and config.dialect() == "3":
            order = [names.index(name) for name in self.user_loss]
        self._listed = [self.trackers[index] for index in order]
        simple = len(names) == 1 and self.weights[0] in (None, 1, 1.0)
        self._single = self.losses[0] if simple else None
        self.built = True

    def _labels(self, names: list[str], named: bool) -> list[str]:
        if self._given_labels is not None:
            return self._given_labels
        own = [name if loss is None else loss.name for name, loss in zip(names, self.losses, strict=True)]
        return names if named or len(set(own)) < len(own) else own

    @property
    def metrics(self) -> list[LossTracker]:
        """The running means: the total, then one for each output of a model with several.

        In tf.keras there is no total where no loss was compiled, unless layers added one.
        """
        has_total = self.user_loss is not None or self.total.is_used or config.dialect() != "tf"
        return [self.total] * has_total + (
            [tracker for tracker in self._listed if tracker is not None] if self.built else []
        )

    @property
    def is_single(self) -> bool:
        """Whether there is one loss, of one output, which is all that is minimized and counted."""
        return self._single is not None

    def compute(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> torch.Tensor | None:
        """Return the weighted sum of the losses of one batch, or None if no output has one."""
        if self._single is not None and isinstance(y_true, torch.Tensor) and isinstance(y_pred, torch.Tensor):
            return output_loss(self._single, y_true, y_pred, sample_weight, self.as_columns)
        if not self.built:
            if is_deep(y_pred):
                self.settle(y_pred, output_names_of(y_pred))
                return self.compute(y_true, y_pred, sample_weight)
            self._keyed = isinstance(y_pred, Mapping)
            self.build(self.output_names or output_names_of(y_pred), bool(self.output_names) or has_names(y_pred))
            return self.compute(y_true, y_pred, sample_weight)
        return self._compute_all(y_true, y_pred, sample_weight)

    def _compute_all(self, y_true: Any, y_pred: Any, sample_weight: Any) -> torch.Tensor | None:
        predictions = flatten(y_pred)
        targets = in_output_order(y_true, y_pred, self.names)
        weights = in_output_order(sample_weight, y_pred, self.names)
        if len(targets) != len(predictions):
            raise ValueError(
                f"There must be one target array for each of the {len(predictions)} outputs {self.names}. "
                f"Received: {len(targets)} arrays"
            )
        values = [
            None if loss is None or target is None else output_loss(loss, target, prediction, weight, self.as_columns)
            for loss, target, prediction, weight in zip(self.losses, targets, predictions, weights, strict=True)
        ]
        return self.combine(values, [prediction.shape[0] for prediction in predictions])

    def combine(self, values: list[torch.Tensor | None], samples: list[int]) -> torch.Tensor | None:
        """Return the weighted sum of the outputs' losses, and count each in its running mean."""
        total: torch.Tensor | None = None
        for index, value in enumerate(values):
            if value is None:
                continue
            tracker = self.trackers[index]
            if tracker is not None:
                with torch.no_grad():
                    tracker.add(value, samples[index])
            if self.weights[index] is not None:
                value = value * self.weights[index]
            total = value if total is None else sum_of(total, value)
        return total

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, regularization_losses: Any = None
    ) -> torch.Tensor | None:
        """Return the total loss of a batch, `regularization_losses` included, and count it in the running mean."""
        total = self.compute(y_true, y_pred, sample_weight)
        for extra in regularization_losses or ():
            total = extra if total is None else sum_of(total, extra)
        if total is not None and self.tracking:
            self.total.record(total, flatten(y_pred)[0].shape[0])
        return total

    def reset_state(self) -> None:
        """Start new running means."""
        for tracker in self.metrics:
            tracker.reset_state()


def output_loss(
    loss: Any, y_true: torch.Tensor, y_pred: torch.Tensor, sample_weight: Any, as_columns: bool
) -> torch.Tensor:
    """Return one output's loss; single columns of targets may lack their axis, `as_columns` beside several, too."""
    if config.Placement.used:
        y_true, sample_weight = placement.beside(y_pred, y_true, sample_weight)
    value = loss(as_column(y_true, y_pred, as_columns), y_pred, sample_weight)
    return _unreduced(value) if value.dim() and config.dialect() == "tf" else value


def sum_of(first: torch.Tensor, second: Any) -> torch.Tensor:
    """Return the sum of two losses, which may come from different devices."""
    return first + (placement.beside(first, second)[0] if config.Placement.used else second)


def _unreduced(value: torch.Tensor) -> torch.Tensor:
    """Return the mean, with the gradient of the sum: what tf.keras logs and trains if losses are not reduced."""
    total = value.sum() if Share.current is None else value.sum() / Share.current.divisor
    return value.mean().detach() + total - total.detach()


def _is_nothing(loss: Any) -> bool:
    """Whether there is None for every output: before Keras 3 all losses could come from `add_loss`."""
    if config.dialect() not in ("1", "2", "tf"):
        return False
    leaves = list(loss.values()) if isinstance(loss, dict) else loss
    return isinstance(leaves, (list, tuple)) and all(item is None for item in leaves)


def _resolve(loss: Any) -> Any:
    """Turn every leaf of `loss` into a loss object, so that unknown names fail in `compile`."""
    if isinstance(loss, dict) and "class_name" not in loss:
        return {key: _resolve(item) for key, item in loss.items()}
    if isinstance(loss, (list, tuple)):
        return [_resolve(item) for item in loss]
    return losses.as_loss(loss)


class SeveralLosses:
    """The weighted sum of several losses of one output."""

    def __init__(self, parts: Sequence[Any], weights: Sequence[Any]) -> None:
        self.parts = parts
        self.weights = weights
        self.name = parts[0].name

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> torch.Tensor:
        total: Any = 0
        for loss, weight in zip(self.parts, self.weights, strict=True):
            value = loss(y_true, y_pred, sample_weight)
            total = total + (value if weight is None else value * weight)
        return total


def _counted_by_tf_keras(loss: Any, names: list[str]) -> Any:
    """Return one entry for each output as tf.keras finds it: of lists that are too long it heeds the beginning only."""
    count = len(names)
    if isinstance(loss, list):
        found: Any = [*loss[:count], *[None] * (count - len(loss))]
        ignored = loss[count:]
    elif isinstance(loss, Mapping):
        found, ignored = dict(loss), []
    else:
        return loss
    for key, entry in found.items() if isinstance(found, dict) else enumerate(found):
        if isinstance(entry, list) and entry:
            found[key] = entry[0]
            ignored += entry[1:]
    unused = [item.name for item in ignored if item is not None]
    if unused:
        warnings.warn(
            f"As in tf.keras, the losses {unused} are left out: each of the outputs {names} "
            "has one loss. For a sum write a function that adds them.",
            stacklevel=2,
        )
    return found


def _joined(loss: Any, weight: Any, output: str) -> tuple[Any, Any]:
    """Return the loss of one output, the sum where a list gives several, and its weight."""
    losses, weights = (item if isinstance(item, (list, tuple)) else None for item in (loss, weight))
    if isinstance(loss, Mapping) or isinstance(weight, Mapping):
        raise ValueError(
            f"`loss` and `loss_weights` must give one entry, or a list, to the output {output!r}. "
            f"Received: {loss!r} and {weight!r}"
        )
    if losses is None and weights is None:
        return loss, weight
    losses = [loss] if losses is None else losses
    if weights is not None and len(weights) != len(losses):
        raise ValueError(
            f"`loss_weights` must give the output {output!r} one weight for each of its {len(losses)} losses. "
            f"Received: {weight!r}"
        )
    if len(losses) == 1:
        return losses[0], weights[0] if weights else weight
    return SeveralLosses(losses, weights or [None] * len(losses)), None if weights else weight


def _entries(value: Any, names: list[str], label: str) -> list[Any]:
    """Return one entry for each output; a list given for a model with one output may hold a list of several."""
    if len(names) == 1 and is_nested(value) and not isinstance(value, Mapping) and len(value) == 1:
        return [value[0]]
    return per_output(value, names, label)
