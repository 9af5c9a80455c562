"""Write golden HDF5 files with real Keras (2.15.0 on TensorFlow or 3.15.1 on torch), seed 7.

Run once with each interpreter: `python scripts/golden/saving_h5.py`. Every model trains three steps before it is saved;
`<name>.npz` holds inputs, targets, the predictions of the saved model and the losses of five further steps that start
from the saved optimizer state. All files of a version go into one zip, since HDF5 is mostly padding.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import zipfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from saving_models import BUILDERS, predict, train

SEED = 7
GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"


def write(name, archive, folder):
    """Train, save and describe one model."""
    keras.utils.set_random_seed(SEED)
    model, inputs, targets = BUILDERS[name](keras)
    train(model, inputs, targets, 3)
    path = Path(folder) / f"{name}.h5"
    model.save(str(path))
    outputs = predict(model, inputs)
    arrays = {f"input_{i}": value for i, value in enumerate(inputs)}
    arrays |= {f"target_{i}": value for i, value in enumerate(targets)}
    arrays |= {f"output_{i}": value for i, value in enumerate(outputs)}
    arrays["losses"] = np.array(train(model, inputs, targets, 5))
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    archive.writestr(f"{name}.npz", buffer.getvalue())
    archive.write(path, f"{name}.h5")


def main():
    target = GOLDEN / f"saving_h5_keras{keras.__version__}.zip"
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in BUILDERS:
            write(name, archive, folder)
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
