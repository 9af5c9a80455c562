"""Check that real Keras reads the operations that we write and computes the same: exit status 1 if it does not.

    scripts/compare_operations.py --python /path/to/keras/venv/bin/python

The graphs are those of tests/golden/saving_ops_*.zip, read by us and written again, in the form of the Keras that the
other interpreter has: 2.15 gets every output that TensorFlow's functions suffice for, 3.x all of them.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden"
OTHER_SIDE = """
import json, sys
import keras
import numpy as np
folder = sys.argv[1]
inputs = np.load(folder + "/inputs.npz")
found = {}
for name, text in json.load(open(folder + "/graphs.json")).items():
    try:
        model = keras.models.model_from_json(text)
        outputs = model([inputs[key] for key in inputs.files])
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        for place, item in enumerate(outputs):
            item = keras.ops.convert_to_numpy(item) if keras.__version__.startswith("3") else item
            found[f"{name}/{place}"] = np.asarray(item)
    except Exception as error:
        print(name, type(error).__name__, str(error)[:600])
np.savez(folder + "/outputs.npz", **found)
"""
ENVIRONMENT = {"KERAS_BACKEND": "torch", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
# Where Keras 3 on torch cannot read what it wrote itself, or does not do what it does on TensorFlow.
KNOWN = {
    "3.15.1 convolution/10": "its adaptive pooling takes no sizes from a file",
    "3.15.1 convolution/11": "its adaptive pooling takes no sizes from a file",
    "2.15.0 convolution/7": "its average pooling repeats the edge",
    "2.15.0 images/2": "its cubic kernel is another",
    "2.15.0 shapes/13": "its symmetric padding repeats the edge",
}
_ONLY_OURS = ("TorchFunction",)
_NOT_OF_TF = (*_ONLY_OURS, "keras.src.ops")


def read(version):
    """Return graphs, inputs and outputs of the golden file of a version."""
    with zipfile.ZipFile(GOLDEN / f"saving_ops_keras{version}.zip") as archive:
        arrays = []
        for name in ("inputs", "outputs"):
            with np.load(io.BytesIO(archive.read(f"{name}.npz"))) as stored:
                arrays.append({key: stored[key] for key in stored.files})
        return json.loads(archive.read("graphs.json")), *arrays


def write(model, dialect, key):
    """Return JSON of a model with the outputs that can be written for a dialect, and their places."""
    import keras_torch as keras
    from keras_torch import config

    unwanted = _NOT_OF_TF if dialect == "tf" else _ONLY_OURS
    kept = []
    with config.dialect_scope(dialect), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for place, tensor in enumerate(model.outputs):
            if dialect == "3" and f"{key}/{place}" in KNOWN:
                continue
            try:
                text = keras.Model(model.inputs, [tensor]).to_json()
            except ValueError:
                continue
            if not any(name in text for name in unwanted):
                kept.append(place)
        outputs = [model.outputs[place] for place in kept]
        return (keras.Model(model.inputs, outputs).to_json(), kept) if kept else (None, kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", required=True, help="interpreter of an environment with Keras")
    options = parser.parse_args()
    from keras_torch import saving

    command = [options.python, "-W", "ignore"]
    asked = [*command, "-c", "import importlib.metadata as m; print(m.version('keras'))"]
    dialect = "3" if subprocess.check_output(asked, text=True).startswith("3") else "tf"
    texts, places, wanted = {}, {}, {}
    for version in ("2.15.0", "3.15.1"):
        graphs, inputs, outputs = read(version)
        for name, graph in graphs.items():
            key = f"{version} {name}"
            texts[key], places[key] = write(saving.model_from_json(json.dumps(graph)), dialect, key)
            wanted |= {f"{version} {label}": value for label, value in outputs.items()}
    texts = {key: text for key, text in texts.items() if text is not None}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "graphs.json").write_text(json.dumps(texts), encoding="utf-8")
        np.savez(os.path.join(folder, "inputs.npz"), **inputs)
        done = subprocess.run([*command, "-c", OTHER_SIDE, folder], env={**os.environ, **ENVIRONMENT})
        if done.returncode:
            sys.exit(1)
        with np.load(os.path.join(folder, "outputs.npz")) as stored:
            found = {key: stored[key] for key in stored.files}
    worst, failures = 0.0, 0
    for key in texts:
        for index, place in enumerate(places[key]):
            ours, theirs = wanted[f"{key}/{place}"], found.get(f"{key}/{index}")
            if theirs is None or theirs.shape != ours.shape:
                failures += 1
                print(f"{key}/{place}: {'not computed' if theirs is None else theirs.shape}")
                continue
            left, right = ours.astype("float64"), theirs.astype("float64")
            difference = float(np.abs(left - right).max(initial=0.0) / max(np.abs(left).max(initial=0.0), 1.0))
            worst = max(worst, difference)
            if not difference <= 1e-5:
                failures += 1
                print(f"{key}/{place}: differs by {difference:.2e}")
    print(f"{sum(map(len, places.values()))} outputs of {len(texts)} graphs; largest difference {worst:.1e}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
