"""`keras.optimizers.legacy` of Keras 2.11-2.15, which are tf.keras's optimizers of before: own arguments, own numbers.

They know no `weight_decay`, averages or accumulation, take `decay`, clip by value before they clip by norm, and place
epsilon otherwise. State has the layout "v2". For rows of an embedding that a batch did not look up, real Keras leaves
momenta and weights alone in SGD with momentum, RMSprop with momentum, Adadelta, Adamax, Nadam and Ftrl; here their
gradient is 0, as everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from keras_torch.optimizers import adam, adaptive, base, gradients, others, sgd
from keras_torch.optimizers.state import Slot

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "Optimizer", "RMSprop"]

_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")


class Optimizer(base.Optimizer):
    """Base class: `name` comes first, then `clipnorm`, `clipvalue`, `global_clipnorm`, `decay` and `lr`."""

    _layout = "v2"
    _has_classic_config = False
    _hyper_names: tuple[str, ...] = ()

    def __init__(self, name: str | None = None, learning_rate: Any = 0.001, **kwargs: Any) -> None:
        rate = kwargs.pop("lr", None)
        unknown = sorted(set(kwargs) - {*_CLIPS, "decay", *self._hyper_names})
        if unknown:
            raise TypeError(
                f"The legacy optimizer {type(self).__name__} has no argument {', '.join(map(repr, unknown))}; it takes "
                f"{', '.join((*_CLIPS, 'decay', 'lr'))} besides its own. Received: "
                f"{ ({key: kwargs[key] for key in unknown}) }"
            )
        for key in (*_CLIPS, "decay"):
            if kwargs.get(key) is not None and kwargs[key] < 0:
                raise ValueError(
                    f"`{key}` of {type(self).__name__} must not be negative. Received: {key}={kwargs[key]!r}"
                )
        super().__init__(
            learning_rate=learning_rate if rate is None else rate, name=name or type(self).__name__, **kwargs
        )

    def _check_arguments(self) -> None:
        if self.clipnorm is not None and self.global_clipnorm is not None:
            raise ValueError(
                f"{type(self).__name__} takes one of `clipnorm` and `global_clipnorm`, not both. Received: "
                f"clipnorm={self.clipnorm!r}, global_clipnorm={self.global_clipnorm!r}"
            )

    def _clip(
        self, grads: list[torch.Tensor], owners: Sequence[int], norms: Callable[[Any], Any] = torch._foreach_norm
    ) -> list[torch.Tensor]:
        if self.clipvalue is not None:
            grads = gradients.clip_by_value(grads, self.clipvalue)
        if self.clipnorm is not None:
            grads = gradients.clip_each_by_norm(grads, owners, self.clipnorm, norms)
        if self.global_clipnorm is not None:
            grads = gradients.clip_by_global_norm(grads, self.global_clipnorm, norms)
        return grads

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; clipping only where it is used."""
        settings = super().get_config()
        kept = {key: settings[key] for key in ("name", "learning_rate")}
        clips = {key: settings[key] for key in _CLIPS if settings[key] is not None}
        own = {key: settings[key] for key in self._hyper_names}
        return {**kept, "decay": float(self.decay), **own, **clips}


class SGD(Optimizer, sgd.SGD):
    """Gradient descent with momentum, as `keras.optimizers.SGD`, with `decay`."""

    _hyper_names = ("momentum", "nesterov")

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        name: str = "SGD",
        **kwargs: Any,
    ) -> None:
        super().__init__(name, learning_rate, momentum=momentum, nesterov=nesterov, **kwargs)


class RMSprop(Optimizer, adaptive.RMSprop):
    """RMSprop with epsilon beside the root, and under it with `momentum`, as TensorFlow's kernels have it."""

    _hyper_names = ("rho", "momentum", "epsilon", "centered")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float | None = 1e-7,
        centered: bool = False,
        name: str = "RMSprop",
        **kwargs: Any,
    ) -> None:
        if not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` of RMSprop must be a number from 0 to 1. Received: {momentum!r}")
        super().__init__(name, learning_rate, rho=rho, momentum=momentum, epsilon=epsilon, centered=centered, **kwargs)
        self._eps_outside = not momentum


class Adagrad(Optimizer, adaptive.Adagrad):
    """Adagrad with epsilon beside the root, by `torch.optim.Adagrad`."""

    _hyper_names = ("initial_accumulator_value", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float | None = 1e-7,
        name: str = "Adagrad",
        **kwargs: Any,
    ) -> None:
        if initial_accumulator_value < 0:
            raise ValueError(
                f"`initial_accumulator_value` of Adagrad must not be negative. Received: {initial_accumulator_value!r}"
            )
        own = {"initial_accumulator_value": initial_accumulator_value, "epsilon": epsilon}
        super().__init__(name, learning_rate, **own, **kwargs)
        self._eps_in_sum = 0.0


class Adadelta(Optimizer, adaptive.Adadelta):
    """Adadelta, as `keras.optimizers.Adadelta`, with `decay`."""

    _hyper_names = ("rho", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float | None = 1e-7,
        name: str = "Adadelta",
        **kwargs: Any,
    ) -> None:
        super().__init__(name, learning_rate, rho=rho, epsilon=epsilon, **kwargs)


class Adam(Optimizer, adam.Adam):
    """Adam, as `keras.optimizers.Adam`, with `decay`."""

    _hyper_names = ("beta_1", "beta_2", "epsilon", "amsgrad")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        amsgrad: bool = False,
        name: str = "Adam",
        **kwargs: Any,
    ) -> None:
        own = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon, "amsgrad": amsgrad}
        super().__init__(name, learning_rate, **own, **kwargs)


class Adamax(Optimizer, adam.Adamax):
    """Adamax, as `keras.optimizers.Adamax`, with `decay`."""

    _hyper_names = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        name: str = "Adamax",
        **kwargs: Any,
    ) -> None:
        super().__init__(name, learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, **kwargs)


class Nadam(Optimizer, adam.Nadam):
    """Nadam whose momentum schedule has the exponent `schedule_decay`, 0.004, which its config calls `decay`."""

    _hyper_names = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        name: str = "Nadam",
        **kwargs: Any,
    ) -> None:
        exponent = kwargs.pop("schedule_decay", kwargs.pop("decay", 0.004))
        super().__init__(name, learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, **kwargs)
        if not self._rate_is_variable():
            raise ValueError(
                "The legacy Nadam cannot follow a schedule. Received: "
                f"learning_rate={self._learning_rate!r}. Take `keras.optimizers.Nadam`."
            )
        self.schedule_decay = float(exponent)
        self._momentum_decay = self.schedule_decay

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "decay": self.schedule_decay}


class Ftrl(Optimizer, others.Ftrl):
    """Ftrl, as `keras.optimizers.Ftrl`, with `decay`."""

    _hyper_names = (
        *("initial_accumulator_value", "learning_rate_power", "l1_regularization_strength"),
        *("l2_regularization_strength", "beta", "l2_shrinkage_regularization_strength"),
    )

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        name: str = "Ftrl",
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name,
            learning_rate,
            learning_rate_power=learning_rate_power,
            initial_accumulator_value=initial_accumulator_value,
            l1_regularization_strength=l1_regularization_strength,
            l2_regularization_strength=l2_regularization_strength,
            l2_shrinkage_regularization_strength=l2_shrinkage_regularization_strength,
            beta=beta,
            **kwargs,
        )

    def _slot_groups(self, layout: str) -> list[list[Slot]]:
        return [list(self.slots)]
