"""What Keras 1 and 2 kept beside a graph: updates, losses by input, and who looks at the learning phase."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import torch
from torch.utils import _pytree as pytree

from keras_torch import config
from keras_torch.engine.call import state, versions
from keras_torch.symbolic import KerasTensor, recomputed

# Shares of what a built-in layer drops while training; at 0 it does the same in both phases.
_RATES = ("rate", "dropout", "recurrent_dropout")
# Averages that a built-in layer moves while training.
_MOVED = ("moving_mean", "moving_variance")


class UpdatesMixin:
    """The part of Layer that answers Keras 2's questions about updates, losses and phases."""

    name: str
    built: bool
    training: bool
    _adds_losses: bool
    _is_builtin: bool
    _trainable: bool
    _call_signature: Any
    _inbound_nodes: list[Any]
    _children: Callable[[], Iterator[Any]]
    _call_losses: list[Any]
    _all_own_weights: Callable[[], list[Any]]

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Change variables in a training call: (variable, new value) pairs are assigned, functions called.

        The variable that `K.update` and its kin return has been changed by then. Outside of training nothing is done.
        """
        pair = isinstance(updates, tuple) and len(updates) == 2 and hasattr(updates[0], "assign")
        for update in [updates] if pair or not isinstance(updates, (list, tuple)) else updates:
            if isinstance(update, tuple):
                self._assign(*update)
            elif isinstance(update, torch.Tensor) or hasattr(update, "assign"):
                continue
            elif callable(update):
                if self.training:
                    update()
            else:
                self.__dict__.setdefault("_noted_updates", []).append((_symbols(inputs), update))

    def _assign(self, variable: Any, value: Any) -> None:
        if isinstance(value, KerasTensor):
            raise ValueError(
                f"`add_update` of layer {getattr(self, 'name', None)!r} takes values computed in `call`, where the "
                f"update is made. Received: the symbolic {value!r}"
            )
        # In the trial run that finds the output shape there are no values.
        if self.training and not (isinstance(value, torch.Tensor) and value.device.type == "meta"):
            variable.assign(value)

    @property
    def updates(self) -> list[Any]:
        """What training changes beside the trained weights: the averages of normalization layers.

        None of a frozen layer, and no averages of a layer that was called with `training=False` only.
        """
        if not self._trainable:
            return []
        own = self._updates
        phases = [node.kwargs.get("training") for node in self._inbound_nodes]
        if self._is_builtin and not (phases and all(phase is not None and not phase for phase in phases)):
            own += [getattr(self, name) for name in _MOVED if name in self.__dict__]
        return own + [update for child in self._children() for update in child.updates]

    @updates.setter
    def updates(self, value: Any) -> None:
        # Layers for Keras 1 set them in `call`.
        self.__dict__["_noted_updates"] = []
        self.add_update(value)

    @property
    def _updates(self) -> list[Any]:
        """The updates of this layer alone."""
        return [update for _, update in self.__dict__.get("_noted_updates", ())]

    @_updates.setter
    def _updates(self, value: Any) -> None:
        self.updates = value

    @property
    def _losses(self) -> list[Any]:
        """The losses of this layer alone, in a list of their own: `add_loss` adds to them."""
        found: list[Any] = []
        self._collect_own_losses(found, set())
        return found

    @_losses.setter
    def _losses(self, value: Any) -> None:
        self._call_losses[:] = value

    def _collect_own_losses(self, found: list[Any], seen: set[int]) -> None:
        found.extend(self._call_losses)
        found.extend(function() for function in self.__dict__.get("_loss_functions", ()))
        # Until Keras 3 the weights of frozen layers were penalized, too.
        of_frozen = config.dialect() in ("1", "2", "tf")
        for weight in self._all_own_weights():
            if weight.regularizer is None or id(weight) in seen:
                continue
            if of_frozen or (self._trainable and weight.trainable):
                seen.add(id(weight))
                found.append(weight.regularizer(weight.value))

    def get_updates_for(self, inputs: Any) -> list[Any]:
        """Return the updates that were added for these symbolic inputs; for None those that depend on no input."""
        wanted = _symbols(inputs)
        own = [update for symbols, update in self.__dict__.get("_noted_updates", ()) if _agree(symbols, wanted)]
        return own + [update for child in self._children() for update in child.get_updates_for(inputs)]

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Add a scalar (or several) to what training minimizes; call it inside `call`.

        A function without arguments that is added elsewhere is computed anew for every batch, and in Keras 1 and 2 so
        is what was computed from weights. tf.keras refuses the latter: ValueError.
        """
        for item in losses if isinstance(losses, (list, tuple)) else [losses]:
            outside = not (state.depth or state.in_program or _is_called())
            if outside and isinstance(item, torch.Tensor):
                item = self._loss_of_weights(item)
            is_function = callable(item) and not isinstance(item, (torch.Tensor, KerasTensor))
            if is_function and (outside or not self.built):
                self._note_losses()
                self.__dict__.setdefault("_loss_functions", []).append(item)
                continue
            self._add_call_loss(item() if is_function else item)
            if inputs is not None:
                self._note_loss(self._call_losses[-1], inputs)

    def _add_call_loss(self, value: Any) -> None:
        """Add a loss that was computed in a run of the layer."""
        self._note_losses()
        self._call_losses.append(value.mean() if isinstance(value, torch.Tensor) and value.dim() else value)

    def _note_losses(self) -> None:
        if not self._adds_losses:
            self.__dict__["_adds_losses"] = True
            versions.loss_version += 1

    def _loss_of_weights(self, value: torch.Tensor) -> Any:
        """Return what computes a loss again that was added outside of `call`."""
        if config.dialect() == "tf":
            raise ValueError(
                f"Layer {self.name!r}: `add_loss` outside of `call` takes a symbolic tensor, or a function without "
                f"arguments that is called for every batch: `add_loss(lambda: ...)`. Received: {value!r}"
            )
        advice = f"Layer {self.name!r}: pass a function, `add_loss(lambda: ...)`. `add_loss` takes a value"
        return recomputed.again(value, advice) if config.is_classic() else value

    def _note_loss(self, loss: Any, inputs: Any) -> None:
        """Remember which symbolic inputs a loss was added for."""
        symbols = _symbols(inputs)
        if symbols:
            self.__dict__.setdefault("_losses_by_input", []).append((symbols, loss))

    def _noted_losses(self) -> list[Any]:
        """The (symbolic inputs, loss) pairs of this layer and all below it."""
        own = self.__dict__.get("_losses_by_input", ())
        return [*own, *(pair for child in self._children() for pair in child._noted_losses())]

    def get_losses_for(self, inputs: Any) -> list[Any]:
        """Return the losses that were added for these symbolic inputs; for None all that depend on no input."""
        noted = self._noted_losses()
        wanted = _symbols(inputs)
        if wanted:
            return [loss for symbols, loss in noted if _agree(symbols, wanted)]
        found: list[Any] = self.losses  # type: ignore[attr-defined]
        found = [loss for loss in found if not isinstance(loss, KerasTensor)]
        return [loss for loss in found if not any(loss is item for _, item in noted)]

    @property
    def uses_learning_phase(self) -> bool:
        """Whether the layer may compute something else while training."""
        if "_uses_phase" in self.__dict__:
            return self.__dict__["_uses_phase"]
        if self._is_builtin:
            rates = [getattr(self, name) for name in _RATES if name in self.__dict__]
            children = list(self._children())
            if rates or children:
                return any(rates) or any(child.uses_learning_phase for child in children)
        return bool(self.__dict__.get("_takes_training", self._call_signature.takes_training))

    @uses_learning_phase.setter
    def uses_learning_phase(self, value: bool) -> None:
        # Layers for Keras 1 set it in their constructor.
        self.__dict__["_uses_phase"] = bool(value)


def _is_called() -> bool:
    """Whether some layer's `call` is being run, though nothing else tells: calls of built layers take a short way."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name in ("call", "forward") and isinstance(frame.f_locals.get("self"), UpdatesMixin):
            return True
        frame = frame.f_back
    return False


def _symbols(inputs: Any) -> list[KerasTensor]:
    return [item for item in pytree.tree_leaves(inputs) if isinstance(item, KerasTensor)]


def _agree(some: list[KerasTensor], others: list[KerasTensor]) -> bool:
    """Whether two lists share a tensor, or both are empty."""
    return any(item is other for item in some for other in others) or not (some or others)
