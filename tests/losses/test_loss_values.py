"""Values and gradients of losses against real Keras; losses_values.py and losses_classic.py write the files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from keras_torch import activations, config, losses

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = {
    "1": "losses_keras122.npz",
    "2": "losses_keras224.npz",
    "tf": "losses_keras215.npz",
    "3": "losses_keras315.npz",
}


class Store:
    """One golden file: inputs by name, cases, and for each case its values and gradients."""

    def __init__(self, name):
        with np.load(GOLDEN / name) as file:
            self.inputs = {key[6:]: torch.tensor(file[key]) for key in file.files if key.startswith("input_")}
            self.cases = json.loads(str(file["cases"]))
            values, gradients = file["values"], file["gradients"]
        at, to = 0, 0
        for case in self.cases:
            shape = case.get("shape", [])
            case["expected"] = values[at : at + int(np.prod(shape))].reshape(shape)
            case["gradient"] = gradients[to : to + self.inputs[case["y_pred"]].numel()]
            at, to = at + case["expected"].size, to + case["gradient"].size
        assert (at, to) == (values.size, gradients.size)


STORES = {dialect: Store(name) for dialect, name in FILES.items()}
NAMES = [(dialect, name) for dialect, store in STORES.items() for name in sorted({c["name"] for c in store.cases})]
# Keras 2.15 computes in the type of the predictions, we in float32 at least.
TOLERANCES = {"float16": {"rtol": 2e-2, "atol": 2e-3}, "bfloat16": {"rtol": 6e-2, "atol": 3e-2}}


def computed(store, case):
    """Return what we make of a case: the loss and the gradient of its sum."""
    dtype = getattr(torch, case.get("dtype", "float32"))
    start = store.inputs[case["y_pred"]].to(dtype, copy=True).requires_grad_()
    y_pred = activations.get(case["activation"])(start) if "activation" in case else start * 1
    if "mask" in case:
        y_pred._keras_mask = store.inputs[case["mask"]]
    arguments = {key: tuple(v) if key == "axis" and isinstance(v, list) else v for key, v in case["config"].items()}
    loss, y_true = getattr(losses, case["name"]), store.inputs[case["y_true"]]
    if case["kind"] == "objective":
        loss, arguments = losses.as_loss, {"identifier": loss}
    if case["kind"] == "function":
        value = loss(y_true, y_pred, **arguments)
    else:
        value = loss(**arguments)(y_true, y_pred, store.inputs[case["weight"]] if "weight" in case else None)
    value.sum().backward()
    return value.detach().float().numpy(), start.grad.float().numpy().ravel()


@pytest.mark.parametrize(("dialect", "name"), NAMES)
def test_a_loss_has_the_values_and_gradients_that_keras_gives(dialect, name):
    store = STORES[dialect]
    for case in store.cases:
        if case["name"] != name:
            continue
        with config.dialect_scope(dialect):
            value, gradient = computed(store, case)
        near = TOLERANCES.get(case.get("dtype", ""), {}) if dialect == "tf" else {}
        facts = {key: item for key, item in case.items() if key not in ("expected", "gradient")}
        wanted = {"rtol": 1e-5, "atol": 2e-6, "err_msg": str(facts)} | near
        np.testing.assert_allclose(value, case["expected"], **wanted)
        np.testing.assert_allclose(gradient, case["gradient"], **wanted)


# the circle loss masks samples, so that its mean is not that of all values
CLASSES = sorted({case["name"] for case in STORES["3"].cases if case["kind"] == "class"} - {"Circle"})


@pytest.mark.parametrize("name", CLASSES)
def test_the_fused_form_agrees_with_per_sample_values_and_their_gradient(name):
    store = STORES["3"]
    case = next(case for case in store.cases if case["kind"] == "class" and case["name"] == name)
    y_true, y_pred = store.inputs[case["y_true"]], store.inputs[case["y_pred"]]
    fused, plain = getattr(losses, name)(), getattr(losses, name)(reduction="none")
    first, second = y_pred.clone().requires_grad_(), y_pred.clone().requires_grad_()
    left, right = fused(y_true, first), plain(y_true, second).mean()
    left.backward()
    right.backward()
    torch.testing.assert_close(left, right)
    torch.testing.assert_close(first.grad, second.grad)
