"""Read or write files with real Keras, predict and train on: the other half of scripts/compare_with_keras.py.

`python other_side.py LIST.json`, where the list holds `{"path", "inputs", "result"}` for a file of any model,
`{"path", "name", "kind", "result"}`, and perhaps `"compile"`, for one of a model in model_set/, and
`{"name", "folder", "result"}` to write all files of such a model. Each result is an .npz: `output<i>`, `losses`,
`names`, or `failed`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import model_set

VERSION = model_set.spelling(keras.__version__)


def use(path, inputs):
    """Return what any model in a file predicts."""
    with np.load(inputs) as stored:
        arrays = [stored[name] for name in stored.files]
    model = keras.models.load_model(path)
    outputs = model_set.predict(model, arrays if len(arrays) > 1 else arrays[0])
    return {f"output{index}": output for index, output in enumerate(outputs)}


def resume(path, name, kind, compile=True):
    """Return what a model of the set does after its file, or its weights, were read."""
    entry = model_set.table()[name]
    keras.backend.clear_session()
    return model_set.resume(entry, keras, VERSION, path, kind, model_set.STEPS, compile)


def write(name, folder):
    """Write the files of a model of the set, and return what it does then."""
    return model_set.record(name, model_set.table()[name], keras, VERSION, folder)


def main():
    if VERSION == "2.15":
        import tensorflow as tf

        tf.config.run_functions_eagerly(True)
    for number, item in enumerate(json.loads(Path(sys.argv[1]).read_text())):
        result = item.pop("result")
        try:
            work = write if "folder" in item else resume if "name" in item else use
            found = work(**item)
        except Exception as error:
            found = {"failed": np.array(f"{type(error).__name__}: {error}")}
        np.savez(result, **found)
        print(number, flush=True)


if __name__ == "__main__":
    main()
