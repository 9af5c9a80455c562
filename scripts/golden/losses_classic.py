"""Write values and gradients of the losses of Keras 1.2.2 or 2.2.4 on Theano to tests/golden/losses_keras<version>.npz.

saving_h5_classic.py says how to run it. Seed 21. The gradients are those of the sum of the result by `y_pred`. Besides
the functions there is what `compile` makes of them, with weights and masks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from old_python import restore

restore()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import theano  # noqa: E402
from keras import backend as K  # noqa: E402

FIRST = keras.__version__.startswith("1")
if FIRST:
    from keras import objectives as losses
    from keras.engine.training import weighted_objective
else:
    from keras import losses
    from keras.engine.training_utils import weighted_masked_objective as weighted_objective

random = np.random.RandomState(21)


def f32(value):
    return np.asarray(value, dtype="float32")


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


INPUTS = {
    "real": f32(random.normal(size=(6, 4))),
    "real2": f32(random.normal(size=(6, 4)) * 2),
    "positive": f32(random.uniform(0.1, 5, size=(6, 4))),
    "counts": f32(random.poisson(2, size=(6, 4))),
    "probabilities": f32(softmax(random.normal(size=(6, 4)) * 2)),
    "unnormalized": f32(random.uniform(0.1, 0.9, size=(6, 4))),
    "certain": f32(np.eye(4)[[0, 1, 2, 3, 0, 1]]),
    "onehot": f32(np.eye(4)[[3, 1, 0, 2, 0, 1]]),
    "soft": f32(softmax(random.normal(size=(6, 4)))),
    "labels": f32([[3], [1], [0], [2], [0], [1]]),
    "binary": f32(random.randint(0, 2, size=(6, 4))),
    "signs": f32(random.randint(0, 2, size=(6, 4)) * 2 - 1),
    "s_real": f32(random.normal(size=(3, 5, 2))),
    "s_real2": f32(random.normal(size=(3, 5, 2))),
    "ones": f32(np.ones(6)),
    "weights": f32([1, 0.5, 2, 0, 3, 1]),
    "s_weights": f32([1, 0, 2]),
    "s_step_weights": f32(random.uniform(0, 2, size=(3, 5)) * (random.uniform(size=(3, 5)) > 0.3)),
    "s_mask": f32([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]]),
}
FUNCTIONS = {
    "mean_squared_error": [("real", "real2")],
    "mean_absolute_error": [("real", "real2")],
    "mean_absolute_percentage_error": [("real", "real2")],
    "mean_squared_logarithmic_error": [("counts", "positive"), ("real", "real2")],
    "squared_hinge": [("signs", "real2"), ("binary", "real2")],
    "hinge": [("signs", "real2"), ("binary", "real2")],
    "categorical_crossentropy": [("onehot", "probabilities"), ("soft", "unnormalized"), ("onehot", "certain")],
    "sparse_categorical_crossentropy": [("labels", "probabilities"), ("labels", "certain")],
    "binary_crossentropy": [("binary", "unnormalized"), ("soft", "unnormalized"), ("binary", "certain")],
    "kullback_leibler_divergence": [("soft", "probabilities"), ("onehot", "certain")],
    "poisson": [("counts", "positive")],
    "cosine_proximity": [("real", "real2")],
}
if not FIRST:
    FUNCTIONS |= {"logcosh": [("real", "real2")], "categorical_hinge": [("onehot", "real2")]}
cases, values, gradients = [], [], []


def record(kind, name, y_true, y_pred, weight=None, mask=None):
    true, predicted = (K.placeholder(shape=INPUTS[key].shape) for key in (y_true, y_pred))
    fed = [true, predicted]
    function = getattr(losses, name)
    if kind == "objective":
        extra = [K.placeholder(shape=INPUTS[key].shape) for key in (weight, mask) if key]
        fed += extra
        value = weighted_objective(function)(true, predicted, *extra)
    else:
        value = function(true, predicted)
    run = theano.function(fed, [value, theano.grad(value.sum(), predicted)], on_unused_input="ignore")
    value, gradient = run(*(INPUTS[key] for key in (y_true, y_pred, weight, mask) if key))
    case = {"kind": kind, "name": name, "config": {}, "y_true": y_true, "y_pred": y_pred, "shape": list(value.shape)}
    cases.append(case | ({"weight": weight} if weight else {}) | ({"mask": mask} if mask else {}))
    values.append(np.ravel(value).astype("float32"))
    gradients.append(np.ravel(gradient).astype("float32"))


for name, pairs in FUNCTIONS.items():
    for pair in pairs:
        record("function", name, *pair)
        record("objective", name, *pair, "ones")
    record("objective", name, *pairs[0], "weights")
for weight in ("s_weights", "s_step_weights"):
    for mask in (None, "s_mask"):
        for name in ("mean_squared_error", "mean_absolute_error"):
            record("objective", name, "s_real", "s_real2", weight, mask)
version = "".join(keras.__version__.split("."))
path = Path(__file__).parents[2] / "tests" / "golden" / f"losses_keras{version}.npz"
text = {"cases": json.dumps(cases), "values": np.concatenate(values), "gradients": np.concatenate(gradients)}
np.savez_compressed(path, **text, **{f"input_{key}": value for key, value in INPUTS.items()})
sys.stdout.write(f"{path}: {len(cases)} cases\n")
