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
# Drawn after the inputs above, so that these keep their values. Samples of the second batch are shorter.
for batch, size, length in (("a", 8, 4), ("b", 5, 2)):
    INPUTS |= {
        f"pixels_{batch}": rng.randint(0, 4, size=(size, 3, 3)),
        f"guesses_{batch}": rng.randint(0, 4, size=(size, 3, 3)),
        f"pixel_scores_{batch}": f32(rng.normal(size=(size, 3, 3, 4))),
        f"pixel_onehot_{batch}": f32(np.eye(4)[rng.randint(0, 4, size=(size, 3, 3))]),
        f"pixel_weights_{batch}": rng.randint(0, 3, size=(size, 3, 3)),
        f"channels_{batch}": f32(rng.normal(size=(size, 4, 3))),
        f"channels2_{batch}": rng.randint(0, 4, size=(size, 3)),
        f"short_{batch}": f32(rng.normal(size=(size, length))),
        f"short2_{batch}": f32(rng.normal(size=(size, length))),
        f"shorter_{batch}": f32(rng.normal(size=(size, length, 3))),
        f"shorter_labels_{batch}": rng.randint(0, 3, size=(size, length)),
        f"shorter_probabilities_{batch}": f32(softmax(rng.normal(size=(size, length, 3)))),
        f"step_weights_{batch}": f32(rng.randint(0, 4, size=(size, length)) / 2),
        f"step_mask_{batch}": rng.randint(0, 2, size=(size, length)) > 0,
        f"sequence_weights_{batch}": f32(rng.randint(0, 4, size=(size, 3)) / 2),
        f"sequence_probabilities_{batch}": f32(softmax(rng.normal(size=(size, 3, 6)))),
        f"sequence_onehot_{batch}": f32(np.eye(6)[rng.randint(0, 6, size=(size, 3))]),
        f"sequence_binary_{batch}": rng.randint(0, 2, size=(size, 3, 1)),
        f"sequence_score_{batch}": f32(rng.uniform(0, 1, size=(size, 3, 1))),
        f"labels_of_4_{batch}": rng.randint(0, 4, size=(size,)),
        f"labels2_of_4_{batch}": rng.randint(0, 4, size=(size,)),
        f"row_{batch}": f32(rng.normal(size=(6,))),
        f"row_weights_{batch}": f32(rng.randint(0, 4, size=(6,)) / 2),
        f"ids_{batch}": np.argsort(rng.uniform(size=(size, 6)), axis=1)[:, :5],
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
    "TopKCategoricalAccuracy": ([{}, {"k": 2}], [("onehot", "probabilities"), ("onehot", "ties")]),
    "SparseTopKCategoricalAccuracy": (
        [{}, {"k": 2}],
        [("labels", "logits"), ("label_column", "logits"), ("sequence_labels", "sequence")],
    ),
    "MeanSquaredError": ([{}], [*REAL, ("sequence", "sequence2"), ("shorter", "shorter")]),
    "MeanAbsoluteError": ([{}, {"dtype": "float64"}], [*REAL, ("short", "short2")]),
    "MeanAbsolutePercentageError": ([{}], REAL),
    "MeanSquaredLogarithmicError": ([{}], [("counts", "positive")]),
    "RootMeanSquaredError": ([{}], [*REAL, ("sequence", "sequence2")]),
    "CosineSimilarity": ([{}], [*REAL, ("sequence", "sequence2")]),
    "LogCoshError": ([{}], REAL),
    "KLDivergence": ([{}], [("onehot", "probabilities")]),
    "Poisson": ([{}], [("counts", "positive")]),
    "BinaryCrossentropy": (
        [{}, {"label_smoothing": 0.1}, {"from_logits": True}, {"from_logits": True, "label_smoothing": 0.2}],
        [("multi", "scores"), ("binary", "edges"), ("sequence_binary", "sequence_score")],
    ),
    "CategoricalCrossentropy": (
        [{}, {"label_smoothing": 0.1}, {"from_logits": True}, {"from_logits": True, "label_smoothing": 0.2}],
        [("onehot", "probabilities"), ("sequence_onehot", "sequence_probabilities")],
    ),
    "SparseCategoricalCrossentropy": (
        [{}, {"from_logits": True}, {"ignore_class": 2}, {"from_logits": True, "ignore_class": 0}],
        [("labels", "probabilities"), ("shorter_labels", "shorter_probabilities")],
    ),
    "Hinge": ([{}], [("signs", "real")]),
    "SquaredHinge": ([{}], [("signs", "real")]),
    "CategoricalHinge": ([{}], [("onehot", "real"), ("sequence_onehot", "sequence")]),
    "TruePositives": ([{}, {"thresholds": [0.2, 0.8]}], BINARY),
    "TrueNegatives": ([{}, {"thresholds": [0.8, 0.2]}], BINARY),
    "FalsePositives": ([{}, {"thresholds": 0.25}], BINARY),
    "FalseNegatives": ([{}, {"thresholds": [0.0, 0.5, 1.0]}], BINARY),
    "Precision": ([{}, {"thresholds": [0.3, 0.7]}, {"thresholds": [0.7, 0.0, 0.3]}], BINARY),
    "Recall": ([{}, {"thresholds": [0.3, 0.7]}], BINARY),
    "AUC": (
        [
            *CURVE,
            {"curve": "PR"},
            {"curve": "PR", "summation_method": "minoring", "num_thresholds": 11},
            {"summation_method": "majoring"},
            {"thresholds": [0.1, 0.35, 0.9]},
            {"thresholds": [0.5, 0.25, 0.75], "curve": "PR", "summation_method": "majoring"},
            {"from_logits": True, "summation_method": "minoring"},
        ],
        BINARY,
    ),
    "SensitivityAtSpecificity": ([{"specificity": 0.5}, {"specificity": 0.3, "num_thresholds": 1}], BINARY),
    "SpecificityAtSensitivity": ([{"sensitivity": 0.4}, {"sensitivity": 0.7, "num_thresholds": 11}], BINARY),
    "PrecisionAtRecall": ([{"recall": 0.5}, {"recall": 1.0}], BINARY),
    "RecallAtPrecision": ([{"precision": 0.6}, {"precision": 1.0}], BINARY),
    "F1Score": (
        [{}, *({"average": average} for average in ("micro", "macro", "weighted")), {"threshold": 0.5}],
        [("onehot", "probabilities"), ("multi", "scores")],
    ),
    "FBetaScore": (
        [{"beta": 2.0}, {"beta": 0.5, "average": "weighted"}, {"beta": 0.5, "average": "macro", "threshold": 0.25}],
        [("multi", "scores"), ("onehot", "ties")],
    ),
    "R2Score": (
        [
            {},
            {"class_aggregation": None},
            {"class_aggregation": "variance_weighted_average"},
            {"num_regressors": 2},
            {"class_aggregation": None, "num_regressors": 3},
        ],
        [*REAL, ("score", "edges")],
    ),
    "BinaryIoU": ([{}, {"target_class_ids": [1], "threshold": 0.25}], BINARY[:2]),
    "Mean": ([{}], [("score", None), ("real", None), ("labels", None), ("sequence", None)]),
    "Sum": ([{}], [("score", None), ("real", None), ("sequence", None)]),
}
IOU = {
    "IoU": [{"target_class_ids": [0]}, {"target_class_ids": [1, 3], "ignore_class": 0}],
    "MeanIoU": [{}, {"ignore_class": 2}, {"ignore_class": -1}],
}
ONE_HOT_IOU = {"OneHotIoU": [{"target_class_ids": [0, 2]}], "OneHotMeanIoU": [{}, {"ignore_class": 1}]}
ONLY_2 = {
    "MeanRelativeError": ([{"normalizer": [1.0, 2.0, 0.0, 0.5, 3.0, 1.0]}], REAL),
}
ONLY_3 = {
    "AUC": ([{"curve": "PRGAIN"}, {"curve": "PRGAIN", "summation_method": "majoring"}], BINARY),
    "PearsonCorrelation": ([{}, {"axis": 1}], [*REAL, ("sequence", "sequence2")]),
    "ConcordanceCorrelation": ([{}, {"axis": 1}], [*REAL, ("sequence", "sequence2")]),
}
cases = []


