"""The calls whose results are compared with real Keras: pure data for layers.py and tests/layers/test_golden.py."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

# name → (class, arguments, input shapes, training)
Case = tuple[str, dict[str, Any], list[tuple[int, ...]], bool]

# Where Keras 3 on torch departs from Keras on TensorFlow by torch's own edge rules; ours are TensorFlow's everywhere.
TORCH_EDGES = ("averagepool2d-same-k3", "up2d-bicubic")

SPACE = {1: (7,), 2: (6, 5), 3: (4, 3, 4)}


def _convolutions(channels_first: bool) -> dict[str, Case]:
    found: dict[str, Case] = {}
    for rank, padding, kernel, strides, rate in itertools.product(
        (1, 2, 3), ("valid", "same", "causal"), (2, 3), (1, 2), (1, 2)
    ):
        if (strides > 1 and rate > 1) or (rank == 3 and rate > 1) or (padding == "causal" and rank != 1):
            continue
        if channels_first and (rank == 3 or kernel == 2 or padding == "causal"):
            continue
        arguments = {"filters": 2, "kernel_size": kernel, "strides": strides, "padding": padding, "dilation_rate": rate}
        shape = (1, *SPACE[rank], 2)
        found[f"conv{rank}d-{padding}-k{kernel}-s{strides}-d{rate}"] = (f"Conv{rank}D", arguments, [shape], False)
    found["conv2d-groups-relu"] = (
        "Conv2D",
        {"filters": 4, "kernel_size": (2, 3), "strides": (2, 1), "padding": "same", "groups": 2, "activation": "relu"},
        [(2, 5, 6, 4)],
        False,
    )
    found["conv1d-softmax-no-bias"] = (
        "Conv1D",
        {"filters": 3, "kernel_size": 3, "use_bias": False, "activation": "softmax"},
        [(2, 5, 2)],
        False,
    )
    return found


def _poolings() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for rank, kind, padding, size, strides in itertools.product(
        (1, 2, 3), ("Max", "Average"), ("valid", "same"), (2, 3), (None, 1, 2, 3)
    ):
        if (rank == 3 and (size == 3 or strides)) or strides == size:
            continue
        arguments = {"pool_size": size, "strides": strides, "padding": padding}
        name = f"{kind.lower()}pool{rank}d-{padding}-k{size}-s{strides}"
        found[name] = (f"{kind}Pooling{rank}D", arguments, [(1, *SPACE[rank], 2)], False)
    for rank, kind, keepdims in itertools.product((1, 2, 3), ("Max", "Average"), (False, True)):
        name = f"global-{kind.lower()}{rank}d-{keepdims}"
        found[name] = (f"Global{kind}Pooling{rank}D", {"keepdims": keepdims}, [(2, *SPACE[rank], 2)], False)
    return found


def _resizings() -> dict[str, Case]:
    return {
        "zeropad1d": ("ZeroPadding1D", {"padding": (1, 2)}, [(2, 3, 2)], False),
        "zeropad2d": ("ZeroPadding2D", {"padding": ((1, 0), (2, 1))}, [(2, 3, 2, 2)], False),
        "zeropad2d-ints": ("ZeroPadding2D", {"padding": (1, 2)}, [(1, 3, 2, 2)], False),
        "zeropad3d": ("ZeroPadding3D", {"padding": (1, 0, 2)}, [(1, 2, 2, 2, 2)], False),
        "crop1d": ("Cropping1D", {"cropping": (1, 2)}, [(2, 5, 2)], False),
        "crop2d": ("Cropping2D", {"cropping": ((1, 0), (2, 1))}, [(2, 4, 5, 2)], False),
        "crop3d": ("Cropping3D", {"cropping": (1, 0, 1)}, [(1, 4, 2, 4, 2)], False),
        "up1d": ("UpSampling1D", {"size": 3}, [(2, 3, 2)], False),
        "up2d": ("UpSampling2D", {"size": (2, 3)}, [(1, 3, 2, 2)], False),
        "up2d-bilinear": ("UpSampling2D", {"size": (2, 3), "interpolation": "bilinear"}, [(1, 4, 3, 2)], False),
        "up2d-bicubic": ("UpSampling2D", {"size": 2, "interpolation": "bicubic"}, [(1, 5, 4, 1)], False),
        "up3d": ("UpSampling3D", {"size": (1, 2, 2)}, [(1, 2, 2, 3, 2)], False),
    }


def _core() -> dict[str, Case]:
    return {
        "dense": ("Dense", {"units": 3}, [(4, 5)], False),
        "dense-relu": ("Dense", {"units": 3, "activation": "relu"}, [(4, 5)], False),
        "dense-3d-tanh": ("Dense", {"units": 3, "activation": "tanh", "use_bias": False}, [(2, 3, 5)], False),
        "dense-softmax": ("Dense", {"units": 3, "activation": "softmax"}, [(4, 5)], False),
        "activation": ("Activation", {"activation": "sigmoid"}, [(2, 3)], False),
        "flatten": ("Flatten", {}, [(2, 2, 3, 2)], False),
        "reshape": ("Reshape", {"target_shape": (3, -1)}, [(2, 2, 6)], False),
        "permute": ("Permute", {"dims": (2, 3, 1)}, [(2, 2, 3, 2)], False),
        "repeat": ("RepeatVector", {"n": 3}, [(2, 4)], False),
        "leaky": ("LeakyReLU", {}, [(3, 4)], False),
        "prelu": ("PReLU", {}, [(3, 4, 2)], False),
        "prelu-shared": ("PReLU", {"shared_axes": [1]}, [(3, 4, 2)], False),
        "elu": ("ELU", {"alpha": 0.7}, [(3, 4)], False),
        "softmax": ("Softmax", {}, [(3, 4)], False),
        "softmax-axis": ("Softmax", {"axis": 1}, [(2, 3, 4)], False),
        "softmax-axes": ("Softmax", {"axis": [1, 2]}, [(2, 3, 4)], False),
        "relu": ("ReLU", {}, [(3, 4)], False),
        "relu-all": ("ReLU", {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.3}, [(4, 6)], False),
    }


def _merges() -> dict[str, Case]:
    same: list[tuple[int, ...]] = [(2, 3), (2, 3)]
    found: dict[str, Case] = {
        name.lower(): (name, {}, [(2, 3), (2, 3), (2, 3)], False)
        for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")
    }
    return found | {
        "add-ranks": ("Add", {}, [(2, 3), (2, 4, 3)], False),
        "subtract": ("Subtract", {}, same, False),
        "concatenate": ("Concatenate", {}, [(2, 3), (2, 2)], False),
        "concatenate-axis": ("Concatenate", {"axis": 1}, [(2, 3, 2), (2, 1, 2)], False),
        "dot": ("Dot", {"axes": 1}, same, False),
        "dot-normalized": ("Dot", {"axes": -1, "normalize": True}, same, False),
        "dot-matrix": ("Dot", {"axes": (2, 1)}, [(2, 4, 3), (2, 3, 2)], False),
        "dot-transposed": ("Dot", {"axes": (1, 2)}, [(2, 3, 4), (2, 2, 3)], False),
        "dot-ranks": ("Dot", {"axes": (1, 2)}, [(2, 3), (2, 4, 3)], False),
    }


def _normalizations() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for training in (False, True):
        for shape, axis in (
            ((5, 3), -1),
            ((3, 4, 3), -1),
            ((3, 4, 3), 1),
            ((3, 2, 2, 3), -1),
            ((3, 3, 2, 2), 1),
            ((2, 2, 2, 2, 3), -1),
        ):
            name = f"batchnorm-{len(shape)}d-axis{axis}-{'training' if training else 'inference'}"
            found[name] = ("BatchNormalization", {"axis": axis, "momentum": 0.9}, [shape], training)
    plain = {"center": False, "scale": False}
    return found | {
        "batchnorm-plain": ("BatchNormalization", plain, [(4, 3)], True),
        "batchnorm-scale": ("BatchNormalization", {"center": False}, [(4, 2, 2, 3)], True),
        "batchnorm-one": ("BatchNormalization", {}, [(1, 3)], True),
        "layernorm": ("LayerNormalization", {}, [(3, 4, 3)], False),
        "layernorm-axis": ("LayerNormalization", {"axis": 1}, [(3, 4, 3)], False),
        "layernorm-axes": ("LayerNormalization", {"axis": [1, 2]}, [(3, 4, 3)], False),
        "layernorm-plain": ("LayerNormalization", plain, [(3, 4)], False),
    }


def channels_last_cases() -> dict[str, Case]:
    """All calls in the default layout, made by Keras 2.15."""
    return _core() | _convolutions(False) | _poolings() | _resizings() | _merges() | _normalizations()


def channels_first_cases() -> dict[str, Case]:
    """The calls that have a layout, with the channels second, made by Keras 3."""
    cases = _convolutions(True) | _poolings() | _resizings()
    cases["flatten"] = _core()["flatten"]
    found: dict[str, Case] = {}
    for name, (layer, arguments, shapes, training) in cases.items():
        if layer in ("ZeroPadding1D", "Cropping1D", "UpSampling1D") or "3d" in name or name.startswith(TORCH_EDGES):
            continue
        shapes = [(shape[0], shape[-1], *shape[1:-1]) for shape in shapes]
        found[name] = (layer, {**arguments, "data_format": "channels_first"}, shapes, training)
    return found


def keras3_cases() -> dict[str, Case]:
    """Batch normalization as Keras 3 does it."""
    return {name: case for name, case in _normalizations().items() if case[0] == "BatchNormalization" and case[3]}


def inputs_of(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """The input arrays of a case."""
    random = np.random.RandomState(7)
    return [random.standard_normal(shape).astype("float32") for shape in shapes]


def weights_like(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Positive weights, so that they also serve as variances."""
    random = np.random.RandomState(11)
    return [random.uniform(0.2, 1.2, shape).astype("float32") for shape in shapes]


def upstream(shape: tuple[int, ...]) -> np.ndarray:
    """The gradient that arrives at the output."""
    return np.random.RandomState(13).standard_normal(shape).astype("float32")
