"""Targets that meet their losses: shapes, class numbers, and the mix-ups of losses that they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from keras_torch import config
from keras_torch.data.conversion import to_tensor
from keras_torch.data.rows import Rows


@dataclass(frozen=True)
class Slot:
    """What a model says about one input or output; `shape` includes the batch axis and is None if unknown.

    `dtype` is None where it is unknown, and for text. For an `optional` input None may be given.
    """

    name: str
    shape: tuple[int | None, ...] | None = None
    dtype: torch.dtype | None = None
    text: bool = False
    optional: bool = False


def target_of(array: Any, slot: Slot, loss: Any, label: str) -> torch.Tensor | Rows:
    """Return the target of one output as a tensor. ValueError if it cannot be one for the loss; it names the right one.

    `label` is how messages call the model.
    """
    tensor = to_tensor(array)
    shape = slot.shape
    if shape is not None and tensor.dim() == 1 and len(shape) == 2 and shape[1] == 1:
        tensor = tensor.unsqueeze(-1)
    name = _builtin_name(loss)
    if name == "sparse_categorical_crossentropy":
        _refuse_one_hot(tensor, slot, label)
        ignored = getattr(loss, "_fn_kwargs", {}).get("ignore_class")
        check_labels(tensor, shape[-1] if shape else None, ignored, slot.name, label)
        return tensor if tensor.is_floating_point() else tensor.long()
    numbers = shape is not None and tensor.dim() == len(shape) - 1 and shape[-1] not in (None, 1)
    several = name == "categorical_crossentropy" or (name == "binary_crossentropy" and numbers)
    if several or (config.is_classic() and name in _SHAPE_CHECKED):
        _check_target_shape(tensor, slot, name, label)
    if name and not tensor.is_floating_point() and (tensor.numel() <= _CONVERTED_TARGETS or isinstance(tensor, Rows)):
        # The loss would convert each batch; the whole is cheaper.
        tensor = tensor.to(config.torch_dtype(config.floatx()))
    return tensor


def _builtin_name(loss: Any) -> str:
    """Return the name of the library's own loss function in `loss`, else an empty string."""
    function = getattr(loss, "fn", None)
    known = getattr(function, "__module__", "").startswith("keras_torch.losses")
    return function.__name__ if known and function is not None else ""


_CONVERTED_TARGETS = 1 << 26


_SHAPE_CHECKED = ("mean_squared_error", "binary_crossentropy", "categorical_crossentropy")


def _check_target_shape(tensor: torch.Tensor, slot: Slot, loss: str, label: str) -> None:
    expected = slot.shape
    if expected is None:
        return
    shape = tuple(tensor.shape)
    same = len(shape) == len(expected) and all(
        e is None or e == s for s, e in zip(shape[1:], expected[1:], strict=False)
    )
    if same and config.is_classic() and loss == "categorical_crossentropy" and expected[-1] == 1:
        raise ValueError(
            f"Output {slot.name!r} of {label} has one unit, of which `categorical_crossentropy` makes nothing. Use the "
            f"loss 'binary_crossentropy'. Received: a target of shape {shape}"
        )
    if same:
        return
    hint = ""
    if loss != "mean_squared_error" and (shape[-1:] == (1,) or len(shape) == len(expected) - 1):
        hint = (
            " These look like class numbers: use the loss 'sparse_categorical_crossentropy', or turn them into rows "
            f"with `keras.utils.to_categorical(y, {expected[-1]})`."
        )
    raise ValueError(
        f"The target of output {slot.name!r} of {label} must have the output's shape {expected} for the loss "
        f"{loss!r}. Received: an array of shape {shape}.{hint}"
    )


def _refuse_one_hot(tensor: torch.Tensor | Rows, slot: Slot, label: str) -> None:
    expected, shape = slot.shape, tuple(tensor.shape)
    if expected is not None and len(shape) == len(expected) and shape[-1] == expected[-1] != 1:
        raise ValueError(
            f"The target of output {slot.name!r} of {label} must hold class numbers, one for each row of the output of "
            f"shape {expected}, for the loss 'sparse_categorical_crossentropy'. Received: an array of shape {shape}. "
            "One-hot targets need the loss 'categorical_crossentropy'."
        )


def check_labels(
    labels: torch.Tensor | Rows, classes: int | None, ignored: int | None, name: str, label: str = "the model"
) -> None:
    """ValueError if class numbers lie outside `0..classes - 1`."""
    if classes is None or labels.numel() == 0 or labels.dtype == torch.bool:
        return
    lows, highs = [], []
    for block in labels.blocks() if isinstance(labels, Rows) else (labels,):
        counted = block if ignored is None else block[block != ignored]
        if counted.numel():
            bounds = torch.aminmax(counted)
            lows.append(bounds.min.item())
            highs.append(bounds.max.item())
    if not lows:
        return
    low, high = min(lows), max(highs)
    if not (low >= 0 and high < classes):
        hint = " For two classes and one unit use the loss 'binary_crossentropy'." if classes == 1 else ""
        hint += " If the classes are counted from 1, pass `y - 1`." if low >= 1 and high == classes else ""
        raise ValueError(
            f"The labels of output {name!r} of {label} must lie in 0..{classes - 1}, because its last axis has "
            f"{classes} units. Received: labels from {low} to {high}.{hint}"
        )
