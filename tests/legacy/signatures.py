"""Compares the signatures of Keras 1.2.2 and 2.2.4 (tests/golden/signatures_keras*.json) with what ours take."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from keras_torch import config, engine
from keras_torch.dropin import finder
from keras_torch.legacy.rows import Row
from keras_torch.legacy.translate import Translator

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = {"1": GOLDEN / "signatures_keras122.json", "2": GOLDEN / "signatures_keras224.json"}
# Where None stands for the number that Keras wrote, or the value has another form today.
MEANT = (("batch_size", 32), ("width", 30), ("schedule_decay", 0.004), ("forget_bias_init", "one"))
# Methods that layers of scripts define, and that nobody calls by the names of their arguments.
DEFINED = ("call", "compute_mask", "build", "get_constants", "get_initial_states", "preprocess_input", "step")
# What `Layer` takes beside the arguments of its signature.
LAYER = {"weights", "input_shape", "batch_input_shape", "batch_size", "input_dim", "input_length", "dtype", "name"}
LAYER |= {"trainable", "activity_regularizer"}


def old_calls(dialect: str) -> Iterator[tuple[str, str, list[Any]]]:
    """Yield the namespace, the name (`"Dense.__init__"`, `"conv2d"`) and the arguments of all that was public."""
    for namespace, table in json.loads(FILES[dialect].read_text())["signatures"].items():
        for name, item in table.items():
            if isinstance(item, dict):
                for method, arguments in item.items():
                    yield namespace, f"{name}.{method}", arguments
            else:
                yield namespace, name, item


def ours(namespace: str, name: str) -> Any:
    """Return the function or method of ours that answers to an old name; None if there is none."""
    try:
        found: Any = finder.load(f"keras.{namespace}".rstrip("."))
    except ModuleNotFoundError:
        return None
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


class Taken:
    """What a function of ours takes in a dialect: names, positional order and defaults, in today's spelling."""

    def __init__(self, function: Callable[..., Any], dialect: str) -> None:
        translator = getattr(function, "translator", None)
        if translator is None and isinstance(function, type):
            translator = getattr(function.__init__, "translator", None)
            function = function.__init__
        plain = inspect.unwrap(function)
        self.translator = translator or Translator("", Row(), plain)
        self.row = self.translator.row
        self.parameters = {
            name: item for name, item in inspect.signature(plain).parameters.items() if name not in ("self", "cls")
        }
        self.is_layer = self.translator.any_keyword and issubclass(_owner(plain), engine.Layer)
        order = self.row.orders.get(dialect) or self.translator.positional
        self.order = self.row.unjoined.get(dialect, order)
        self.defaults = self.row.defaults.get(dialect, {})
        self.open_ended = self.translator.open_ended

    def accepts(self, name: str) -> bool:
        """Whether an old argument can be passed by name."""
        known = {*self.translator.old, *self.parameters, *self.row.values, *self.row.defaults}
        known.update(item for order in self.row.orders.values() for item in order)
        known.update(LAYER if self.is_layer else ())
        return name in known or (self.translator.any_keyword and not self.is_layer)

    def today(self, name: str) -> str:
        """Return today's name of an old argument."""
        return self.row.renamed.get(name, name)

    def default(self, name: str) -> Any:
        """Return the default of an old argument, in today's spelling; `inspect.Parameter.empty` without one."""
        new = self.today(name)
        item = self.parameters.get(new)
        return self.defaults.get(new, inspect.Parameter.empty if item is None else item.default)


def _owner(function: Any) -> type:
    module = inspect.getmodule(function)
    owner: Any = module
    for part in function.__qualname__.split(".")[:-1]:
        owner = getattr(owner, part, object) if part != "<locals>" else object
    return owner if isinstance(owner, type) else object


def gaps(dialect: str) -> Iterator[tuple[str, str]]:
    """Yield what an old call does not find in a dialect: `(name, what)`."""
    with config.dialect_scope(dialect):
        for namespace, name, arguments in old_calls(dialect):
            function = ours(namespace, name)
            if not callable(function) or name.endswith(tuple(f".{method}" for method in DEFINED)):
                continue
            try:
                taken = Taken(function, dialect)
            except (AttributeError, ValueError, TypeError):
                continue
            label = f"{namespace}.{name}"
            for place, item in enumerate(arguments):
                old, default = item if isinstance(item, list) else (item, None)
                if old.startswith("*"):
                    continue
                if not taken.accepts(old):
                    yield label, f"name {old}"
                    continue
                if not taken.open_ended and (
                    place >= len(taken.order) or taken.today(taken.order[place]) != taken.today(old)
                ):
                    yield label, f"place {old}"
                if isinstance(item, list) and default is not None and (old, default) not in MEANT:
                    found = taken.default(old)
                    table = taken.row.values.get(taken.today(old), {})
                    wanted = table.get(default, default) if isinstance(default, (str, int, float)) else default
                    if found is not inspect.Parameter.empty and not _same(found, wanted):
                        yield label, f"default {old}={default!r} is {found!r}"


def _same(found: Any, wanted: Any) -> bool:
    """Whether two defaults say the same: `(2, 2)` and 2, "zero" and "zeros", an empty list or False and None."""
    found, wanted = _plain(found), _plain(wanted)
    return found == wanted or getattr(found, "__name__", None) == wanted


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        items = [_plain(item) for item in value]
        return items[0] if items and all(item == items[0] for item in items) else items or None
    if value is False or (isinstance(value, str) and value in ("", "default")):
        return None
    return {"zero": "zeros", "one": "ones", "./logs": "logs"}.get(value, value) if isinstance(value, str) else value
