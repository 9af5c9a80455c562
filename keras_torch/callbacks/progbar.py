"""The progress bar, in the look of Keras 2."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from keras_torch.callbacks.output import print_message, redraws


def _number(value: Any) -> str:
    if isinstance(value, str):
        return f" {value}"
    mean = float(np.mean(value.detach().cpu().numpy() if hasattr(value, "detach") else value))
    return f" {mean:.4f}" if abs(mean) > 1e-3 else f" {mean:.4e}"


def _duration(seconds: float, unit: str) -> str:
    if seconds >= 1 or seconds == 0:
        return f" {seconds:.0f}s/{unit}"
    return f" {seconds * 1e3:.0f}ms/{unit}" if seconds >= 1e-3 else f" {seconds * 1e6:.0f}us/{unit}"


def _remaining(seconds: float) -> str:
    whole = int(seconds)
    if seconds > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if seconds > 60 else f"{whole}s"


class Progbar:
    """A line that shows how far a loop is: `3/10 [=======>......................] - ETA: 3s - loss: 0.5000`.

    Args:
        target: Number of steps, None if unknown.
        width: Length of the bar in characters.
        verbose: 0 silent, 1 a bar, 2 one line at the end.
        interval: Seconds that pass at least between two drawings.
        stateful_metrics: Names whose values are shown as they are; others are averaged over the steps.
        unit_name: What a step is called.

    Values may be tensors: they are read only when the bar is drawn. Where a line cannot be redrawn (a file, a pipe)
    only the finished one is written.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 30,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        self.target = None if target is None else int(target)
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.stateful_metrics = set(stateful_metrics or ())
        self.unit_name = unit_name
        self._seen = 0
        self._values: dict[str, tuple[Any, float]] = {}
        self._line_width = 0
        self._start = time.time()
        self._after_first: float | None = None
        self._last_drawn = 0.0
        self._redraws = redraws()

    def due(self) -> bool:
        """Whether an update now would be drawn, apart from the last one."""
        return self.verbose == 1 and self._redraws and time.time() - self._last_drawn >= self.interval

    def add(self, n: int, values: Any = None) -> None:
        """Go `n` steps further; `values` as in `update`."""
        self.update(self._seen + n, values)

    def update(self, current: int, values: Any = None, finalize: bool | None = None) -> None:
        """Set the number of finished steps.

        `values` maps names to values, or lists such pairs. `finalize` draws the line for the last time; None means
        when `target` is reached.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self._collect(current, values)
        self._seen = current
        if current == 1:
            self._after_first = time.time()
        if self.verbose == 1 and (finalize or self.due()):
            self._draw(current, finalize)
        elif self.verbose == 2 and finalize:
            self._print_line(current)

    def _collect(self, current: int, values: Any) -> None:
        pairs = values.items() if isinstance(values, Mapping) else values or ()
        steps = max(current - self._seen, 1)
        for name, value in pairs:
            if name in self.stateful_metrics or isinstance(value, str):
                self._values[name] = (value, 1)
            else:
                total, count = self._values.get(name, (0.0, 0))
                self._values[name] = (total + value * steps, count + steps)

    def _metrics(self) -> str:
        shown = ((name, value if isinstance(value, str) else value / n) for name, (value, n) in self._values.items())
        return "".join(f" - {name}:{_number(value)}" for name, value in shown)

    def _time_per_step(self, current: int, now: float) -> float:
        # The first step warms things up and is left out as soon as there is another.
        if current > 1 and self._after_first is not None:
            return (now - self._after_first) / (current - 1)
        return (now - self._start) / current if current else 0.0

    def _position(self, current: int) -> str:
        if self.target is None:
            return f"{current:7d}/Unknown"
        count = f"{current:{len(str(max(self.target, 1)))}d}/{self.target}"
        done = int(self.width * min(current / self.target, 1.0)) if self.target else self.width
        bar = ("=" * (done - 1) + (">" if current < self.target else "=")) if done else ""
        return f"{count} [{bar}{'.' * (self.width - done)}]"

    def _draw(self, current: int, finalize: bool) -> None:
        now = time.time()
        per_step = self._time_per_step(current, now)
        if finalize or self.target is None:
            timing = f" - {now - self._start:.0f}s{_duration(per_step, self.unit_name)}"
        else:
            timing = f" - ETA: {_remaining(per_step * (self.target - current))}"
        line = self._position(current) + timing + self._metrics()
        padded = line.ljust(self._line_width)
        self._line_width = len(line)
        self._last_drawn = now
        print_message(("\r" if self._redraws else "") + padded, end="\n" if finalize else "")

    def _print_line(self, current: int) -> None:
        elapsed = time.time() - self._start
        total = self.target or max(current, 1)
        count = f"{current:{int(math.log10(total)) + 1}d}/{total}"
        print_message(
            f"{count} - {elapsed:.0f}s{self._metrics()} -{_duration(elapsed, 'epoch')}"
            f" -{_duration(elapsed / total, self.unit_name)}"
        )
