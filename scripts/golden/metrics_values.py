"""Write the results of Keras's metrics to tests/golden/metrics_keras<version>.json.

Run with Keras 2.15 on TensorFlow 2.15 and with Keras 3.15 on torch (KERAS_BACKEND=torch). Seed 21.
"""

import json
import pathlib
import sys

import keras
import numpy as np

IS_3 = keras.__version__.startswith("3")
rng = np.random.RandomState(21)


def f32(x):
    return np.asarray(x, dtype="float32")


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


INPUTS = {}
for batch, size in (("a", 8), ("b", 5)):
    logits = f32(rng.normal(size=(size, 6)))
    INPUTS |= {
        f"real_{batch}": f32(rng.normal(size=(size, 6))),
        f"real2_{batch}": f32(rng.normal(size=(size, 6))),
        f"positive_{batch}": f32(rng.uniform(0, 3, size=(size, 6))),
        f"counts_{batch}": f32(rng.poisson(2, size=(size, 6))),
        f"logits_{batch}": logits,
        f"probabilities_{batch}": f32(softmax(logits)),
        f"ties_{batch}": f32(rng.randint(0, 3, size=(size, 6)) / 2),
        f"labels_{batch}": rng.randint(0, 6, size=(size,)),
        f"label_column_{batch}": rng.randint(0, 6, size=(size, 1)),
        f"onehot_{batch}": f32(np.eye(6)[rng.randint(0, 6, size=size)]),
        f"binary_{batch}": rng.randint(0, 2, size=(size, 1)),
        f"score_{batch}": f32(rng.uniform(0, 1, size=(size, 1))),
        f"scores_{batch}": f32(rng.uniform(0, 1, size=(size, 6))),
        f"edges_{batch}": f32(rng.randint(0, 5, size=(size, 1)) / 4),
        f"multi_{batch}": f32(rng.randint(0, 2, size=(size, 6))),
        f"signs_{batch}": f32(rng.randint(0, 2, size=(size, 6)) * 2 - 1),
        f"sequence_{batch}": f32(rng.normal(size=(size, 3, 6))),
        f"sequence2_{batch}": f32(rng.normal(size=(size, 3, 6))),
        f"sequence_labels_{batch}": rng.randint(0, 6, size=(size, 3)),
        f"mask_{batch}": rng.randint(0, 2, size=(size, 3)) > 0,
        f"weights_{batch}": f32(rng.randint(0, 4, size=(size,)) / 2),
    }

REAL = [("real", "real2")]
BINARY = [("binary", "score"), ("binary", "edges"), ("multi", "scores")]
CURVE = [{"num_thresholds": 20}, {}]
CLASSES = {
    "Accuracy": ([{}], [("labels", "labels"), ("multi", "multi")]),
    "BinaryAccuracy": ([{}, {"threshold": 0.3}], BINARY),
    "CategoricalAccuracy": ([{}], [("onehot", "probabilities"), ("onehot", "ties")]),
    "SparseCategoricalAccuracy": (
        [{}],
        [("labels", "logits"), ("label_column", "logits"), ("sequence_labels", "sequence")],
    ),
    "TopKCategoricalAccuracy": ([{}, {"k": 2}], [("onehot", "probabilities")]),
    "SparseTopKCategoricalAccuracy": ([{}, {"k": 2}], [("labels", "logits"), ("label_column", "logits")]),
    "MeanSquaredError": ([{}], [*REAL, ("sequence", "sequence2")]),
    "MeanAbsoluteError": ([{}], REAL),
    "MeanAbsolutePercentageError": ([{}], REAL),
    "MeanSquaredLogarithmicError": ([{}], [("counts", "positive")]),
    "RootMeanSquaredError": ([{}], [*REAL, ("sequence", "sequence2")]),
    "CosineSimilarity": ([{}], REAL),
    "LogCoshError": ([{}], REAL),
    "KLDivergence": ([{}], [("onehot", "probabilities")]),
    "Poisson": ([{}], [("counts", "positive")]),
    "BinaryCrossentropy": ([{}, {"label_smoothing": 0.1}, {"from_logits": True}], [("multi", "scores")]),
    "CategoricalCrossentropy": ([{}, {"label_smoothing": 0.1}, {"from_logits": True}], [("onehot", "probabilities")]),
    "SparseCategoricalCrossentropy": ([{}, {"from_logits": True}], [("labels", "probabilities")]),
    "Hinge": ([{}], [("signs", "real")]),
    "SquaredHinge": ([{}], [("signs", "real")]),
    "CategoricalHinge": ([{}], [("onehot", "real")]),
    "TruePositives": ([{}, {"thresholds": [0.2, 0.8]}], BINARY),
    "TrueNegatives": ([{}, {"thresholds": [0.8, 0.2]}], BINARY),
    "FalsePositives": ([{}, {"thresholds": 0.25}], BINARY),
    "FalseNegatives": ([{}, {"thresholds": [0.0, 0.5, 1.0]}], BINARY),
    "Precision": ([{}, {"thresholds": [0.3, 0.7]}], BINARY),
    "Recall": ([{}, {"thresholds": [0.3, 0.7]}], BINARY),
    "AUC": (
        [
            *CURVE,
            {"curve": "PR"},
            {"curve": "PR", "summation_method": "minoring", "num_thresholds": 11},
            {"summation_method": "majoring"},
            {"thresholds": [0.1, 0.35, 0.9]},
        ],
        BINARY,
    ),
    "SensitivityAtSpecificity": ([{"specificity": 0.5}], BINARY),
    "SpecificityAtSensitivity": ([{"sensitivity": 0.4}], BINARY),
    "PrecisionAtRecall": ([{"recall": 0.5}], BINARY),
    "RecallAtPrecision": ([{"precision": 0.6}], BINARY),
}
cases = []


