"""Which Keras a script was written for, told by its imports and argument names."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from keras_torch.legacy import ROWS, upgrade_class_name

# Modules and names that only one generation had, as dotted prefixes of what a script imports or writes out.
KERAS_1 = (
    "keras.initializations",
    "keras.objectives",
    "keras.utils.visualize_util",
    "keras.layers.Merge",
    "keras.layers.merge",
    "keras.layers.MaxoutDense",
    "keras.layers.Highway",
    "keras.layers.TimeDistributedDense",
    "keras.regularizers.WeightRegularizer",
    "keras.backend.image_dim_ordering",
    "keras.backend.set_image_dim_ordering",
)
KERAS_2_MODULE = "keras.layers.merge."  # a module in Keras 2, a function in Keras 1
KERAS_3 = (
    "keras.distribution",
    "keras.export",
    "keras.ops",
    "keras.random",
    "keras.saving",
    "keras.tree",
    "keras.utils.PyDataset",
    "keras.utils.set_random_seed",
)
_LOCAL_FILES = 50


def guess_dialect(script: str | Path) -> str | None:
    """Return "1", "2", "tf" or "3" for a script and the modules beside it that it imports; None if nothing tells."""
    path = Path(script)
    names: set[str] = set()
    keras_1 = False
    for tree in _trees(path):
        names |= set(_names(tree))
        keras_1 = keras_1 or _calls_keras_1(tree)
    own = any(name == "keras" or name.startswith("keras.") for name in names)
    tensorflow = any(name.startswith(("tensorflow.keras", "tensorflow.python.keras", "tf_keras")) for name in names)
    if tensorflow or (not own and any(name.partition(".")[0] == "tensorflow" for name in names)):
        return "tf"
    if not own:
        return None
    plain = {name for name in names if not name.startswith(KERAS_2_MODULE)}
    if keras_1 or any(_is_within(name, KERAS_1) for name in plain):
        return "1"
    return "3" if any(_is_within(name, KERAS_3) for name in names) else "2"


def _is_within(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def _trees(path: Path) -> Iterator[ast.Module]:
    """Yield the syntax trees of a script and of the modules in its folder that it imports."""
    waiting: list[Path] = [path]
    seen: set[Path] = set()
    while waiting and len(seen) < _LOCAL_FILES:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        try:
            tree = ast.parse(current.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        yield tree
        modules = {name.partition(".")[0] for name in _imports(tree).values()}
        for module in sorted(modules):
            waiting += [
                file for file in (path.parent / f"{module}.py", path.parent / module / "__init__.py") if file.is_file()
            ]


def _imports(tree: ast.Module) -> dict[str, str]:
    """Return local name → dotted name of everything that is imported."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                found[item.asname or item.name] = item.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for item in node.names:
                found[item.asname or item.name] = f"{node.module}.{item.name}"
    return found


def _names(tree: ast.Module) -> Iterator[str]:
    """Yield dotted names: the imports, and attributes written out on imported modules."""
    imports = _imports(tree)
    yield from imports.values()
    for node in ast.walk(tree):
        parts: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if parts and isinstance(inner, ast.Name):
            base = imports.get(inner.id)
            if base is not None:
                yield ".".join([base, *reversed(parts)])


def _calls_keras_1(tree: ast.Module) -> bool:
    """Whether a call carries arguments that only Keras 1 had, going by the translation tables."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        row = ROWS.get(upgrade_class_name(name)) or (
            ROWS.get(f"Model.{name}") if isinstance(called, ast.Attribute) else None
        )
        if row is None:
            continue
        keywords = {item.arg for item in node.keywords if item.arg}
        if keywords & (row.first_generation | _MORE.get(name, frozenset())):
            return True
        if row.parts and name.startswith(("Convolution", "Deconvolution", "AtrousConvolution", "SeparableConvolution")):
            leading = node.args[1 : 1 + len(row.parts)]
            new_style = keywords & {"padding", "strides", "kernel_size", "data_format", "kernel_initializer"}
            if len(leading) == len(row.parts) and not new_style and not any(isinstance(a, ast.Tuple) for a in leading):
                return True
    return False


# Arguments that `prepare` functions handle, and so stand in no table.
_MORE = {
    "fit_generator": frozenset({"samples_per_epoch", "nb_val_samples"}),
    "evaluate_generator": frozenset({"val_samples"}),
    "predict_generator": frozenset({"val_samples"}),
}


def module_file(module: str) -> Path | None:
    """Return the file that `-m module` would run, or None."""
    try:
        spec = importlib.util.find_spec(module)
        if spec is not None and spec.submodule_search_locations:
            spec = importlib.util.find_spec(f"{module}.__main__")
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None
