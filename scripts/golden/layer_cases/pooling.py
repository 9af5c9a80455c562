"""Poolings."""

from __future__ import annotations

import itertools

import numpy as np

from layer_cases import Case
from layer_cases.convolution import SPACE, channels_first

# Keras 3 on torch averages over the padding here; ours leaves it out everywhere, as TensorFlow does.
_TORCH_EDGES = "averagepool2d-same-k3"


def _windows() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for rank, kind, padding, size, strides in itertools.product(
        (1, 2, 3), ("Max", "Average"), ("valid", "same"), (2, 3), (None, 1, 2, 3)
    ):
        if (rank == 3 and (size == 3 or strides)) or strides == size:
            continue
        arguments = {"pool_size": size, "strides": strides, "padding": padding}
        name = f"{kind.lower()}pool{rank}d-{padding}-k{size}-s{strides}"
        keras = ("2.15",) if name.startswith(_TORCH_EDGES) else ("2.15", "3.15")
        found[name] = Case(f"{kind}Pooling{rank}D", arguments, [(1, *SPACE[rank], 2)], keras=keras, open_axes=True)
    return found


def _globals() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for rank, kind, keepdims in itertools.product((1, 2, 3), ("Max", "Average"), (False, True)):
        name = f"global-{kind.lower()}{rank}d-{keepdims}"
        inputs = [(2, *SPACE[rank], 2)]
        found[name] = Case(f"Global{kind}Pooling{rank}D", {"keepdims": keepdims}, inputs, open_axes=True)
    return found


def _adaptive() -> dict[str, Case]:
    found: dict[str, Case] = {}
    sizes = {1: (1, 3, 9), 2: (2, (4, 3)), 3: ((2, 3, 1),)}
    for kind in ("Max", "Average"):
        for rank, size in [(rank, size) for rank, sizes in sizes.items() for size in sizes]:
            name = f"adaptive-{kind.lower()}{rank}d-{size}"
            inputs = [(2, *SPACE[rank], 2)]
            arguments = {"output_size": size}
            found[name] = Case(f"Adaptive{kind}Pooling{rank}D", arguments, inputs, keras=("3.15",), open_axes=True)
    return found


_ALL = _windows() | _globals() | _adaptive()
_INTEGERS = np.random.RandomState(3).randint(-9, 9, (2, 5, 4, 2)).astype("int32")
_STEPS = np.array([[1, 1, 0, 1, 0, 0, 0], [0, 1, 1, 1, 1, 1, 1]], bool)

CASES: dict[str, Case] = {
    **_ALL,
    "maxpool2d-integers": Case("MaxPooling2D", {"pool_size": (3, 2), "strides": 2, "padding": "same"}, [_INTEGERS]),
    "global-max2d-integers": Case("GlobalMaxPooling2D", {}, [_INTEGERS]),
    # Keras 2.15 cut the means to integers.
    "global-average2d-integers": Case("GlobalAveragePooling2D", {}, [_INTEGERS], keras=("3.15",)),
    "global-average1d-mask": Case("GlobalAveragePooling1D", {}, [(2, 7, 3)], {"mask": _STEPS}),
    # Keras 3 divides by the wrong sums here.
    "global-average1d-mask-keepdims": Case(
        "GlobalAveragePooling1D", {"keepdims": True}, [(2, 7, 3)], {"mask": _STEPS}, keras=("2.15",)
    ),
    "global-average1d-mask-first": Case(
        "GlobalAveragePooling1D", {"data_format": "channels_first"}, [(2, 3, 7)], {"mask": _STEPS}
    ),
    **channels_first({n: c for n, c in _ALL.items() if "3d" not in n and not n.startswith(_TORCH_EDGES)}),
}
