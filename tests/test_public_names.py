"""Every public name of four generations of Keras is ours too, but for those in `MISSING`.

The lists are in tests/golden/public_names_*.json. Old modules are looked for where the import hook finds them, and
entered in `MISSING` under the path that they have today. The table may only shrink: a stale entry fails as well.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import pytest

from keras_torch.dropin import finder, module_paths
from keras_torch.errors import NeedsAnotherBackend

LISTS = sorted((Path(__file__).parent / "golden").glob("public_names_*.json"))

# Nothing of ours answers to these paths yet.
MISSING_NAMESPACES: list[str] = []

MISSING = {
    "backend.tensorflow_backend": "tf_major_version tf_minor_version",
}


# What will stay missing, because it runs TensorFlow or JAX or Keras's own kernels; the classes of these names say so
# when constructed.
NEEDS_ANOTHER_BACKEND = {
    "callbacks": {"OrbaxCheckpoint": "writes with Orbax, which is JAX's"},
    "dtype_policies": {
        "AWQDTypePolicy": "quantizes the arrays of Keras's layers",
        "GPTQDTypePolicy": "quantizes the arrays of Keras's layers",
        "Int4DTypePolicy": "quantizes the arrays of Keras's layers",
        "QuantizedDTypePolicy": "quantizes the arrays of Keras's layers",
        "QuantizedFloat8DTypePolicy": "quantizes the arrays of Keras's layers",
    },
    "experimental": {
        "DatasetCreator": "serves TensorFlow's parameter servers",
        "LayoutMap": "serves TensorFlow's DTensor",
        "SequenceFeatures": "takes TensorFlow's feature columns",
        "SharpnessAwareMinimization": "replaces TensorFlow's training step",
        "model_to_estimator": "makes a TensorFlow Estimator",
    },
    "export": {"ExportArchive": "writes a SavedModel of TensorFlow"},
    "layers": {
        "DenseFeatures": "takes TensorFlow's feature columns",
        "FlaxLayer": "runs a module of Flax, which is JAX",
        "JaxLayer": "runs a function of JAX",
        "TFSMLayer": "runs a SavedModel of TensorFlow",
    },
    "quantizers": {
        "AWQConfig": "describes Keras's quantized layers",
        "Float8QuantizationConfig": "describes Keras's quantized layers",
        "GPTQConfig": "describes Keras's quantized layers",
        "Int4QuantizationConfig": "describes Keras's quantized layers",
        "Int8QuantizationConfig": "describes Keras's quantized layers",
        "QuantizationConfig": "describes Keras's quantized layers",
    },
    "utils": {"StepsPerExecutionTuner": "runs several steps in one graph of TensorFlow"},
}


def has(module: ModuleType, name: str) -> bool:
    """Whether a module offers `name`; a submodule of that name, or a class that only says why not, does not count."""
    found = getattr(module, name, None)
    if isinstance(found, type) and issubclass(found, NeedsAnotherBackend):
        return False
    return found is not None and not isinstance(found, ModuleType)


def lacking() -> tuple[set[str], dict[str, set[str]]]:
    """The namespaces that no module of ours answers for, and the names that the others lack."""
    namespaces: set[str] = set()
    names: dict[str, set[str]] = defaultdict(set)
    for file in LISTS:
        for namespace, wanted in json.loads(file.read_text(encoding="utf-8"))["names"].items():
            try:
                module = finder.load(f"keras.{namespace}".rstrip("."))
            except ModuleNotFoundError:
                namespaces.add(namespace)
            else:
                today = module_paths.MOVED.get(namespace, namespace)
                names[today] |= {name for name in wanted if not has(module, name)}
    return namespaces, {namespace: found for namespace, found in names.items() if found}


def test_four_generations_are_listed() -> None:
    versions = [json.loads(file.read_text(encoding="utf-8"))["version"] for file in LISTS]
    assert sorted(versions) == ["1.2.2", "2.15.0", "2.2.4", "3.15.1"]


def test_namespaces_are_there_but_for_the_missing_ones() -> None:
    assert sorted(lacking()[0]) == sorted(MISSING_NAMESPACES)


@pytest.mark.parametrize(
    ("namespace", "name"), [(space, name) for space, names in NEEDS_ANOTHER_BACKEND.items() for name in names]
)
def test_what_needs_another_backend_says_so_and_what_to_use_instead(namespace: str, name: str) -> None:
    cls = getattr(finder.load(f"keras.{namespace}"), name)
    with pytest.raises(
        NotImplementedError, match=f"`{name}` needs .*(TensorFlow|JAX|Keras's quantized layers).* (Use|Save|Write)"
    ):
        cls("something")


@pytest.mark.parametrize("namespace", sorted(set(MISSING) | set(lacking()[1])))
def test_names_are_there_but_for_the_missing_ones(namespace: str) -> None:
    lacked = lacking()[1].get(namespace, set())
    listed = set(MISSING.get(namespace, "").split()) | set(NEEDS_ANOTHER_BACKEND.get(namespace, {}))
    assert not lacked - listed, f"keras.{namespace} lacks names that are not in MISSING"
    assert not listed - lacked, f"keras.{namespace} has these now: strike them from MISSING"
