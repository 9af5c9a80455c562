"""Recordings of runs with different sizes as one: numbers that change with the sizes of the inputs become formulas."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch

from keras_torch.saving.convert.recording import Call, Constant, NotTraceable, Operation, Recording

# An open size of the inputs: (input, axis).
Axis = tuple[int, int]


@dataclass(frozen=True)
class Size:
    """A whole number that follows from open sizes of the inputs: `factor` times the product of some, plus `offset`."""

    axes: tuple[Axis, ...]
    factor: Fraction
    offset: int

    def value(self, sizes: dict[Axis, int]) -> int | None:
        """Return the number for given sizes; None if it is not whole."""
        found = self.factor * math.prod(sizes[axis] for axis in self.axes) + self.offset
        return int(found) if found.denominator == 1 else None

    def text(self, name: Callable[[Axis], str]) -> str:
        """Return Python for the number; `name` gives the expression of an open size."""
        product = " * ".join(name(axis) for axis in self.axes)
        if self.factor.numerator != 1:
            product = f"{self.factor.numerator} * {product}"
        if self.factor.denominator != 1:
            product = f"{product} // {self.factor.denominator}"
        if self.offset:
            product = f"{product} {'+' if self.offset > 0 else '-'} {abs(self.offset)}"
        return product


def merge(recordings: Sequence[Recording], sizes: Sequence[dict[Axis, int]]) -> Recording:
    """Return the first recording with formulas. The last one only checks them.

    NotTraceable if the runs did different things, or numbers follow no simple formula.
    """
    merger = _Merger(sizes)
    root = merger.call([item.root for item in recordings])
    return Recording(root, merger.value([item.outputs for item in recordings], "the outputs"))


class _Merger:
    def __init__(self, sizes: Sequence[dict[Axis, int]]) -> None:
        self.sizes = sizes

    def call(self, calls: Sequence[Call]) -> Call:
        first = calls[0]
        if len({(len(item.children), item.path) for item in calls}) > 1:
            raise _differs(first.layer)
        children = [self._child(first, items) for items in zip(*(item.children for item in calls), strict=True)]
        return Call(first.path, first.layer, children, self.value([item.outputs for item in calls], first.path))

    def _child(self, owner: Call, items: Sequence[Any]) -> Operation | Call:
        first = items[0]
        if any(type(item) is not type(first) for item in items):
            raise _differs(owner.layer)
        if isinstance(first, Call):
            return self.call(items)
        if any(item.target is not first.target and item.target != first.target for item in items):
            raise _differs(owner.layer)
        where = owner.path
        return Operation(
            first.number,
            first.target,
            self.value([item.args for item in items], where),
            self.value([item.kwargs for item in items], where),
            first.outputs,
            first.with_gradient,
        )

    def value(self, values: Sequence[Any], where: str) -> Any:
        first = values[0]
        if any(type(item) is not type(first) for item in values):
            raise NotTraceable(f"what {where!r} computes depends on the sizes of the inputs")
        if isinstance(first, (list, tuple)):
            if len({len(item) for item in values}) > 1:
                raise NotTraceable(f"what {where!r} computes depends on the sizes of the inputs")
            merged = [self.value(parts, where) for parts in zip(*values, strict=True)]
            return merged if isinstance(first, list) else tuple(merged)
        if isinstance(first, dict):
            return {key: self.value([item.get(key) for item in values], where) for key in first}
        if isinstance(first, slice):
            parts = [self.value([getattr(v, key) for v in values], where) for key in ("start", "stop", "step")]
            return slice(*parts)
        if isinstance(first, Constant):
            if any(item != first for item in values):
                raise NotTraceable(f"{where!r} uses a constant tensor that depends on the sizes of the inputs")
            return first
        if isinstance(first, float) and all(math.isnan(item) for item in values):
            return first
        if all(item is first or item == first for item in values):
            return first
        if isinstance(first, int) and not isinstance(first, bool):
            return self._formula(values, where)
        raise NotTraceable(f"{where!r} uses a value that depends on the sizes of the inputs")

    def _formula(self, values: Sequence[int], where: str) -> Size:
        base = self.sizes[0]
        changed = []
        for axis in base:
            # Each run but the first and the last changes one size.
            run = next(i for i, sizes in enumerate(self.sizes) if i and sizes[axis] != base[axis])
            if values[run] != values[0]:
                changed.append((axis, run))
        if changed:
            axis, run = changed[0]
            slope = Fraction(values[run] - values[0], self.sizes[run][axis] - base[axis])
            others = tuple(axis for axis, _ in changed)
            factor = slope / math.prod(base[other] for other in others[1:])
            start = values[0] - factor * math.prod(base[other] for other in others)
            found = Size(others, factor, int(start))
            if start.denominator == 1 and all(
                found.value(sizes) == value for sizes, value in zip(self.sizes, values, strict=True)
            ):
                return found
        raise NotTraceable(
            f"{where!r} uses a number that follows no simple formula of the sizes of the inputs: {values}"
        )


def _differs(layer: Any) -> NotTraceable:
    return NotTraceable(f"the layer {layer.name!r} does different things for inputs of different sizes")


Specs = Sequence[tuple[tuple[int | None, ...], torch.dtype]]


def examples(specs: Specs, together: bool) -> tuple[list[list[torch.Tensor]], list[dict[Axis, int]]]:
    """Return inputs for several runs, and their open sizes: a first run, one for each open size, a last to check.

    Values are 0 and 1, which are also valid indices and booleans. The batch size is one for all inputs; `together`
    tells that other axes open in several inputs are as long in all.
    """
    axes = [(index, axis) for index, (shape, _) in enumerate(specs) for axis, size in enumerate(shape) if size is None]
    owner = {
        (i, axis): next(a for a in axes if a[1] == axis) if together or not axis else (i, axis) for i, axis in axes
    }
    free = list(dict.fromkeys(owner.values()))
    base = {axis: 4 if axis[1] == 0 else 40 + 2 * number for number, axis in enumerate(free)}
    runs = [base, *({**base, axis: base[axis] * 2} for axis in free)]
    runs.append({axis: 7 if axis[1] == 0 else 61 + 2 * number for number, axis in enumerate(free)})
    inputs = [
        [
            _values(shape, dtype, {axis: run[owner[i, axis]] for j, axis in axes if i == j})
            for i, (shape, dtype) in enumerate(specs)
        ]
        for run in runs
    ]
    return inputs, runs


def _values(shape: tuple[int | None, ...], dtype: torch.dtype, run: dict[int, int]) -> torch.Tensor:
    sizes = [run[axis] if size is None else size for axis, size in enumerate(shape)]
    return torch.randint(0, 2, sizes).to(dtype)
