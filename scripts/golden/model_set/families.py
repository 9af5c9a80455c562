"""One model per family of layers: each branch is one layer of `layer_cases`, and each of its outputs is an output.

Each output has its own loss, so that a difference points at a layer.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import layer_cases
import numpy as np
from layer_cases import Case, Nested

from model_set import Entry

BATCH = 4
# What draws at random in training is compared in predictions alone.
RANDOM = ("noise", "image_random", "image_resizing")
# These take no part: they work on bounding boxes or dicts, or have models of their own.
WITHOUT = ("image_boxes", "preprocessing")
# Keras copies configs that it cannot copy.
UNABLE = {"image_random": (("3.15", "h5"),)}
# Layers that hold other layers, with more to say than the others.
WRAPPERS = ("Bidirectional", "TimeDistributed", "RNN", "MultiHeadAttention")
# RandomHeight and RandomWidth have outputs of unknown size; Equalization hands Keras its input, which makes a cycle.
SKIPPED = ("RandomHeight", "RandomWidth", "Equalization")


def _drops(arguments: dict[str, Any]) -> bool:
    """Whether something is dropped at random in training."""
    return any(
        ("dropout" in key and bool(value)) or (isinstance(value, Nested) and _drops(value.arguments))
        for key, value in arguments.items()
    )


def _usable(case: Case, family: str, version: str) -> bool:
    call = {key: value for key, value in case.call.items() if key != "training"}
    if version not in case.keras or call or case.layer in SKIPPED:
        return False
    if case.method and family != "image_random":
        return False
    if any(array.ndim < 2 for array in case.arrays()) or (family == "image_random" and case.method.endswith("labels")):
        return False
    if family == "image_random" and any(array.ndim != 4 for array in case.arrays()):
        return False
    arguments = repr(case.arguments)
    if any(word in arguments for word in ("stateful", "float64", "time_major", "channels_first")):
        return False
    return family in RANDOM or not _drops(case.arguments)


def chosen(family: str, version: str) -> dict[str, Case]:
    """For each layer the first case, the one with the most arguments and one between, if their arguments differ."""
    by_layer: dict[str, dict[str, tuple[str, Case]]] = {}
    for name, case in layer_cases.families()[family].items():
        if _usable(case, family, version):
            ranks = [array.ndim for array in case.arrays()]
            by_layer.setdefault(case.layer, {}).setdefault(f"{case.arguments}{ranks}", (name, case))
    found = {}
    for layer, cases in by_layer.items():
        names = list(cases)
        keys = [names[0], max(names, key=len), names[len(names) // 2]]
        if layer in WRAPPERS:
            keys += names[:: max(1, len(names) // 8)]
        found |= {cases[key][0]: cases[key][1] for key in keys}
    return found


def batch_of(array: np.ndarray) -> np.ndarray:
    """Return an array with as many rows as the others, without infinite or huge numbers."""
    array = np.resize(array, (BATCH, *array.shape[1:]))
    if array.dtype.kind == "f" and not np.abs(array).max() < 1000:
        array = np.clip(array, -5, 5)
    return array


def _build(family: str, keras: Any, version: str) -> tuple[Any, Any, None]:
    inputs, outputs, arrays = [], [], []
    for name, case in chosen(family, version).items():
        label = name.replace("-", "_").replace(" ", "_")
        given = [batch_of(array) for array in case.arrays()]
        tensors = [
            keras.Input(array.shape[1:], dtype=str(array.dtype), name=f"{label}_input{index}")
            for index, array in enumerate(given)
        ]
        layer = dataclasses.replace(case, arguments={**case.arguments, "name": label}).make(keras.layers)
        case = dataclasses.replace(case, method="")
        inputs += tensors
        arrays += given
        found = _flat(case.invoke(layer, tensors, {}))
        if len(found) > 1:
            # Keras 3 names outputs by their layers, and losses by the outputs.
            found = [keras.layers.Activation("linear", name=f"{label}_{i}")(output) for i, output in enumerate(found)]
        outputs += found
    model = keras.Model(inputs, outputs, name=family)
    if family not in RANDOM:
        optimizer = keras.optimizers.SGD(learning_rate=0.005, momentum=0.5)
        model.compile(optimizer, ["mse"] * len(outputs))
    return model, arrays if len(arrays) > 1 else arrays[0], None


def _flat(outputs: Any) -> list[Any]:
    return [item for part in outputs for item in _flat(part)] if isinstance(outputs, (list, tuple)) else [outputs]


def _entry(family: str, versions: tuple[str, ...]) -> Entry:
    def build(keras: Any, version: str) -> tuple[Any, Any, None]:
        return _build(family, keras, version)

    return Entry(build, keras=versions, steps=0 if family in RANDOM else 3, unable=UNABLE.get(family, ()))


MODELS = {
    f"layers-{family}": _entry(family, versions)
    for family in layer_cases.families()
    if family not in WITHOUT and (versions := tuple(v for v in ("2.15", "3.15") if chosen(family, v)))
}
