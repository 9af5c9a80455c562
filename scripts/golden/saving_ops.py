"""Write golden graphs of operations with real Keras (2.15.0 on TensorFlow or 3.15.1 on torch), seed 11.

Run once with each interpreter: `python scripts/golden/saving_ops.py`. The zip holds, for each group of calls in
`operations_tensorflow.py` or `operations_keras_3.py`, what `to_json` writes of their model and what it predicts; and
a model of layers and operations, with weights, in both kinds of file.
"""

from __future__ import annotations

import io
import json
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
NEW = keras.__version__.startswith("3")
if NEW:
    from operations_keras_3 import CASES
else:
    from operations_tensorflow import CASES

SEED = 11
GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
SHAPES = {"x": (4, 6), "y": (4, 6), "i": (4,), "p": (4, 6), "m": (6, 6, 3)}


def values():
    """The inputs of every model."""
    random = np.random.default_rng(SEED)
    found = {name: random.normal(size=(2, *shape)).astype("float32") for name, shape in SHAPES.items()}
    found["p"] = np.abs(found["p"]) + 0.5
    found["i"] = random.integers(0, 4, size=(2, 4)).astype("int32")
    return found


def build(case):
    """Return a model of the calls."""
    inputs = [
        keras.Input(shape, dtype="int32" if name == "i" else "float32", name=name) for name, shape in SHAPES.items()
    ]
    outputs = case(*inputs)
    return keras.Model(inputs, outputs if isinstance(outputs, list) else [outputs])


def with_weights():
    """A model in which operations stand between layers: a residual block, a shared layer, a gate."""
    x = keras.Input((4, 6), name="x")
    dense = keras.layers.Dense(6, name="shared")
    first = dense(x)
    second = dense(first + x)
    gate = keras.layers.Dense(6, activation="sigmoid", name="gate")(x[:, :1])
    mixed = keras.layers.LayerNormalization(name="norm")(second * gate + (1 - gate) * x)
    return keras.Model(x, keras.layers.Dense(3, name="head")(mixed[:, :, 1:] / 2.0))


def run(model, inputs):
    """Return the outputs as arrays."""
    outputs = model(inputs)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return [np.asarray(keras.ops.convert_to_numpy(item) if NEW else item) for item in outputs]


def main():
    keras.utils.set_random_seed(SEED)
    given, outputs, graphs = values(), {}, {}
    for name, case in CASES.items():
        model = build(case)
        graphs[name] = json.loads(model.to_json())
        for place, array in enumerate(run(model, list(given.values()))):
            outputs[f"{name}/{place}"] = array
    model = with_weights()
    outputs["weights/0"] = run(model, given["x"])[0]
    target = GOLDEN / f"saving_ops_keras{keras.__version__}.zip"
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for ending in ("h5", "keras"):
            path = Path(folder) / f"weights.{ending}"
            model.save(str(path))
            archive.write(path, path.name)
        archive.writestr("graphs.json", json.dumps(graphs))
        for name, arrays in (("inputs", given), ("outputs", outputs)):
            buffer = io.BytesIO()
            np.savez(buffer, **arrays)
            archive.writestr(f"{name}.npz", buffer.getvalue())
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
