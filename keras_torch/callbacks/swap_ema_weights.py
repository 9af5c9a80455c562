"""SwapEMAWeights: measuring and saving a model with the moving averages of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from keras_torch.callbacks.base import Callback
from keras_torch.distributed import parts


class SwapEMAWeights(Callback):
    """Puts the optimizer's moving averages (`use_ema=True`) into the model while it is evaluated or predicts.

    With `swap_on_epoch` they also stay in the model from one epoch's end until the next begins, so that a
    ModelCheckpoint that comes after this callback saves them. The weights are kept meanwhile and come back; at the end
    of training the averages stay, as with every `use_ema`. ValueError if the optimizer keeps no averages.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch = swap_on_epoch
        # What the weights are while the averages stand in for them. Keras exchanges the two in place, so that the end
        # of training, which overwrites weights by averages, would bring back the former if it came after a swap.
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] | None = None

    def _averaging(self) -> list[Any]:
        """Return the optimizers that keep averages. ValueError if there are none."""
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        found = [item for item in getattr(optimizer, "optimizers", [optimizer]) if getattr(item, "use_ema", False)]
        if not found:
            raise ValueError(
                f"SwapEMAWeights needs an optimizer with `use_ema=True`. Received: {type(optimizer).__name__} with "
                f"use_ema={getattr(optimizer, 'use_ema', None)}"
            )
        return found

    def _pairs(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [pair for item in self._averaging() for pair in item._averages.items()]

    def _wholes(self) -> list[Any]:
        """For each weight the DTensor that it is a part of; None if every process has all of it."""
        return [item._origins().get(id(weight)) for item in self._averaging() for weight in item._averages]

    @torch.no_grad()
    def _show_averages(self) -> None:
        if self._kept is None:
            pairs = self._pairs()
            self._kept = [(weight, weight.clone()) for weight, _ in pairs]
            for weight, average in pairs:
                weight.copy_(average)

    @torch.no_grad()
    def _show_weights(self) -> None:
        for weight, kept in self._kept or ():
            weight.copy_(kept)
        self._kept = None

    def state_dict(self) -> dict[str, Any]:
        """Return the weights that stand aside while the averages are in their place."""
        if self._kept is None:
            return {"kept": None}
        pairs = zip(self._kept, self._wholes(), strict=True)
        return {"kept": [parts.joined(kept, whole) for (_, kept), whole in pairs]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state_dict` returned."""
        kept = state["kept"]
        found = [] if kept is None else zip(self._pairs(), kept, self._wholes(), strict=True)
        pairs = [(weight, parts.cut(value, whole).to(weight.device)) for (weight, _), value, whole in found]
        self._kept = None if kept is None else pairs

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self.swap_on_epoch:
            self._show_weights()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.swap_on_epoch:
            self._show_averages()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._kept = None

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._show_averages()

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._show_weights()

    def on_predict_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._show_averages()

    def on_predict_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._show_weights()
