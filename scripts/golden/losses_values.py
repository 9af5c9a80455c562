"""Write values and gradients of Keras's losses to tests/golden/losses_keras<version>.npz.

Run with Keras 2.15 on TensorFlow 2.15 and with Keras 3.15 on torch (KERAS_BACKEND=torch). Seed 20. The gradients are
those of the sum of the result by `y_pred`, or by the logits if there is an activation.
"""

import itertools
import json
import pathlib
import sys

import keras
import numpy as np

IS_3 = keras.__version__.startswith("3")
if IS_3:
    import torch
else:
    import tensorflow as tf
rng = np.random.RandomState(20)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def f32(x):
    return np.asarray(x, dtype="float32")


def unit(x):
    return f32(x / np.linalg.norm(x, axis=-1, keepdims=True))


LOGITS = f32(rng.normal(size=(6, 4)) * 2)
INPUTS = {
    "real": f32(rng.normal(size=(6, 4))),
    "real2": f32(rng.normal(size=(6, 4)) * 3),
    "positive": f32(rng.uniform(0, 5, size=(6, 4))),
    "counts": f32(rng.poisson(2, size=(6, 4))),
    "zeros": f32(np.zeros((6, 4))),
    "column": f32(rng.normal(size=(6, 1))),
    "vector": f32(rng.normal(size=(6,))),
    "logits": LOGITS,
    "extreme": f32(
        [[90, -90, 0, 1], [-90, 90, 0, 1], [30, 29, -30, 0], [1e4, -1e4, 3, 2], [0, 0, 0, 0], [-5, -6, -7, 80]]
    ),
    "probabilities": f32(softmax(LOGITS)),
    "certain": f32(np.eye(4)[[0, 1, 2, 3, 0, 1]]),
    "unnormalized": f32(rng.uniform(0.1, 2, size=(6, 4))),
    "independent": f32(rng.uniform(0.01, 0.99, size=(6, 4))),
    "onehot": f32(np.eye(4)[[3, 1, 0, 2, 0, 1]]),
    "onehot_int": np.eye(4)[[3, 1, 0, 2, 0, 1]].astype("int64"),
    "soft": f32(softmax(rng.normal(size=(6, 4)))),
    "labels": np.array([3, 1, 0, 2, 0, 1]),
    "label_column": np.array([[3], [1], [0], [2], [0], [1]], dtype="int32"),
    "float_labels": f32([3, 1, 0, 2, 0, 1]),
    "some_ignored": np.array([3, -1, 0, 2, -1, 1]),
    "binary": f32(rng.randint(0, 2, size=(6, 4))),
    "binary_int": rng.randint(0, 2, size=(6, 4)),
    "signs": f32(rng.randint(0, 2, size=(6, 4)) * 2 - 1),
    "embeddings": unit(rng.normal(size=(6, 4))),
    "pairs": np.array([0, 1, 0, 2, 0, 1]),
    # 3 samples of 2 steps and 3 classes, and 4 of 3 classes, for the products of weights, masks and reductions
    "s_real": f32(rng.normal(size=(3, 2, 3))),
    "s_real2": f32(rng.normal(size=(3, 2, 3)) * 2),
    "s_positive": f32(rng.uniform(0, 5, size=(3, 2, 3))),
    "s_counts": f32(rng.poisson(2, size=(3, 2, 3))),
    "s_probabilities": f32(softmax(rng.normal(size=(3, 2, 3)))),
    "s_soft": f32(softmax(rng.normal(size=(3, 2, 3)))),
    "s_onehot": f32(np.eye(3)[rng.randint(0, 3, size=(3, 2))]),
    "s_labels": rng.randint(0, 3, size=(3, 2)),
    "s_binary": f32(rng.randint(0, 2, size=(3, 2, 3))),
    "s_weights": f32([1, 0.5, 2]),
    "s_step_weights": f32(rng.uniform(0, 2, size=(3, 2))),
    "s_step_column": f32(rng.uniform(0, 2, size=(3, 2, 1))),
    "s_mask": np.array([[1, 1], [1, 0], [0, 0]]) > 0,
    "t_real": f32(rng.normal(size=(4, 3))),
    "t_real2": f32(rng.normal(size=(4, 3)) * 2),
    "t_positive": f32(rng.uniform(0, 5, size=(4, 3))),
    "t_counts": f32(rng.poisson(2, size=(4, 3))),
    "t_probabilities": f32(softmax(rng.normal(size=(4, 3)))),
    "t_soft": f32(softmax(rng.normal(size=(4, 3)))),
    "t_onehot": f32(np.eye(3)[[2, 1, 0, 2]]),
    "t_labels": np.array([2, 1, 0, 2]),
    "t_binary": f32(rng.randint(0, 2, size=(4, 3))),
    "t_embeddings": unit(rng.normal(size=(4, 3))),
    "t_pairs": np.array([0, 1, 0, 1]),
    "t_weights": f32([1, 0.5, 0, 3]),
    "t_column": f32([[2], [0.5], [1], [0]]),
    "t_zeros": f32([0, 0, 0, 0]),
    "t_scalar": f32(0.5),
    "t_mask": np.array([1, 0, 1, 1]) > 0,
    "t_nothing": np.array([0, 0, 0, 0]) > 0,
    "channels_logits": f32(rng.normal(size=(2, 3, 4))),
    "channels_probabilities": np.moveaxis(f32(softmax(rng.normal(size=(2, 4, 3)))), 1, -1),
    "channels_labels": rng.randint(0, 3, size=(2, 4)),
    "channels_onehot": f32(np.moveaxis(np.eye(3)[rng.randint(0, 3, size=(2, 4))], 1, -1)),
    "image": f32(rng.uniform(0, 1, size=(2, 3, 3, 1))),
    "image_true": f32(rng.randint(0, 2, size=(2, 3, 3, 1))),
    "empty": f32(np.zeros((0, 3))),
    "empty_labels": np.zeros((0,), dtype="int64"),
    "ctc_logits": f32(rng.normal(size=(4, 6, 5))),
    "ctc_labels": np.array([[1, 2, 3, 0], [2, 2, 0, 0], [4, 0, 0, 0], [1, 4, 1, 2]]),
}
INPUTS["channels_probabilities"] = np.ascontiguousarray(INPUTS["channels_probabilities"])
REAL = [("real", "real2"), ("vector", "column"), ("zeros", "real"), ("real", "real")]
BINARY = [("binary", "independent"), ("binary_int", "independent"), ("soft", "independent")]
CLASSES = [("onehot", "probabilities"), ("soft", "probabilities"), ("onehot", "unnormalized"), ("onehot", "certain")]
# name: configurations, pairs of inputs, and which kind of pair the products take
LOSSES = {
    "MeanSquaredError": ([{}], REAL, ("real", "real2")),
    "MeanAbsoluteError": ([{}], REAL, ("real", "real2")),
    "MeanAbsolutePercentageError": ([{}], REAL, ("real", "real2")),
    "MeanSquaredLogarithmicError": (
        [{}],
        [("positive", "positive"), ("counts", "positive"), ("real", "real2")],
        ("counts", "positive"),
    ),
    "Huber": ([{}, {"delta": 0.3}], REAL, ("real", "real2")),
    "LogCosh": ([{}], REAL, ("real", "real2")),
    "CosineSimilarity": ([{}, {"axis": 0}], [("real", "real2"), ("zeros", "real")], ("real", "real2")),
    "Hinge": ([{}], [("signs", "real2"), ("binary", "real2"), ("binary_int", "real2")], ("binary", "real2")),
    "SquaredHinge": ([{}], [("signs", "real2"), ("binary", "real2")], ("binary", "real2")),
    "CategoricalHinge": ([{}], [("onehot", "real2"), ("onehot", "probabilities")], ("onehot", "real2")),
    "KLDivergence": ([{}], [("soft", "probabilities"), ("onehot", "certain")], ("soft", "probabilities")),
    "Poisson": ([{}], [("counts", "positive"), ("counts", "zeros")], ("counts", "positive")),
    "BinaryCrossentropy": (
        [
            {},
            {"from_logits": True},
            {"label_smoothing": 0.2},
            {"from_logits": True, "label_smoothing": 0.2},
            {"axis": 0},
        ],
        [*BINARY, ("onehot", "certain")],
        ("binary", "probabilities"),
    ),
    "BinaryFocalCrossentropy": (
        [
            {},
            {"apply_class_balancing": True, "alpha": 0.4},
            {"gamma": 1.0, "from_logits": True},
            {"label_smoothing": 0.2, "axis": 0},
        ],
        [*BINARY, ("onehot", "certain")],
        ("binary", "probabilities"),
    ),
    "CategoricalCrossentropy": (
        [{}, {"from_logits": True}, {"label_smoothing": 0.1}, {"label_smoothing": 0.1, "from_logits": True}],
        [*CLASSES, ("onehot_int", "probabilities")],
        ("onehot", "probabilities"),
    ),
    "CategoricalFocalCrossentropy": (
        [
            {},
            {"alpha": 0.5, "gamma": 1.0},
            {"from_logits": True},
            {"alpha": [0.1, 0.2, 0.3, 0.4]},
            {"label_smoothing": 0.2},
        ],
        CLASSES,
        ("onehot", "probabilities"),
    ),
    "SparseCategoricalCrossentropy": (
        [{}, {"from_logits": True}, {"ignore_class": 0}],
        [
            ("labels", "probabilities"),
            ("label_column", "probabilities"),
            ("float_labels", "probabilities"),
            ("labels", "unnormalized"),
            ("labels", "certain"),
        ],
        ("labels", "probabilities"),
    ),
}
if IS_3:
    OVERLAP = [("binary", "independent"), ("onehot", "probabilities")]
    LOSSES |= {
        "Dice": ([{}, {"axis": 1}], OVERLAP, ("binary", "probabilities")),
        "Tversky": ([{}, {"alpha": 0.2, "beta": 0.9}, {"axis": 0}], OVERLAP, ("binary", "probabilities")),
        "Circle": ([{}, {"gamma": 5.0, "margin": 0.2, "remove_diagonal": False}], [("pairs", "embeddings")], None),
        "CTC": ([{}], [("ctc_labels", "ctc_logits")], None),
        "CategoricalGeneralizedCrossEntropy": (
            [{}, {"q": 0.1}],
            [("labels", "probabilities")],
            ("labels", "probabilities"),
        ),
    }

cases, values, gradients, refused = [], [], [], []


def evaluate(target, config, kind, y_true, y_pred, weight, mask, activation, dtype):
    """Return the loss and the gradient of its sum."""
    if IS_3:
        start = torch.tensor(INPUTS[y_pred]).to(getattr(torch, dtype)).requires_grad_()
        prediction = getattr(keras.activations, activation)(start) if activation else start
        if mask:
            prediction._keras_mask = torch.tensor(INPUTS[mask])
        true = torch.tensor(INPUTS[y_true])
        extra = {} if kind == "function" or weight is None else {"sample_weight": torch.tensor(INPUTS[weight])}
        value = (
            target(true, prediction, **config) if kind == "function" else target(**config)(true, prediction, **extra)
        )
        value.sum().backward()
        return value.detach().float().numpy(), start.grad.float().numpy()
    start = tf.cast(tf.constant(INPUTS[y_pred]), dtype)
    with tf.GradientTape() as tape:
        tape.watch(start)
        prediction = getattr(keras.activations, activation)(start) if activation else start
        if mask:
            prediction._keras_mask = tf.constant(INPUTS[mask])
        true = tf.constant(INPUTS[y_true])
        extra = {} if kind == "function" or weight is None else {"sample_weight": tf.constant(INPUTS[weight])}
        value = (
            target(true, prediction, **config) if kind == "function" else target(**config)(true, prediction, **extra)
        )
        total = tf.reduce_sum(value)
    gradient = tape.gradient(total, start)
    return tf.cast(value, "float32").numpy(), tf.cast(tf.zeros_like(start) if gradient is None else gradient, "float32")


