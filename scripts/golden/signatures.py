"""Write tests/golden/signatures_keras<version>.json: arguments and defaults of all public classes, methods, functions.

Give the folder of an unpacked Keras-2.2.4 or Keras-1.2.2 sdist. Nothing is drawn at random, and Keras is not imported:
the signatures stand in its sources. An argument is its name, or the pair of name and default; defaults that are no
literals are written as None.
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

from public_names import module_file, namespaces

# Their names are those of the TensorFlow backend, or of tests.
OTHERS = {"theano_backend.py", "cntk_backend.py", "numpy_backend.py", "test_utils.py"}
# The package around them has the same names.
REPEATED = ("layers.", "legacy.", "backend.", "engine")

# They offer what other modules define.
OFFERING = {
    "",
    "layers",
    "models",
    "metrics",
    "utils",
    "callbacks",
    "optimizers",
    "regularizers",
    "wrappers.scikit_learn",
}

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"


def literal(node: ast.expr) -> object:
    """Return a default that is a literal, else None."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return list(value) if isinstance(value, tuple) else value


def arguments(function: ast.FunctionDef, method: bool) -> list[object]:
    """Return the arguments of a function; `*args` and `**kwargs` with their stars."""
    given = function.args
    names = [item.arg for item in given.args]
    required = len(names) - len(given.defaults)
    found: list[object] = [
        name if place < required else [name, literal(given.defaults[place - required])]
        for place, name in enumerate(names)
    ]
    if method and not any(isinstance(item, ast.Name) and item.id == "staticmethod" for item in function.decorator_list):
        found = found[1:]
    found += [f"*{given.vararg.arg}"] if given.vararg else []
    return found + ([f"**{given.kwarg.arg}"] if given.kwarg else [])


def is_attribute(function: ast.FunctionDef) -> bool:
    """Whether a method is a property or its setter."""
    return any("property" in text or "setter" in text for text in map(ast.dump, function.decorator_list))


def signatures(file: Path) -> dict[str, object]:
    """Return the signatures of the functions and of the classes' public methods in a source file."""
    found: dict[str, object] = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = arguments(node, method=False)
        elif isinstance(node, ast.ClassDef):
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef) and not is_attribute(item)]
            public = [item for item in methods if item.name == "__init__" or not item.name.startswith("_")]
            found[node.name] = {item.name: arguments(item, method=True) for item in public}
    return found


def main() -> None:
    """Write the file of one version."""
    root = Path(sys.argv[1]) / "keras"
    version = next(
        ast.literal_eval(node.value)
        for node in ast.parse((root / "__init__.py").read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__version__"  # type: ignore[attr-defined]
    )
    everywhere: dict[str, object] = {}
    for file in sorted(root.rglob("*.py"), key=lambda file: (file.name in OTHERS, "legacy" in file.parts)):
        for name, item in signatures(file).items() if file.parts[-2] != "backend" else ():
            everywhere.setdefault(name, item)
    backend = signatures(root / "backend" / "tensorflow_backend.py") | signatures(root / "backend" / "common.py")
    found: dict[str, dict[str, object]] = {}
    for namespace, names in namespaces(root).items():
        if namespace.startswith(REPEATED):
            continue
        source = module_file(root, namespace)
        own = backend if namespace == "backend" else signatures(source) if source else {}
        known = {**everywhere, **own} if namespace in OFFERING else own
        listed = [name for name in (own if namespace == "backend" else names) if not name.startswith("_")]
        found[namespace] = {name: known[name] for name in listed if name in known}
    content = {"version": version, "signatures": {key: item for key, item in found.items() if item}}
    text = json.dumps(content, separators=(",", ":"))
    (GOLDEN / f"signatures_keras{version.replace('.', '')}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
