"""`keras-torch check`: what of Keras a script uses, what of that is missing here, and how it is spelled today.

The script is read, not run. Names are resolved as the import hook would; arguments are compared with our signatures and
with the tables of old ones.
"""

from __future__ import annotations

import ast
import builtins
import functools
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from keras_torch import config
from keras_torch.dropin import finder, guess, modern, module_paths, notebook, source
from keras_torch.dropin.era import tables
from keras_torch.errors import NeedsAnotherBackend

_ABSENT = object()


@dataclass(frozen=True)
class Use:
    """One name or argument: `status` is "ok", "old" (`modern` says how it is spelled today), "era" or "missing"."""

    line: int
    name: str
    argument: str | None
    status: str
    modern: str | None = None
    # In a notebook, whose lines are counted cell by cell.
    cell: int | None = None

    def __str__(self) -> str:
        what = self.name if self.argument is None else f"{self.name}({self.argument}=)"
        place = f"line {self.line}" if self.cell is None else f"cell {self.cell}, line {self.line}"
        return f"{place}: {what}" + (f" → {self.modern}" if self.modern else "")


@dataclass(frozen=True)
class Report:
    """What one file uses; `problem` says why it could not be read."""

    file: str
    dialect: str | None
    uses: tuple[Use, ...] = ()
    problem: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the file can be read and nothing in it is missing."""
        return self.problem is None and not self.having("missing")

    def having(self, status: str) -> list[Use]:
        """Return the uses of one status."""
        return [use for use in self.uses if use.status == status]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as data for JSON."""
        return {**asdict(self), "ok": self.ok}

    def __str__(self) -> str:
        if self.problem is not None:
            return f"{self.file}: {self.problem}"
        kind = {"1": "Keras 1", "2": "Keras 2", "tf": "tf.keras", "3": "Keras 3"}.get(self.dialect or "", "no Keras")
        lines = [f"{self.file}: {kind}, {len({use.name for use in self.uses})} names"]
        titles = {
            "missing": "missing here",
            "old": "old spellings, which are understood → today's",
            "era": "names that other libraries no longer have, added while the script runs → today's",
        }
        for status, title in titles.items():
            found = self.having(status)
            lines += [f"  {title}:", *(f"    {use}" for use in found)] if found else []
        return "\n".join(lines)


def check(paths: Sequence[str | Path], dialect: str | None = None) -> list[Report]:
    """Check scripts and notebooks, and all in folders. `dialect` is guessed for each file if it is None."""
    files: list[Path] = []
    for path in map(Path, paths):
        inside = (file for suffix in (".py", notebook.SUFFIX) for file in path.rglob(f"*{suffix}"))
        files += sorted(inside) if path.is_dir() else [path]
    resolve.cache_clear()
    return [_check_file(file, dialect) for file in files]


def _check_file(path: Path, dialect: str | None) -> Report:
    cells = None
    try:
        if path.suffix == notebook.SUFFIX:
            cells = notebook.read(path)
        tree = ast.parse(path.read_bytes() if cells is None else cells.text)
    except OSError as error:
        return Report(str(path), dialect, problem=f"cannot be read: {error.strerror}")
    except SyntaxError as error:
        line = error.lineno or 1
        place = f"line {line}" if cells is None else "cell {}, line {}".format(*cells.place(line))
        return Report(str(path), dialect, problem=f"is no Python 3 ({place}): {error.msg}")
    except ValueError as error:
        return Report(str(path), dialect, problem=f"cannot be read: {error}")
    dialect = dialect or guess.guess_dialect(path)
    with config.dialect_scope(dialect):
        uses = _Checker(tree, dialect).uses()
    if cells is not None:
        places = [cells.place(use.line) for use in uses]
        uses = [replace(use, cell=cell, line=line) for use, (cell, line) in zip(uses, places, strict=True)]
    return Report(str(path), dialect, tuple(uses))


@functools.cache
def resolve(name: str) -> Any:
    """Return what a dotted name means under the import hook; `_ABSENT` if nothing answers."""
    parts = name.split(".")
    # An attribute goes before a module of the same name, as in an import.
    for count in range(1, len(parts) + 1):
        try:
            found: Any = finder.load(".".join(parts[:count]))
        except ModuleNotFoundError:
            return _ABSENT
        for part in parts[count:]:
            found = getattr(found, part, _ABSENT)
            if found is _ABSENT:
                break
        else:
            return found
    return _ABSENT


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in finder.ROOTS


