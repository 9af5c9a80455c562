"""Check that real Keras reads the HDF5 files we wrote and predicts the same: exit status 1 if it does not.

    scripts/compare_with_keras.py --python /path/to/keras/venv/bin/python [--inputs inputs.npz] model.h5 ...

The other interpreter needs Keras (2.15 on TensorFlow, or 3.x) and nothing of ours. Without `--inputs` (an .npz whose
arrays are the model's inputs, in order) the inputs are random numbers in [0, 1).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

OTHER_SIDE = """
import sys
import keras
import numpy as np
path, inputs, outputs = sys.argv[1:]
model = keras.models.load_model(path)
with np.load(inputs) as stored:
    arrays = [stored[name] for name in stored.files]
found = model.predict(arrays if len(arrays) > 1 else arrays[0], verbose=0)
found = found if isinstance(found, (list, tuple)) else [found]
np.savez(outputs, *[np.asarray(item) for item in found])
print("Keras", keras.__version__)
"""
ENVIRONMENT = {
    "KERAS_BACKEND": "torch",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "OMP_NUM_THREADS": "1",
}


def random_inputs(model, batch=4, unknown=5):
    """Return one random array per input of the model; unknown sizes become `unknown`."""
    random = np.random.RandomState(0)
    shapes = [[size or unknown for size in tensor.shape[1:]] for tensor in model.inputs]
    return [random.uniform(0.0, 1.0, (batch, *shape)).astype("float32") for shape in shapes]


def predictions(model, inputs):
    """Return our predictions as a list of arrays."""
    found = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    return [np.asarray(item) for item in (found if isinstance(found, (list, tuple)) else [found])]


def predictions_of_keras(python, path, inputs):
    """Return what Keras, run by another interpreter, predicts, and the version that it names."""
    with tempfile.TemporaryDirectory() as folder:
        given, result = os.path.join(folder, "inputs.npz"), os.path.join(folder, "outputs.npz")
        np.savez(given, *inputs)
        command = [python, "-W", "ignore", "-c", OTHER_SIDE, str(path), given, result]
        done = subprocess.run(command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{path}: Keras cannot use the file.\n{done.stderr[-2000:]}")
        with np.load(result) as stored:
            return [stored[name] for name in stored.files], done.stdout.strip().splitlines()[-1]


def compare(path, python, inputs=None):
    """Return the largest difference between our predictions and Keras's, and Keras's version."""
    import keras_torch

    model = keras_torch.models.load_model(path, compile=False)
    inputs = random_inputs(model) if inputs is None else inputs
    ours = predictions(model, inputs)
    theirs, version = predictions_of_keras(python, path, inputs)
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True)), version


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--python", required=True, help="interpreter that has Keras")
    parser.add_argument("--inputs", type=Path, help=".npz with the model's inputs in order")
    parser.add_argument("--tolerance", type=float, default=1e-5)
    arguments = parser.parse_args()
    inputs = None
    if arguments.inputs:
        with np.load(arguments.inputs) as stored:
            inputs = [stored[name] for name in stored.files]
    worst = 0.0
    for path in arguments.files:
        difference, version = compare(path, arguments.python, inputs)
        worst = max(worst, difference)
        print(f"{path}: largest difference from {version}: {difference:.2e}")
    return int(not worst <= arguments.tolerance)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    sys.exit(main())
