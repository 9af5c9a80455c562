"""Models whose files are compared with real Keras: run by Keras 2.15 and 3.15 and by this project alike.

Each module here has one table, `MODELS`, of names and `Entry`s; a new module is found by itself. Inputs and targets are
numpy's `RandomState`'s, so that they need not be stored with the files.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

BOTH = ("2.15", "3.15")
TF, KERAS_3 = ("2.15",), ("3.15",)
# Built by TensorFlow's functions: files to read, none to write.
THEIRS = ("tensorflow-functions",)
WHOLE, LAYOUTS = ("h5", "keras"), ("h5", "keras", "weights.h5")
# How many steps show that training goes on as it did.
STEPS = 10


@dataclass(frozen=True)
class Entry:
    """One model.

    build: makes (model, inputs, targets) from a `keras` namespace and the version whose spelling to use; the model is
    compiled unless `steps` is 0, which is how many steps it trains before it is saved. formats: the endings of files to
    write; "weights" stands for a file `.h5` of weights alone. objects: the `custom_objects` for reading, made from the
    namespace. rough: whether to move the weights away from their initial values. unable: (version, format) of files
    that Keras itself fails to write.
    """

    build: Callable[[Any, str], tuple[Any, Any, Any]]
    keras: tuple[str, ...] = BOTH
    formats: tuple[str, ...] = LAYOUTS
    steps: int = 3
    objects: Callable[[Any], dict[str, Any]] | None = None
    rough: bool = True
    unable: tuple[tuple[str, str], ...] = ()

    def written(self, version: str) -> list[str]:
        """The formats that this version of Keras writes: Keras 3 writes no weights alone in the old layout.

        `h5` comes last, since Keras 3 takes the optimizer out of the model's compile arguments when it writes it.
        """
        kinds = self.formats if version == "2.15" else [kind for kind in self.formats if kind != "weights"]
        return sorted((kind for kind in kinds if (version, kind) not in self.unable), key=lambda kind: kind == "h5")

    def make(self, keras: Any, version: str) -> tuple[Any, Any, Any]:
        """Build the model with weights that differ from their initial values, and train it."""
        keras.backend.clear_session()
        keras.utils.set_random_seed(7)
        model, inputs, targets = self.build(keras, version)
        if self.rough:
            roughen(model)
        if self.steps:
            if targets is None:
                targets = targets_like(predict(model, inputs))
            train(model, inputs, targets, self.steps)
        return model, inputs, targets


def numbers(seed: int, *shape: int) -> np.ndarray:
    """Uniform numbers in [-1, 1)."""
    return np.random.RandomState(seed).uniform(-1.0, 1.0, shape).astype("float32")


def integers(seed: int, end: int, *shape: int, dtype: str = "int32") -> np.ndarray:
    """Whole numbers in [0, end)."""
    return np.random.RandomState(seed).randint(0, end, shape).astype(dtype)


def one_hot(seed: int, count: int, classes: int) -> np.ndarray:
    """Random classes as rows with a single one."""
    return np.eye(classes, dtype="float32")[integers(seed, classes, count)]


def roughen(model: Any) -> None:
    """Add a small positive number to every float among the weights."""
    random = np.random.RandomState(5)
    arrays = [np.asarray(array) for array in model.get_weights()]
    model.set_weights(
        [(a + random.uniform(0.0, 0.2, a.shape)).astype(a.dtype) if a.dtype.kind == "f" else a for a in arrays]
    )


def targets_like(outputs: list[np.ndarray]) -> Any:
    """Random targets for these predictions."""
    found = [numbers(21 + index, *output.shape) for index, output in enumerate(outputs)]
    return found if len(found) > 1 else found[0]


def save(model: Any, stem: str, kind: str) -> str:
    """Write one of the formats and return its path: `<stem>.<kind>`, weights of the old layout `<stem>.old.h5`."""
    path = f"{stem}.old.h5" if kind == "weights" else f"{stem}.{kind}"
    (model.save if kind in WHOLE else model.save_weights)(path)
    return path


def flat(structure: Any) -> list[np.ndarray]:
    """The arrays in dicts (by key), lists and tuples, in order."""
    if isinstance(structure, dict):
        structure = [structure[key] for key in sorted(structure)]
    if isinstance(structure, (list, tuple)):
        return [item for part in structure for item in flat(part)]
    return [np.asarray(structure)]


def predict(model: Any, inputs: Any) -> list[np.ndarray]:
    """Return the model's outputs as a list of arrays."""
    return flat(model.predict(inputs, verbose=0))


def train(model: Any, inputs: Any, targets: Any, steps: int) -> dict[str, list[float]]:
    """Return losses and metrics by name, for each of `steps` calls of train_on_batch. A list of values gets numbers."""
    found: dict[str, list[float]] = {}
    for _ in range(steps):
        model.reset_metrics()
        for name, value in model.train_on_batch(inputs, targets, return_dict=True).items():
            values = np.ravel(value)
            for index, item in enumerate(values):
                found.setdefault(name if len(values) == 1 else f"{name}_{index}", []).append(float(item))
    return found


def resume(
    entry: Entry, keras: Any, version: str, path: Any, kind: str, steps: int, compile: bool = True
) -> dict[str, np.ndarray]:
    """Read a file of an entry, or its weights into a new model: `output<i>`, and `losses` by `names` of further steps.

    With `compile=False` there are only predictions; so it is with `.h5` in Keras 3.15, which restores no optimizer (it
    builds it for the model's own variables, not its layers').
    """
    model, inputs, targets = entry.build(keras, version)
    if kind in WHOLE:
        objects = entry.objects(keras) if entry.objects else None
        model = keras.models.load_model(path, custom_objects=objects, compile=compile)
    else:
        model.load_weights(path)
    outputs = predict(model, inputs)
    found = {f"output{index}": output for index, output in enumerate(outputs)}
    if (version, kind) == ("3.15", "h5") or kind not in WHOLE or not compile:
        return found
    if getattr(model, "optimizer", None) is not None:
        losses = train(model, inputs, targets_like(outputs) if targets is None else targets, steps)
        found |= {"losses": np.array(list(losses.values())), "names": np.array(list(losses))}
    return found


def record(name: str, entry: Entry, keras: Any, version: str, folder: Any) -> dict[str, np.ndarray]:
    """Make, train and save a model in each format; return `output<i>`, and `losses` by `names` of further steps."""
    model, inputs, targets = entry.make(keras, version)
    for kind in entry.written(version):
        save(model, f"{folder}/{name}", kind)
    outputs = predict(model, inputs)
    found = {f"output{index}": output for index, output in enumerate(outputs)}
    if getattr(model, "optimizer", None) is not None:
        losses = train(model, inputs, targets_like(outputs) if targets is None else targets, STEPS)
        found |= {"losses": np.array(list(losses.values())), "names": np.array(list(losses))}
    return found


def spelling(version: str) -> str:
    """The version in whose spelling models are built in some version of Keras."""
    return "3.15" if version.startswith("3") else "2.15"


def modules() -> list[str]:
    """The names of the modules with a table."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def table() -> dict[str, Entry]:
    """Every entry by its name."""
    return {
        name: entry
        for module in modules()
        for name, entry in importlib.import_module(f"{__name__}.{module}").MODELS.items()
    }
