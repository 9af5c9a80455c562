"""Layers that are activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from layer_cases import Case

# The kinks of all of them, both sides of each, and both ends.
_LINE = np.array(
    [[-np.inf, -1e4, -30, -6, -3, -2.5, -1, -0.5, -1e-6, 0], [1e-6, 0.3, 0.5, 1, 1.5, 2, 3, 6, 1e4, np.inf]],
    dtype="float32",
)
# Where only the one generation has a number at the ends.
_FINITE = np.clip(_LINE, -30, 30)
_MASK = np.array([[True, True, False, True], [False, True, True, False], [True, True, True, True]])
_NONE = np.zeros((3, 4), bool)
_STEPS = np.array([[True, False, True], [False, False, True]])


def _both(name: str, layer: str, inputs: list[Any], new: dict[str, Any], **old: Any) -> dict[str, Case]:
    """One call in the spelling of Keras 2.15 (`old`) and of 3."""
    return {
        f"{name}-tf": Case(layer, old, inputs, keras=("2.15",)),
        name: Case(layer, new, inputs, keras=("3.15",)),
    }


CASES: dict[str, Case] = {
    "leaky": Case("LeakyReLU", {}, [_LINE]),
    **_both("leaky-slope", "LeakyReLU", [_LINE], {"negative_slope": 0.05}, alpha=0.05),
    **_both("leaky-zero", "LeakyReLU", [_FINITE], {"negative_slope": 0.0}, alpha=0.0),
    "leaky-masked": Case("LeakyReLU", {}, [(2, 3, 2)], masks=[_STEPS], open_axes=True),
    "prelu": Case("PReLU", {}, [(3, 4, 2)]),
    "prelu-shared": Case("PReLU", {"shared_axes": [1]}, [(3, 4, 2)], open_axes=True),
    "prelu-shared-images": Case("PReLU", {"shared_axes": [1, 2]}, [(2, 2, 3, 2)], open_axes=True),
    "prelu-all-shared": Case("PReLU", {"shared_axes": [1, 2]}, [(3, 4, 2)]),
    "prelu-int": Case("PReLU", {"shared_axes": 2}, [(3, 4, 2)]),
    "prelu-kinks": Case("PReLU", {"shared_axes": [1]}, [_FINITE]),
    "prelu-options": Case(
        "PReLU",
        {"alpha_initializer": "ones", "alpha_regularizer": "l2", "alpha_constraint": "non_neg"},
        [(3, 4)],
        masks=[np.array([True, False, True])],
    ),
    "elu": Case("ELU", {}, [_LINE]),
    "elu-alpha": Case("ELU", {"alpha": 0.7}, [_LINE]),
    "elu-negative": Case("ELU", {"alpha": -0.7}, [_LINE]),
    "elu-masked": Case("ELU", {}, [(2, 3, 2)], masks=[_STEPS]),
    "thresholded": Case("ThresholdedReLU", {}, [_FINITE], keras=("2.15",)),
    "thresholded-theta": Case("ThresholdedReLU", {"theta": 0.5}, [_FINITE], keras=("2.15",)),
    "thresholded-zero": Case("ThresholdedReLU", {"theta": 0.0}, [_FINITE], keras=("2.15",)),
    "softmax": Case("Softmax", {}, [(3, 4)]),
    "softmax-line": Case("Softmax", {}, [_FINITE]),
    "softmax-axis": Case("Softmax", {"axis": 1}, [(2, 3, 4)], open_axes=True),
    "softmax-axes": Case("Softmax", {"axis": [1, 2]}, [(2, 3, 4)]),
    "softmax-one-axis": Case("Softmax", {"axis": [1]}, [(2, 3, 4)]),
    "softmax-batch": Case("Softmax", {"axis": 0}, [(3, 4)]),
    "softmax-masked": Case("Softmax", {}, [(3, 4)], {"mask": _MASK}),
    "softmax-none-left": Case("Softmax", {}, [(3, 4)], {"mask": _NONE}),
    "softmax-axes-masked": Case("Softmax", {"axis": [1, 2]}, [(1, 3, 4)], {"mask": _MASK[None]}),
    "softmax-broadcast-mask": Case("Softmax", {}, [(2, 3, 4)], {"mask": _MASK[None]}),
    "softmax-float-mask": Case("Softmax", {}, [(3, 4)], {"mask": _MASK.astype("float32")}),
    "relu": Case("ReLU", {}, [_LINE]),
    "relu-all": Case("ReLU", {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.3}, [_FINITE]),
    "relu-max": Case("ReLU", {"max_value": 1.5}, [_LINE]),
    "relu-max-zero": Case("ReLU", {"max_value": 0.0}, [_LINE]),
    "relu-six": Case("ReLU", {"max_value": 6}, [_LINE]),
    "relu-slope": Case("ReLU", {"negative_slope": 0.3}, [_LINE]),
    "relu-slope-max": Case("ReLU", {"negative_slope": 0.3, "max_value": 2.0}, [_LINE]),
    "relu-threshold": Case("ReLU", {"threshold": 1.0}, [_FINITE]),
    "relu-threshold-max": Case("ReLU", {"threshold": 1.0, "max_value": 2.0}, [_FINITE]),
    "relu-threshold-slope": Case("ReLU", {"threshold": 1.5, "negative_slope": 0.1}, [_FINITE]),
    "relu-masked": Case("ReLU", {}, [(2, 3, 2)], masks=[_STEPS], open_axes=True),
    **{
        f"activation-{name}": Case("Activation", {"activation": name}, [_LINE])
        for name in "elu exponential hard_sigmoid linear relu sigmoid softplus swish tanh".split()
    },
    "activation-gelu": Case("Activation", {"activation": "gelu"}, [_FINITE]),
    "activation-mish": Case("Activation", {"activation": "mish"}, [_FINITE]),
    # Beside 0, where TensorFlow has the slope from the right and torch the one from the left.
    "activation-selu": Case("Activation", {"activation": "selu"}, [_FINITE[:, :-1]]),
    "activation-softsign": Case("Activation", {"activation": "softsign"}, [_FINITE]),
    **{
        f"activation-{name}": Case("Activation", {"activation": name}, [_LINE], keras=("3.15",))
        for name in (
            "celu glu hard_shrink hard_silu hard_swish hard_tanh leaky_relu log_sigmoid log_softmax relu6 silu "
            "soft_shrink sparse_sigmoid squareplus tanh_shrink"
        ).split()
    },
    "activation-sparse_plus": Case("Activation", {"activation": "sparse_plus"}, [_FINITE], keras=("3.15",)),
    "activation-sparsemax": Case("Activation", {"activation": "sparsemax"}, [(3, 4)], keras=("3.15",)),
}
