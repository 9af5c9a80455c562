"""The exact state of an optimizer, for going on in another process as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from keras_torch.backend.variable import Variable
from keras_torch.checkpoint import has_state, pack, unpack
from keras_torch.distributed import parts


class StateDict:
    """The part of `Optimizer` that follows torch's protocol `state_dict` / `load_state_dict`."""

    name: str
    torch_optimizer: torch.optim.Optimizer | None
    _iterations: Any
    _learning_rate: Any
    _params: list[torch.Tensor]
    _split: list[tuple[torch.Tensor, Any]]
    _averages: dict[torch.Tensor, torch.Tensor]
    _accumulated: dict[torch.Tensor, torch.Tensor]
    _own_variables: list[Variable]
    _rate_is_variable: Callable[[], bool]
    _pending_state: Mapping[str, Any] | None = None
    # What steps change besides tensors, by name; subclasses add theirs.
    _counters: tuple[str, ...] = ("_synced",)

    def state_dict(self) -> dict[str, Any]:
        """Return the exact state, as torch's optimizers do; `get_weights` has it in Keras's layout, rounded to it."""
        held = self.torch_optimizer
        return {
            "class": type(self).__name__,
            "variables": self._shapes(),
            "iterations": self._iterations.item(),
            "learning_rate": pack(self._learning_rate) if self._rate_is_variable() else None,
            "torch": None
            if held is None
            else pack(self._changed_state(held.state_dict(), parts.joined, of_whole=False)),
            "averages": self._wholes(self._averages),
            "accumulated": self._wholes(self._accumulated),
            "own": [pack(variable) for variable in self._own_variables],
            "counters": {name: getattr(self, name) for name in self._counters},
            "parts": {name: pack(part) for name, part in self._parts()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state_dict` returned; an optimizer that is not built yet does so when it is.

        ValueError if it was the state of other variables.
        """
        shapes, kind = self._shapes(), type(self).__name__
        if kind == state["class"] and len(shapes) < len(state["variables"]):
            self._pending_state = state
            return
        if kind != state["class"] or shapes != state["variables"] or len(self._own_variables) != len(state["own"]):
            raise ValueError(
                f"The state does not belong to the optimizer {self.name!r}, which is of class {kind} and updates "
                f"tensors of the shapes {shapes}. Received: the state of {state['class']} for {state['variables']}"
            )
        self._pending_state = None
        if self.torch_optimizer is not None and state["torch"] is not None:
            saved = unpack(state["torch"])
            self.torch_optimizer.load_state_dict(self._changed_state(saved, parts.cut, of_whole=True))
        for held, saved in ((self._averages, state["averages"]), (self._accumulated, state["accumulated"])):
            for param, value in zip(self._params if saved else (), saved, strict=True):
                held[param].copy_(parts.cut(value, self._origins().get(id(param))))
        for variable, value in zip(self._own_variables, state["own"], strict=True):
            unpack(value, variable)
        if state["learning_rate"] is not None and self._rate_is_variable():
            unpack(state["learning_rate"], self._learning_rate)
        self._iterations.assign(torch.tensor(state["iterations"]))
        for name, part in self._parts():
            unpack(state["parts"].get(name), part)
        for name, value in state["counters"].items():
            setattr(self, name, value)

    def _origins(self) -> dict[int, Any]:
        """The DTensors that parameters are parts of."""
        return {id(own): tensor for own, tensor in self._split}

    def _shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the parameters, of those in parts that of the whole."""
        origins = self._origins()
        return [tuple(origins.get(id(param), param).shape) for param in self._params]

    def split_state(self) -> list[tuple[torch.Tensor, Any]]:
        """Return pairs of what is kept for a part of a parameter, and the DTensor that it is a part of."""
        inner = getattr(self, "_inner_optimizers", None) or [getattr(self, "inner_optimizer", None)]
        found = [pair for optimizer in inner if optimizer is not None for pair in optimizer.split_state()]
        entries = {} if self.torch_optimizer is None else self.torch_optimizer.state
        for own, tensor in self._split:
            held = [self._averages.get(own), self._accumulated.get(own), *entries.get(own, {}).values()]
            fits = (item for item in held if isinstance(item, torch.Tensor) and item.shape == own.shape)
            found += [(item, tensor) for item in fits]
        return found

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the tensors of the state by name, DTensors where only parts are here, in the optimizer's memory."""
        origins, found = self._origins(), {"iterations": self._iterations.detach()}
        if self._rate_is_variable():
            found["learning_rate"] = self._learning_rate.detach()
        entries = {} if self.torch_optimizer is None else self.torch_optimizer.state
        for index, own in enumerate(self._params):
            held = {"average": self._averages.get(own), "accumulated": self._accumulated.get(own)}
            for key, value in {**entries.get(own, {}), **held}.items():
                if isinstance(value, torch.Tensor):
                    fits = value.shape == own.shape
                    found[f"{index}.{key}"] = parts.placed(value, origins.get(id(own)) if fits else None)
        found |= {f"own.{index}": variable.detach() for index, variable in enumerate(self._own_variables)}
        for name, part in self._parts():
            if isinstance(part, StateDict):
                found |= {f"{name}.{key}": value for key, value in part.tensors().items()}
            elif isinstance(part, Variable):
                found[name] = part.detach()
        return found

    def numbers(self) -> dict[str, Any]:
        """Return what belongs to the state besides tensors."""
        found = {f"counters.{name}": getattr(self, name) for name in self._counters}
        for name, part in self._parts():
            if isinstance(part, StateDict):
                found |= {f"{name}.{key}": value for key, value in part.numbers().items()}
        return found

    def set_numbers(self, values: Mapping[str, Any]) -> None:
        """Set what `numbers` returned; the tensors have been changed in place."""
        for name in self._counters:
            setattr(self, name, values[f"counters.{name}"])
        for name, part in self._parts():
            if isinstance(part, StateDict):
                own = {key.removeprefix(f"{name}."): value for key, value in values.items()}
                part.set_numbers(own)

    def _wholes(self, held: dict[torch.Tensor, torch.Tensor]) -> list[torch.Tensor]:
        origins = self._origins()
        return [parts.joined(held[p].detach(), origins.get(id(p))) for p in self._params if p in held]

    def _changed_state(self, found: dict[str, Any], change: Any, of_whole: bool) -> dict[str, Any]:
        """Return a state of torch's optimizer with what `change` makes of the values that are in parts, or will be."""
        groups = self.torch_optimizer.param_groups  # type: ignore[union-attr]
        params = [param for group in groups for param in group["params"]]
        origins = self._origins()
        entries = {}
        for index, entry in found["state"].items():
            like = origins.get(id(params[index]))
            shape = None if like is None else tuple((like if of_whole else params[index]).shape)
            entries[index] = {
                key: change(value, like) if isinstance(value, torch.Tensor) and tuple(value.shape) == shape else value
                for key, value in entry.items()
            }
        return {**found, "state": entries}

    def _load_pending_state(self) -> None:
        if self._pending_state is not None:
            self.load_state_dict(self._pending_state)

    def _parts(self) -> list[tuple[str, Any]]:
        """Attributes with a state of their own, such as a scaler of gradients or optimizers inside this one."""
        found: list[tuple[str, Any]] = []
        for name, value in vars(self).items():
            if name in ("torch_optimizer", "_iterations", "_learning_rate"):
                continue
            if has_state(value) or isinstance(value, Variable):
                found.append((name, value))
            elif isinstance(value, (list, tuple)):
                found += [(f"{name}.{index}", part) for index, part in enumerate(value) if has_state(part)]
        return found
