"""The one function that applies the tables: it turns an old call into today's keyword arguments."""

from __future__ import annotations

import functools
import inspect
import math
import numbers
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from keras_torch import config
from keras_torch.legacy.rows import OMIT, Row

# Arguments that count something. Python 2 made ints of them by division; Python 3 makes floats.
SIZES = frozenset(
    "units filters kernel_size strides dilation_rate pool_size depth_multiplier size padding cropping n dims "
    "target_shape input_dim output_dim input_length input_shape batch_input_shape batch_shape shape batch_size epochs "
    "initial_epoch".split()
)
# Keras counted steps until the number was reached, so a fraction means one more step.
STEPS = frozenset({"steps_per_epoch", "validation_steps", "steps"})


def _whole(label: str, name: str, value: Any) -> Any:
    """Turn integral floats of a size (or of the entries of one) into ints; a fraction is an error."""
    if isinstance(value, tuple | list):
        return type(value)(_whole(label, name, item) for item in value)
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
        number = float(value)
        if name in STEPS:
            return math.ceil(number)
        if not number.is_integer():
            raise ValueError(
                f"`{label}` expects whole numbers for the argument `{name}`. Received: {value!r}. In Python 3 the "
                "operator `/` gives a fraction; divide with `//`."
            )
        return int(number)
    return value


class Translator:
    """A function together with its row; built once, when the function is decorated."""

    def __init__(self, label: str, row: Row, function: Callable[..., Any]) -> None:
        self.label = label
        self.row = row
        self.function = function
        # Many times faster than a signature, of which the import of the package would need hundreds.
        code = inspect.unwrap(function).__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.takes_self = names[:1] in (("self",), ("cls",))
        self.positional = names[self.takes_self : code.co_argcount]
        self.parameters = frozenset(names[self.takes_self :])
        self.open_ended = bool(code.co_flags & inspect.CO_VARARGS)
        self.any_keyword = bool(code.co_flags & inspect.CO_VARKEYWORDS)
        self.old = frozenset({*row.renamed, *row.parts, *row.refused} - self.parameters)
        self.first_generation = row.first_generation - self.parameters
        self.touched = self.old | SIZES | STEPS | frozenset(row.values)
        self.sizes = bool(self.parameters & (SIZES | STEPS))
        self.plain = {era: self._same_prefix(era) for era in (None, *config.DIALECTS)}
        # Calls with so many positional arguments and no others need no look at all.
        table = bool(self.sizes or row.values or row.prepare)
        self.untouched = -1 if row.defaults else 0 if table else min(self.plain.values())

    def _same_prefix(self, era: str | None) -> int:
        """Return how many leading positional arguments mean the same in `era` as today."""
        order = self.row.orders.get(era or "")
        if order is None:
            return len(self.positional)
        count = 0
        for old, new in zip(order, self.positional, strict=False):
            if self.row.renamed.get(old, old) != new:
                break
            count += 1
        return count

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments to call the function with."""
        dialect = config.dialect()
        row = self.row
        if (
            not (self.sizes or row.prepare or row.defaults.get(dialect or ""))
            and len(args) <= self.plain[dialect]
            and not (kwargs.keys() & self.touched)
            and not (args and row.values)
        ):
            return args, kwargs
        rest, bound = self._bind(dialect, args, kwargs)
        self._rename(bound)
        self._join(bound)
        self._convert(bound)
        if row.prepare:
            row.prepare(bound)
        for name, value in row.defaults.get(dialect or "", {}).items():
            if name in self.parameters or self.any_keyword:
                bound.setdefault(name, value)
        return rest, bound

    def _order(self, dialect: str | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[str, ...]:
        """Choose the positional order: the dialect's, or Keras 1's when the keywords can only be Keras 1's."""
        order = self.row.orders.get(dialect or "")
        if dialect != "1" and kwargs.keys() & self.first_generation:
            order = self.row.orders.get("1", order)
        if order is None:
            return self.positional
        parts = self.row.parts
        if parts and any(part in order[1 : len(args)] for part in parts):
            given = dict(zip(order, args, strict=False)) | dict(kwargs)
            complete = all(isinstance(given.get(part), numbers.Real) for part in parts)
            unjoined = self.row.unjoined.get(dialect or "", self.positional)
            if not complete or len(args) > len(order):
                return unjoined
            if dialect != "1" and any(name in kwargs for name in self.row.conflicts):
                return unjoined
        return order

    def _bind(
        self, dialect: str | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give every positional argument its name."""
        bound = dict(kwargs)
        if self.open_ended:
            return args, bound
        order = self._order(dialect, args, kwargs)
        if len(args) > len(order):
            raise TypeError(
                f"`{self.label}` takes at most {len(order)} positional arguments: {', '.join(order)}. "
                f"Received {len(args)}: {args!r}. Pass the others by name."
            )
        for name, value in zip(order, args, strict=False):
            if name in bound:
                raise TypeError(
                    f"`{self.label}` got the argument `{name}` twice, by position and by name. "
                    f"Received: {value!r} and {bound[name]!r}"
                )
            bound[name] = value
        return (), bound

    def _rename(self, bound: dict[str, Any]) -> None:
        row = self.row
        for old in [name for name in bound if name in self.old]:
            if old in row.refused:
                value, refused = bound.pop(old), row.refused[old]
                if refused.accepts(value):
                    continue
                if config.dialect() in refused.dropped:
                    warnings.warn(
                        f"`{self.label}` goes on without the argument `{old}`, as this Keras did: {refused.advice}",
                        stacklevel=4,
                    )
                    continue
                raise ValueError(
                    f"`{self.label}` no longer has the argument `{old}`: {refused.advice} Received: {old}={value!r}"
                )
            elif old in row.renamed:
                new = row.renamed[old]
                if new in bound:
                    raise TypeError(
                        f"`{self.label}` got both the argument `{new}` and its old name `{old}`; pass `{new}` only."
                    )
                bound[new] = bound.pop(old)

    def _join(self, bound: dict[str, Any]) -> None:
        for new, parts in self.row.joined.items():
            given = [part for part in parts if part in bound]
            if not given:
                continue
            missing = [part for part in parts if part not in bound]
            if missing or new in bound:
                problem = f"`{missing[0]}` is missing" if missing else f"`{new}` is given as well"
                raise TypeError(
                    f"`{self.label}` makes `{new}` of {', '.join(f'`{part}`' for part in parts)}, but {problem}. "
                    f"Received: { {part: bound[part] for part in given} }. Pass `{new}` only."
                )
            bound[new] = tuple(bound.pop(part) for part in parts)

    def _convert(self, bound: dict[str, Any]) -> None:
        for name in [name for name in bound if name in self.row.values]:
            value = bound[name]
            table = self.row.values[name]
            if (value is None or isinstance(value, str | int)) and value in table:
                if table[value] is OMIT:
                    del bound[name]
                else:
                    bound[name] = table[value]
        for name in bound.keys() & (SIZES | STEPS):
            bound[name] = _whole(self.label, name, bound[name])


def wrap(label: str, row: Row, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` with the translation in front; its signature stays today's."""
    translator = Translator(label, row, function)
    untouched = translator.untouched

    if translator.takes_self:

        @functools.wraps(function)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            args, kwargs = translator(args, kwargs)
            return function(self, *args, **kwargs)

    else:

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if not kwargs and len(args) <= untouched:
                return function(*args)
            args, kwargs = translator(args, kwargs)
            return function(*args, **kwargs)

    wrapper.translator = translator  # type: ignore[attr-defined]
    return wrapper
