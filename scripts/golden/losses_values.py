"""Write the values of Keras's losses to tests/golden/losses_keras<version>.json.

Run with Keras 2.15 on TensorFlow 2.15 and with Keras 3.15 on torch (KERAS_BACKEND=torch). Seed 20.
"""

import json
import pathlib
import sys

import keras
import numpy as np

IS_3 = keras.__version__.startswith("3")
rng = np.random.RandomState(20)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def f32(x):
    return np.asarray(x, dtype="float32")


LOGITS = f32(rng.normal(size=(6, 4)) * 2)
EXTREME = f32([[90, -90, 0, 1], [-90, 90, 0, 1], [30, 29, -30, 0], [1e4, -1e4, 3, 2], [0, 0, 0, 0], [-5, -6, -7, 80]])
INPUTS = {
    "real": f32(rng.normal(size=(6, 4))),
    "real2": f32(rng.normal(size=(6, 4)) * 3),
    "positive": f32(rng.uniform(0, 5, size=(6, 4))),
    "counts": f32(rng.poisson(2, size=(6, 4))),
    "zeros": f32(np.zeros((6, 4))),
    "column": f32(rng.normal(size=(6, 1))),
    "vector": f32(rng.normal(size=(6,))),
    "logits": LOGITS,
    "extreme": EXTREME,
    "probabilities": f32(softmax(LOGITS)),
    "certain": f32(np.eye(4)[[0, 1, 2, 3, 0, 1]]),
    "unnormalized": f32(rng.uniform(0.1, 2, size=(6, 4))),
    "independent": f32(rng.uniform(0.01, 0.99, size=(6, 4))),
    "onehot": f32(np.eye(4)[[3, 1, 0, 2, 0, 1]]),
    "soft": f32(softmax(rng.normal(size=(6, 4)))),
    "labels": np.array([3, 1, 0, 2, 0, 1]),
    "label_column": np.array([[3], [1], [0], [2], [0], [1]], dtype="int32"),
    "float_labels": f32([3, 1, 0, 2, 0, 1]),
    "some_ignored": np.array([3, -1, 0, 2, -1, 1]),
    "binary": f32(rng.randint(0, 2, size=(6, 4))),
    "binary_int": rng.randint(0, 2, size=(6, 4)),
    "signs": f32(rng.randint(0, 2, size=(6, 4)) * 2 - 1),
    "sequence_logits": f32(rng.normal(size=(3, 5, 4))),
    "sequence_labels": rng.randint(0, 4, size=(3, 5)),
    "sequence_real": f32(rng.normal(size=(3, 5, 4))),
    "sequence_real2": f32(rng.normal(size=(3, 5, 4))),
    "weights": f32([1, 0.5, 2, 0, 3, 1]),
    "weights3": f32([1, 0.5, 2]),
    "step_weights": f32(rng.uniform(0, 2, size=(3, 5))),
    "step_mask": np.array([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]]) > 0,
}
REAL = [("real", "real2"), ("vector", "column"), ("zeros", "real"), ("real", "real")]
CLASSES = {
    "MeanSquaredError": ([{}], REAL),
    "MeanAbsoluteError": ([{}], REAL),
    "MeanAbsolutePercentageError": ([{}], REAL),
    "MeanSquaredLogarithmicError": ([{}], [("positive", "positive"), ("counts", "positive"), ("real", "real2")]),
    "Huber": ([{}, {"delta": 0.3}], REAL),
    "LogCosh": ([{}], REAL),
    "CosineSimilarity": ([{}, {"axis": 0}], [("real", "real2"), ("zeros", "real")]),
    "Hinge": ([{}], [("signs", "real2"), ("binary", "real2"), ("binary_int", "real2")]),
    "SquaredHinge": ([{}], [("signs", "real2"), ("binary", "real2")]),
    "CategoricalHinge": ([{}], [("onehot", "real2"), ("onehot", "probabilities")]),
    "KLDivergence": ([{}], [("soft", "probabilities"), ("onehot", "certain")]),
    "Poisson": ([{}], [("counts", "positive"), ("counts", "zeros")]),
    "BinaryCrossentropy": (
        [{}, {"from_logits": True}, {"label_smoothing": 0.2}, {"from_logits": True, "label_smoothing": 0.2}],
        [("binary", "independent"), ("binary_int", "independent"), ("soft", "independent")],
    ),
    "BinaryFocalCrossentropy": (
        [{}, {"apply_class_balancing": True, "alpha": 0.4}, {"gamma": 1.0, "from_logits": True}],
        [("binary", "independent")],
    ),
    "CategoricalCrossentropy": (
        [{}, {"from_logits": True}, {"label_smoothing": 0.1}],
        [("onehot", "probabilities"), ("soft", "probabilities"), ("onehot", "unnormalized"), ("onehot", "certain")],
    ),
    "CategoricalFocalCrossentropy": (
        [{}, {"alpha": 0.5, "gamma": 1.0}, {"from_logits": True}],
        [("onehot", "probabilities"), ("onehot", "certain")],
    ),
    "SparseCategoricalCrossentropy": (
        [{}, {"from_logits": True}],
        [
            ("labels", "probabilities"),
            ("label_column", "probabilities"),
            ("float_labels", "probabilities"),
            ("labels", "unnormalized"),
            ("labels", "certain"),
        ],
    ),
}


def masked(name, mask):
    if IS_3:
        import torch

        tensor = torch.tensor(INPUTS[name])
        tensor._keras_mask = torch.tensor(INPUTS[mask])
        return tensor
    import tensorflow as tf

    tensor = tf.constant(INPUTS[name])
    tensor._keras_mask = tf.constant(INPUTS[mask])
    return tensor


def tensor(name, activation=None):
    if IS_3:
        return keras.ops.convert_to_tensor(INPUTS[name])
    import tensorflow as tf

    value = tf.constant(INPUTS[name])
    return getattr(keras.backend, activation)(value) if activation else value


cases = []


def record(kind, name, config, y_true, y_pred, weight=None, mask=None, activation=None):
    target = getattr(keras.losses, name)
    prediction = masked(y_pred, mask) if mask else tensor(y_pred, activation)
    if kind == "function":
        value = target(tensor(y_true), prediction, **config)
    else:
        value = target(**config)(tensor(y_true), prediction, sample_weight=None if weight is None else INPUTS[weight])
    value = np.asarray(keras.ops.convert_to_numpy(value) if IS_3 else value)
    case = {"kind": kind, "name": name, "config": config, "y_true": y_true, "y_pred": y_pred}
    extra = {"weight": weight, "mask": mask, "activation": activation}
    cases.append({**case, **extra, "expected": value.astype("float64").round(9).tolist()})


def snake(name):
    out = "".join("_" + c.lower() if c.isupper() else c for c in name).strip("_")
    return {"k_l_divergence": "kl_divergence"}.get(out, out)


def main():
    for name, (configs, pairs) in CLASSES.items():
        for config in configs:
            for y_true, y_pred in pairs:
                if y_pred not in ("column", "certain") or y_pred == "certain":
                    record("class", name, config, y_true, y_pred)
                    record("class", name, {**config, "reduction": "sum"}, y_true, y_pred)
                if y_pred != "column":
                    record("function", snake(name), config, y_true, y_pred)
                    if config.get("axis") != 0:
                        record("class", name, config, y_true, y_pred, weight="weights")
                        record("class", name, {**config, "reduction": "none"}, y_true, y_pred, weight="weights")
    for name, y_true in (
        ("BinaryCrossentropy", "binary"),
        ("CategoricalCrossentropy", "onehot"),
        ("SparseCategoricalCrossentropy", "labels"),
        ("CategoricalFocalCrossentropy", "onehot"),
        ("BinaryFocalCrossentropy", "binary"),
    ):
        for y_pred in ("extreme", "logits"):
            record("class", name, {"from_logits": True}, y_true, y_pred)
            if not IS_3 and "Focal" not in name:
                activation = "sigmoid" if name.startswith("Binary") else "softmax"
                record("class", name, {}, y_true, y_pred, activation=activation)
                record("class", name, {}, y_true, y_pred, activation=activation, weight="weights")
    record("class", "BinaryCrossentropy", {}, "onehot", "certain")
    for config in ({"ignore_class": -1}, {"ignore_class": 0}):
        record(
            "class",
            "SparseCategoricalCrossentropy",
            config,
            "some_ignored" if config["ignore_class"] else "labels",
            "probabilities",
        )
    record("class", "SparseCategoricalCrossentropy", {"from_logits": True}, "sequence_labels", "sequence_logits")
    record(
        "class",
        "SparseCategoricalCrossentropy",
        {"from_logits": True},
        "sequence_labels",
        "sequence_logits",
        mask="step_mask",
    )
    for weight in (None, "step_weights", "weights3"):
        for mask in (None, "step_mask"):
            if IS_3 and weight == "weights3":
                continue
            record("class", "MeanSquaredError", {}, "sequence_real", "sequence_real2", weight=weight, mask=mask)
            record(
                "class",
                "MeanSquaredError",
                {"reduction": "sum"},
                "sequence_real",
                "sequence_real2",
                weight=weight,
                mask=mask,
            )
    if IS_3:
        for reduction in ("mean", "mean_with_sample_weight"):
            record("class", "MeanSquaredError", {"reduction": reduction}, "real", "real2", weight="weights")
    inputs = {key: value.tolist() for key, value in INPUTS.items()}
    dtypes = {key: str(value.dtype) for key, value in INPUTS.items()}
    version = "".join(keras.__version__.split(".")[:2])
    path = pathlib.Path(__file__).parents[2] / "tests" / "golden" / f"losses_keras{version}.json"
    result = {"keras": keras.__version__, "seed": 20, "inputs": inputs, "dtypes": dtypes, "cases": cases}
    path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    sys.stdout.write(f"{path}: {len(cases)} cases\n")


main()