def record(kind, name, config, y_true, y_pred, weight=None, mask=None, activation=None, dtype="float32"):
    target = getattr(keras.losses, name)
    try:
        value, gradient = evaluate(target, config, kind, y_true, y_pred, weight, mask, activation, dtype)
    except Exception as error:  # what this Keras cannot compute has no value to compare with
        refused.append((name, config, y_true, y_pred, weight, mask, dtype, str(error)[:80]))
        return
    case = {"kind": kind, "name": name, "config": config, "y_true": y_true, "y_pred": y_pred}
    extra = {"weight": weight, "mask": mask, "activation": activation, "dtype": dtype, "shape": list(value.shape)}
    cases.append({**case, **{key: item for key, item in extra.items() if item is not None}})
    values.append(np.ravel(value))
    gradients.append(np.ravel(gradient))


def snake(name):
    out = "".join("_" + c.lower() if c.isupper() else c for c in name).strip("_")
    return {"k_l_divergence": "kl_divergence", "c_t_c": "ctc"}.get(out, out)


def options():
    """Every loss with its arguments on every pair of inputs."""
    for name, (configs, pairs, _) in LOSSES.items():
        for config, (y_true, y_pred) in itertools.product(configs, pairs):
            record("class", name, config, y_true, y_pred)
            if y_pred != "column":
                record(
                    "function", snake(name), config | ({"q": 0.5} if "General" in name else {}) | config, y_true, y_pred
                )


