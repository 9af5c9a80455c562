"""`tf.ragged` and `tf.RaggedTensor`, and what other functions do with one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from keras_torch.backend.ragged import RaggedTensor
from keras_torch.backend.string_array import StringArray, to_strings
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.dtypes import STRING, as_dtype

_BY_VALUE = """
    abs add cast clip_by_value divide equal exp greater greater_equal less less_equal logical_not maximum
    minimum multiply negative not_equal one_hot round sqrt square subtract zeros_like ones_like math.abs
    math.add math.divide math.equal math.exp math.greater math.less math.log math.logical_not math.maximum
    math.minimum math.multiply math.not_equal math.round math.sqrt math.square math.subtract strings.as_string
    as_string strings.length strings.lower strings.regex_full_match strings.regex_replace strings.strip
    strings.substr strings.to_hash_bucket_fast strings.to_number strings.upper nn.relu nn.sigmoid nn.tanh
""".split()
_REDUCTIONS = {
    kind: f"reduce_{kind} math.reduce_{kind}" for kind in ("sum", "mean", "prod", "max", "min", "any", "all")
}


def constant(
    pylist: Any, dtype: Any = None, ragged_rank: int | None = None, inner_shape: Any = None, **options: Any
) -> Any:
    """Return a ragged tensor of nested lists. ValueError for an `inner_shape`, which the lists tell themselves."""
    if inner_shape is not None:
        raise ValueError(
            f"`tf.ragged.constant` takes no `inner_shape` here; use `ragged_rank`. Received: {inner_shape}"
        )
    wanted = None if dtype in (None, STRING) or as_dtype(dtype) is STRING else as_dtype(dtype)
    if ragged_rank == 1 and len(pylist) and any(isinstance(item, (list, tuple)) for row in pylist for item in row):
        # The further axes are those of the values.
        return RaggedTensor.from_row_lengths(
            convert_to_tensor([item for row in pylist for item in row], wanted), [len(row) for row in pylist]
        )
    return RaggedTensor.of_list(pylist, wanted)


def stack(values: Any, axis: int = 0, name: Any = None) -> RaggedTensor:
    """Return tensors of unequal length as the rows of a ragged tensor."""
    if axis != 0:
        raise ValueError(f"`tf.ragged.stack` makes rows here (axis=0). Received: axis={axis}")
    return RaggedTensor.of_rows([torch.as_tensor(item) if isinstance(item, (list, tuple)) else item for item in values])


def range_(starts: Any, limits: Any = None, deltas: Any = 1, **options: Any) -> RaggedTensor:
    """Return rows of evenly spaced numbers."""
    first, last = (torch.zeros_like(torch.as_tensor(starts)), starts) if limits is None else (starts, limits)
    ends = torch.broadcast_tensors(*(torch.as_tensor(item) for item in (first, last, deltas)))
    return RaggedTensor.of_rows([torch.arange(*row) for row in zip(*(item.tolist() for item in ends), strict=True)])


def boolean_mask(data: Any, mask: Any, name: Any = None) -> RaggedTensor:
    """Return the values of each row where a mask is true."""
    rows = data if isinstance(data, RaggedTensor) else convert_to_tensor(data)
    return RaggedTensor.of_rows([row[torch.as_tensor(kept).bool()] for row, kept in zip(rows, mask, strict=True)])


def map_flat_values(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Apply a function to the values of ragged tensors."""
    first = next(item for item in args if isinstance(item, RaggedTensor))
    flat = [first._beside(item) if isinstance(item, RaggedTensor) else item for item in args]
    return first.with_flat_values(op(*flat, **kwargs))


def concat(values: Any, axis: Any) -> RaggedTensor:
    """Join ragged tensors: their rows (axis 0), or each row with those beside it (axis 1)."""
    if axis in (1, -1):
        return RaggedTensor.of_rows([_joined(rows) for rows in zip(*values, strict=True)])
    if axis != 0:
        raise ValueError(f"`tf.concat` joins ragged tensors along axis 0 or 1 here. Received: axis={axis}")
    return RaggedTensor.of_rows([row for item in values for row in item])


def _joined(rows: Any) -> Any:
    return RaggedTensor.of_rows(rows).values if isinstance(rows[0], RaggedTensor) else _flat(rows)


def _flat(rows: Any) -> Any:
    return RaggedTensor.of_rows(list(rows)).flat_values


def reduce_join(inputs: RaggedTensor, axis: Any = None, keepdims: bool = False, separator: str = "") -> StringArray:
    """Join the texts of each row. ValueError for another axis, or where axes are to be kept."""
    if axis not in (1, -1) or keepdims:
        raise ValueError(
            "`tf.strings.reduce_join` joins each row of a ragged tensor here (axis=-1, keepdims=False). "
            f"Received: {axis=}, {keepdims=}"
        )
    return to_strings([str(separator).join(row.tolist()) for row in inputs], "Text")


def gather(params: RaggedTensor, indices: Any, axis: int | None = None, batch_dims: int = 0) -> RaggedTensor:
    """Return the rows of these numbers."""
    if axis not in (0, None) or batch_dims:
        raise ValueError(f"`tf.gather` takes whole rows of ragged tensors here. Received: {axis=}, {batch_dims=}")
    return RaggedTensor.of_rows([params[int(i)] for i in indices])


def dispatched(names: dict[str, Any]) -> dict[str, Any]:
    """Return the table of functions with those that take ragged tensors as well doing so."""
    special: dict[str, Callable[..., Any]] = {
        "concat": concat,
        "gather": gather,
        "rank": lambda input: torch.tensor(len(input.shape), dtype=torch.int32),  # noqa: A006
        "size": lambda input, **options: torch.tensor(input.flat_values.shape[0], dtype=torch.int32),  # noqa: A006
        "strings.reduce_join": reduce_join,
    }
    for kind, paths in _REDUCTIONS.items():
        special |= dict.fromkeys(paths.split(), functools.partial(_reduced, kind))
    special |= {path: functools.partial(map_flat_values, names[path]) for path in _BY_VALUE}
    return {**names, **{path: _choosing(names[path], function) for path, function in special.items()}}


def _reduced(kind: str, input_tensor: RaggedTensor, axis: Any = None, keepdims: bool = False) -> Any:
    found = input_tensor.reduce(kind, axis)
    return found[:, None] if keepdims and axis is not None else found


def _choosing(dense: Callable[..., Any], ragged: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(dense)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = args[0] if args else next(iter(kwargs.values()), None)
        first = given[0] if isinstance(given, (list, tuple)) and given else given
        if isinstance(first, RaggedTensor) or (len(args) > 1 and isinstance(args[1], RaggedTensor)):
            kwargs.pop("name", None)
            return ragged(*args, **kwargs)
        return dense(*args, **kwargs)

    return call


NAMES = {
    "RaggedTensor": RaggedTensor,
    "ragged.boolean_mask": boolean_mask,
    "ragged.constant": constant,
    "ragged.map_flat_values": map_flat_values,
    "ragged.range": range_,
    "ragged.stack": stack,
}
