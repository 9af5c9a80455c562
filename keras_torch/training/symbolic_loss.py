"""Losses that use inner symbolic tensors of the model, as those of variational autoencoders did in Keras 1 and 2."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch import config
from keras_torch.backend.function import Gradients
from keras_torch.data.structure import flatten
from keras_torch.engine.call import state as call_state
from keras_torch.losses.reduction import reduce_loss
from keras_torch.symbolic import KerasTensor, lower, uses_symbolic_tensors
from keras_torch.training.compiled_loss import output_loss
from keras_torch.training.outputs import in_output_order


def closes_over_tensors(loss: Any) -> bool:
    """Whether the function behind a loss uses symbolic tensors."""
    return uses_symbolic_tensors(getattr(loss, "fn", None))


class SymbolicLoss:
    """Runs a functional model and such losses as one program, so that the losses see this very run's inner values."""

    def __init__(self, model: Any, compiled_loss: Any) -> None:
        self._network = model._network
        self._loss = compiled_loss
        self._symbolic = [closes_over_tensors(loss) for loss in compiled_loss.losses]
        self._program: Any = None
        self._differentiates = False

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_program": None}

    def _lower(self) -> Any:
        """Return the program (inputs, targets) → (outputs, values of the losses before weighting and reduction)."""
        targets, values = [], []
        for loss, output, symbolic in zip(self._loss.losses, self._network.flat_outputs, self._symbolic, strict=True):
            if symbolic:
                targets.append(KerasTensor(output.shape, config.floatx()))
                values.append(loss.fn(targets[-1], output))
        return lower([*self._network.flat_inputs, *targets], (self._network.outputs, values))

    def run(self, x: Any, y: Any, sample_weight: Any) -> tuple[Any, torch.Tensor]:
        """Return the predictions and the total loss of one batch."""
        if self._program is None:
            self._program = self._lower()
            self._differentiates = any(isinstance(module, Gradients) for module in self._program.modules())
        names, floatx = self._loss.names, config.torch_dtype(config.floatx())
        targets = in_output_order(y, names, names)
        weights = in_output_order(sample_weight, names, names)
        fed = [target.to(floatx) for target, symbolic in zip(targets, self._symbolic, strict=True) if symbolic]
        inputs = self._network.prepare(x)
        if self._differentiates:
            # As for gradient penalties, which no weight below asks for.
            inputs = [item.detach().requires_grad_(item.is_floating_point()) for item in inputs]
        nested, call_state.in_program = call_state.in_program, True
        try:
            with torch.set_grad_enabled(self._differentiates or torch.is_grad_enabled()):
                y_pred, found = self._program(*inputs, *fed)
        finally:
            call_state.in_program = nested
        predictions, remaining = flatten(y_pred), iter(found)
        values: list[torch.Tensor | None] = []
        for loss, symbolic, target, prediction, weight in zip(
            self._loss.losses, self._symbolic, targets, predictions, weights, strict=True
        ):
            if symbolic:
                values.append(reduce_loss(next(remaining), weight, None, loss.reduction))
            else:
                has_value = loss is not None and target is not None
                as_columns = self._loss.as_columns
                values.append(output_loss(loss, target, prediction, weight, as_columns) if has_value else None)
        return y_pred, self._loss.combine(values, [prediction.shape[0] for prediction in predictions])
