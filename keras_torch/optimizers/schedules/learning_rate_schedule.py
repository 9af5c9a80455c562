"""Learning rates as functions of the optimizer's step.

Computed in numpy float32 like Keras's tensors, which costs an optimizer a few microseconds a step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from keras_torch import config


class LearningRateSchedule:
    """Base class: `__call__(step)` gives the learning rate, `get_config` the constructor's arguments."""

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at `step`. To be overridden."""
        raise NotImplementedError(
            f"The schedule {type(self).__name__} must define `__call__(self, step)`, which returns the learning rate."
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments. To be overridden by schedules that are saved."""
        raise NotImplementedError(
            f"The schedule {type(self).__name__} must define `get_config()`, its constructor's arguments, to be saved."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """Make a schedule from the result of `get_config`."""
        return cls(**config)


class Formula(LearningRateSchedule):
    """A schedule given as a numpy formula, `rate(step)`; steps may be numbers, arrays or tensors."""

    def rate(self, step: Any) -> Any:
        """Return the learning rate at `step` as numpy float32 (float64 under that floatx)."""
        raise NotImplementedError(f"The schedule {type(self).__name__} must define `rate(step)`.")

    def __call__(self, step: Any) -> torch.Tensor:
        """Return the learning rate at `step` as a tensor of the step's shape."""
        if isinstance(step, torch.Tensor):
            step = step.detach().cpu().numpy()
        return torch.as_tensor(np.asarray(self.rate(step)))


def _cast(value: Any) -> Any:
    """Return numpy numbers of floatx; an array for a sequence."""
    return (np.float64 if config.floatx() == "float64" else np.float32)(value)


def _positive(name: str, value: Any) -> None:
    if value <= 0:
        raise ValueError(f"`{name}` of a learning rate schedule must be positive. Received: {value!r}")


class ExponentialDecay(Formula):
    """`initial * decay_rate ** (step / decay_steps)`; with `staircase` the exponent is rounded down."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        _positive("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def rate(self, step: Any) -> Any:
        """Return the rate at `step`."""
        exponent = _cast(step) / _cast(self.decay_steps)
        if self.staircase:
            exponent = np.floor(exponent)
        return _cast(self.initial_learning_rate) * _cast(self.decay_rate) ** exponent

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class InverseTimeDecay(ExponentialDecay):
    """`initial / (1 + decay_rate * step / decay_steps)`; with `staircase` the quotient is rounded down."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def rate(self, step: Any) -> Any:
        """Return the rate at `step`."""
        quotient = _cast(step) / _cast(self.decay_steps)
        if self.staircase:
            quotient = np.floor(quotient)
        return _cast(self.initial_learning_rate) / (1 + _cast(self.decay_rate) * quotient)


class PiecewiseConstantDecay(Formula):
    """`values[0]` up to and including step `boundaries[0]`, then `values[1]`, and so on."""

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "PiecewiseConstantDecay needs one value more than boundaries. Received: "
                f"{len(values)} values {values} and {len(boundaries)} boundaries {boundaries}"
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def rate(self, step: Any) -> Any:
        """Return the rate at `step`."""
        return _cast(self.values)[np.searchsorted(np.asarray(self.boundaries), step, side="left")]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"boundaries": list(self.boundaries), "values": list(self.values), "name": self.name}


class PolynomialDecay(Formula):
    """From the initial to the end rate in `decay_steps` steps, along `(1 - step / decay_steps) ** power`.

    With `cycle` the decay starts anew, ever longer, instead of staying at its end.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        _positive("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def rate(self, step: Any) -> Any:
        """Return the rate at `step`."""
        step, length, end = _cast(step), _cast(self.decay_steps), _cast(self.end_learning_rate)
        if self.cycle:
            length = length * np.maximum(_cast(1), np.ceil(step / length))
        else:
            step = np.minimum(step, length)
        return (_cast(self.initial_learning_rate) - end) * (1 - step / length) ** _cast(self.power) + end

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }


class CosineDecay(Formula):
    """Half a cosine wave down to the fraction `alpha` of the start (Loshchilov & Hutter, arXiv:1608.03983).

    With `warmup_target` the rate first climbs linearly to it in `warmup_steps` steps and decays from there.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        _positive("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def rate(self, step: Any) -> Any:
        """Return the rate at `step`."""
        step, start, length = _cast(step), _cast(self.initial_learning_rate), _cast(self.decay_steps)
        if self.warmup_target is None:
            return self._decayed(np.minimum(step, length), start)
        target, warmup = _cast(self.warmup_target), _cast(self.warmup_steps)
        decayed = self._decayed(np.clip(step - warmup, 0, length), target)
        if warmup <= 0:
            return decayed
        return np.where(step < warmup, (target - start) * (step / warmup) + start, decayed)

    def _decayed(self, step: Any, start: Any) -> Any:
        cosine = _cast(0.5) * (1 + np.cos(_cast(math.pi) * (step / _cast(self.decay_steps))))
        return start * (_cast(1 - self.alpha) * cosine + _cast(self.alpha))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


class CosineDecayRestarts(Formula):
    """Cosine decay with warm restarts (SGDR, arXiv:1608.03983).

    The period starts at `first_decay_steps` and grows by `t_mul` at each restart, the start of each period shrinks
    by `m_mul`, and each ends at the fraction `alpha`.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        _positive("first_decay_steps", first_decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self._t_mul = t_mul
        self._m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def rate(self, step: Any) -> Any:
        """Return the rate at `step`."""
        done, t_mul, alpha = _cast(step) / _cast(self.first_decay_steps), _cast(self._t_mul), _cast(self.alpha)
        if self._t_mul == 1.0:
            restart = np.floor(done)
            done = done - restart
        else:
            restart = np.floor(np.log(1 - done * (1 - t_mul)) / np.log(t_mul))
            done = (done - (1 - t_mul**restart) / (1 - t_mul)) / t_mul**restart
        cosine = _cast(0.5) * _cast(self._m_mul) ** restart * (1 + np.cos(_cast(math.pi) * done))
        return _cast(self.initial_learning_rate) * ((1 - alpha) * cosine + alpha)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self._t_mul,
            "m_mul": self._m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }
