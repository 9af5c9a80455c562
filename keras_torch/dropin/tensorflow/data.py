"""`tf.data`: our datasets under TensorFlow's names, and those that read lines, tables and records from files."""

from __future__ import annotations

import csv
import enum
import glob
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from keras_torch.backend.string_array import to_strings
from keras_torch.data.pipeline import AUTOTUNE, INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Dataset
from keras_torch.data.pipeline.blocks import Stacked
from keras_torch.data.pipeline.iterators import ElementIterator, Optional
from keras_torch.data.pipeline.sources import Items, Step
from keras_torch.data.pipeline.steps import Over
from keras_torch.dropin.tensorflow.dtypes import StringType, as_dtype
from keras_torch.dropin.tensorflow.records import opened, paths

_LINES_AT_ONCE = 1024
_ROWS_FOR_TYPES = 100


class Options(SimpleNamespace):
    """Settings of TensorFlow's runtime; any may be set, and none changes an element."""

    def __init__(self, **settings: Any) -> None:
        parts = ("autotune", "distribute", "experimental", "experimental_distribute", "threading")
        super().__init__(**{**{part: SimpleNamespace() for part in parts}, **settings})


class AutoShardPolicy(enum.IntEnum):
    """How TensorFlow divides a dataset among workers: processes here read whole batches and compute their parts."""

    OFF = -1
    AUTO = 0
    FILE = 1
    DATA = 2
    HINT = 3


class _Lines(Step):
    def __init__(self, filenames: Any, compression: Any) -> None:
        self._filenames = filenames
        self._compression = compression

    def waits(self) -> bool:
        return True

    def blocks(self) -> Iterator[Any]:
        lines: list[str] = []
        for path in paths(self._filenames):
            with opened(path, self._compression) as file:
                for line in file:
                    lines.append(line.decode().rstrip("\r\n"))
                    if len(lines) == _LINES_AT_ONCE:
                        yield Stacked(to_strings(lines, "Lines"), len(lines))
                        lines = []
        if lines:
            yield Stacked(to_strings(lines, "Lines"), len(lines))


