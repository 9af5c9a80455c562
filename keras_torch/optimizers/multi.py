"""Several optimizers for the variables of one model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import torch

from keras_torch import registry
from keras_torch.distributed import Share, parts
from keras_torch.optimizers.base import Optimizer


class OptimizerMap(MutableMapping[str, Optimizer]):
    """Optimizers by paths of variables: `map[path]` is the one under that very path, or under a pattern of it.

    Patterns must match the whole path (`"encoder/.*"`). ValueError if several do; `default_optimizer` if none does.
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: Mapping[str, Optimizer] | None = None) -> None:
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(
                f"`default_optimizer` of OptimizerMap must be an Optimizer. Received: {default_optimizer!r} of type "
                f"{type(default_optimizer).__name__}"
            )
        if optimizer_map is not None and not isinstance(optimizer_map, Mapping):
            raise TypeError(
                "`optimizer_map` of OptimizerMap must be a dict of patterns and optimizers. Received: "
                f"{optimizer_map!r} of type {type(optimizer_map).__name__}"
            )
        self._default_optimizer = default_optimizer
        self._optimizer_map: dict[str, Optimizer] = {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of variables that nothing matches."""
        return self._default_optimizer

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._optimizer_map:
            return self._optimizer_map[key]
        found = [pattern for pattern in self._optimizer_map if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ValueError(
                f"OptimizerMap has several patterns for the variable {key!r}. Received: {found}. Make them exclude "
                "each other."
            )
        return self._optimizer_map[found[0]] if found else self._default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if key in self._optimizer_map:
            raise ValueError(
                f"OptimizerMap has an optimizer for {key!r} already; delete it first. Received: {optimizer!r}"
            )
        if not isinstance(key, str):
            raise ValueError(f"A key of OptimizerMap must be a string, a path or a pattern. Received: {key!r}")
        _check_inner(optimizer, key)
        self._optimizer_map[key] = optimizer

    def __delitem__(self, key: str) -> None:
        del self._optimizer_map[key]

    def __len__(self) -> int:
        return len(self._optimizer_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizer_map)

    def __call__(self, variable: Any) -> Optimizer:
        """Return the optimizer of a variable."""
        return self[getattr(variable, "path", "")]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the optimizers serialized."""
        serialize = registry.optimizers.serialize
        return {
            "default_optimizer": serialize(self._default_optimizer),
            "optimizer_map": {key: serialize(optimizer) for key, optimizer in self._optimizer_map.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> OptimizerMap:
        """Make a map from the result of `get_config`."""
        found = {key: registry.optimizers.get(item, custom_objects) for key, item in config["optimizer_map"].items()}
        return cls(registry.optimizers.get(config["default_optimizer"], custom_objects), found)


def _check_inner(optimizer: Any, key: str) -> None:
    """ValueError for what cannot be one of several optimizers."""
    if not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"The optimizer for {key!r} must be an Optimizer. Received: {optimizer!r} of type "
            f"{type(optimizer).__name__}"
        )
    if isinstance(optimizer, MultiOptimizer) or type(optimizer).__name__ == "LossScaleOptimizer":
        raise ValueError(
            f"The optimizer for {key!r} cannot be a {type(optimizer).__name__}; it may only stand outside of a "
            f"MultiOptimizer. Received: {optimizer!r}"
        )


class MultiOptimizer(Optimizer):
    """Lets an OptimizerMap, or a function of the variable, choose the optimizer of each variable.

    Rates are those of the `optimizers`: asking for `learning_rate` raises AttributeError. `loss_scale_factor` holds
    for all of them.
    """

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Any], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        if not callable(optimizer_map):
            raise TypeError(
                "`optimizer_map` of MultiOptimizer must be an OptimizerMap, or a function that returns the optimizer "
                f"of a variable. Received: {optimizer_map!r} of type {type(optimizer_map).__name__}"
            )
        self._inner_optimizers: list[Optimizer] = []
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self._optimizer_map = optimizer_map
        self._choice: dict[int, Optimizer] = {}
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map.values(), optimizer_map.default_optimizer):
                self._adopt(optimizer)

    def _adopt(self, optimizer: Optimizer) -> None:
        if not any(optimizer is known for known in self._inner_optimizers):
            optimizer.loss_scale_factor = self.loss_scale_factor
            self._inner_optimizers.append(optimizer)

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers that share the variables."""
        return self._inner_optimizers

    def __getattr__(self, name: str) -> Any:
        if name in ("learning_rate", "lr"):
            raise AttributeError(f"A {type(self).__name__} has no learning rate; each of its `optimizers` has one.")
        return super().__getattr__(name)

    @property
    def learning_rate(self) -> Any:
        """Not to be had: each of `optimizers` has its own."""
        raise AttributeError("learning_rate")

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError(
            f"A {type(self).__name__} has no learning rate; set that of each of its `optimizers`. Received: {value!r}"
        )

    @property
    def loss_scale_factor(self) -> float | None:  # type: ignore[override]
        """The factor of the loss, the same for all optimizers."""
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: float | None) -> None:
        self._loss_scale_factor = value
        for optimizer in self._inner_optimizers:
            optimizer.loss_scale_factor = value

    def _rate_is_variable(self) -> bool:
        return False

    def build(self, variables: Iterable[Any]) -> None:
        """Choose an optimizer for each variable and build it on its own."""
        variables = list(variables)
        new = [variable for variable in variables if self._var_key(variable) not in self._trainable_variables_indices]
        for index, variable in enumerate(new, len(self._trainable_variables)):
            optimizer = self._optimizer_map(variable)
            _check_inner(optimizer, getattr(variable, "path", "a variable"))
            self._adopt(optimizer)
            self._choice[index] = optimizer
        super().build(variables)
        for optimizer in self._inner_optimizers:
            optimizer.build([v for i, v in enumerate(self._trainable_variables) if self._choice[i] is optimizer])

    def _build_torch_optimizer(self, params: list[torch.Tensor]) -> None:
        """The optimizers make their own."""

    def step(self) -> None:
        """Let each optimizer update its variables from the `.grad` of their storages."""
        share = Share.pending()
        if share is None:
            self._step()
            return
        with share.exchanged(self._joint):
            self._step()

    def rebind(self, moved: Mapping[torch.Tensor, Any]) -> None:
        """Go on with the DTensors that took the place of tensors."""
        super().rebind(moved)
        for optimizer in self._inner_optimizers:
            optimizer.rebind(moved)

    def _step(self) -> None:
        parts.take_gradients(self._split)
        if not self.built or all(param.grad is None for param in self._params):
            self._step_with_extras()
        for optimizer in self._inner_optimizers:
            if any(param.grad is not None for param in optimizer._params):
                optimizer.step()
        self._iterations.add_(1)

    def finalize_variable_values(self, var_list: Iterable[Any] | None = None) -> None:
        """At the end of training: averages replace the weights of optimizers with `use_ema`."""
        chosen = None if var_list is None else list(var_list)
        for optimizer in self._inner_optimizers:
            optimizer.finalize_variable_values(chosen)

    def _parts(self) -> list[tuple[str, Any]]:
        return [(str(index), optimizer) for index, optimizer in enumerate(self._inner_optimizers)]

    def _state_restored(self) -> None:
        for optimizer in self._inner_optimizers:
            optimizer._state_restored()

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "optimizer_map": registry.optimizers.serialize(self._optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> MultiOptimizer:
        """Make an optimizer, without state, from the result of `get_config`."""
        found = config["optimizer_map"]
        if isinstance(found, Mapping):
            chooser = registry.optimizers.from_dict(found, custom_objects)
        else:
            chooser = registry.optimizers.find(found, custom_objects) if isinstance(found, str) else found
        return cls(**{**config, "optimizer_map": chooser})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r} optimizers={self._inner_optimizers!r}>"
