"""Record where real Keras (2.15.0 on TensorFlow, 3.15.1 on torch) puts the weights of layers in `.weights.h5` files.

Run once with each interpreter: `python scripts/golden/saving_paths.py`. Seed: none, only names and shapes are kept: for
the first of the cases of `layer_cases` that differ in them, by family and case, and for some subclassed models.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import h5py
import keras
import numpy as np
from keras.src.saving import saving_lib

sys.path.insert(0, str(Path(__file__).parent))
import layer_cases
from saving_subclassed import BUILDERS

VERSION = "2.15" if keras.__version__.startswith("2") else "3.15"
TARGET = Path(__file__).resolve().parents[2] / "tests" / "golden" / f"saving_paths_keras{keras.__version__}.json"


def arrays_of(path):
    """Return the paths and shapes of all arrays of an HDF5 file."""
    found = {}

    def note(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = list(item.shape)

    with h5py.File(path) as file:
        file.visititems(note)
    return found


def of_layer(case, path):
    """Return the places of the weights of a layer, saved on its own, after a call."""
    layer = case.make(keras.layers)
    convert = keras.ops.convert_to_tensor if VERSION == "3.15" else __import__("tensorflow").convert_to_tensor
    arrays = case.arrays()
    layer(*(arrays if case.spread else [arrays[0] if len(arrays) == 1 else arrays]), **case.options(convert))
    if not layer.weights:
        return {}
    store = saving_lib.H5IOStore(path, mode="w")
    saving_lib._save_state(layer, store, None, "", set())
    store.close()
    return arrays_of(path)


def main():
    cases, seen = {}, set()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "x.weights.h5")
        for family, table in layer_cases.families().items():
            for name, case in table.items():
                if VERSION in case.keras and not case.method:
                    found = of_layer(case, path)
                    key = (case.layer, *found)
                    if found and key not in seen:
                        seen.add(key)
                        cases[f"{family}/{name}"] = found
        models = {}
        for name, build in BUILDERS.items():
            model = build(keras)
            model(np.ones((2, 3), "float32"))
            model.save_weights(path)
            models[name] = arrays_of(path)
    text = json.dumps({"layers": cases, "models": models}, indent=0)
    TARGET.write_text(text + "\n")
    print(TARGET, len(text))


if __name__ == "__main__":
    main()
