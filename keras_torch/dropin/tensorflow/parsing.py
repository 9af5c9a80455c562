"""`tf.io`: what becomes of records (`tf.train.Example`), of tables in text, and of tensors in bytes."""

from __future__ import annotations

import base64
import csv
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend.string_array import StringArray, to_strings
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.data import column
from keras_torch.dropin.tensorflow.debugging import InvalidArgumentError
from keras_torch.dropin.tensorflow.dtypes import STRING, as_dtype
from keras_torch.dropin.tensorflow.examples import pairs_of, values_of
from keras_torch.dropin.tensorflow.files import Content, as_bytes
from keras_torch.dropin.tensorflow.sizes import ints
from keras_torch.dropin.tensorflow.sparse import SparseTensor
from keras_torch.saving.tensorflow import protobuf, tensors

# Type → number of the list in a feature that holds it.
_KINDS = {STRING: 1, torch.float32: 2, torch.int64: 3}
_NAMES = {1: "bytes", 2: "floats", 3: "int64 numbers"}


class FixedLenFeature(NamedTuple):
    """A feature of one shape; `default_value` stands for a missing one."""

    shape: Any
    dtype: Any
    default_value: Any = None


class FixedLenSequenceFeature(NamedTuple):
    """A feature of any number of entries of one shape, padded with `default_value` in a batch."""

    shape: Any
    dtype: Any
    allow_missing: bool = False
    default_value: Any = None


class VarLenFeature(NamedTuple):
    """A feature of any number of values: a sparse tensor."""

    dtype: Any


def _features_of(serialized: bytes, number: int = 1) -> dict[str, Any]:
    """Return the features by name in an Example, or in the context of a SequenceExample."""
    found: dict[str, Any] = {}
    for part, _, content in protobuf.fields(serialized):
        if part == number:
            found.update(pairs_of(content))
    return found


def _values(content: Any, dtype: Any, name: str) -> np.ndarray:
    """Return a feature's values: an array of numbers, or one of bytes."""
    wanted = _KINDS.get(dtype)
    if wanted is None:
        raise ValueError(f"Features are tf.float32, tf.int64 or tf.string. Received: dtype={dtype} for {name!r}")
    values: list[Any] = []
    for kind, _, part in protobuf.fields(content):
        if kind != wanted:
            raise InvalidArgumentError(
                f"The feature {name!r} holds {_NAMES.get(kind, 'something else')}, and was asked for as {dtype}."
            )
        values += values_of(kind, part)
    if wanted == 1:
        found = np.empty(len(values), object)
        found[:] = values
        return found
    return np.array(values, np.float32 if wanted == 2 else np.int64)


def _tensor(values: np.ndarray) -> Any:
    if values.dtype != object:
        return torch.from_numpy(values)
    return Content(values.item()) if values.ndim == 0 else to_strings(values, "A feature")


def _default(feature: Any, shape: tuple[int, ...]) -> np.ndarray:
    value = np.asarray(feature.default_value)
    if value.dtype.kind in "USO":
        encoded = [item.encode() if isinstance(item, str) else item for item in value.ravel().tolist()]
        value = np.array([*encoded, None], object)[:-1].reshape(value.shape)
    else:
        value = value.astype(config.dtype_name(as_dtype(feature.dtype)))
    return np.array(np.broadcast_to(value, shape) if value.size == 1 else value.reshape(shape))


def _fixed(feature: Any, values: np.ndarray | None, name: str) -> np.ndarray:
    shape = tuple(ints(feature.shape))
    if values is None or (not values.size and 0 not in shape):
        if feature.default_value is None:
            raise InvalidArgumentError(f"A record has no feature {name!r}, which has no `default_value` either.")
        return _default(feature, shape)
    if values.size != np.prod(shape, dtype=int):
        raise InvalidArgumentError(
            f"The feature {name!r} must have the shape {shape}. Received: a record with {values.size} values"
        )
    return values.reshape(shape)


def _sequence(feature: Any, values: np.ndarray | None, name: str) -> np.ndarray:
    shape = tuple(ints(feature.shape))
    if values is None:
        if not feature.allow_missing:
            raise InvalidArgumentError(f"A record has no feature {name!r}, and `allow_missing` is not set.")
        values = np.empty(0, object if feature.dtype == STRING else config.dtype_name(as_dtype(feature.dtype)))
    return values.reshape(-1, *shape)


