"""Trajectories of real Keras's optimizers. Run with the Python of Keras 2.15.0 (TF 2.15) and of Keras 3.15.1 (torch).

Writes tests/golden/optimizers_keras215.npz or ..._keras315.npz: per case the weights after some steps, and the
optimizer's `variables`, each as one flat array, with their names. Seed 7 (tests/golden/optimizers_cases.json).
Updates are made eagerly, one apply per step. Sparse gradients are those of an embedding in TensorFlow, IndexedSlices;
torch sums them into a dense gradient. With 2.15 also the classes of `keras.optimizers.legacy`.

ScheduleFreeAdamW of 3.15 keeps the value of a variable before it assigns to it. With torch's in-place assignment that
is the new value, which is not the formula; for its cases assignment replaces the tensor, as on other backends.
"""

import contextlib
import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
from optimizers_data import GOLDEN, KEPT_STEPS, SPARSE_ROWS, TABLE, flat, is_missing, weights_and_gradients

warnings.simplefilter("ignore")
THREE = keras.__version__.startswith("3")

if THREE:
    make_variable, make_tensor = keras.Variable, keras.ops.convert_to_tensor
else:
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    make_variable, make_tensor = tf.Variable, tf.constant


def sparse(gradient, step):
    """Return the gradient of an embedding that looked up rows of SPARSE_ROWS, with `gradient` for its outputs."""
    rows = list(SPARSE_ROWS[step % len(SPARSE_ROWS)])
    if not THREE:
        return tf.IndexedSlices(gradient, rows, gradient.shape)
    summed = np.zeros_like(gradient)
    np.add.at(summed, rows, gradient)
    return make_tensor(summed)


def make(case, module):
    config = dict(case["config"])
    if isinstance(config.get("learning_rate"), dict):
        schedule = config["learning_rate"]
        config["learning_rate"] = getattr(keras.optimizers.schedules, schedule["class_name"])(**schedule["config"])
    return getattr(module, case["class_name"])(**config)


def replace(variable, value):
    variable._value = value.detach().clone()


@contextlib.contextmanager
def assignment_for(class_name):
    if class_name != "ScheduleFreeAdamW":
        yield
        return
    kept = keras.Variable._direct_assign
    keras.Variable._direct_assign = replace
    yield
    keras.Variable._direct_assign = kept


def run(case, module=keras.optimizers):
    weights, steps = weights_and_gradients()
    chosen = case.get("variables", range(len(weights)))
    variables = [make_variable(weights[i], name=f"w{i}") for i in chosen]
    optimizer = make(case, module)
    if "excluded" in case:
        optimizer.exclude_from_weight_decay(var_list=[variables[i] for i in case["excluded"]])
    if hasattr(optimizer, "build"):
        optimizer.build(variables)
    kept = []
    for number, gradients in enumerate(steps):
        rate = case.get("rates", {}).get(str(number))
        if rate is not None:
            optimizer.learning_rate = rate
        tensors = [make_tensor(gradients[i]) for i in chosen]
        if case.get("sparse"):
            tensors[0] = sparse(gradients[0], number)
        pairs = [
            (None if is_missing(case, number, i) else tensor, v)
            for i, tensor, v in zip(chosen, tensors, variables, strict=True)
        ]
        with assignment_for(case["class_name"]):
            optimizer.apply_gradients(pairs)
        if number + 1 in KEPT_STEPS:
            kept.append([np.array(v.numpy() if not THREE else keras.ops.convert_to_numpy(v)) for v in variables])
    state = optimizer.variables if THREE else optimizer.variables()
    names = np.array([v.path if THREE else v.name.removesuffix(":0") for v in state])
    return kept, [np.array(v.numpy() if not THREE else keras.ops.convert_to_numpy(v)) for v in state], names


def schedules():
    """Return learning rates of every schedule at some steps."""
    s, steps = keras.optimizers.schedules, [0, 1, 2, 5, 9, 10, 11, 20, 25, 39, 40, 41, 100]
    made = {
        "exponential": s.ExponentialDecay(0.1, 10, 0.5),
        "exponential_staircase": s.ExponentialDecay(0.1, 10, 0.5, staircase=True),
        "piecewise": s.PiecewiseConstantDecay([5, 20, 40], [0.1, 0.05, 0.01, 0.001]),
        "polynomial": s.PolynomialDecay(0.1, 30, 0.01, power=0.5),
        "polynomial_cycle": s.PolynomialDecay(0.1, 10, 0.01, power=2.0, cycle=True),
        "inverse": s.InverseTimeDecay(0.1, 10, 0.5),
        "inverse_staircase": s.InverseTimeDecay(0.1, 10, 0.5, staircase=True),
        "cosine": s.CosineDecay(0.1, 30, alpha=0.1),
        "cosine_warmup": s.CosineDecay(0.0, 30, alpha=0.1, warmup_target=0.2, warmup_steps=10),
        "restarts": s.CosineDecayRestarts(0.1, 7, t_mul=2.0, m_mul=0.8, alpha=0.05),
        "restarts_constant": s.CosineDecayRestarts(0.1, 7, t_mul=1.0, m_mul=0.5),
    }
    return {name: np.array([float(schedule(step)) for step in steps]) for name, schedule in made.items()}


arrays = {f"schedule/{name}": values for name, values in schedules().items()}
cases = {**TABLE["cases"], **(TABLE["keras_3_only"] if THREE else {})}
runs = [(name, case, keras.optimizers) for name, case in cases.items()]
if not THREE:
    runs += [(f"legacy/{name}", case, keras.optimizers.legacy) for name, case in TABLE["legacy"].items()]
for name, case, module in runs:
    kept, state, names = run(case, module)
    arrays[f"{name}/weights"] = flat(kept)
    arrays[f"{name}/state"] = flat([state])
    arrays[f"{name}/names"] = names
    # Keras 3 numbers the names of optimizers.
    keras.backend.clear_session()
np.savez_compressed(GOLDEN / f"optimizers_keras{'315' if THREE else '215'}.npz", **arrays)
