"""`RaggedTensor`: rows of unequal length, as TensorFlow's scripts make them of lists and texts before they pad.

Layers that compute take dense tensors: `to_tensor()` pads. What works on rows here is what leads to that.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from keras_torch.backend.string_array import StringArray, encoded, is_text, to_strings
from keras_torch.symbolic.keras_tensor import Shape


class RaggedTensor:
    """Rows of unequal length: row i is `values[row_splits[i] : row_splits[i + 1]]`.

    `values` is a tensor, an array of strings, or a RaggedTensor where rows consist of ragged rows themselves.
    """

    def __init__(self, values: Any, row_splits: Any) -> None:
        self.values = values
        self.row_splits = torch.as_tensor(row_splits).long()
        if len(self.row_splits) == 0 or int(self.row_splits[0]) != 0 or int(self.row_splits[-1]) != _length(values):
            raise ValueError(
                f"`row_splits` must go from 0 to the number of values, {_length(values)}. "
                f"Received: {self.row_splits.tolist()}"
            )
        if bool((self.row_lengths() < 0).any()):
            raise ValueError(f"`row_splits` must not decrease. Received: {self.row_splits.tolist()}")

    @classmethod
    def from_row_splits(cls, values: Any, row_splits: Any, name: Any = None, validate: bool = True) -> RaggedTensor:
        """Make rows of values that start and end where `row_splits` says."""
        return cls(_as_values(values), row_splits)

    @classmethod
    def from_row_lengths(cls, values: Any, row_lengths: Any, name: Any = None, validate: bool = True) -> RaggedTensor:
        """Make rows of values, one after the other, with these lengths."""
        lengths = torch.as_tensor(row_lengths).long()
        return cls(_as_values(values), torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]))

    @classmethod
    def from_row_starts(cls, values: Any, row_starts: Any, name: Any = None, validate: bool = True) -> RaggedTensor:
        """Make rows of values that start at these places."""
        values, starts = _as_values(values), torch.as_tensor(row_starts).long()
        return cls(values, torch.cat([starts, torch.tensor([_length(values)])]))

    @classmethod
    def from_row_limits(cls, values: Any, row_limits: Any, name: Any = None, validate: bool = True) -> RaggedTensor:
        """Make rows of values that end before these places."""
        limits = torch.as_tensor(row_limits).long()
        return cls(_as_values(values), torch.cat([limits.new_zeros(1), limits]))

    @classmethod
    def from_nested_row_splits(
        cls, flat_values: Any, nested_row_splits: Sequence[Any], name: Any = None, validate: bool = True
    ) -> RaggedTensor:
        """Make rows of rows of values; the splits of the outermost rows come first."""
        values = _as_values(flat_values)
        for splits in reversed(nested_row_splits):
            values = cls(values, splits)
        return values

    @classmethod
    def from_value_rowids(
        cls, values: Any, value_rowids: Any, nrows: Any = None, name: Any = None, validate: bool = True
    ) -> RaggedTensor:
        """Make rows of values whose rows' numbers, in ascending order, are given."""
        count = 0 if nrows is None else int(nrows)
        return cls.from_row_lengths(values, torch.bincount(torch.as_tensor(value_rowids).long(), minlength=count))

    @classmethod
    def from_tensor(
        cls, tensor: Any, lengths: Any = None, padding: Any = None, ragged_rank: int = 1, name: Any = None
    ) -> RaggedTensor:
        """Make rows of those of a tensor: their first `lengths` values, or all up to the `padding` at their ends."""
        if ragged_rank != 1:
            raise ValueError(f"`RaggedTensor.from_tensor` makes one ragged axis here. Received: {ragged_rank=}")
        rows = _as_values(tensor)
        if lengths is None:
            lengths = [row.shape[0] if padding is None else _unpadded(row, padding) for row in rows]
        return cls.of_rows([row[: int(n)] for row, n in zip(rows, lengths, strict=True)])

    @classmethod
    def of_rows(cls, rows: Sequence[Any]) -> RaggedTensor:
        """Make it of tensors that differ in their first axis alone."""
        if not rows:
            return cls(torch.zeros(0), [0])
        if isinstance(rows[0], RaggedTensor):
            inner = cls.of_rows([item for row in rows for item in row])
            return cls.from_row_lengths(inner, [_length(row) for row in rows])
        joined = np.concatenate(rows).view(StringArray) if isinstance(rows[0], StringArray) else torch.cat(list(rows))
        return cls.from_row_lengths(joined, [row.shape[0] for row in rows])

    stacked = of_rows

    @classmethod
    def of_list(cls, value: Sequence[Any], dtype: torch.dtype | None = None) -> RaggedTensor:
        """Make it of nested lists. ValueError if some items are lists and others are not."""
        items = list(value)
        kinds = {isinstance(item, (list, tuple, np.ndarray)) for item in items}
        if kinds == {True}:
            deeper = [item for row in items for item in row]
            nested = any(isinstance(item, (list, tuple, np.ndarray)) for item in deeper)
            values = cls.of_list(deeper, dtype) if nested else _as_values(deeper, dtype)
            return cls.from_row_lengths(values, [len(row) for row in items])
        raise ValueError(f"A ragged tensor is made of lists of one depth. Received: {value!r:.100}")

    @property
    def flat_values(self) -> Any:
        """The values without rows."""
        return self.values.flat_values if isinstance(self.values, RaggedTensor) else self.values

    @property
    def dtype(self) -> Any:
        """The type of the values."""
        return "string" if isinstance(self.flat_values, StringArray) else self.flat_values.dtype

    @property
    def ragged_rank(self) -> int:
        """How many axes are ragged."""
        return 1 + (self.values.ragged_rank if isinstance(self.values, RaggedTensor) else 0)

    @property
    def shape(self) -> Shape:
        """The shape, None for ragged axes."""
        return Shape((len(self.row_splits) - 1, None, *tuple(self.values.shape)[1:]))

    def get_shape(self) -> Shape:
        """The shape, None for ragged axes."""
        return self.shape

    def _ragged_axes(self) -> list[RaggedTensor]:
        inner = self.values
        return [self, *(inner._ragged_axes() if isinstance(inner, RaggedTensor) else ())]

    @property
    def nested_row_splits(self) -> tuple[torch.Tensor, ...]:
        """Where the rows of each ragged axis start and end, those of the outermost first."""
        return tuple(axis.row_splits for axis in self._ragged_axes())

    def nested_row_lengths(self, name: Any = None) -> tuple[torch.Tensor, ...]:
        """The lengths of the rows of each ragged axis."""
        return tuple(axis.row_lengths() for axis in self._ragged_axes())

    def nested_value_rowids(self, name: Any = None) -> tuple[torch.Tensor, ...]:
        """The number of each value's row, for each ragged axis."""
        return tuple(axis.value_rowids() for axis in self._ragged_axes())

    def nrows(self, out_type: Any = None, name: Any = None) -> torch.Tensor:
        """The number of rows."""
        return torch.tensor(len(self.row_splits) - 1, dtype=out_type)

    def row_lengths(self, axis: int = 1, name: Any = None) -> Any:
        """The lengths of the rows; those of a deeper ragged axis stand in the rows of the axes before it."""
        if not 1 <= axis <= self.ragged_rank:
            raise ValueError(f"`row_lengths` takes a ragged axis, 1 to {self.ragged_rank}. Received: {axis=}")
        if axis > 1:
            return self.with_values(self.values.row_lengths(axis - 1))
        return self.row_splits[1:] - self.row_splits[:-1]

    def row_limits(self, name: Any = None) -> torch.Tensor:
        """Where the rows end."""
        return self.row_splits[1:]

    def merge_dims(self, outer_axis: int, inner_axis: int) -> Any:
        """Return the values with the axes from one to another as a single one."""
        rank = len(self.shape)
        first, last = (axis + rank if axis < 0 else axis for axis in (outer_axis, inner_axis))
        if not 0 <= first <= last < rank:
            raise ValueError(f"`merge_dims` takes axes of the {rank}. Received: {outer_axis=}, {inner_axis=}")
        if first == last:
            return self
        inner = self.values
        if first == 0:
            return inner.merge_dims(0, last - 1) if isinstance(inner, RaggedTensor) else inner.flatten(0, last - 1)
        if first > 1 or not isinstance(inner, RaggedTensor):
            if isinstance(inner, RaggedTensor):
                return self.with_values(inner.merge_dims(first - 1, last - 1))
            merged = inner.flatten(first - 1, last - 1)
            return RaggedTensor(merged, self.row_splits * (inner.shape[1:last].numel() if first == 1 else 1))
        return RaggedTensor(inner.values, inner.row_splits[self.row_splits]).merge_dims(1, last - 1)

    def row_starts(self, name: Any = None) -> torch.Tensor:
        """Where the rows start."""
        return self.row_splits[:-1]

    def value_rowids(self, name: Any = None) -> torch.Tensor:
        """The number of each value's row."""
        return torch.repeat_interleave(torch.arange(len(self.row_splits) - 1), self.row_lengths())

    def bounding_shape(self, axis: Any = None, name: Any = None, out_type: Any = None) -> torch.Tensor:
        """The shape that a dense tensor of all rows needs."""
        inner = self.values.bounding_shape()[1:].tolist() if isinstance(self.values, RaggedTensor) else None
        rest = tuple(self.values.shape)[1:] if inner is None else inner
        longest = int(self.row_lengths().max()) if len(self) else 0
        found = torch.tensor([len(self), longest, *rest], dtype=out_type)
        return found if axis is None else found[axis]

    def with_values(self, new_values: Any) -> RaggedTensor:
        """The same rows of other values."""
        return RaggedTensor(new_values, self.row_splits)

    def with_flat_values(self, new_values: Any) -> RaggedTensor:
        """The same rows of other values, in every ragged axis."""
        inner = self.values
        return self.with_values(inner.with_flat_values(new_values) if isinstance(inner, RaggedTensor) else new_values)

    def each(self, function: Callable[..., Any], *others: Any) -> RaggedTensor:
        """Apply a function to the values, and to those of others with the same rows, or with one value a row."""
        return self.with_flat_values(function(self.flat_values, *map(self._beside, others)))

    def _beside(self, other: Any) -> Any:
        if isinstance(other, RaggedTensor):
            if not torch.equal(other.row_splits, self.row_splits):
                raise ValueError(
                    "Ragged tensors must have rows of the same lengths. Received: "
                    f"{self.row_lengths().tolist()} and {other.row_lengths().tolist()}"
                )
            return other.flat_values
        shape = tuple(getattr(other, "shape", ()))
        if shape and shape == (len(self.row_splits) - 1, 1):
            return other[self.value_rowids(), 0]
        return other

    def to_tensor(self, default_value: Any = None, name: Any = None, shape: Any = None) -> Any:
        """Return a dense tensor, rows filled up with a value (0 or empty text); `shape` has None for what is open."""
        wanted = [None] * 2 if shape is None else list(shape)
        if isinstance(self.values, RaggedTensor):
            inner = self.values.to_tensor(default_value, None, None if shape is None else [None, *wanted[2:]])
            return self.with_values(inner).to_tensor(default_value, None, wanted[:2])
        longest = int(self.row_lengths().max()) if len(self) else 0
        width = longest if len(wanted) < 2 or wanted[1] in (None, -1) else int(wanted[1])
        count = len(self) if wanted[0] in (None, -1) else int(wanted[0])
        rest = tuple(self.values.shape)[1:]
        found: Any
        if isinstance(self.values, StringArray):
            filling = "" if default_value is None else str(default_value)
            found = to_strings(np.full((count, width, *rest), filling, object), "A ragged tensor")
        else:
            found = torch.full((count, width, *rest), default_value or 0, dtype=self.values.dtype)
        for place, row in enumerate(list(self)[:count]):
            found[place, : row.shape[0]] = row[:width]
        return found

    def to_list(self) -> list[Any]:
        """Return nested lists; text as bytes."""
        return [_listed(row) for row in self]

    def numpy(self) -> np.ndarray:
        """Return an array of rows, which are arrays; one of several axes if all rows are of one length."""
        rows = [row.numpy() if hasattr(row, "numpy") else np.array(_listed(row), object) for row in self]
        if rows and len({row.shape for row in rows}) == 1:
            return np.stack(rows)
        found = np.empty(len(rows), object)
        for place, row in enumerate(rows):
            found[place] = row
        return found

    def reduce(self, kind: str, axis: Any = None) -> Any:
        """Return the "sum", "mean", "prod", "max", "min", "any" or "all" of each row (axis 1), or of all values."""
        flat = self.flat_values
        functions: dict[str, Callable[..., Any]] = {"max": torch.amax, "min": torch.amin}
        function = functions.get(kind) or getattr(torch, kind)
        if axis is None:
            return function(flat)
        if axis not in (1, -1) or self.ragged_rank > 1:
            raise ValueError(
                f"Ragged tensors are reduced along rows here (axis=1), or as a whole. Received: axis={axis}"
            )
        return torch.stack([function(row, 0) if len(row) else _of_nothing(kind, row) for row in self])

    def __iter__(self) -> Iterator[Any]:
        bounds = self.row_splits.tolist()
        return (self.values[start:stop] for start, stop in zip(bounds, bounds[1:], strict=False))

    def __len__(self) -> int:
        return len(self.row_splits) - 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, tuple):
            first, *rest = index
            if isinstance(first, slice):
                rows = [row[tuple(rest)] for row in self[first]]
                whole = rest and isinstance(rest[0], slice)
                return RaggedTensor.of_rows(rows) if whole else torch.stack(rows)
            return self[first][tuple(rest)]
        if isinstance(index, slice):
            rows = list(self)[index]
            return RaggedTensor.of_rows(rows) if rows else RaggedTensor(self.values[:0], [0])
        start, stop = range(len(self))[int(index)], range(len(self))[int(index)] + 1
        return self.values[int(self.row_splits[start]) : int(self.row_splits[stop])]

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<RaggedTensor {self.to_list()}>"


