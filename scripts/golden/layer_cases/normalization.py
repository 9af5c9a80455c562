"""Normalizations."""

from __future__ import annotations

from typing import Any

from layer_cases import Case

_PLAIN: dict[str, Any] = {"center": False, "scale": False}


def _batch() -> dict[str, Case]:
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
            arguments = {"axis": axis, "momentum": 0.9}
            found[name] = Case("BatchNormalization", arguments, [shape], {"training": training})
    return found


CASES: dict[str, Case] = {
    **_batch(),
    "batchnorm-plain": Case("BatchNormalization", _PLAIN, [(4, 3)], {"training": True}),
    "batchnorm-scale": Case("BatchNormalization", {"center": False}, [(4, 2, 2, 3)], {"training": True}),
    "batchnorm-one": Case("BatchNormalization", {}, [(1, 3)], {"training": True}),
    "layernorm": Case("LayerNormalization", {}, [(3, 4, 3)]),
    # Keras 3 on torch fails where the axes are not the last ones.
    "layernorm-axis": Case("LayerNormalization", {"axis": 1}, [(3, 4, 3)], keras=("2.15",)),
    "layernorm-axes": Case("LayerNormalization", {"axis": [1, 2]}, [(3, 4, 3)]),
    "layernorm-plain": Case("LayerNormalization", _PLAIN, [(3, 4)]),
}
