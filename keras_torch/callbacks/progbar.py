"""The progress bar."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from keras_torch.callbacks.bar_looks import State, current_look
from keras_torch.callbacks.output import print_message, redraws


def _number(value: Any) -> str:
    if isinstance(value, str):
        return f" {value}"
    if not isinstance(value, float):
        value = float(np.mean(value.detach().cpu().numpy() if hasattr(value, "detach") else value))
    return f" {value:.4f}" if abs(value) > 1e-3 else f" {value:.4e}"


class Progbar:
    """A line that shows how far a loop is: `3/10 [=======>......................] - ETA: 3s - loss: 0.5000`.

    Args:
        target: Number of steps, None if unknown.
        width: Length of the bar in characters; None is that of the dialect's Keras.
        verbose: 0 silent, 1 a bar, 2 one line at the end.
        interval: Seconds that pass at least between two drawings.
        stateful_metrics: Names whose values are shown as they are; others are averaged over the steps.
        unit_name: What a step is called.
        stateless_metrics: In place of `stateful_metrics`, the names that are averaged.

    It looks as in the dialect's Keras. Values may be tensors: they are read only when the bar is drawn. Where a line
    cannot be redrawn (a file, a pipe) only the finished one is written.
    """

    def __init__(
        self,
        target: int | None,
        width: int | None = None,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
        stateless_metrics: Iterable[str] | None = None,
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Progbar takes either `stateful_metrics` or `stateless_metrics`. Received: "
                f"{stateful_metrics!r} and {stateless_metrics!r}"
            )
        self._look = current_look()
        self.target = None if target is None else int(target)
        self.width = self._look.width if width is None else width
        self.verbose = verbose
        self.interval = interval
        self.stateful_metrics = set(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self.unit_name = unit_name
        self._seen = 0
        self._values: dict[str, tuple[Any, float]] = {}
        self._line_width = 0
        self._start = time.time()
        self._after_first: float | None = None
        self._last_drawn = 0.0
        self._redraws = redraws()

    @property
    def titles_every_run(self) -> bool:
        """Whether a run of a single epoch shows `Epoch 1/1` as well."""
        return self._look.titles_every_run

    def due(self) -> bool:
        """Whether an update now would be drawn, apart from the last one."""
        return self.verbose == 1 and self._redraws and time.time() - self._last_drawn >= self.interval

    def add(self, n: int, values: Any = None) -> None:
        """Go `n` steps further; `values` as in `update`."""
        self.update(self._seen + n, values)

    def update(self, current: int, values: Any = None, finalize: bool | None = None, force: bool = False) -> None:
        """Set the number of finished steps.

        `values` maps names to values, or lists such pairs. `finalize` draws the line for the last time; None means
        when `target` is reached. `force` draws it even if less than `interval` has passed.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self._collect(current, values, finalize)
        self._seen = current
        if self.verbose == 1 and (finalize or force or self.due()):
            self._draw(current, finalize)
        elif self.verbose == 2 and finalize and self.target:
            print_message(self._look.line(self._state(current, time.time(), True)))
        if current == 1 and self._after_first is None:
            self._after_first = time.time()

    def _is_averaged(self, name: str) -> bool:
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return name not in self.stateful_metrics

    def _collect(self, current: int, values: Any, final: bool) -> None:
        pairs = values.items() if isinstance(values, Mapping) else values or ()
        steps = max(current - self._seen, 1)
        alone = final and self._look.last_values_alone
        for name, value in pairs:
            value = float(np.mean(value)) if isinstance(value, (list, tuple)) else value
            if alone or isinstance(value, str) or not self._is_averaged(name):
                self._values[name] = (value, 1)
            else:
                total, count = self._values.get(name, (0.0, 0))
                self._values[name] = (total + value * steps, count + steps)

    def _metrics(self) -> str:
        shown = ((name, value if isinstance(value, str) else value / n) for name, (value, n) in self._values.items())
        return "".join(f" - {name}:{_number(value)}" for name, value in shown)

    def _time_per_step(self, current: int, now: float) -> float:
        if self._look.skips_first_step and current > 1 and self._after_first is not None:
            return (now - self._after_first) / (current - 1)
        return (now - self._start) / current if current else 0.0

    def _state(self, current: int, now: float, final: bool) -> State:
        elapsed, each = now - self._start, self._time_per_step(current, now)
        return State(current, self.target, self.width, elapsed, each, self.unit_name, self._metrics(), final)

    def _draw(self, current: int, final: bool) -> None:
        now = time.time()
        line = self._look.bar(self._state(current, now, final))
        shown = self._look.visible(line)
        padded = line + " " * (self._line_width - shown)
        self._line_width = shown
        self._last_drawn = now
        print_message(("\r" if self._redraws else "") + padded, end="\n" if final else "")
