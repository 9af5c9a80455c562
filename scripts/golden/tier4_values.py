"""Write tests/golden/tier4_<version>.npz: activations, regularizers, constraints as real Keras computes them.

Run with Keras 2.15.0 on TensorFlow, and with Keras 3.15.1 on torch. Seed 7.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

rng = np.random.default_rng(7)
extremes = [
    0.0,
    -0.0,
    1e-8,
    -1e-8,
    0.5,
    -0.5,
    1.0,
    -1.0,
    2.5,
    -2.5,
    3.0,
    -3.0,
    6.0,
    7.5,
    -7.5,
    30.0,
    -30.0,
    90.0,
    -90.0,
]
vector = np.array(extremes, dtype="float32")
matrix = np.concatenate([rng.normal(size=(5, 6)), rng.normal(size=(3, 6)) * 20]).astype("float32")
weight = rng.normal(size=(4, 6)).astype("float32") * 2
kernel = rng.normal(size=(3, 3, 2, 4)).astype("float32")

major = keras.__version__.split(".")[0]
names = "elu exponential gelu hard_sigmoid linear mish relu selu sigmoid softplus softsign swish tanh relu6".split()
cases = [(name, {}) for name in names if name != "relu6" or major == "3"]
slope = "negative_slope" if major == "3" else "alpha"
for options in (
    {slope: 0.1}, {"max_value": 6.0}, {"max_value": 2.0}, {"threshold": 1.0}, {slope: 0.1, "max_value": 2.0},
    {slope: 0.2, "max_value": 4.0, "threshold": 1.5}, {"threshold": -1.0},
):  # fmt: skip
    cases.append(("relu", options))
cases += [("elu", {"alpha": 0.3}), ("gelu", {"approximate": True})]
if major == "3":
    cases += [
        (name, {})
        for name in "celu hard_shrink hard_silu hard_tanh leaky_relu log_sigmoid silu soft_shrink sparse_plus "
        "sparse_sigmoid squareplus tanh_shrink".split()
    ]
    cases += [("threshold", {"threshold": 0.7, "default_value": -2.0}), ("celu", {"alpha": 0.4})]

arrays = {"vector": vector, "matrix": matrix, "weight": weight, "kernel": kernel}
index = []


def value(result):
    return np.asarray(keras.ops.convert_to_numpy(result) if major == "3" else result)


def store(family, name, options, source, result):
    index.append({"family": family, "name": name, "options": options, "source": source, "key": f"result_{len(index)}"})
    arrays[index[-1]["key"]] = value(result)


def tensor(array):
    return keras.ops.convert_to_tensor(array) if major == "3" else __import__("tensorflow").constant(array)


for name, options in cases:
    store("activations", name, options, "vector", getattr(keras.activations, name)(tensor(vector), **options))
for name in ["softmax"] + (["log_softmax", "glu", "sparsemax"] if major == "3" else []):
    for options in ({}, {"axis": 0}):
        store("activations", name, options, "matrix", getattr(keras.activations, name)(tensor(matrix), **options))
for name, options in (
    ("L1", {"l1": 0.3}), ("L2", {"l2": 0.2}), ("L1L2", {"l1": 0.1, "l2": 0.3}), ("L1L2", {}), ("L1", {}), ("L2", {}),
    ("OrthogonalRegularizer", {}), ("OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}),
):  # fmt: skip
    store("regularizers", name, options, "weight", getattr(keras.regularizers, name)(**options)(tensor(weight)))
for name, options in (
    ("MaxNorm", {}), ("MaxNorm", {"max_value": 1.5, "axis": 1}), ("NonNeg", {}), ("UnitNorm", {}),
    ("UnitNorm", {"axis": 1}), ("MinMaxNorm", {}), ("MinMaxNorm", {"min_value": 3.0, "max_value": 4.0, "rate": 0.5}),
):  # fmt: skip
    store("constraints", name, options, "weight", getattr(keras.constraints, name)(**options)(tensor(weight)))
for name, options in (("MaxNorm", {"max_value": 1.0, "axis": [0, 1, 2]}), ("UnitNorm", {"axis": [0, 1]})):
    store("constraints", name, options, "kernel", getattr(keras.constraints, name)(**options)(tensor(kernel)))
if major == "2":
    store("constraints", "RadialConstraint", {}, "kernel", keras.constraints.RadialConstraint()(tensor(kernel)))

arrays["index"] = np.array(json.dumps({"keras": keras.__version__, "cases": index}))
target = Path(sys.argv[1] if len(sys.argv) > 1 else "tests/golden") / f"tier4_keras{major}.npz"
np.savez_compressed(target, **arrays)
print(f"{target}: {len(index)} cases, Keras {keras.__version__}")