def _padded(feature: Any, rows: list[np.ndarray]) -> np.ndarray:
    longest = max(map(len, rows), default=0)
    shape = (len(rows), longest, *ints(feature.shape))
    is_text = feature.dtype == STRING
    fill = feature.default_value if feature.default_value is not None else (b"" if is_text else 0)
    found = np.full(shape, fill, object if is_text else config.dtype_name(as_dtype(feature.dtype)))
    for place, row in enumerate(rows):
        found[place, : len(row)] = row
    return found


def _joined(rows: list[np.ndarray | None], dtype: Any) -> tuple[list[np.ndarray], np.ndarray]:
    empty = np.empty(0, object if dtype == STRING else config.dtype_name(as_dtype(dtype)))
    known = [empty if row is None else row for row in rows]
    return known, np.concatenate([empty, *known])


def _column(feature: Any, rows: list[np.ndarray | None], name: str, one: bool) -> Any:
    """Return a feature of all records; `one`: of the only one, without an axis for them."""
    if isinstance(feature, FixedLenFeature):
        fixed = [_fixed(feature, row, name) for row in rows]
        return _tensor(fixed[0] if one else _stacked(fixed))
    if isinstance(feature, FixedLenSequenceFeature):
        sequences = [_sequence(feature, row, name) for row in rows]
        return _tensor(sequences[0] if one else _padded(feature, sequences))
    if not isinstance(feature, VarLenFeature):
        raise ValueError(
            "Features are described by FixedLenFeature, FixedLenSequenceFeature and VarLenFeature here. "
            f"Received: {feature!r} for {name!r}"
        )
    known, values = _joined(rows, feature.dtype)
    lengths = [len(row) for row in known]
    inner = np.concatenate([np.empty(0, np.int64), *map(np.arange, lengths)])
    if one:
        return SparseTensor(torch.from_numpy(inner[:, None]), _tensor(values), [lengths[0]])
    places = np.stack([np.repeat(np.arange(len(known)), lengths), inner], axis=1)
    return SparseTensor(torch.from_numpy(places), _tensor(values), [len(known), max(lengths, default=0)])


def _stacked(rows: list[np.ndarray]) -> np.ndarray:
    if rows[0].dtype != object:
        return np.stack(rows)
    found = np.empty((len(rows), *rows[0].shape), object)
    for place, row in enumerate(rows):
        found[place] = row if row.ndim else row.item()
    return found


def _parsed(records: list[dict[str, Any]], features: Any, one: bool) -> dict[str, Any]:
    if not isinstance(features, Mapping) or not features:
        raise ValueError(f"`features` must be a dict of names and their descriptions. Received: {features!r}")
    found = {}
    for name, feature in features.items():
        dtype = as_dtype(feature.dtype)
        rows = [None if name not in record else _values(record[name], dtype, name) for record in records]
        found[name] = _column(feature._replace(dtype=dtype), rows, name, one)
    return found


def parse_single_example(serialized: Any, features: Any, example_names: Any = None) -> dict[str, Any]:
    """Return a record's features as tensors by name. InvalidArgumentError if it does not fit their descriptions."""
    return _parsed([_features_of(as_bytes(serialized))], features, True)


def parse_example(serialized: Any, features: Any, example_names: Any = None) -> dict[str, Any]:
    """Return the features of several records, stacked; those of any number of values as sparse tensors."""
    records = np.ravel(serialized if isinstance(serialized, np.ndarray) else np.asarray(serialized, object)).tolist()
    return _parsed([_features_of(as_bytes(item)) for item in records], features, False)