def tensor(name, mask=None):
    if IS_3:
        value = keras.ops.convert_to_tensor(INPUTS[name])
        if mask:
            value._keras_mask = keras.ops.convert_to_tensor(INPUTS[mask])
        return value
    import tensorflow as tf

    value = tf.constant(INPUTS[name])
    return value


def record(name, config, y_true, y_pred, weighted=False, mask=False):
    metric = getattr(keras.metrics, name)(**config)
    for batch in "ab":
        weight = INPUTS[f"weights_{batch}"] if weighted else None
        if mask and not IS_3:
            weight = f32(INPUTS[f"mask_{batch}"])
        metric.update_state(
            tensor(f"{y_true}_{batch}"),
            tensor(f"{y_pred}_{batch}", f"mask_{batch}" if mask else None),
            sample_weight=weight,
        )
    value = metric.result()
    value = np.asarray(keras.ops.convert_to_numpy(value) if IS_3 else value).astype("float64").round(9).tolist()
    case = {"name": name, "config": config, "y_true": y_true, "y_pred": y_pred, "weighted": weighted, "mask": mask}
    cases.append({**case, "expected": value})


def main():
    for name, (configs, pairs) in CLASSES.items():
        for config in configs:
            for y_true, y_pred in pairs:
                record(name, config, y_true, y_pred)
                if not y_pred.startswith("sequence"):
                    record(name, config, y_true, y_pred, weighted=True)
    for name in ("Precision", "Recall"):
        for config in ({"top_k": 2}, {"class_id": 1}, {"top_k": 3, "class_id": 2}):
            record(name, config, "multi", "scores")
    for config in ({"multi_label": True}, {"multi_label": True, "curve": "PR", "label_weights": [1.0, 2, 0, 1, 1, 3]}):
        record("AUC", config, "multi", "scores")
    record("AUC", {"from_logits": True}, "multi", "real")
    for name, y_true in (("SparseCategoricalAccuracy", "sequence_labels"), ("MeanSquaredError", "sequence2")):
        record(name, {}, y_true, "sequence", mask=True)
    inputs = {key: value.tolist() for key, value in INPUTS.items()}
    dtypes = {key: str(value.dtype) for key, value in INPUTS.items()}
    version = "".join(keras.__version__.split(".")[:2])
    path = pathlib.Path(__file__).parents[2] / "tests" / "golden" / f"metrics_keras{version}.json"
    result = {"keras": keras.__version__, "seed": 21, "inputs": inputs, "dtypes": dtypes, "cases": cases}
    path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    sys.stdout.write(f"{path}: {len(cases)} cases\n")


main()