def tensor(name, mask=None):
    if name is None:
        return None
    if not IS_3:
        import tensorflow as tf

        return tf.constant(INPUTS[name])
    value = keras.ops.convert_to_tensor(INPUTS[name])
    if mask:
        value._keras_mask = keras.ops.convert_to_tensor(INPUTS[mask])
    return value


def update(metric, case, batch):
    names = (f"{case[part]}_{batch}" if case[part] else None for part in ("y_true", "y_pred", "weights", "mask"))
    y_true, y_pred, weights, mask = names
    weight = None if weights is None else INPUTS[weights]
    if mask and not IS_3:
        # what Model.compile passes on
        weight = f32(INPUTS[mask]) * (1 if weight is None else weight)
    arguments = (tensor(y_true),) if y_pred is None else (tensor(y_true), tensor(y_pred, mask))
    metric.update_state(*arguments, sample_weight=weight)


def read(metric):
    value = metric.result()
    value = keras.ops.convert_to_numpy(value) if IS_3 else value.numpy()
    return np.asarray(value).astype("float64").round(9).tolist()


def record(name, config, y_true, y_pred, weights=None, mask=None):
    """Write down the results after the first batch, after both, and after a reset and the second one."""
    case = {"name": name, "config": config, "y_true": y_true, "y_pred": y_pred, "weights": weights, "mask": mask}
    metric = getattr(keras.metrics, name)(**config)
    expected = []
    for batch in "ab":
        update(metric, case, batch)
        expected.append(read(metric))
    metric.reset_state()
    update(metric, case, "b")
    cases.append({**case, "expected": [*expected, read(metric)]})


def weights_for(name, y_true):
    if name == "BinaryIoU":
        return "labels"
    return "step_weights" if y_true.startswith("shorter") else "weights"


