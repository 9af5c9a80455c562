"""Write tests/golden/saved_keras<version>_<format>.zip and saved_keras<version>.npz with real Keras, seed 7.

Run with Keras 2.15.0 on TensorFlow and with 3.15.1 on torch: `python scripts/golden/saving_files.py [FOLDER]`.
Every model of model_set/ trains a few steps before it is saved in each format. The .npz holds the predictions of the
saved model, `<name>/output<i>`, and losses and metrics of ten further steps, `<name>/losses`, a row for each of
`<name>/names`. Where the model that Keras reads back from its own file trains in another way, `<name>/losses-<format>`
says how. What stands in FOLDER already, from a run before, is not made again.
"""

from __future__ import annotations

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
import model_set

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
VERSION = ".".join(keras.__version__.split(".")[:2])


def record(name, entry, folder):
    """Train, save in each format, and store what the model does then."""
    found = model_set.record(name, entry, keras, VERSION, folder)
    for key, value in found.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ValueError(f"{key} has numbers that are not finite, which say nothing of a file")
    np.savez(f"{folder}/{name}.npz", **found)


def reload(name, entry, folder):
    """Store what the model does that Keras itself makes of its file, if that is something else."""
    with np.load(f"{folder}/{name}.npz") as stored:
        expected = dict(stored)
    found = {}
    for kind in set(entry.written(VERSION)) & set(model_set.WHOLE):
        try:
            again = model_set.resume(entry, keras, VERSION, f"{folder}/{name}.{kind}", kind, model_set.STEPS)
            for key, value in expected.items():
                if key.startswith("output") and not np.allclose(again[key], value, 1e-5, 1e-5):
                    raise ValueError(f"{key} differs by {abs(again[key] - value).max()}")
            if "losses" in expected and not np.allclose(again["losses"], expected["losses"], 1e-5, 1e-6):
                found[f"losses-{kind}"] = again["losses"]
                print(name, kind, "trains in another way", flush=True)
        except Exception as error:
            # So it is with most losses in .h5 files of Keras 3.
            print(name, kind, f"{type(error).__name__}: {error}".partition("\n")[0][:300], flush=True)
    np.savez(f"{folder}/{name}.reloaded.npz", **found)


def pack(folder, names):
    """Put the files of each format into one zip, and all arrays into one .npz."""
    for kind in ("h5", "keras", "weights.h5", "old.h5"):
        target = GOLDEN / f"saved_keras{keras.__version__}_{kind.replace('.', '_')}.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name in names:
                path = Path(folder) / f"{name}.{kind}"
                if path.exists():
                    archive.write(path, path.name)
        target.unlink() if not archive.namelist() else print(target, target.stat().st_size)
    arrays = {}
    for name in names:
        for path in (f"{folder}/{name}.npz", f"{folder}/{name}.reloaded.npz"):
            with np.load(path) as stored:
                arrays |= {f"{name}/{key}": stored[key] for key in stored.files}
    target = GOLDEN / f"saved_keras{keras.__version__}.npz"
    np.savez_compressed(target, **arrays)
    print(target, target.stat().st_size)


def main():
    if VERSION == "2.15":
        import tensorflow as tf

        # Tracing a graph for each model would take minutes.
        tf.config.run_functions_eagerly(True)
    table = {name: entry for name, entry in model_set.table().items() if VERSION in entry.keras}
    failed = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = sys.argv[1] if len(sys.argv) > 1 else folder
        os.makedirs(folder, exist_ok=True)
        for name, entry in table.items():
            if not os.path.exists(f"{folder}/{name}.npz"):
                try:
                    record(name, entry, folder)
                    print(name, flush=True)
                except Exception as error:
                    failed[name] = error
                    print(f"{name}: {error!r}", flush=True)
        for name, entry in table.items():
            if name not in failed and not os.path.exists(f"{folder}/{name}.reloaded.npz"):
                reload(name, entry, folder)
        if not failed:
            pack(folder, table)
    sys.exit(len(failed))


if __name__ == "__main__":
    main()
