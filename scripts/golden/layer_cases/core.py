"""Dense and the small layers around it, and the activation layers."""

from __future__ import annotations

from layer_cases import Case

CASES: dict[str, Case] = {
    "dense": Case("Dense", {"units": 3}, [(4, 5)]),
    "dense-relu": Case("Dense", {"units": 3, "activation": "relu"}, [(4, 5)]),
    "dense-3d-tanh": Case("Dense", {"units": 3, "activation": "tanh", "use_bias": False}, [(2, 3, 5)], open_axes=True),
    "dense-softmax": Case("Dense", {"units": 3, "activation": "softmax"}, [(4, 5)]),
    "activation": Case("Activation", {"activation": "sigmoid"}, [(2, 3)]),
    "flatten": Case("Flatten", {}, [(2, 2, 3, 2)]),
    "flatten-first": Case("Flatten", {"data_format": "channels_first"}, [(2, 2, 3, 2)]),
    "reshape": Case("Reshape", {"target_shape": (3, -1)}, [(2, 2, 6)]),
    "permute": Case("Permute", {"dims": (2, 3, 1)}, [(2, 2, 3, 2)]),
    "repeat": Case("RepeatVector", {"n": 3}, [(2, 4)]),
    "leaky": Case("LeakyReLU", {}, [(3, 4)]),
    "prelu": Case("PReLU", {}, [(3, 4, 2)]),
    "prelu-shared": Case("PReLU", {"shared_axes": [1]}, [(3, 4, 2)]),
    "elu": Case("ELU", {"alpha": 0.7}, [(3, 4)]),
    "softmax": Case("Softmax", {}, [(3, 4)]),
    "softmax-axis": Case("Softmax", {"axis": 1}, [(2, 3, 4)]),
    "softmax-axes": Case("Softmax", {"axis": [1, 2]}, [(2, 3, 4)]),
    "relu": Case("ReLU", {}, [(3, 4)]),
    "relu-all": Case("ReLU", {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.3}, [(4, 6)]),
}
