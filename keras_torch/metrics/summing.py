"""The states of metrics as numbers that add up over processes."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.distributed as dist

from keras_torch.backend.variable import Variable
from keras_torch.metrics.base import Metric, PyMetric
from keras_torch.metrics.running import RunningSum


class _VariableSlot:
    """A state variable that holds its own value."""

    def __init__(self, variable: Variable) -> None:
        self._variable = variable

    def read(self) -> torch.Tensor:
        return self._variable.detach().to(torch.float64, copy=True)

    def write(self, value: torch.Tensor) -> None:
        self._variable.data = value.view(self._variable.shape).to(self._variable.device, self._variable.dtype)


class _RunningSlot:
    """A sum that its variable shows when somebody looks."""

    def __init__(self, total: RunningSum) -> None:
        self._total = total

    def read(self) -> torch.Tensor:
        value = self._total.value()
        shape = self._total.variable.shape
        return torch.as_tensor(value, dtype=torch.float64).expand(shape).clone()

    def write(self, value: torch.Tensor) -> None:
        self._total.replace(value)


class SumSlot:
    """A sum somewhere else, with functions that read and write it."""

    def __init__(self, read: Callable[[], torch.Tensor], write: Callable[[torch.Tensor], None]) -> None:
        self.read, self.write = read, write


def slots(metric: Any) -> Iterator[Any]:
    """Yield what of a metric adds up over batches and processes, each with `read()` and `write(value)`."""
    own = getattr(metric, "sum_slots", None)
    if own is not None:
        yield from own()
        return
    shown = {id(total.variable) for total in metric.running.values()}
    yield from map(_RunningSlot, metric.running.values())
    yield from (_VariableSlot(variable) for variable in metric._variables if id(variable) not in shown)
    for part in metric._parts():
        if isinstance(part, Metric):
            yield from slots(part)
        elif id(part) not in shown:
            yield _VariableSlot(part)


def read(metrics: list[Any]) -> list[torch.Tensor]:
    """Return the state of metrics, to be put back with `write`."""
    return [slot.read() for metric in metrics for slot in slots(metric)]


def write(metrics: list[Any], values: list[torch.Tensor]) -> None:
    """Put a state back; what was made since is set to 0."""
    found = [slot for metric in metrics for slot in slots(metric)]
    for index, slot in enumerate(found):
        slot.write(values[index] if index < len(values) else torch.zeros_like(slot.read()))


def merge_written_in_python(metrics: list[Any]) -> None:
    """Let metrics that keep their state in Python take in those of the other processes by `merge_state`."""
    for metric in metrics:
        if not isinstance(metric, PyMetric):
            continue
        if type(metric).merge_state is PyMetric.merge_state:
            warnings.warn(
                f"The metric {metric.name!r} counts this process's part of the data only: its state is no tensor. "
                f"Define `merge_state(metrics)` in {type(metric).__name__}.",
                stacklevel=2,
            )
            continue
        states: list[Any] = [None] * dist.get_world_size()
        dist.all_gather_object(states, metric.state_dict())
        copies: list[Metric] = []
        for state in states:
            other = copy.deepcopy(metric)
            other.load_state_dict(state)
            copies.append(other)
        metric.load_state_dict(states[0])
        metric.merge_state(copies[1:])
