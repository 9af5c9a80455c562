"""List the public names of a Keras: run with the Python that has it, or give the folder of an unpacked sdist.

    python scripts/golden/public_names.py > tests/golden/public_names_2.15.0.json
    python scripts/golden/public_names.py Keras-2.2.4 > tests/golden/public_names_2.2.4.json

Only names are read, no code or text. For an sdist: the functions, classes and assignments at the top of each module.
"""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import sys
from pathlib import Path

NAMESPACES = (
    "", "activations", "applications", "backend", "callbacks", "config", "constraints", "datasets", "initializers",
    "layers", "losses", "metrics", "models", "ops", "optimizers", "optimizers.schedules", "preprocessing",
    "preprocessing.image", "preprocessing.sequence", "preprocessing.text", "random", "regularizers", "saving", "utils",
)  # fmt: skip
# Where Keras 1 and 2 kept what a namespace of today has.
SOURCES = {
    "backend": ("backend/common.py", "backend/tensorflow_backend.py"),
    "layers": tuple(
        f"layers/{name}.py"
        for name in (
            "core convolutional pooling local recurrent convolutional_recurrent embeddings merge normalization noise "
            "advanced_activations wrappers cudnn_recurrent"
        ).split()
    ),
    "utils": tuple(f"utils/{name}.py" for name in "np_utils generic_utils data_utils io_utils layer_utils".split()),
    "models": ("models.py", "engine/training.py", "engine/sequential.py", "engine/saving.py"),
    "losses": ("losses.py", "objectives.py"),
    "initializers": ("initializers.py", "initializations.py"),
}


def installed() -> dict[str, list[str]]:
    """Names of the installed Keras."""
    import keras

    found = {}
    for namespace in NAMESPACES:
        try:
            module = importlib.import_module(f"keras.{namespace}".rstrip("."))
        except ImportError:
            continue
        submodules = {item.name for item in pkgutil.iter_modules(getattr(module, "__path__", []))}
        names = {n for n in dir(module) if not n.startswith("_")} - submodules
        found[namespace] = sorted(names - {"sys", "os", "annotations", "lazy_load", "src", "DTypePolicy"})
    return {"version": keras.__version__, "names": found}


def defined(path: Path) -> set[str]:
    """Public functions, classes and assigned names at the top of a source file."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def unpacked(folder: Path) -> dict[str, list[str]]:
    """Names in the sources of Keras 1 or 2."""
    found = {}
    for namespace in NAMESPACES[1:]:
        path = namespace.replace(".", "/")
        files = [folder / "keras" / item for item in SOURCES.get(namespace, (f"{path}.py",))]
        names = {name for file in files if file.exists() for name in defined(file)}
        if names:
            found[namespace] = sorted(names)
    return {"version": folder.name.removeprefix("Keras-"), "names": found}


if __name__ == "__main__":
    result = unpacked(Path(sys.argv[1])) if len(sys.argv) > 1 else installed()
    print(json.dumps(result, indent=0))