def parse_single_sequence_example(
    serialized: Any, context_features: Any = None, sequence_features: Any = None, example_name: Any = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the features and the sequences of features of a `tf.train.SequenceExample`."""
    data = as_bytes(serialized)
    context = _parsed([_features_of(data)], context_features, True) if context_features else {}
    lists = _features_of(data, 2)
    sequences = {}
    for name, feature in (sequence_features or {}).items():
        dtype = as_dtype(feature.dtype)
        if name not in lists and not getattr(feature, "allow_missing", True):
            raise InvalidArgumentError(f"A record has no list of features {name!r}, and `allow_missing` is not set.")
        parts = [part for number, _, part in protobuf.fields(lists.get(name, b"")) if number == 1]
        rows = [_values(part, dtype, name) for part in parts]
        feature = feature._replace(dtype=dtype)
        if isinstance(feature, VarLenFeature):
            sequences[name] = _column(feature, list(rows), name, False)
        else:
            shape = tuple(ints(feature.shape))
            _, values = _joined(list(rows), dtype)
            sequences[name] = _tensor(values.reshape(len(rows), *shape))
    return context, sequences


# Type → its number in a TensorProto.
_TYPES: dict[Any, int] = {
    torch.float32: 1,
    torch.float64: 2,
    torch.int32: 3,
    torch.uint8: 4,
    torch.int16: 5,
    torch.int8: 6,
    STRING: tensors.STRING,
    torch.int64: 9,
    torch.bool: 10,
    torch.uint16: 17,
}


def serialize_tensor(tensor: Any) -> Content:
    """Return a tensor as the bytes of a TensorProto."""
    value = convert_to_tensor(tensor)
    dtype = STRING if isinstance(value, StringArray) else value.dtype
    if dtype not in _TYPES:
        raise ValueError(f"`serialize_tensor` takes numbers of up to 64 bits and text. Received: a tensor of {dtype}")
    sizes = b"".join(protobuf.field(2, protobuf.number_field(1, n)) for n in value.shape)
    head = protobuf.number_field(1, _TYPES[dtype]) + protobuf.field(2, sizes)
    if dtype == STRING:
        texts = (as_bytes(item) for item in value.ravel().tolist())
        return Content(head + b"".join(protobuf.field(8, item) for item in texts))
    return Content(head + protobuf.field(4, value.detach().cpu().contiguous().numpy().tobytes()))


def parse_tensor(serialized: Any, out_type: Any) -> Any:
    """Return the tensor in the bytes of a TensorProto. InvalidArgumentError if it is of another type."""
    dtype = as_dtype(out_type)
    if dtype not in _TYPES:
        raise ValueError(f"`parse_tensor` reads numbers of up to 64 bits and text. Received: out_type={out_type}")
    data = as_bytes(serialized)
    number = tensors.type_of(data)
    if number != _TYPES[dtype]:
        raise InvalidArgumentError(f"The bytes hold a tensor of another type (number {number}) than {out_type}.")
    found = tensors.read(data)
    return to_strings(found, "A tensor of strings") if dtype == STRING else torch.from_numpy(found.copy())


def decode_csv(
    records: Any,
    record_defaults: Any,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Any = None,
) -> list[Any]:
    """Return the columns of lines of a table, by their `record_defaults`: a type, or what an empty field means."""
    lines = to_strings(records, "`records`")
    columns: list[Callable[[str, str], Any]] = [column(default) for default in record_defaults]
    quoting = csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE
    found: list[list[Any]] = [[] for _ in columns]
    for row in csv.reader(lines.ravel().tolist(), delimiter=field_delim, quoting=quoting):  # type: ignore[arg-type]
        row = row if select_cols is None else [row[place] for place in select_cols]
        if len(row) != len(columns):
            raise InvalidArgumentError(f"A line must have {len(columns)} fields. Received: {len(row)} in {row!r:.100}")
        for place, (read, text) in enumerate(zip(columns, row, strict=True)):
            found[place].append(read(text, na_value))
    return [_shaped(items, lines.shape) for items in found]


def _shaped(items: list[Any], shape: tuple[int, ...]) -> Any:
    if isinstance(items[0], torch.Tensor):
        return torch.stack(items).reshape(shape)
    return to_strings(np.array([str(item) for item in items], object).reshape(shape), "A column")


def decode_base64(input: Any) -> Content:  # noqa: A002 - TensorFlow's names, here and below
    """The bytes that text of base64 (of the kind for addresses) spells."""
    data = as_bytes(input)
    return Content(base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4)))


def encode_base64(input: Any, pad: bool = False) -> Content:  # noqa: A002
    """Bytes as text of base64, of the kind for addresses."""
    found = base64.urlsafe_b64encode(as_bytes(input))
    return Content(found if pad else found.rstrip(b"="))


NAMES = {
    "io.FixedLenFeature": FixedLenFeature,
    "io.FixedLenSequenceFeature": FixedLenSequenceFeature,
    "io.VarLenFeature": VarLenFeature,
    "io.decode_base64": decode_base64,
    "io.decode_csv": decode_csv,
    "io.encode_base64": encode_base64,
    "io.parse_example": parse_example,
    "io.parse_single_example": parse_single_example,
    "io.parse_single_sequence_example": parse_single_sequence_example,
    "io.parse_tensor": parse_tensor,
    "io.serialize_tensor": serialize_tensor,
}
VERSION_1 = {name.removeprefix("io."): item for name, item in NAMES.items()}