class _Checker:
    """Goes over one syntax tree."""

    def __init__(self, tree: ast.Module, dialect: str | None) -> None:
        self.tree = tree
        self.dialect = dialect
        self.names = source.local_names(tree)
        self._add_star_imports()
        # Variables and attributes (by their last name) that hold an object of a class of Keras.
        self.objects: dict[str, tuple[str, type]] = {}
        self._find_objects()

    def _add_star_imports(self) -> None:
        written = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)} - self._assigned()
        for module in filter(_is_ours, source.star_imports(self.tree)):
            found = resolve(module)
            for name in written - self.names.keys():
                if hasattr(found, name):
                    self.names[name] = f"{module}.{name}"

    def _assigned(self) -> set[str]:
        defined = {
            node.name
            for node in ast.walk(self.tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        }
        return defined | {
            node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }

    def _find_objects(self) -> None:
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
                continue
            made = self._class_made_by(node.value)
            for target in node.targets if made is not None else ():
                name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", None)
                if name is not None:
                    self.objects[name] = made  # type: ignore[assignment]

    def _class_made_by(self, call: ast.Call) -> tuple[str, type] | None:
        name = source.dotted(call.func, self.names)
        if name is None or not _is_ours(name):
            return None
        found = resolve(name)
        if isinstance(found, type):
            return name, found
        if getattr(found, "__name__", "") in modern.MAKERS_OF_MODELS:
            # It may be a Sequential, which has a few methods more.
            return "keras.models.Model", resolve("keras.models.Sequential")
        return None

    def uses(self) -> list[Use]:
        """Return every use once, in the order of the lines."""
        found = [*self._written(), *self._builtins(), *self._calls()]
        first: dict[tuple[str, str | None], Use] = {}
        for use in sorted(found, key=lambda use: use.line):
            first.setdefault((use.name, use.argument), use)
        return list(first.values())

    def _written(self) -> Iterator[Use]:
        for name, line in self._all_names():
            if _is_ours(name):
                yield self._use_of(name, line)
            else:
                yield from self._era_use(name, line)

    def _all_names(self) -> Iterator[tuple[str, int]]:
        yield from source.written_names(self.tree)
        inside = {id(node.value) for node in ast.walk(self.tree) if isinstance(node, ast.Attribute)}
        for node in ast.walk(self.tree):
            outermost = isinstance(node, (ast.Name, ast.Attribute)) and id(node) not in inside
            name = source.dotted(node, self.names) if outermost else None
            if name is not None and _is_ours(name):
                yield name, node.lineno  # type: ignore[attr-defined]

    def _use_of(self, name: str, line: int) -> Use:
        found = resolve(name)
        if found is _ABSENT and module_paths.split(name) is not None:
            # An attribute of an object, of which nothing is known without running the script.
            owner = resolve(name.rpartition(".")[0])
            if owner is not _ABSENT and not isinstance(owner, (type, ModuleType)):
                return Use(line, name, None, "ok")
        if found is _ABSENT:
            return Use(line, name, None, "missing")
        if isinstance(found, type) and issubclass(found, NeedsAnotherBackend):
            return Use(line, name, None, "missing", getattr(found, "instead", None))
        today = modern.spelling(name, found)
        return Use(line, name, None, "old" if today else "ok", today)

    def _era_use(self, name: str, line: int) -> Iterator[Use]:
        parts = name.split(".")
        for count in range(len(parts), 0, -1):
            module, rest = ".".join(parts[:count]), parts[count:]
            target = tables.NAMES.get(module, {}).get(rest[0]) if rest else None
            if target is None and module in tables.MODULES and not _exists(module):
                target = tables.MODULES[module] or f"{modern.OURS}.{module}"
            if target is not None:
                yield self._era(name, line, target)
                return

    def _builtins(self) -> Iterator[Use]:
        known = self._assigned() | self.names.keys()
        for node in ast.walk(self.tree):
            if (
                isinstance(node, ast.Name)
                and node.id in tables.BUILTINS.keys() - known
                and not hasattr(builtins, node.id)
            ):
                yield self._era(node.id, node.lineno, tables.BUILTINS[node.id])

    def _era(self, name: str, line: int, target: str) -> Use:
        status = "era" if self.dialect in ("1", "2") else "ok"
        return Use(line, name, None, status, modern.of_era(target))

    def _calls(self) -> Iterator[Use]:
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.Call):
                continue
            name = source.dotted(node.func, self.names)
            if name is not None and _is_ours(name):
                found = resolve(name)
                if callable(found):
                    yield from self._arguments(name.rpartition(".")[2], found, node)
            elif name is None and isinstance(node.func, ast.Attribute):
                yield from self._method(node.func, node)

    def _method(self, called: ast.Attribute, call: ast.Call) -> Iterator[Use]:
        """A method of a variable that holds an object of Keras, or one whose name only models have."""
        receiver = called.value
        variable = receiver.attr if isinstance(receiver, ast.Attribute) else getattr(receiver, "id", "")
        path, cls = self.objects.get(variable, ("keras.models.Model", None))
        if cls is None:
            if called.attr not in modern.METHODS_OF_MODELS:
                return
            cls = resolve("keras.models.Sequential")
        name = f"{path.rpartition('.')[2]}.{called.attr}"
        method = getattr(cls, called.attr, None)
        if method is None:
            if variable in self.objects and not called.attr.startswith("_"):
                yield Use(call.lineno, name, None, "missing")
            return
        today = modern.METHODS_OF_MODELS.get(called.attr)
        yield Use(call.lineno, name, None, "old" if today else "ok", today)
        if callable(method):
            yield from self._arguments(name, method, call)

    def _arguments(self, label: str, found: Any, call: ast.Call) -> Iterator[Use]:
        signature = modern.Arguments(found)
        for keyword in call.keywords:
            if keyword.arg is None:
                continue
            status, today = signature.look_up(keyword.arg)
            yield Use(keyword.value.lineno, label, keyword.arg, status, today)


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
