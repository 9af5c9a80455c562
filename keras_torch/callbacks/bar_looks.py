"""How each generation of Keras draws the line of a progress bar. A look is chosen by the dialect."""

from __future__ import annotations

from typing import NamedTuple

from keras_torch import config


class State(NamedTuple):
    """What a line shows: steps done and to do, seconds since the start, seconds per step, the metrics' text."""

    current: int
    target: int | None
    width: int
    elapsed: float
    per_step: float
    unit: str
    metrics: str
    final: bool


def _duration(seconds: float, unit: str) -> str:
    if seconds >= 1 or seconds == 0:
        return f" {seconds:.0f}s/{unit}"
    return f" {seconds * 1e3:.0f}ms/{unit}" if seconds >= 1e-3 else f" {seconds * 1e6:.0f}us/{unit}"


def _remaining(seconds: float) -> str:
    whole = int(seconds)
    if seconds > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if seconds > 60 else f"{whole}s"


def _left(state: State) -> float:
    return state.per_step * ((state.target or 0) - state.current)


def _count(state: State) -> str:
    return f"{state.current:{len(str(state.target or 1))}d}/{state.target}"


class TfLook:
    """tf.keras, and Keras 2.4 to 2.15; used without a dialect, too."""

    width = 30
    # The first step warms things up and is left out of the mean as soon as there is another.
    skips_first_step = True
    # The last values are shown as means over all steps, like the others.
    last_values_alone = False
    titles_every_run = False

    def bar(self, state: State) -> str:
        """Return the line to draw over the former one."""
        return self._position(state) + self._timing(state) + state.metrics

    def line(self, state: State) -> str:
        """Return the line of verbose=2."""
        whole, each = _duration(state.elapsed, "epoch"), _duration(state.elapsed / (state.target or 1), state.unit)
        return f"{_count(state)} - {state.elapsed:.0f}s{state.metrics} -{whole} -{each}"

    def visible(self, line: str) -> int:
        """Return how many characters of a line are seen."""
        return len(line)

    def _position(self, state: State) -> str:
        if not state.target:
            return f"{state.current:7d}/Unknown"
        done = int(state.width * min(state.current / state.target, 1.0))
        head = ">" if state.current < state.target else "="
        bar = "=" * (done - 1) + head if done else ""
        return f"{_count(state)} [{bar}{'.' * (state.width - done)}]"

    def _timing(self, state: State) -> str:
        if state.final or not state.target:
            return f" - {state.elapsed:.0f}s{_duration(state.per_step, state.unit)}"
        return f" - ETA: {_remaining(_left(state))}"


class Keras2Look(TfLook):
    """Keras 2.0 to 2.3: steps in the text, even where samples are counted."""

    skips_first_step = False
    titles_every_run = True

    def line(self, state: State) -> str:
        return f" - {state.elapsed:.0f}s{state.metrics}"

    def _timing(self, state: State) -> str:
        return super()._timing(state._replace(unit="step"))


class Keras1Look(Keras2Look):
    """Keras 1."""

    def line(self, state: State) -> str:
        return f"{int(state.elapsed)}s{state.metrics}"

    def _timing(self, state: State) -> str:
        if state.final or not state.target:
            return f" - {int(state.elapsed)}s"
        return f" - ETA: {int(_left(state))}s"


class Keras3Look(TfLook):
    """Keras 3: a coloured rule, bold numbers."""

    width = 20
    last_values_alone = True

    def bar(self, state: State) -> str:
        clock = f"{state.elapsed:.0f}s" if state.final or not state.target else _remaining(_left(state))
        timing = f" \x1b[1m{clock}\x1b[0m{_duration(state.per_step, state.unit)}"
        return self._position(state) + timing + state.metrics

    def line(self, state: State) -> str:
        each = _duration(state.per_step, state.unit)
        return f"{_count(state)} - {state.elapsed:.0f}s -{each}{state.metrics}"

    def visible(self, line: str) -> int:
        return len(line) - sum(len(code) * line.count(code) for code in ("\x1b[1m", "\x1b[0m", "\x1b[32m", "\x1b[37m"))

    def _position(self, state: State) -> str:
        if not state.target:
            return f"{state.current:7d}/Unknown"
        done = int(state.width * min(state.current / state.target, 1.0))
        green = f"\x1b[32m{'━' * done}\x1b[0m" if done else ""
        return f"\x1b[1m{_count(state)}\x1b[0m {green}\x1b[37m{'━' * (state.width - done)}\x1b[0m"


_LOOKS: dict[str | None, TfLook] = {"1": Keras1Look(), "2": Keras2Look(), "tf": TfLook(), "3": Keras3Look()}


def current_look() -> TfLook:
    """Return the look of the dialect; without one it is that of tf.keras, which any terminal and log can show."""
    return _LOOKS.get(config.dialect(), _LOOKS["tf"])
