"""Metrics over two batches against the results of real Keras; `scripts/golden/metrics_values.py` writes the files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from keras_torch import config, metrics

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = {"tf": "metrics_keras215.json", "3": "metrics_keras315.json"}
STORES = {dialect: json.loads((GOLDEN / name).read_text()) for dialect, name in FILES.items()}
CASES = [(dialect, index) for dialect, store in STORES.items() for index in range(len(store["cases"]))]


def describe(item):
    dialect, index = item
    case = STORES[dialect]["cases"][index]
    words = [dialect, *(case[part] for part in ("name", "config", "y_pred", "weights", "mask"))]
    return f"{index}-" + "-".join(str(word) for word in words if word)


def array(store, case, part, batch):
    if case[part] is None:
        return None
    name = f"{case[part]}_{batch}"
    return torch.tensor(np.asarray(store["inputs"][name], dtype=store["dtypes"][name]))


def update(metric, store, case, batch):
    y_true, y_pred, weights, mask = (
        array(store, case, part, batch) for part in ("y_true", "y_pred", "weights", "mask")
    )
    if y_pred is None:
        metric.update_state(y_true, sample_weight=weights)
        return
    if mask is not None:
        y_pred._keras_mask = mask
    y_pred.requires_grad_(y_pred.is_floating_point())
    metric.update_state(y_true, y_pred, sample_weight=weights)


@pytest.mark.parametrize("item", CASES, ids=describe)
def test_a_metric_has_the_results_that_keras_gives(item):
    dialect, index = item
    store = STORES[dialect]
    case = store["cases"][index]
    results = []
    with config.dialect_scope(dialect):
        metric = getattr(metrics, case["name"])(**case["config"])
        for batch in "ab":
            update(metric, store, case, batch)
            results.append(metric.result())
        metric.reset_state()
        update(metric, store, case, "b")
        results.append(metric.result())
    for value, expected in zip(results, case["expected"], strict=True):
        assert not value.requires_grad and value.is_floating_point()
        np.testing.assert_allclose(value.numpy(), np.asarray(expected), rtol=1e-5, atol=1e-6)


def test_top_k_accuracies_of_keras_2_are_one_number():
    scores = torch.tensor([[0.3, 0.2, 0.1], [0.1, 0.2, 0.7]])
    labels, one_hot = torch.tensor([[1], [0]]), torch.tensor([[0, 1, 0], [1, 0, 0]])
    for truth, name in (labels, "sparse_top_k_categorical_accuracy"), (one_hot, "top_k_categorical_accuracy"):
        function = getattr(metrics, name)
        assert function(truth, scores, k=2).tolist() == [1.0, 0.0]
        with config.dialect_scope("2"):
            assert function(truth, scores, k=2).item() == 0.5