def _operator(name: str) -> Callable[[RaggedTensor, Any], RaggedTensor]:
    function = getattr(operator, name)

    def forward(self: RaggedTensor, other: Any) -> RaggedTensor:
        return self.each(function, other)

    return forward


def _reflected(name: str) -> Callable[[RaggedTensor, Any], RaggedTensor]:
    function = getattr(operator, name)

    def backward(self: RaggedTensor, other: Any) -> RaggedTensor:
        return self.each(lambda values: function(other, values))

    return backward


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    setattr(RaggedTensor, f"__{_name}__", _operator(_name))
    setattr(RaggedTensor, f"__r{_name}__", _reflected(_name))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(RaggedTensor, f"__{_name}__", _operator(_name))
RaggedTensor.__hash__ = object.__hash__  # type: ignore[method-assign]


def _length(values: Any) -> int:
    return len(values) if isinstance(values, RaggedTensor) else values.shape[0]


def _as_values(values: Any, dtype: torch.dtype | None = None) -> Any:
    if isinstance(values, (RaggedTensor, StringArray)):
        return values
    if is_text(values) or (isinstance(values, (list, tuple)) and values and isinstance(values[0], (str, bytes))):
        return to_strings(values, "A ragged tensor")
    if isinstance(values, torch.Tensor):
        return values if dtype is None else values.to(dtype)
    found = torch.as_tensor(np.asarray(values))
    if dtype is None and not hasattr(values, "dtype"):
        # As TensorFlow's constants.
        dtype = {torch.float64: torch.float32, torch.int64: torch.int32}.get(found.dtype)
        dtype = torch.float32 if found.numel() == 0 else dtype
    return found if dtype is None else found.to(dtype)


def _unpadded(row: Any, padding: Any) -> int:
    kept = np.flatnonzero(np.asarray(row) != padding)
    return int(kept[-1]) + 1 if len(kept) else 0


def _listed(row: Any) -> Any:
    if isinstance(row, RaggedTensor):
        return row.to_list()
    return np.vectorize(encoded, [object])(row).tolist() if isinstance(row, StringArray) and row.size else row.tolist()


def _of_nothing(kind: str, row: torch.Tensor) -> torch.Tensor:
    if kind in ("max", "min"):
        info = torch.finfo(row.dtype) if row.is_floating_point() else torch.iinfo(row.dtype)
        return torch.full(row.shape[1:], info.min if kind == "max" else info.max, dtype=row.dtype)
    return getattr(torch, kind)(row, 0)
