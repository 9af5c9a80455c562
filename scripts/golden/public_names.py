"""Write tests/golden/public_names_<version>.json: the public names of a Keras, by namespace.

Run with the Python that has Keras 2.15.0 or 3.15.1, or give the folder of an unpacked Keras-2.2.4 or Keras-1.2.2 sdist.
Nothing is drawn at random, and Keras is not imported: the names stand in its sources. A namespace of a recent Keras is
a generated package whose import list is its API; one of Keras 1 or 2 has what its module defines and re-exports.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
# Not public: the implementation, other builds of the same names, helpers of the tests.
PRIVATE = {"src", "api", "protobuf", "interfaces", "test_utils", "theano_backend", "cntk_backend"}
# Modules of Keras 1 and 2 that offer what they import from elsewhere.
OFFERING = {"models.py", "metrics.py"}


def is_name(name: str) -> bool:
    """Whether a module-level name is meant for users: no private one, constant or saved builtin."""
    return not (name.startswith(("_", "py_", "keras_")) or (name.isupper() and "_" in name))


def module_file(folder: Path, path: str) -> Path | None:
    """Return the file of a module given relative to a folder, or None."""
    base = folder.joinpath(*path.split("."))
    return next((file for file in (base.with_suffix(".py"), base / "__init__.py") if file.exists()), None)


def imported(node: ast.ImportFrom, file: Path, root: Path) -> Iterator[str]:
    """Yield the names that one import statement offers to the users of `file`."""
    module = node.module or ""
    if not node.level and module.partition(".")[0] != "keras":
        return
    folder = file.parents[node.level - 1] if node.level else root.parent
    source = module_file(folder, module) if module else folder / "__init__.py"
    for item in node.names:
        if item.name == "*" and source is not None:
            yield from defined(source)
        elif module_file(folder, f"{module}.{item.name}".strip(".")) is None:
            yield item.asname or item.name


def defined(file: Path) -> set[str]:
    """Functions, classes and assigned names at the top of a source file."""
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def offered(file: Path, root: Path) -> list[str]:
    """The public names of the namespace that a file is."""
    names = defined(file) if file.parts[-2:] != ("keras", "__init__.py") else set()
    if file.name == "__init__.py" or file.name in OFFERING:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and "utils" not in (node.module or "").split(".")[:1]:
                names |= set(imported(node, file, root))
    return sorted(name for name in names if is_name(name))


def namespaces(root: Path) -> dict[str, list[str]]:
    """The names of every public namespace of a Keras whose package is `root`."""
    generated = (root / "src").exists()
    found = {}
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        private = any(part.startswith("_") or part in PRIVATE for part in parts)
        if private or (generated and file.name != "__init__.py") or (parts[:1] == ("engine",) and len(parts) > 1):
            continue
        names = offered(file, root)
        if names:
            found[".".join(parts)] = names
    return found


def main() -> None:
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1]).resolve()
        root, version = folder / "keras", folder.name.removeprefix("Keras-")
    else:
        spec = importlib.util.find_spec("keras")
        root, version = Path(str(spec and spec.origin)).parent, importlib.metadata.version("keras")
    text = json.dumps({"version": version, "names": namespaces(root)}, indent=None, separators=(",", ":"))
    (GOLDEN / f"public_names_{version}.json").write_text(text.replace('],"', '],\n"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
