"""Losses against the values of real Keras; `scripts/golden/losses_values.py` writes the files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from keras_torch import config, losses

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = {"tf": "losses_keras215.json", "3": "losses_keras315.json"}
STORES = {dialect: json.loads((GOLDEN / name).read_text()) for dialect, name in FILES.items()}
CASES = [(dialect, index) for dialect, store in STORES.items() for index in range(len(store["cases"]))]


def describe(item):
    dialect, index = item
    case = STORES[dialect]["cases"][index]
    words = [dialect, case["name"], case["config"], case["y_true"], case["y_pred"], case["weight"], case["mask"]]
    return f"{index}-" + "-".join(str(word) for word in words if word)


def array(store, name):
    return torch.tensor(np.asarray(store["inputs"][name], dtype=store["dtypes"][name]))


def value_of(store, case):
    y_true, y_pred = array(store, case["y_true"]), array(store, case["y_pred"])
    if case["activation"]:
        logits = y_pred
        y_pred = torch.softmax(logits, -1) if case["activation"] == "softmax" else torch.sigmoid(logits)
        y_pred._keras_logits = logits
    if case["mask"]:
        y_pred._keras_mask = array(store, case["mask"])
    if case["kind"] == "function":
        return getattr(losses, case["name"])(y_true, y_pred, **case["config"])
    weight = None if case["weight"] is None else array(store, case["weight"])
    return getattr(losses, case["name"])(**case["config"])(y_true, y_pred, sample_weight=weight)


@pytest.mark.parametrize("item", CASES, ids=describe)
def test_a_loss_has_the_value_that_keras_gives(item):
    dialect, index = item
    store = STORES[dialect]
    case = store["cases"][index]
    with config.dialect_scope(dialect):
        value = value_of(store, case)
    np.testing.assert_allclose(value.numpy(), np.asarray(case["expected"]), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", sorted({case["name"] for case in STORES["tf"]["cases"] if case["kind"] == "class"}))
def test_the_fused_form_agrees_with_per_sample_values_and_their_gradient(name):
    store = STORES["tf"]
    case = next(case for case in store["cases"] if case["kind"] == "class" and case["name"] == name)
    y_true, y_pred = array(store, case["y_true"]), array(store, case["y_pred"])
    fused, plain = getattr(losses, name)(), getattr(losses, name)(reduction="none")
    first, second = y_pred.clone().requires_grad_(), y_pred.clone().requires_grad_()
    left, right = fused(y_true, first), plain(y_true, second).mean()
    left.backward()
    right.backward()
    torch.testing.assert_close(left, right)
    torch.testing.assert_close(first.grad, second.grad)