def record_table(table):
    for name, (configs, pairs) in table.items():
        for config in configs:
            for y_true, y_pred in pairs:
                record(name, config, y_true, y_pred)
                record(name, config, y_true, y_pred, weights_for(name, y_true))


def record_masks():
    pairs = {
        "MeanSquaredError": ("sequence2", "sequence"),
        "MeanAbsoluteError": ("shorter", "shorter_probabilities"),
        "CosineSimilarity": ("sequence2", "sequence"),
        "SparseCategoricalAccuracy": ("sequence_labels", "sequence"),
        "SparseTopKCategoricalAccuracy": ("sequence_labels", "sequence"),
        "SparseCategoricalCrossentropy": ("shorter_labels", "shorter_probabilities"),
        "CategoricalCrossentropy": ("sequence_onehot", "sequence_probabilities"),
        "CategoricalHinge": ("sequence_onehot", "sequence"),
        "BinaryCrossentropy": ("sequence_onehot", "sequence_probabilities"),
    }
    # Keras 3 leaves masks out of account here
    only_2 = {"RootMeanSquaredError": ("sequence2", "sequence")}
    for name, (y_true, y_pred) in (pairs if IS_3 else {**pairs, **only_2}).items():
        short = y_pred.startswith("shorter")
        mask, weights = ("step_mask", "step_weights") if short else ("mask", "sequence_weights")
        record(name, {}, y_true, y_pred, None, mask)
        record(name, {}, y_true, y_pred, weights, mask)
        record(name, {}, y_true, y_pred, weights)
    record(
        "SparseCategoricalCrossentropy", {"ignore_class": 1}, *pairs["SparseCategoricalCrossentropy"], None, "step_mask"
    )


def record_labels():
    for name in ("Precision", "Recall"):
        for config in (
            {"top_k": 2},
            {"class_id": 1},
            {"top_k": 3, "class_id": 2},
            {"top_k": 2, "thresholds": [0.2, 0.9]},
        ):
            for weights in (None, "weights"):
                record(name, config, "multi", "scores", weights)
    for name, value in (("SensitivityAtSpecificity", "specificity"), ("RecallAtPrecision", "precision")):
        record(name, {value: 0.5, "class_id": 3}, "multi", "scores")
    labels = [1.0, 2, 0, 1, 1, 3]
    for curve in ("ROC", "PR"):
        for config in ({}, {"label_weights": labels}, {"num_labels": 6, "summation_method": "majoring"}):
            for weights in (None, "weights"):
                record("AUC", {"multi_label": True, "curve": curve, **config}, "multi", "scores", weights)
        record("AUC", {"label_weights": labels, "curve": curve}, "multi", "scores")
    record("AUC", {"from_logits": True}, "multi", "real")
    record("AUC", {"from_logits": True, "multi_label": True}, "multi", "real")
    record("AUC", {"thresholds": [0.2, 0.6], "multi_label": True}, "multi", "scores")
    if IS_3:
        record("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, "labels", "ids")
    record("CategoricalCrossentropy", {"axis": 1}, "sequence_onehot", "sequence_probabilities")
    record("CosineSimilarity", {"axis": 1}, "sequence", "sequence2")


def record_iou():
    for name, configs in IOU.items():
        for config in configs:
            config = {"num_classes": 4, **config}
            record(name, config, "pixels", "guesses")
            record(name, config, "pixels", "guesses", "pixel_weights")
            record(name, {**config, "sparse_y_pred": False}, "pixels", "pixel_scores")
            record(name, {**config, "sparse_y_true": False}, "pixel_onehot", "guesses")
    if not IS_3:
        # Keras 3 takes the sum of its scores along this axis too, and fails
        record("MeanIoU", {"num_classes": 4, "sparse_y_pred": False, "axis": 1}, "channels2", "channels")
    record("MeanIoU", {"num_classes": 4, "dtype": "float32"}, "labels_of_4", "labels2_of_4", "weights")
    for name, configs in ONE_HOT_IOU.items():
        for config in configs:
            record(name, {"num_classes": 4, **config}, "pixel_onehot", "pixel_scores")
            record(name, {"num_classes": 4, "sparse_y_pred": True, **config}, "pixel_onehot", "guesses")


def main():
    record_table(CLASSES)
    record_table(ONLY_3 if IS_3 else ONLY_2)
    record_masks()
    record_labels()
    record_iou()
    if not IS_3:
        record("MeanTensor", {}, "row", None)
        record("MeanTensor", {"shape": [6]}, "row", None, "row_weights")
    used = {
        f"{case[part]}_{batch}" for case in cases for part in ("y_true", "y_pred", "weights", "mask") for batch in "ab"
    }
    inputs = {key: value.tolist() for key, value in INPUTS.items() if key in used}
    dtypes = {key: str(value.dtype) for key, value in INPUTS.items()}
    version = "".join(keras.__version__.split(".")[:2])
    path = pathlib.Path(__file__).parents[2] / "tests" / "golden" / f"metrics_keras{version}.json"
    result = {"keras": keras.__version__, "seed": 21, "inputs": inputs, "dtypes": dtypes, "cases": cases}
    path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    sys.stdout.write(f"{path}: {len(cases)} cases\n")


main()
