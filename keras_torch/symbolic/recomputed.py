"""Values that a script for Keras 1 or 2 computed from variables, for later: sums and products of them, made anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from keras_torch import config

Compute = Callable[[], torch.Tensor]
_BINARY: dict[str, Callable[[Any, Any, Any], torch.Tensor]] = {
    "AddBackward0": lambda node, x, y: torch.add(x, y, alpha=node._saved_alpha),
    "SubBackward0": lambda node, x, y: torch.sub(x, y, alpha=node._saved_alpha),
    "MulBackward0": lambda node, x, y: x * y,
    "DivBackward0": lambda node, x, y: x / y,
    "MmBackward0": lambda node, x, y: x @ y,
}
# What lies between a layer's tensors and its weights in Keras's layout.
_UNARY: dict[str, Callable[[Any, Any], torch.Tensor]] = {
    "NegBackward0": lambda node, x: -x,
    # What penalties are made of.
    "AbsBackward0": lambda node, x: x.abs(),
    "ClampBackward1": lambda node, x: x.clamp(node._saved_min, node._saved_max),
    "CloneBackward0": lambda node, x: x.clone(),
    "ExpBackward0": lambda node, x: x.exp(),
    "LogBackward0": lambda node, x: x.log(),
    "MeanBackward0": lambda node, x: x.mean(),
    "MeanBackward1": lambda node, x: x.mean(_signed(node._saved_dim), node._saved_keepdim),
    "PowBackward0": lambda node, x: x.pow(node._saved_exponent),
    "SqrtBackward0": lambda node, x: x.sqrt(),
    "SumBackward0": lambda node, x: x.sum(),
    "SumBackward1": lambda node, x: x.sum(_signed(node._saved_dim), node._saved_keepdim),
    "ToCopyBackward0": lambda node, x: x,
    "PermuteBackward0": lambda node, x: x.permute(_signed(node._saved_dims)),
    "TBackward0": lambda node, x: x.t(),
    "TransposeBackward0": lambda node, x: x.transpose(*_signed((node._saved_dim0, node._saved_dim1))),
}


class Recomputed(nn.Module):
    """Gives a value that was computed from variables, as a step of a running graph."""

    compute: Compute

    def __init__(self, compute: Compute) -> None:
        super().__init__()
        self.__dict__["compute"] = compute

    def forward(self) -> torch.Tensor:
        """Compute the value from what the variables hold now."""
        return self.compute()


class _UnknownError(Exception):
    """A value that comes from something else than the operations above."""


class Graphs:
    """Whether scripts describe graphs, in which what is computed from weights stands for what it is in each run.

    They do in Keras 1 and 2, unless TensorFlow was told otherwise: `eager` says whether it computes at once.
    """

    eager: bool | None = None

    @classmethod
    def are_described(cls) -> bool:
        """Whether graphs are described now."""
        return config.is_classic() if cls.eager is None else not cls.eager


def latest(value: Any) -> Any:
    """Return a value computed again from the variables that torch saw it come from, or as it is where that fails.

    Sums, products, means and powers can be; what was computed without gradients came from nowhere.
    """
    try:
        return required(value)
    except ValueError:
        return value


def required(value: Any) -> Any:
    """Return a value computed again; ValueError if it came from variables by other ways than those of `latest`."""
    if not isinstance(value, torch.Tensor) or value.grad_fn is None:
        return value
    with torch.no_grad():
        return again(value, "An update takes a value")()


def again(value: torch.Tensor, what: str) -> Compute:
    """Return what computes a value again, with gradients; ValueError as in `required`, which begins with `what`."""
    if value.grad_fn is None:
        return lambda: value
    try:
        return _again(value.grad_fn)
    except _UnknownError as error:
        raise ValueError(
            f"{what} that was computed once, from variables that change, by {error}. Only sums, products, means and "
            "powers of variables are computed anew. Compute it from a symbolic tensor (`Input`, `K.placeholder`), in a "
            f"layer or within `get_updates`. Received: {value!r}"
        ) from None


def _again(node: Any) -> Compute:
    name = node.name()
    if hasattr(node, "variable"):
        variable = node.variable
        return lambda: variable
    if name in _UNARY:
        change, (inner,) = _UNARY[name], _operands(node, 1)
        return lambda: change(node, inner())
    if name in _BINARY:
        combine, (left, right) = _BINARY[name], _operands(node, 2)
        return lambda: combine(node, left(), right())
    raise _UnknownError(name)


def _operands(node: Any, count: int) -> list[Compute]:
    saved = ("_saved_self", "_saved_mat2" if hasattr(node, "_saved_mat2") else "_saved_other")
    return [
        _constant(node, saved[index]) if before is None else _again(before)
        for index, (before, _) in enumerate(node.next_functions[:count])
    ]


def _constant(node: Any, name: str) -> Compute:
    try:
        value = getattr(node, name, None)
    except RuntimeError as error:
        # It was changed since.
        raise _UnknownError(name) from error
    if value is None:
        raise _UnknownError(name)
    return lambda: value


def _signed(numbers: Any) -> list[int]:
    """Return axes as torch was given them; it keeps -1 as a large unsigned number."""
    return [number - 2**64 if number >= 2**63 else number for number in numbers]
