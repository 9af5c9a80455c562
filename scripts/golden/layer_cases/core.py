"""Dense, the small layers around it, and the layers that only rearrange."""

from __future__ import annotations

from typing import Any

import numpy as np

from layer_cases import Case

# Rows of zeros, of the other mask value, and mixed ones.
_STEPS = np.array([[[1, 2], [0, 0], [0, 3], [7, 7]], [[0, 0], [0, 0], [7, 1], [0, 7]]], dtype="float32")
_MASK = np.array([[True, False, True], [False, False, True]])
_REGULARIZED: dict[str, Any] = {
    "kernel_initializer": {"class_name": "HeNormal", "config": {"seed": 3}},
    "bias_initializer": "ones",
    "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.1}},
    "bias_regularizer": "l1",
    "kernel_constraint": {"class_name": "MaxNorm", "config": {"max_value": 2.0, "axis": 0}},
    "bias_constraint": "non_neg",
    "activity_regularizer": "l2",
}

CASES: dict[str, Case] = {
    "dense": Case("Dense", {"units": 3}, [(4, 5)]),
    "dense-one": Case("Dense", {"units": 1, "use_bias": False}, [(4, 1)]),
    "dense-relu": Case("Dense", {"units": 3, "activation": "relu"}, [(4, 5)]),
    "dense-3d-tanh": Case("Dense", {"units": 3, "activation": "tanh", "use_bias": False}, [(2, 3, 5)], open_axes=True),
    "dense-4d-sigmoid": Case("Dense", {"units": 3, "activation": "sigmoid"}, [(2, 3, 2, 5)], open_axes=True),
    "dense-5d": Case("Dense", {"units": 2}, [(2, 1, 3, 2, 4)], open_axes=True),
    "dense-softmax": Case("Dense", {"units": 3, "activation": "softmax"}, [(4, 5)]),
    "dense-masked": Case("Dense", {"units": 3}, [(2, 3, 5)], masks=[_MASK]),
    "dense-options": Case("Dense", {"units": 3, **_REGULARIZED}, [(4, 5)]),
    "dense-integers": Case("Dense", {"units": 2}, [np.arange(12).reshape(4, 3)]),
    "activation": Case("Activation", {"activation": "sigmoid"}, [(2, 3)]),
    "activation-masked": Case("Activation", {"activation": "softplus"}, [(2, 3, 2)], masks=[_MASK], open_axes=True),
    "identity": Case("Identity", {}, [(2, 3, 2)], open_axes=True),
    # In Keras 2.15 the mask gets lost.
    "identity-masked": Case("Identity", {}, [(2, 3, 2)], masks=[_MASK], keras=("3.15",)),
    "masking": Case("Masking", {}, [_STEPS], open_axes=True),
    "masking-seven": Case("Masking", {"mask_value": 7.0}, [_STEPS]),
    "masking-4d": Case("Masking", {}, [_STEPS.reshape(2, 2, 2, 2)]),
    "masking-masked": Case("Masking", {}, [_STEPS], masks=[np.ones((2, 4), bool)]),
    "activity-regularization-plain": Case("ActivityRegularization", {}, [(2, 3)]),
    "activity-regularization": Case("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, [(2, 3, 2)], masks=[_MASK]),
    "flatten": Case("Flatten", {}, [(2, 2, 3, 2)], open_axes=True),
    "flatten-1d": Case("Flatten", {}, [(3,)]),
    "flatten-2d": Case("Flatten", {}, [(3, 2)]),
    "flatten-masked": Case("Flatten", {}, [(2, 3, 2)], masks=[_MASK]),
    **{
        f"flatten-first-{len(shape)}d": Case("Flatten", {"data_format": "channels_first"}, [shape])
        for shape in ((3, 2), (2, 3, 2), (2, 2, 3, 2), (2, 2, 3, 2, 2))
    },
    "reshape": Case("Reshape", {"target_shape": (3, -1)}, [(2, 2, 6)], open_axes=True),
    "reshape-known": Case("Reshape", {"target_shape": (3, 4)}, [(2, 2, 6)], open_axes=True),
    "reshape-first": Case("Reshape", {"target_shape": (-1, 2, 2)}, [(2, 2, 6)], open_axes=True),
    "reshape-last": Case("Reshape", {"target_shape": (-1, 6)}, [(2, 2, 6)], open_axes=True),
    "reshape-flat": Case("Reshape", {"target_shape": (-1,)}, [(2, 2, 6)], open_axes=True),
    "reshape-scalar": Case("Reshape", {"target_shape": ()}, [(3, 1)]),
    "reshape-split": Case("Reshape", {"target_shape": (2, 3, 2)}, [(2, 12)]),
    "reshape-masked": Case("Reshape", {"target_shape": (2, 3)}, [(2, 3, 2)], masks=[_MASK]),
    "reshape-integers": Case("Reshape", {"target_shape": (2, -1)}, [np.arange(12).reshape(2, 6)]),
    "permute": Case("Permute", {"dims": (2, 3, 1)}, [(2, 2, 3, 2)], open_axes=True),
    "permute-one": Case("Permute", {"dims": (1,)}, [(2, 3)]),
    "permute-swap": Case("Permute", {"dims": (2, 1)}, [(2, 3, 4)], open_axes=True),
    "permute-masked": Case("Permute", {"dims": (2, 1)}, [(2, 3, 2)], masks=[_MASK]),
    "repeat": Case("RepeatVector", {"n": 3}, [(2, 4)], open_axes=True),
    "repeat-once": Case("RepeatVector", {"n": 1}, [(2, 4)]),
}