def products():
    """Every loss with weights, masks and reductions of several shapes, and in several types."""
    reductions = ["sum_over_batch_size", "sum", "none"] + (["mean", "mean_with_sample_weight"] if IS_3 else ["auto"])
    for name, (_, _, kinds) in LOSSES.items():
        y_true, y_pred = kinds or {"Circle": ("pairs", "embeddings")}.get(name, (None, None))
        if y_true is None:
            continue
        flat = f"t_{y_true}", f"t_{y_pred}"
        overlap = name in ("Dice", "Tversky")
        masks = (None,) if overlap else (None, "t_mask")
        for weight, reduction, mask in itertools.product(
            (None, "t_weights", "t_column", "t_scalar"), reductions, masks
        ):
            record("class", name, {"reduction": reduction}, *flat, weight, mask)
        record("class", name, {}, *flat, "t_zeros")
        for dtype in ("float16", "bfloat16", "float64"):
            record("class", name, {}, *flat, "t_weights", None, None, dtype)
        if overlap or name == "Circle":
            continue
        if IS_3:  # Keras 2.15 has NaN
            record("class", name, {}, *flat, None, "t_nothing")
        steps = f"s_{y_true}", f"s_{y_pred}"
        weights = [None, "s_step_weights", "s_step_column"] + ([] if IS_3 else ["s_weights"])
        for weight, reduction, mask in itertools.product(weights, ("sum_over_batch_size", "sum"), (None, "s_mask")):
            if not (IS_3 and weight == "s_step_column"):
                record("class", name, {"reduction": reduction}, *steps, weight, mask)
        record("class", name, {"reduction": "none"}, *steps, "s_step_weights", "s_mask")
        empty = "empty_labels" if "labels" in y_true else "empty"
        if not IS_3 and name != "CategoricalHinge":
            record("class", name, {}, empty, "empty")


def special():
    """Logits at the extremes, axes, further ranks, ignored classes."""
    entropies = {"BinaryCrossentropy": "binary", "CategoricalCrossentropy": "onehot"}
    entropies |= {"SparseCategoricalCrossentropy": "labels", "CategoricalFocalCrossentropy": "onehot"}
    entropies |= {"BinaryFocalCrossentropy": "binary"}
    for (name, y_true), y_pred in itertools.product(entropies.items(), ("extreme", "logits")):
        record("class", name, {"from_logits": True}, y_true, y_pred)
        for activation in ("sigmoid", "softmax"):
            record("class", name, {}, y_true, y_pred, activation=activation)
            record("class", name, {}, y_true, y_pred, "weights6", activation=activation)
    sparse = "SparseCategoricalCrossentropy"
    for config in ({"ignore_class": -1}, {"ignore_class": 0}, {"ignore_class": -1, "from_logits": True}):
        record("class", sparse, config, "some_ignored" if config["ignore_class"] else "labels", "probabilities")
    record("class", sparse, {"ignore_class": 1}, "s_labels", "s_probabilities", "s_step_weights", "s_mask")
    for config in ({"axis": 1}, {"axis": 1, "label_smoothing": 0.3}, {"axis": 1, "from_logits": True}):
        y_pred = "channels_logits" if "from_logits" in config else "channels_probabilities"
        for name in ("CategoricalCrossentropy", "CategoricalFocalCrossentropy"):
            record("class", name, config, "channels_onehot", y_pred)
        if "label_smoothing" not in config:
            record("function", snake(sparse), config, "channels_labels", y_pred)
    record("class", "BinaryCrossentropy", {"axis": 1}, "channels_onehot", "channels_probabilities")
    if IS_3:
        for name, axis in itertools.product(("Dice", "Tversky"), (None, [1, 2, 3], [1, 2], -1)):
            axis = tuple(axis) if isinstance(axis, list) else axis
            record("class", name, {"axis": axis, "reduction": "none"}, "image_true", "image")
            record("class", name, {"axis": axis}, "image_true", "image", "pair_weights" if axis == (1, 2, 3) else None)
        for weight, reduction in itertools.product((None, "t_weights"), ("sum", "none")):
            record("class", "CTC", {"reduction": reduction}, "ctc_labels", "ctc_logits", weight)


def main():
    INPUTS["weights6"] = f32([1, 0.5, 2, 0, 3, 1])
    INPUTS["pair_weights"] = f32([0.5, 2])
    options()
    products()
    special()
    version = "".join(keras.__version__.split(".")[:2])
    path = pathlib.Path(__file__).parents[2] / "tests" / "golden" / f"losses_keras{version}.npz"
    text = {"cases": json.dumps(cases), "values": np.concatenate(values), "gradients": np.concatenate(gradients)}
    np.savez_compressed(path, **text, **{f"input_{key}": value for key, value in INPUTS.items()})
    sys.stdout.write(f"{path}: {len(cases)} cases, {path.stat().st_size} bytes\n")
    sys.stdout.writelines(f"refused: {item}\n" for item in refused)


main()
