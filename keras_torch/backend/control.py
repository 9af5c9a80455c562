"""Choosing between tensors, the learning phase, and loops over the first axis."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from keras_torch import config
from keras_torch.backend.devices import together
from keras_torch.backend.tensors import is_symbolic, recorded, tensor
from keras_torch.symbolic import record_function
from keras_torch.symbolic.keras_tensor import OUT_OF_PLACE


class LearningPhase(int):
    """The phase where no layer runs: 0, and for `K.function` and symbolic tensors the phase of the run to come."""


class FixedPhase(int):
    """The phase that a symbolic call got from `set_learning_phase`; an int of its own kind, so that configs omit it."""


class _State:
    """The phase that `set_learning_phase` fixed, and that of the layer call in progress."""

    fixed: int | None = None
    running: int | None = None


_state = _State()


def learning_phase() -> int:
    """Return 1 in training and 0 in inference: as set, or as the running layer is."""
    if _state.fixed is not None:
        return _state.fixed
    return LearningPhase(0) if _state.running is None else _state.running


def set_learning_phase(value: Any) -> None:
    """Fix what `learning_phase` returns, and so the backend functions that look at it.

    Layers keep their own mode, except in dialects 1 and 2: there those that are called on symbolic tensors while it is
    fixed stay in that phase, whatever the model does.
    """
    if value not in (0, 1):
        raise ValueError(f"`value` must be 0 (inference) or 1 (training). Received: {value!r}")
    _state.fixed = int(value)


def fixed_learning_phase() -> FixedPhase | None:
    """Return what `set_learning_phase` set, None if nothing."""
    return None if _state.fixed is None else FixedPhase(_state.fixed)


def forget_learning_phase() -> None:
    """Undo `set_learning_phase`."""
    _state.fixed = None


@contextlib.contextmanager
def learning_phase_scope(value: Any) -> Iterator[None]:
    """Fix the learning phase inside a `with` block."""
    before = _state.fixed
    set_learning_phase(value)
    try:
        yield
    finally:
        _state.fixed = before


class _OutOfPlace(TorchFunctionMode):
    """Makes `x *= y` another tensor, as in TensorFlow and Theano; changed in place, x would have no gradient."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in OUT_OF_PLACE:
            caller = sys._getframe(1).f_globals.get("__name__", "")
            if caller.partition(".")[0] not in ("keras_torch", "torch"):
                func = OUT_OF_PLACE[func]
        return func(*args, **(kwargs or {}))


def only_item(items: Any) -> Any:
    """Return the item of a list of one; anything else as it is."""
    return items[0] if type(items) is list and len(items) == 1 else items


def phased(call: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a layer's `call`: inside, `learning_phase` is the layer's mode.

    What a call returns as a list of one output, as `gradients` does, is that output in Keras 1 and 2.
    """

    @functools.wraps(call)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        before, _state.running = _state.running, int(self.training)
        try:
            if not config.is_classic():
                return call(self, *args, **kwargs)
            with _OutOfPlace():
                return only_item(call(self, *args, **kwargs))
        finally:
            _state.running = before

    run.unphased = call  # type: ignore[attr-defined]
    return run


class TrainPhase(nn.Module):
    """Returns the first of two values in training mode, the second in inference mode."""

    def __init__(self) -> None:
        super().__init__()
        self.eval()

    def forward(self, x: Any, alt: Any) -> Any:
        """Choose."""
        return x if self.training else alt


def _evaluate(x: Any) -> Any:
    return x() if callable(x) and not isinstance(x, torch.Tensor) and not is_symbolic(x) else x


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """Return `x` in training, `alt` in inference; both may be functions without arguments.

    `training=None` is the learning phase. For symbolic tensors that is the mode of the model they become part of.
    """
    training = learning_phase() if training is None else training
    if isinstance(training, LearningPhase):
        x, alt = _evaluate(x), _evaluate(alt)
        return record_function(TrainPhase(), (x, alt), {}) if is_symbolic([x, alt]) else alt
    if isinstance(training, (bool, int)):
        return _evaluate(x) if training else _evaluate(alt)
    return switch(training, x, alt)


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """Return `x` in inference, `alt` in training; the reverse of `in_train_phase`."""
    return in_train_phase(alt, x, training)


@together
def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """Return the first value where the condition holds, else the second.

    The condition is one number, or a tensor of at most as many axes as the values, the first ones; the values may be
    functions without arguments. Both are computed, unless the condition is a Python number.
    """
    if isinstance(condition, LearningPhase):
        return in_train_phase(then_expression, else_expression)
    if isinstance(condition, (bool, int)):
        return _evaluate(then_expression) if condition else _evaluate(else_expression)
    condition = tensor(condition, "bool")
    first, second = tensor(_evaluate(then_expression)), tensor(_evaluate(else_expression))
    rank = max(len(first.shape), len(second.shape))
    missing = rank - len(condition.shape) if len(condition.shape) else 0
    if missing < 0:
        raise ValueError(
            "`condition` must have at most as many axes as the expressions. Received: condition of shape "
            f"{tuple(condition.shape)}, expressions of shapes {tuple(first.shape)} and {tuple(second.shape)}"
        )
    for _ in range(missing):
        condition = torch.unsqueeze(condition, -1)
    return torch.where(condition, first, second)


def _entries(elems: Any) -> list[Any]:
    """Return the slices along the first axis; tuples of slices for several tensors."""
    if isinstance(elems, (list, tuple)) and elems and not isinstance(elems[0], (int, float)):
        return list(zip(*(torch.unbind(tensor(item)) for item in elems), strict=True))
    return list(torch.unbind(tensor(elems)))


def map_fn(fn: Callable[[Any], Any], elems: Any, name: str | None = None, dtype: Any = None) -> Any:
    """Apply a function to each entry of the first axis and stack the results, cast to `dtype` if given."""

    @recorded
    def mapped(elems: Any) -> Any:
        results = [fn(entry) for entry in _entries(elems)]
        if isinstance(results[0], (list, tuple)):
            columns = zip(*results, strict=True)
            return type(results[0])(torch.stack([tensor(item, dtype) for item in column]) for column in columns)
        return torch.stack([tensor(item, dtype) for item in results])

    return mapped(elems)


def foldl(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """Combine the entries of the first axis from the first on: `fn(accumulated, entry)`."""
    return _fold(fn, elems, initializer, _entries)


def foldr(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """Combine the entries of the first axis from the last on: `fn(accumulated, entry)`."""
    return _fold(fn, elems, initializer, lambda values: _entries(values)[::-1])


def _fold(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any, order: Callable[[Any], list[Any]]) -> Any:
    @recorded
    def folded(elems: Any, accumulated: Any) -> Any:
        entries = order(elems)
        if accumulated is None:
            accumulated, *entries = entries
        for entry in entries:
            accumulated = fn(accumulated, entry)
        return accumulated

    return folded(elems, initializer)