class TextLineDataset(Dataset):
    """The lines of text files (a path, several, or a dataset of paths), without their ends."""

    def __init__(
        self,
        filenames: Any,
        compression_type: str | None = None,
        buffer_size: int | None = None,
        num_parallel_reads: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(_Lines(filenames, compression_type))


class CsvDataset(Dataset):
    """Rows of CSV files as tuples; `record_defaults` gives, by column, the type or what stands for a missing value."""

    def __init__(
        self,
        filenames: Any,
        record_defaults: Sequence[Any],
        compression_type: str | None = None,
        buffer_size: int | None = None,
        header: bool = False,
        field_delim: str = ",",
        use_quote_delim: bool = True,
        na_value: str = "",
        select_cols: Sequence[int] | None = None,
        exclude_cols: Sequence[int] | None = None,
    ) -> None:
        columns = [column(default) for default in record_defaults]
        quoting = csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE

        def rows() -> Iterator[tuple[Any, ...]]:
            for path in paths(filenames):
                for number, row in enumerate(_table(path, field_delim, quoting, compression_type)):
                    if not header or number:
                        kept = _selected(row, select_cols, exclude_cols)
                        if len(kept) != len(columns):
                            raise ValueError(
                                f"Row {number} of {path!r} must have {len(columns)} fields, as `record_defaults` says. "
                                f"Received: {len(kept)}"
                            )
                        yield tuple(read(text, na_value) for read, text in zip(columns, kept, strict=True))

        super().__init__(Items(rows))


def _selected(row: list[str], chosen: Any, left_out: Any) -> list[str]:
    if chosen is not None:
        return [row[index] for index in chosen]
    return [text for index, text in enumerate(row) if index not in (left_out or ())]


def column(default: Any) -> Callable[[str, str], Any]:
    """Return what makes a value of a field's text, by a type (the field is then required) or a default value."""
    value: Any = None
    if isinstance(default, (torch.dtype, type, StringType)):
        dtype = as_dtype(default)
    else:
        items = np.ravel(np.asarray(default.numpy() if hasattr(default, "numpy") else default, object)).tolist()
        value = items[0] if items else None
        dtype = torch.float32 if isinstance(value, float) else torch.int32 if isinstance(value, int) else "string"
        if isinstance(default, torch.Tensor):
            # An empty one is a type, too.
            dtype = default.dtype
    is_text = not isinstance(dtype, torch.dtype)

    def read(text: str, missing: str) -> Any:
        if text == missing and not (is_text and value is None):
            if value is None:
                raise ValueError("A field is missing whose column is required. Give `record_defaults` a value for it.")
            text = str(value)
        if is_text:
            return to_strings(text, "A field")
        return torch.tensor(float(text) if dtype.is_floating_point else int(text), dtype=dtype)

    return read


def _table(path: str, delimiter: str, quoting: int, compression: Any) -> Iterator[list[str]]:
    with opened(path, compression) as file:
        yield from csv.reader((line.decode() for line in file), delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]


def make_csv_dataset(
    file_pattern: Any,
    batch_size: int,
    column_names: Sequence[str] | None = None,
    column_defaults: Sequence[Any] | None = None,
    label_name: str | None = None,
    select_columns: Sequence[Any] | None = None,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    header: bool = True,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    prefetch_buffer_size: int | None = None,
    num_parallel_reads: int | None = None,
    sloppy: bool = False,
    num_rows_for_inference: int = _ROWS_FOR_TYPES,
    compression_type: str | None = None,
    ignore_errors: bool = False,
    encoding: str = "utf-8",
) -> Dataset:
    """Return batches of CSV files' columns as dicts, or (dict, label) with `label_name`, repeated without end.

    Types are told from the first rows: int32, float32 or text; an empty field is 0 or "".
    """
    patterns = [os.fsdecode(item) for item in np.ravel(np.asarray(file_pattern, object))]
    paths = sorted({path for pattern in patterns for path in glob.glob(pattern)})
    if not paths:
        raise ValueError(f"`make_csv_dataset`: no file matches. Received: {patterns}")
    if ignore_errors or encoding.lower() not in ("utf-8", "utf8"):
        raise NotImplementedError("`make_csv_dataset`: `ignore_errors` and other encodings than UTF-8: use pandas.")
    quoting = csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE
    lines = _table(paths[0], field_delim, quoting, compression_type)
    sample = list(itertools.islice(lines, num_rows_for_inference + 1))
    if not sample:
        raise ValueError(f"`make_csv_dataset`: the file {paths[0]!r} is empty. Expected rows of fields.")
    names = list(column_names) if column_names is not None else sample[0]
    chosen = list(range(len(names)))
    if select_columns is not None:
        unknown = [item for item in select_columns if not isinstance(item, int) and item not in names]
        if unknown:
            raise ValueError(f"`select_columns` must be numbers or names of the columns {names}. Received: {unknown}")
        chosen = [item if isinstance(item, int) else names.index(item) for item in select_columns]
    if column_defaults is None:
        body = sample[1:] if header else sample
        column_defaults = [_guessed([row[index] for row in body], na_value) for index in chosen]
    rows = CsvDataset(
        paths, column_defaults, compression_type, None, header, field_delim, use_quote_delim, na_value, chosen
    )
    kept = [names[index] for index in chosen]
    if label_name is not None and label_name not in kept:
        raise ValueError(f"`label_name` must be one of the columns {kept}. Received: label_name={label_name!r}")

    def structured(*fields: Any) -> Any:
        features = dict(zip(kept, fields, strict=True))
        return (features, features.pop(label_name)) if label_name is not None else features

    dataset = rows.map(structured)
    if shuffle:
        dataset = dataset.shuffle(shuffle_buffer_size, shuffle_seed)
    return (
        dataset.repeat(num_epochs).batch(batch_size, drop_remainder=num_epochs is None).prefetch(prefetch_buffer_size)
    )


def _guessed(values: list[str], missing: str) -> Any:
    present = [value for value in values if value != missing]
    for kind, default in ((int, 0), (float, 0.0)):
        try:
            numbers = [kind(value) for value in present]
        except ValueError:
            continue
        if kind is float or all(abs(number) < 2**31 for number in numbers):
            return [default]
    return [""]


def cardinality(dataset: Any) -> torch.Tensor:
    """Return the number of a dataset's elements: -1 without end, -2 if unknown."""
    return dataset.cardinality()


def _applied(method: str) -> Callable[..., Any]:
    """Return a function of `tf.data.experimental` whose result `dataset.apply` takes."""

    def call(*args: Any, **kwargs: Any) -> Callable[[Dataset], Dataset]:
        return lambda dataset: getattr(dataset, method)(*args, **kwargs)

    call.__name__ = method
    return call


def assert_cardinality(expected_cardinality: int) -> Callable[[Dataset], Dataset]:
    """Return what `apply` takes to give a dataset a length that is not known; a pass of another length is an error."""
    return lambda dataset: Dataset(_OfSize(dataset.step, int(expected_cardinality)))


class _OfSize(Over):
    def __init__(self, source: Step, size: int) -> None:
        super().__init__(source)
        self.size = size

    def blocks(self) -> Iterator[Any]:
        count = 0
        for block in self.source.blocks():
            count += block.size
            yield block
        if count != self.size:
            raise ValueError(f"`assert_cardinality`: expected a dataset of {self.size} elements. Received: {count}")


def map_and_batch(
    map_func: Callable[..., Any],
    batch_size: int,
    num_parallel_batches: int | None = None,
    drop_remainder: bool = False,
    num_parallel_calls: int | None = None,
) -> Callable[[Dataset], Dataset]:
    """Return what `apply` takes to map and batch a dataset."""
    calls = num_parallel_calls or num_parallel_batches
    return lambda dataset: dataset.map(map_func, calls).batch(batch_size, drop_remainder)


def shuffle_and_repeat(
    buffer_size: int, count: int | None = None, seed: int | None = None
) -> Callable[[Dataset], Dataset]:
    """Return what `apply` takes to shuffle and repeat a dataset."""
    return lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)


