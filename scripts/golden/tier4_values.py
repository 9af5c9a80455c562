"""Write tests/golden/tier4_<version>.npz: activations, regularizers, constraints as real Keras computes them.

Of activations and regularizers the gradients, too; of initializers the fans they see and the spread of their values.

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
    cases += [
        ("threshold", {"threshold": 0.7, "default_value": -2.0}),
        ("threshold", {"threshold": 0.5, "default_value": 9.0}),
        ("celu", {"alpha": 0.4}), ("celu", {"alpha": 2.0}), ("leaky_relu", {"negative_slope": 0.01}),
        ("hard_shrink", {"threshold": 1.0}), ("hard_shrink", {"threshold": 0.0}), ("soft_shrink", {"threshold": 1.0}),
        ("squareplus", {"b": 0.5}), ("squareplus", {"b": 0}), ("elu", {"alpha": 0.0}),
    ]  # fmt: skip

arrays = {"vector": vector, "matrix": matrix, "weight": weight, "kernel": kernel}
index = []


def value(result):
    return np.asarray(keras.ops.convert_to_numpy(result) if major == "3" else result)


def store(family, name, options, source, result, gradient=None):
    index.append({"family": family, "name": name, "options": options, "source": source, "key": f"result_{len(index)}"})
    arrays[index[-1]["key"]] = value(result)
    if gradient is not None:
        arrays[index[-1]["key"].replace("result", "gradient")] = gradient


def differentiated(function, array):
    """Return the result, and the gradient of its sum weighted by the cosines of 0, 1, 2..."""
    x = tensor(array)
    if major == "2":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            result = function(x)
            total = tf.reduce_sum(result * np.cos(np.arange(np.size(result))).reshape(result.shape).astype("float32"))
        found = tape.gradient(total, x)
        return result, np.zeros_like(array) if found is None else found.numpy()
    x = x.detach().requires_grad_()
    result = function(x)
    if not result.requires_grad:
        return result, np.zeros_like(array)
    (result * tensor(np.cos(np.arange(result.numel())).reshape(result.shape).astype("float32"))).sum().backward()
    return result.detach(), x.grad.numpy()


def tensor(array):
    return keras.ops.convert_to_tensor(array) if major == "3" else __import__("tensorflow").constant(array)


def activation(name, options, source):
    function = getattr(keras.activations, name)
    found = differentiated(lambda x: function(x, **options), arrays[source])
    store("activations", name, options, source, *found)


for name, options in cases:
    activation(name, options, "vector")
for name in ["softmax"] + (["log_softmax", "glu", "sparsemax"] if major == "3" else []):
    for options in ({}, {"axis": 0}, {"axis": -2}):
        activation(name, options, "matrix")
for name, options in (
    ("L1", {"l1": 0.3}), ("L2", {"l2": 0.2}), ("L1L2", {"l1": 0.1, "l2": 0.3}), ("L1L2", {}), ("L1", {}), ("L2", {}),
    ("OrthogonalRegularizer", {}), ("OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}),
):  # fmt: skip
    found = differentiated(getattr(keras.regularizers, name)(**options), weight)
    store("regularizers", name, options, "weight", *found)
for name, options in (
    ("MaxNorm", {}), ("MaxNorm", {"max_value": 1.5, "axis": 1}), ("NonNeg", {}), ("UnitNorm", {}),
    ("UnitNorm", {"axis": 1}), ("MinMaxNorm", {}), ("MinMaxNorm", {"min_value": 3.0, "max_value": 4.0, "rate": 0.5}),
    ("MinMaxNorm", {"min_value": 0.5, "max_value": 2.5, "axis": 1}), ("MaxNorm", {"max_value": 0.0}),
    ("MaxNorm", {"axis": -1}), ("UnitNorm", {"axis": -1}),
):  # fmt: skip
    store("constraints", name, options, "weight", getattr(keras.constraints, name)(**options)(tensor(weight)))
for name, options in (("MaxNorm", {"max_value": 1.0, "axis": [0, 1, 2]}), ("UnitNorm", {"axis": [0, 1]})):
    store("constraints", name, options, "kernel", getattr(keras.constraints, name)(**options)(tensor(kernel)))
arrays["holes"] = weight * (np.arange(6) % 3 > 0).astype("float32")
for name in ("MaxNorm", "UnitNorm", "MinMaxNorm", "NonNeg"):
    store("constraints", name, {}, "holes", getattr(keras.constraints, name)()(tensor(arrays["holes"])))
if major == "2":
    store("constraints", "RadialConstraint", {}, "kernel", keras.constraints.RadialConstraint()(tensor(kernel)))
    for size in (4, 5):
        source = f"kernel{size}"
        arrays[source] = rng.normal(size=(size, size, 2, 3)).astype("float32")
        found = keras.constraints.RadialConstraint()(tensor(arrays[source]))
        store("constraints", "RadialConstraint", {}, source, found)

shapes = [(), (7,), (5, 3), (3, 4, 6), (2, 3, 4, 6), (2, 3, 2, 4, 6)]
if major == "2":
    from keras.src.initializers.initializers import _compute_fans as compute_fans
else:
    from keras.src.initializers.random_initializers import compute_fans
fans = [[list(shape), [float(fan) for fan in compute_fans(shape)]] for shape in shapes]
spreads = []
for mode in ("fan_in", "fan_out", "fan_avg"):
    for distribution in ("uniform", "truncated_normal", "untruncated_normal"):
        options = {"scale": 1.7, "mode": mode, "distribution": distribution, "seed": 3}
        sample = value(keras.initializers.VarianceScaling(**options)((3, 3, 40, 60)))
        spreads.append([options, float(sample.std()), float(np.abs(sample).max())])

arrays["index"] = np.array(json.dumps({"keras": keras.__version__, "cases": index, "fans": fans, "spreads": spreads}))
target = Path(sys.argv[1] if len(sys.argv) > 1 else "tests/golden") / f"tier4_keras{major}.npz"
np.savez_compressed(target, **arrays)
print(f"{target}: {len(index)} cases, Keras {keras.__version__}")
