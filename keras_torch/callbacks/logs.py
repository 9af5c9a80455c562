"""Dicts of metric values: lazily read from the device, and indifferent to `acc` versus `accuracy`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch.utils import _pytree as pytree

# Spellings that Keras used at different times for the same entry.
_PAIRS = {
    "acc": "accuracy",
    "ce": "crossentropy",
    "lr": "learning_rate",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}
_ENDINGS = {**_PAIRS, **{long: short for short, long in _PAIRS.items()}}

_MISSING = object()


def other_spelling(name: Any) -> str | None:
    """Return the other spelling of a log name (`"val_acc"` → `"val_accuracy"`), or None if there is only one."""
    if isinstance(name, str):
        for ending, other in _ENDINGS.items():
            if name == ending or name.endswith("_" + ending):
                return name.removesuffix(ending) + other
    return None


class MetricDict(dict):
    """A dict keyed by metric names in which both `acc` and `accuracy` (`lr` and `learning_rate`, ...) answer."""

    def _stored(self, name: Any) -> Any:
        if dict.__contains__(self, name):
            return name
        other = other_spelling(name)
        return other if other is not None and dict.__contains__(self, other) else name

    def __getitem__(self, name: Any) -> Any:
        return dict.__getitem__(self, self._stored(name))

    def __contains__(self, name: Any) -> bool:
        return dict.__contains__(self, self._stored(name))

    def get(self, name: Any, default: Any = None) -> Any:
        """Return the value of `name` in either spelling, or `default`."""
        return dict.get(self, self._stored(name), default)

    def setdefault(self, name: Any, default: Any = None) -> Any:
        """Return the value of `name` in either spelling, storing `default` if there is none."""
        return dict.setdefault(self, self._stored(name), default)

    def __reduce__(self) -> Any:
        return (type(self), (dict(self),))


def _array(value: torch.Tensor) -> Any:
    # numpy has no bfloat16.
    return (value.float() if value.dtype is torch.bfloat16 else value).numpy()


class Logs(MetricDict):
    """The `logs` that callbacks receive.

    Values may be given as 0-dimensional tensors on any device, or all together by a function that returns them.
    Nothing is computed or copied until somebody looks at a value; then all are read back in one transfer per dtype and
    stay as Python numbers.
    """

    # Where these are values of one batch: those of the epoch so far.
    so_far: Logs | None = None

    def __init__(self, source: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None = None) -> None:
        super().__init__()
        self._source: Callable[[], Mapping[str, Any]] | None = None
        self._unread = False
        self._more: dict[str, Any] = {}
        if callable(source):
            self._source = source
        elif source:
            self.update(source)

    def fetch(self) -> Logs:
        """Make sure that the values are computed, without reading them from the device."""
        if self._source is not None:
            source, self._source = self._source, None
            self.update(source())
        if self._more:
            more, self._more = self._more, {}
            self.update(more)
        return self

    def add_later(self, **entries: Any) -> None:
        """Add entries when somebody looks, without computing the others now."""
        self._more.update(entries)

    def read(self) -> None:
        """Read all values back, in one transfer for each dtype."""
        self.fetch()
        if not self._unread:
            return
        self._unread = False
        groups: dict[Any, list[tuple[Any, torch.Tensor]]] = {}
        for name, value in dict.items(self):
            if isinstance(value, (list, tuple, dict)):
                dict.__setitem__(
                    self, name, pytree.tree_map_only(torch.Tensor, lambda t: _array(t.detach().cpu()), value)
                )
            elif isinstance(value, torch.Tensor):
                groups.setdefault((value.device, value.dtype, value.shape), []).append((name, value.detach()))
        for (_, _, shape), entries in groups.items():
            values = [value for _, value in entries]
            read = (torch.stack(values) if len(values) > 1 else values[0][None]).cpu()
            for (name, _), value in zip(entries, read if shape else read.tolist(), strict=True):
                dict.__setitem__(self, name, _array(value) if shape else value)

    def __setitem__(self, name: Any, value: Any) -> None:
        self.fetch()
        self._unread = self._unread or isinstance(value, (torch.Tensor, list, tuple, dict))
        dict.__setitem__(self, name, value)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Add entries; tensors stay unread."""
        self.fetch()
        for other in (*args, kwargs):
            pairs = dict.items(other.fetch()) if isinstance(other, Logs) else dict(other).items()
            for name, value in pairs:
                self[name] = value

    def __getitem__(self, name: Any) -> Any:
        self.read()
        return MetricDict.__getitem__(self, name)

    def __contains__(self, name: Any) -> bool:
        self.fetch()
        return MetricDict.__contains__(self, name)

    # dict() and ** copy a dict's raw contents unless it has an iterator of its own.
    def __iter__(self) -> Iterator[Any]:
        self.fetch()
        return dict.__iter__(self)

    def __len__(self) -> int:
        self.fetch()
        return dict.__len__(self)

    def __bool__(self) -> bool:
        return len(self) > 0

    def keys(self) -> Any:
        self.fetch()
        return dict.keys(self)

    def values(self) -> Any:
        self.read()
        return dict.values(self)

    def items(self) -> Any:
        self.read()
        return dict.items(self)

    def get(self, name: Any, default: Any = None) -> Any:
        self.read()
        return MetricDict.get(self, name, default)

    def setdefault(self, name: Any, default: Any = None) -> Any:
        self.read()
        return MetricDict.setdefault(self, name, default)

    def pop(self, name: Any, default: Any = _MISSING) -> Any:
        """Remove `name`, in either spelling, and return its value."""
        self.read()
        return dict.pop(self, self._stored(name), *(() if default is _MISSING else (default,)))

    def copy(self) -> dict[str, Any]:
        """Return a plain dict of the values."""
        return MetricDict(self.items())

    def __delitem__(self, name: Any) -> None:
        self.fetch()
        dict.__delitem__(self, self._stored(name))

    def popitem(self) -> tuple[Any, Any]:
        """Remove the last entry and return it."""
        self.read()
        return dict.popitem(self)

    def clear(self) -> None:
        self.fetch()
        dict.clear(self)

    def __reversed__(self) -> Iterator[Any]:
        self.fetch()
        return dict.__reversed__(self)

    def __or__(self, other: Mapping[Any, Any]) -> Any:
        return MetricDict({**self, **other})

    def __ror__(self, other: Mapping[Any, Any]) -> Any:
        return MetricDict({**other, **self})

    def __ior__(self, other: Any) -> Any:  # type: ignore[misc]
        self.update(other)
        return self

    def __eq__(self, other: object) -> bool:
        self.read()
        if isinstance(other, Logs):
            other.read()
        return dict.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        self.read()
        return dict.__repr__(self)