def parallel_interleave(
    map_func: Callable[..., Any], cycle_length: int, block_length: int = 1, **options: Any
) -> Callable[[Dataset], Dataset]:
    """Return what `apply` takes to interleave datasets; the order is always that of the elements."""
    return lambda dataset: dataset.interleave(map_func, cycle_length, block_length)


def ignore_errors(log_warning: bool = False) -> Callable[[Dataset], Dataset]:
    """Return what `apply` takes to leave out elements for which a function of `map` raises an error."""
    return lambda dataset: dataset.ignore_errors(log_warning)


def sample_from_datasets(
    datasets: Any, weights: Any = None, seed: Any = None, stop_on_empty_dataset: bool = False
) -> Any:
    """Return elements of datasets drawn at random, by `weights` or evenly."""
    return Dataset.sample_from_datasets(datasets, weights, seed, stop_on_empty_dataset)


def choose_from_datasets(datasets: Any, choice_dataset: Any, stop_on_empty_dataset: bool = False) -> Any:
    """Return elements of datasets in the order of the numbers in another."""
    return Dataset.choose_from_datasets(datasets, choice_dataset, stop_on_empty_dataset)


_METHODS = """
    bucket_by_sequence_length enumerate group_by_window rejection_resample scan take_while unbatch
    unique snapshot
""".split()
_EXPERIMENTAL = {
    **{f"data.experimental.{name}": _applied(name) for name in _METHODS},
    "data.experimental.Counter": Dataset.counter,
    "data.experimental.RandomDataset": lambda seed=None: Dataset.random(seed),
    "data.experimental.assert_cardinality": assert_cardinality,
    "data.experimental.choose_from_datasets": choose_from_datasets,
    "data.experimental.copy_to_device": lambda *args: lambda dataset: dataset,
    "data.experimental.dense_to_ragged_batch": _applied("ragged_batch"),
    "data.experimental.enumerate_dataset": _applied("enumerate"),
    "data.experimental.from_list": Dataset.from_list,
    "data.experimental.get_single_element": lambda dataset: dataset.get_single_element(),
    "data.experimental.ignore_errors": ignore_errors,
    "data.experimental.load": Dataset.load,
    "data.experimental.map_and_batch": map_and_batch,
    "data.experimental.parallel_interleave": parallel_interleave,
    "data.experimental.prefetch_to_device": lambda device, buffer_size=None: (
        lambda dataset: dataset.prefetch(buffer_size)
    ),
    "data.experimental.sample_from_datasets": sample_from_datasets,
    "data.experimental.save": lambda dataset, path, *args, **kwargs: dataset.save(path, *args, **kwargs),
    "data.experimental.shuffle_and_repeat": shuffle_and_repeat,
}
NAMES = {
    **_EXPERIMENTAL,
    "data.AUTOTUNE data.experimental.AUTOTUNE": AUTOTUNE,
    "data.INFINITE_CARDINALITY data.experimental.INFINITE_CARDINALITY": INFINITE_CARDINALITY,
    "data.UNKNOWN_CARDINALITY data.experimental.UNKNOWN_CARDINALITY": UNKNOWN_CARDINALITY,
    "data.Dataset": Dataset,
    "data.Options": Options,
    "data.Iterator data.NumpyIterator": ElementIterator,
    "data.ThreadingOptions data.experimental.ThreadingOptions": SimpleNamespace,
    "data.experimental.AutoShardPolicy": AutoShardPolicy,
    "data.experimental.DistributeOptions data.experimental.OptimizationOptions": SimpleNamespace,
    "experimental.Optional": Optional,
    "data.experimental.get_next_as_optional": lambda iterator: iterator.get_next_as_optional(),
    "data.TextLineDataset": TextLineDataset,
    "data.experimental.CsvDataset": CsvDataset,
    "data.experimental.cardinality": cardinality,
    "data.experimental.make_csv_dataset": make_csv_dataset,
}
VERSION_1 = {
    "data.make_initializable_iterator": Dataset.make_initializable_iterator,
    "data.make_one_shot_iterator": Dataset.make_one_shot_iterator,
}
