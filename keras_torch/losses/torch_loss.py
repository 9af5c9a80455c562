"""Torch's own losses in the place of Keras's."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from keras_torch import registry
from keras_torch.losses.base import Loss
from keras_torch.losses.classification import check_label_range
from keras_torch.losses.reduction import as_pair, reduce_loss, same_rank

_CLASS_INDEX_LOSSES = (nn.CrossEntropyLoss, nn.NLLLoss, nn.MultiMarginLoss)
_MODULES = {name: getattr(nn, name) for name in torch.nn.modules.loss.__all__}
_REDUCTIONS = {"mean": "sum_over_batch_size", "sum": "sum", "none": "none"}


class TorchLoss(Loss):
    """A `torch.nn` loss module, or any callable with torch's order of arguments, `(input, target)`.

    The module's own `reduction` applies. Sample weights and masks use a copy of it with `reduction="none"`.
    Targets get the type and rank that torch wants: int64 class indices without a last axis of size 1, otherwise
    those of the predictions. Classes of sequences and images may be on the last axis, as in Keras.
    """

    def __init__(self, module: Callable[..., Any] | str, name: str | None = None, **arguments: Any):
        if isinstance(module, str):
            if module not in _MODULES:
                raise ValueError(f"TorchLoss: `module` must name a loss of torch.nn. Received: {module!r}")
            module = _MODULES[module](**arguments)
        elif arguments:
            raise ValueError(f"TorchLoss: arguments need `module` to be a name. Received: {sorted(arguments)}")
        function = getattr(module, "__name__", type(module).__name__)
        own = getattr(module, "reduction", None)
        super().__init__(name=name or registry.snake_case(function), reduction=_REDUCTIONS.get(str(own), "none"))
        self.module: Any = module
        self._class_indices = isinstance(module, _CLASS_INDEX_LOSSES) or function in ("cross_entropy", "nll_loss")
        self._reduces = own is not None
        self._elementwise: Any = None
        if own is not None:
            elementwise: Any = copy.copy(module)
            elementwise.reduction = "none"
            self._elementwise = elementwise

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> torch.Tensor:
        y_true, y_pred = as_pair(y_true, y_pred)
        mask = getattr(y_pred, "_keras_mask", None)
        y_true, y_pred = self._class_axis(y_true, y_pred) if self._class_indices else (y_true, y_pred)
        y_true = self._adapted(y_true, y_pred)
        try:
            return self._value(y_true, y_pred, sample_weight, mask)
        except IndexError:
            if self._class_indices and y_pred.dim() > 1:
                check_label_range(y_true, y_pred.shape[1])
            raise

    def _value(self, y_true: torch.Tensor, y_pred: torch.Tensor, sample_weight: Any, mask: Any) -> torch.Tensor:
        if sample_weight is None and mask is None:
            value = self.module(y_pred, y_true)
            return value if self._reduces or value.dim() == 0 else value.mean()
        if self._elementwise is None:
            values = self.module(y_pred, y_true)
            if values.dim() == 0:
                raise ValueError(
                    f"The loss {self.name!r} returns one number for the batch, so it cannot apply sample weights or "
                    f"masks. Use a loss with one value per sample, e.g. a torch.nn loss, whose `reduction` is known."
                )
            return reduce_loss(values, sample_weight, mask)
        values = self._elementwise(y_pred, y_true)
        if self.module.reduction == "batchmean":
            return reduce_loss(values, sample_weight, mask, "sum") / y_pred.shape[0]
        return reduce_loss(values, sample_weight, mask, self.reduction)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the module's values with the arguments in torch's order."""
        return self.module(y_pred, y_true)

    def _class_axis(self, y_true: torch.Tensor, y_pred: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Move the classes from the last axis, where Keras has them, to the second, where torch wants them.

        Predictions that fit the labels only as they are come from a torch model and stay.
        """
        if y_pred.dim() < 3:
            return y_true, y_pred
        if y_true.shape == y_pred.shape:
            return y_true.movedim(-1, 1), y_pred.movedim(-1, 1)
        labels = y_true.shape[:-1] if y_true.dim() == y_pred.dim() and y_true.shape[-1] == 1 else y_true.shape
        return y_true, y_pred.movedim(-1, 1) if labels == y_pred.shape[:-1] else y_pred

    def _adapted(self, y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
        if self._class_indices and y_true.shape != y_pred.shape:
            if y_true.dim() == y_pred.dim() and y_true.shape[-1] == 1:
                y_true = y_true.squeeze(-1)
            return y_true if y_true.dtype is torch.int64 else y_true.to(torch.int64)
        if y_true.shape != y_pred.shape:
            y_true = same_rank(y_true, y_pred)[0]
        return y_true if y_true.dtype == y_pred.dtype else y_true.to(y_pred.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the module's class and arguments; ValueError for anything but a plain torch.nn loss."""
        kind = type(self.module).__name__
        if type(self.module) is not _MODULES.get(kind) or next(self.module.buffers(), None) is not None:
            raise ValueError(
                f"The loss {self.name!r} cannot be written to a config: only losses of torch.nn without weight "
                f"tensors can. Received: {self.module!r}. Save without the compile configuration."
            )
        accepted = inspect.signature(type(self.module)).parameters
        constants = [key for key in getattr(self.module, "__constants__", []) if key in accepted]
        return {"module": kind, "name": self.name, **{key: getattr(self.module, key) for key in constants}}


def is_torch_loss(item: Any) -> bool:
    """Whether a callable takes torch's `(input, target)`: a module, or a function of torch.nn.functional."""
    if isinstance(item, nn.Module):
        names = list(inspect.signature(item.forward).parameters)
        return not (names and names[0] == "y_true")
    return getattr(item, "__module__", None) == "torch.nn.functional"
