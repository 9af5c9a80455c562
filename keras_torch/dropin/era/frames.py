"""Methods of pandas's tables and arguments of `read_csv` that pandas 0.25 to 3 removed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd


class _Ix:
    """`table.ix[rows, columns]`: by label, or by position where numbers cannot be labels."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def _positions(self, key: Any) -> tuple[Any, ...]:
        keys = key if isinstance(key, tuple) else (key,)
        return tuple(_on_axis(self._table.axes[axis], item) for axis, item in enumerate(keys))

    def __getitem__(self, key: Any) -> Any:
        return self._table.iloc[self._positions(key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        try:
            positions = self._positions(key)
        except KeyError:
            self._table.loc[key] = value
        else:
            self._table.iloc[positions] = value


def _on_axis(index: Any, key: Any) -> Any:
    """Return the position, or positions, of a label, a slice or a list of labels."""
    numbers = index.inferred_type == "integer"
    if isinstance(key, slice):
        bounds = [item for item in (key.start, key.stop) if item is not None]
        by_position = not numbers and all(isinstance(item, (int, np.integer)) for item in bounds)
        return key if by_position else index.slice_indexer(key.start, key.stop, key.step)
    if isinstance(key, (list, np.ndarray, pd.Series, pd.Index)):
        items = np.asarray(key)
        if items.dtype == bool or (not numbers and np.issubdtype(items.dtype, np.integer)):
            return items
        found = index.get_indexer_for(items)
        if (found < 0).any():
            raise KeyError(f"{items[found < 0].tolist()} not in index")
        return found
    if isinstance(key, (int, np.integer)) and not numbers:
        return key
    return index.get_loc(key)


def _append(
    self: Any, other: Any, ignore_index: bool = False, verify_integrity: bool = False, sort: bool = False
) -> Any:
    if isinstance(other, dict):
        other = pd.Series(other)
    if isinstance(self, pd.DataFrame) and isinstance(other, pd.Series):
        if other.name is None and not ignore_index:
            raise TypeError("A Series without a name can be appended only with `ignore_index=True`.")
        other = other.to_frame().T.infer_objects()
    others = list(other) if isinstance(other, (list, tuple)) else [other]
    return pd.concat([self, *others], ignore_index=ignore_index, verify_integrity=verify_integrity, sort=sort)


def _as_matrix(self: Any, columns: Any = None) -> np.ndarray:
    return (self if columns is None else self[columns]).to_numpy()


def _get_value(self: Any, *place: Any, takeable: bool = False) -> Any:
    return (self.iat if takeable else self.at)[place if len(place) > 1 else place[0]]


def _set_value(self: Any, *place_and_value: Any, takeable: bool = False) -> Any:
    *place, value = place_and_value
    (self.iat if takeable else self.at)[tuple(place) if len(place) > 1 else place[0]] = value
    return self


def _sort(self: Any, columns: Any = None, axis: int = 0, ascending: Any = True, inplace: bool = False) -> Any:
    options = {"axis": axis, "ascending": ascending, **({"inplace": True} if inplace else {})}
    return self.sort_index(**options) if columns is None else self.sort_values(columns, **options)


_TABLES: dict[str, Any] = {
    "append": _append,
    "as_matrix": _as_matrix,
    "get_value": _get_value,
    "iteritems": lambda self: self.items(),
    "ix": property(_Ix, doc="By label, or by position where numbers cannot be labels."),
    "set_value": _set_value,
}
_FRAMES: dict[str, Any] = {"applymap": lambda self, func: self.map(func), "sort": _sort}
_SERIES: dict[str, Any] = {"order": lambda self, ascending=True: self.sort_values(ascending=ascending)}


def change(module: ModuleType, set_: Callable[[Any, str, Any], None]) -> None:
    """Give tables their old methods, and `read_csv` its old arguments."""
    for cls, methods in ((module.DataFrame, _TABLES | _FRAMES), (module.Series, _TABLES | _SERIES)):
        for name, method in methods.items():
            if not hasattr(cls, name):
                set_(cls, name, method)
        set_(cls, "drop", _axis_second(cls.drop))
        if "method" not in cls.fillna.__code__.co_varnames:
            set_(cls, "fillna", _fillna(cls.fillna))
    set_(module, "concat", _axis_second(module.concat))
    set_(module, "read_csv", _read_csv(module.read_csv))


def _axis_second(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let `axis` follow the first argument by position, as in `table.drop("a", 1)`."""
    leading = function.__code__.co_varnames[:1] == ("self",)

    @functools.wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        if len(args) == 2 + leading:
            *args, options["axis"] = args  # type: ignore[assignment]
        return function(*args, **options)

    return wrapper


def _fillna(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def fillna(self: Any, value: Any = None, method: str | None = None, **options: Any) -> Any:
        if method is None:
            return function(self, value, **options)
        if method not in ("ffill", "pad", "bfill", "backfill"):
            raise ValueError(f"`method` must be 'ffill' or 'bfill'. Received: {method!r}")
        return self.ffill(**options) if method in ("ffill", "pad") else self.bfill(**options)

    return fillna


def _read_csv(function: Callable[..., Any]) -> Callable[..., Any]:
    names = set(function.__code__.co_varnames[: function.__code__.co_argcount + function.__code__.co_kwonlyargcount])

    @functools.wraps(function)
    def read_csv(filepath_or_buffer: Any, *separator: Any, **options: Any) -> Any:
        gone = {name: options.pop(name) for name in _GONE - names if name in options}
        if separator:
            options["sep"] = separator[0]
        if gone.get("delim_whitespace"):
            options["sep"] = r"\s+"
        if "error_bad_lines" in gone or "warn_bad_lines" in gone:
            kept = "warn" if gone.get("warn_bad_lines", True) else "skip"
            options["on_bad_lines"] = "error" if gone.get("error_bad_lines", True) else kept
        parser = gone.get("date_parser")
        columns = options.get("parse_dates") if parser else None
        if columns:
            options["parse_dates"] = False
        table = function(filepath_or_buffer, *separator[1:], **options)
        if parser and columns:
            table = _parsed(table, columns, parser)
        return table.squeeze("columns") if gone.get("squeeze") else table

    return read_csv


_GONE = {
    *("date_parser", "delim_whitespace", "error_bad_lines", "infer_datetime_format", "squeeze", "warn_bad_lines"),
}


def _parsed(table: Any, columns: Any, parser: Callable[..., Any]) -> Any:
    """Run a parser of the script's over the index (`parse_dates=True` or its number or name) or over columns."""
    if columns is True:
        columns = [table.index.name]
    if isinstance(columns, dict):
        for name, parts in columns.items():
            texts = [table[_column(table, part)].astype(str) for part in parts]
            dates = [parser(" ".join(row)) for row in zip(*texts, strict=True)]
            table = table.drop(columns=[_column(table, part) for part in parts])
            table.insert(0, name, pd.to_datetime(dates))
        return table
    for column in columns:
        if column == table.index.name or (isinstance(column, int) and table.index.name is not None and column == 0):
            table.index = pd.DatetimeIndex([parser(text) for text in table.index], name=table.index.name)
        else:
            name = _column(table, column)
            table[name] = pd.to_datetime([parser(text) for text in table[name]])
    return table


def _column(table: Any, column: Any) -> Any:
    return table.columns[column] if isinstance(column, int) and column not in table.columns else column


def _rolling(name: str) -> Callable[..., Any]:
    def function(arg: Any, window: int, min_periods: int | None = None, center: bool = False) -> Any:
        return getattr(arg.rolling(window, min_periods=min_periods, center=center), name)()

    return function


rolling_max = _rolling("max")
rolling_mean = _rolling("mean")
rolling_median = _rolling("median")
rolling_min = _rolling("min")
rolling_std = _rolling("std")
rolling_sum = _rolling("sum")
