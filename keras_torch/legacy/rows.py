"""The form of the translation tables: one `Row` says how the old calls of one class or method map to today's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any


class _Omit:
    """In a value map: leave the argument out, so that the default applies."""

    def __repr__(self) -> str:
        return "OMIT"


OMIT = _Omit()
ANY: tuple[Any, ...] = (object(),)


@dataclass(frozen=True)
class Refused:
    """An old argument without a successor: `harmless` values are dropped, others raise ValueError with `advice`.

    `harmless=ANY` is for arguments that chose between equal computations, or repeated what is known anyway. In the
    dialects of `dropped`, whose Keras went on without the argument and warned, others are dropped with a warning.
    """

    advice: str
    harmless: tuple[Any, ...] = (None,)
    dropped: tuple[str, ...] = ()

    def accepts(self, value: Any) -> bool:
        """Whether dropping `value`, or every item of a list or dict given per output, changes nothing."""
        if self.harmless is ANY or any(
            value is item or (type(value) is type(item) and value == item) for item in self.harmless
        ):
            return True
        if not isinstance(value, (list, tuple, Mapping)) or not value:
            return False
        return all(map(self.accepts, value.values() if isinstance(value, Mapping) else value))


@dataclass(frozen=True)
class Row:
    """Translation of one class or method; every field is data but `prepare`.

    renamed: old argument → today's. orders: dialect → positional order (old or new names). values: today's argument →
    old value → new value. defaults: dialect → argument → value where Keras's default differed. joined: today's argument
    → the old arguments it is made of. unjoined: dialect → positional order of calls whose arguments are not joined.
    conflicts: arguments that make an old-style joined positional call ambiguous.
    shared: renamed arguments that outlived Keras 1 and so do not tell an old-style call. prepare: a last function on
    the bound arguments, for what is no table.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    values: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    refused: Mapping[str, Refused] = field(default_factory=dict)
    joined: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unjoined: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    conflicts: tuple[str, ...] = ()
    shared: frozenset[str] = frozenset()
    prepare: Callable[[dict[str, Any]], None] | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The old arguments that are joined into one."""
        return tuple(part for parts in self.joined.values() for part in parts)

    @property
    def first_generation(self) -> frozenset[str]:
        """Arguments that only Keras 1 calls carry."""
        return frozenset({*self.renamed, *self.parts} - self.shared)

    def merged(self, other: Row) -> Row:
        """Return this row with the entries of `other`, a row of a base class, behind its own."""
        defaults = {
            dialect: {**other.defaults.get(dialect, {}), **self.defaults.get(dialect, {})}
            for dialect in {*self.defaults, *other.defaults}
        }
        return replace(
            self,
            renamed={**other.renamed, **self.renamed},
            values={**other.values, **self.values},
            defaults=defaults,
            refused={**other.refused, **self.refused},
            shared=self.shared | other.shared,
        )
