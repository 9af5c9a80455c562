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
    words = [dialect, case["name"], case["config"], case["y_pred"]]
    flags = [flag for flag in ("weighted", "mask") if case[flag]]
    return f"{index}-" + "-".join(str(word) for word in [*words, *flags] if word)


def array(store, name):
    return torch.tensor(np.asarray(store["inputs"][name], dtype=store["dtypes"][name]))


@pytest.mark.parametrize("item", CASES, ids=describe)
def test_a_metric_has_the_result_that_keras_gives(item):
    dialect, index = item
    store = STORES[dialect]
    case = store["cases"][index]
    with config.dialect_scope(dialect):
        metric = getattr(metrics, case["name"])(**case["config"])
        for batch in "ab":
            y_true, y_pred = array(store, f"{case['y_true']}_{batch}"), array(store, f"{case['y_pred']}_{batch}")
            if case["mask"]:
                y_pred._keras_mask = array(store, f"mask_{batch}")
            y_pred.requires_grad_(y_pred.is_floating_point())
            weight = array(store, f"weights_{batch}") if case["weighted"] else None
            metric.update_state(y_true, y_pred, sample_weight=weight)
        value = metric.result()
    assert not value.requires_grad
    np.testing.assert_allclose(value.numpy(), np.asarray(case["expected"]), rtol=2e-5, atol=2e-6)


def test_top_k_accuracies_of_keras_2_are_one_number():
    scores = torch.tensor([[0.3, 0.2, 0.1], [0.1, 0.2, 0.7]])
    labels, one_hot = torch.tensor([[1], [0]]), torch.tensor([[0, 1, 0], [1, 0, 0]])
    for truth, name in (labels, "sparse_top_k_categorical_accuracy"), (one_hot, "top_k_categorical_accuracy"):
        function = getattr(metrics, name)
        assert function(truth, scores, k=2).tolist() == [1.0, 0.0]
        with config.dialect_scope("2"):
            assert function(truth, scores, k=2).item() == 0.5
