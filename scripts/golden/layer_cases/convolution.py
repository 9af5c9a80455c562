"""Convolutions."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from layer_cases import Case

SPACE = {1: (7,), 2: (6, 5), 3: (4, 3, 4)}


def _grid() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for rank, padding, kernel, strides, rate in itertools.product(
        (1, 2, 3), ("valid", "same", "causal"), (2, 3), (1, 2), (1, 2)
    ):
        if (strides > 1 and rate > 1) or (rank == 3 and rate > 1) or (padding == "causal" and rank != 1):
            continue
        arguments: dict[str, Any] = {"filters": 2, "kernel_size": kernel, "strides": strides}
        arguments |= {"padding": padding, "dilation_rate": rate}
        name = f"conv{rank}d-{padding}-k{kernel}-s{strides}-d{rate}"
        found[name] = Case(f"Conv{rank}D", arguments, [(1, *SPACE[rank], 2)], open_axes=True)
    return found


def channels_first(cases: dict[str, Case]) -> dict[str, Case]:
    """The same calls with the channels second, which TensorFlow cannot compute on the CPU."""
    return {
        f"{name}-first": replace(
            case,
            arguments={**case.arguments, "data_format": "channels_first"},
            inputs=[(shape[0], shape[-1], *shape[1:-1]) for shape in case.inputs],
            keras=("3.15",),
        )
        for name, case in cases.items()
    }


_CONV = _grid()
_SPECIAL = {
    "conv2d-groups-relu": Case(
        "Conv2D",
        {"filters": 4, "kernel_size": (2, 3), "strides": (2, 1), "padding": "same", "groups": 2, "activation": "relu"},
        [(2, 5, 6, 4)],
    ),
    "conv1d-softmax-no-bias": Case(
        "Conv1D", {"filters": 3, "kernel_size": 3, "use_bias": False, "activation": "softmax"}, [(2, 5, 2)]
    ),
}

# Keras 3 takes a single batch axis.
_BATCHES = {
    "conv1d-batches": Case(
        "Conv1D",
        {"filters": 3, "kernel_size": 3, "padding": "causal", "activation": "relu"},
        [(2, 3, 6, 2)],
        keras=("2.15",),
        open_axes=True,
    ),
    "conv2d-batches": Case(
        "Conv2D",
        {"filters": 3, "kernel_size": 3, "padding": "same", "strides": 2},
        [(2, 1, 3, 5, 4, 2)],
        keras=("2.15",),
    ),
}

CASES: dict[str, Case] = {
    **_CONV,
    **_SPECIAL,
    **_BATCHES,
    **channels_first({n: c for n, c in _CONV.items() if "-k3-" in n and "causal" not in n and "3d" not in n}),
    **channels_first({"conv2d-groups-relu": _SPECIAL["conv2d-groups-relu"]}),
}
