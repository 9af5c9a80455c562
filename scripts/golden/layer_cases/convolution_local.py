"""Locally connected layers, which Keras 3 does not have."""

from __future__ import annotations

import itertools
from typing import Any

from layer_cases import Case


def _case(rank: int, shape: tuple[int, ...], **arguments: Any) -> Case:
    return Case(f"LocallyConnected{rank}D", {"filters": 2, **arguments}, [shape], keras=("2.15",))


def _grid() -> dict[str, Case]:
    found: dict[str, Case] = {}
    grid = itertools.product((1, 2, 3), ("valid", "same"), ("last", "first"), (1, 2))
    for implementation, padding, order, strides in grid:
        if padding == "same" and implementation == 1:
            continue
        options = {"implementation": implementation, "padding": padding, "data_format": f"channels_{order}"}
        name = f"i{implementation}-{padding}-s{strides}-{order}"
        sequence, image = ((2, 5, 3), (2, 3, 4, 2)) if order == "last" else ((2, 3, 5), (2, 2, 3, 4))
        found[f"local1d-{name}"] = _case(1, sequence, kernel_size=3, strides=strides, **options)
        found[f"local2d-{name}"] = _case(2, image, kernel_size=(2, 3), strides=(1, strides), **options)
    return found


CASES: dict[str, Case] = {
    **_grid(),
    "local1d-tanh": _case(1, (2, 5, 3), kernel_size=2, strides=2, use_bias=False, activation="tanh"),
    "local2d-relu": _case(2, (2, 4, 4, 2), kernel_size=2, activation="relu"),
}
