"""What the source of a script tells without running it: its files, and the dotted names that it imports and writes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from keras_torch.dropin import notebook

_LOCAL_FILES = 50


def trees(path: Path) -> Iterator[tuple[Path, ast.Module]]:
    """Yield the files, as syntax trees, of a script and of the modules in its folder that it imports."""
    waiting: list[Path] = [path]
    seen: set[Path] = set()
    while waiting and len(seen) < _LOCAL_FILES:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        try:
            tree = ast.parse(text_of(current))
        except (OSError, SyntaxError, ValueError):
            continue
        yield current, tree
        modules = {name.partition(".")[0] for name in imported_names(tree)}
        for module in sorted(modules):
            waiting += [
                file for file in (path.parent / f"{module}.py", path.parent / module / "__init__.py") if file.is_file()
            ]


def text_of(path: Path) -> str | bytes:
    """Return the source in a script or a notebook. OSError or ValueError if there is none."""
    return notebook.read(path).text if path.suffix == notebook.SUFFIX else path.read_bytes()


def imported_names(tree: ast.Module) -> dict[str, int]:
    """Return the dotted name of everything that is imported → the line."""
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {item.name: node.lineno for item in node.names if item.name not in found}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for item in node.names:
                name = node.module if item.name == "*" else f"{node.module}.{item.name}"
                found.setdefault(name, node.lineno)
    return found


def local_names(tree: ast.Module) -> dict[str, str]:
    """Return the name by which an import is known in the file → its dotted name."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                root = item.name.partition(".")[0]
                found[item.asname or root] = item.name if item.asname else root
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {item.asname or item.name: f"{node.module}.{item.name}" for item in node.names}
    return found


def star_imports(tree: ast.Module) -> list[str]:
    """Return the modules of which everything is imported."""
    return [
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and any(item.name == "*" for item in node.names)
    ]


def dotted(node: ast.AST, names: dict[str, str]) -> str | None:
    """Return the dotted name of an expression like `K.backend.floatx`, if it begins with an import."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in names:
        return None
    return ".".join([names[node.id], *reversed(parts)])


def written_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield dotted names with their lines: the imports, and attributes written out on imported modules."""
    yield from imported_names(tree).items()
    names = local_names(tree)
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            inner.add(id(node.value))
            name = dotted(node, names) if id(node) not in inner else None
            if name is not None:
                yield name, node.lineno
