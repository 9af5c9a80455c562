"""The tiers of the package: each row may import only from rows above it. Files stay readable; imports stay light."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import keras_torch

ROOT = Path(keras_torch.__file__).parent

TIERS = [
    {"distributed"},
    {"config", "errors", "checkpoint"},
    {"registry"},
    {"legacy"},
    {"dtype_policies"},
    {"symbolic"},
    {"backend"},
    {"random", "tree"},
    {"ops"},
    {"quantizers"},
    {"activations", "initializers", "regularizers", "constraints"},
    {"losses"},
    {"metrics", "optimizers"},
    {"engine"},
    {"layers"},
    {"data", "callbacks", "distribution", "mixed_precision"},
    {"utils"},
    {"training"},
    {"models"},
    {"saving"},
    {
        "preprocessing",
        "datasets",
        "applications",
        "wrappers",
        "export",
        "experimental",
        "visualization",
        "distillation",
    },
    {"dropin"},
    {"cli"},
    {"__main__"},
    {"__init__"},
]
# The sanctioned upward calls: saving from inside the methods of a model, and functions under their old paths.
UPWARD = {
    ("models/model.py", "saving"),
    ("models/__init__.py", "saving"),
    ("utils/__init__.py", "models"),
    ("utils/feature_space.py", "saving"),
}

TIER_OF = {name: number for number, names in enumerate(TIERS) for name in names}


def member(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0]


def imports(path: Path) -> set[str]:
    """The top-level members of keras_torch that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module == "keras_torch":
                modules = [f"keras_torch.{alias.name}" for alias in node.names]
            else:
                modules = [node.module]
        found |= {m.split(".")[1] for m in modules if m.startswith("keras_torch.")}
    return found


FILES = sorted(ROOT.rglob("*.py"))


def test_every_member_of_the_package_has_a_tier():
    assert {member(path) for path in FILES} <= set(TIER_OF)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_from_the_tiers_above(path):
    own, name = member(path), str(path.relative_to(ROOT))
    for target in imports(path) - {own, "__version__"}:
        if (name, target) in UPWARD:
            continue
        assert TIER_OF[target] < TIER_OF[own], f"{name} (tier {TIER_OF[own]}) imports {target} ({TIER_OF[target]})"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_at_most_600_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 600


def test_importing_the_package_loads_no_optional_package_and_touches_no_gpu():
    code = (
        "import sys, torch, keras_torch; "
        "bad = {'tensorflow', 'pandas', 'matplotlib', 'sklearn', 'scipy', 'PIL', 'tensorboard'} & set(sys.modules); "
        "assert not bad, bad; assert not torch.cuda.is_initialized()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_training_does_not_load_torchs_compiler():
    """It takes two seconds and 70 MB, and torch's optimizers ask for it when they are made, and at each step."""
    code = """
import sys
import numpy
import keras_torch as keras

x = numpy.ones((2, 3), "float32")
for name in ("Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lion", "Nadam", "RMSprop", "SGD"):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(getattr(keras.optimizers, name)(), "mse", metrics=["mae"])
    model.fit(x, x[:, :2], verbose=0, validation_data=(x, x[:, :2]))
    model.predict(x, verbose=0)
    assert "torch._dynamo" not in sys.modules, name
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_adds_little_to_importing_torch():
    # The processor's time, since other tests run beside this one; from the second run on with compiled files.
    # Importing torch ends short of a full collection of its objects, a tenth of a second that would count here.
    code = (
        "import gc, time, torch; gc.collect(); start = time.process_time(); import keras_torch; "
        "print(time.process_time() - start)"
    )
    compiled = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True, env=compiled
            ).stdout
        )
        for _ in range(3)
    ]
    assert min(times) <= 0.3, times
