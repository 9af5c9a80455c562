"""Merging layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from layer_cases import BOTH, Case

_SAME: list[Any] = [(2, 3), (2, 3)]
_THREE: list[Any] = [(2, 3), (2, 3), (2, 3)]
_STEPS: list[Any] = [(2, 4, 3), (2, 4, 3), (2, 4, 3)]
_ALL = ("Add", "Multiply", "Average", "Maximum", "Minimum")
_MASKS = [
    np.array([[True, True, False, False], [True, False, True, False]]),
    np.array([[True, False, True, False], [True, True, True, False]]),
    np.array([[True, True, True, False], [False, False, True, False]]),
]
_TIED = [np.array([[1, 2, 2], [0, 3, -1]], "float32"), np.array([[1, 2, 3], [0, 3, -1]], "float32")]


def _elementwise() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for name in _ALL:
        key = name.lower()
        found |= {
            key: Case(name, {}, _THREE, open_axes=True),
            f"{key}-ranks": Case(name, {}, [(2, 3), (2, 4, 3)]),
            f"{key}-three-ranks": Case(name, {}, [(2, 1), (2, 4, 2, 3), (2, 2, 3)]),
            f"{key}-broadcast": Case(name, {}, [(2, 1, 3), (2, 4, 1)]),
            # Torch divides the gradient of equal inputs; ours goes where TensorFlow's goes.
            f"{key}-tied": Case(name, {}, list(_TIED), keras=("2.15",) if name.endswith("imum") else BOTH),
            f"{key}-masked": Case(name, {}, _STEPS, masks=list(_MASKS)),
            f"{key}-one-mask": Case(name, {}, _STEPS, masks=[None, _MASKS[1], None]),
            f"{key}-first-mask": Case(name, {}, _STEPS[:2], masks=[_MASKS[0], None]),
        }
    return found


CASES: dict[str, Case] = {
    **_elementwise(),
    "add-integers": Case("Add", {}, [np.arange(6).reshape(2, 3), np.arange(6).reshape(2, 3)]),
    "subtract": Case("Subtract", {}, _SAME),
    "subtract-ranks": Case("Subtract", {}, [(2, 4, 3), (2, 3)]),
    "subtract-masked": Case("Subtract", {}, _STEPS[:2], masks=_MASKS[:2]),
    "concatenate": Case("Concatenate", {}, [(2, 3), (2, 2)], open_axes=True),
    "concatenate-three": Case("Concatenate", {}, [(2, 4, 3), (2, 4, 2), (2, 4, 1)], open_axes=True),
    "concatenate-axis": Case("Concatenate", {"axis": 1}, [(2, 3, 2), (2, 1, 2)], open_axes=True),
    "concatenate-negative": Case("Concatenate", {"axis": -2}, [(2, 3, 2), (2, 1, 2)]),
    "concatenate-batch": Case("Concatenate", {"axis": 0}, [(2, 3), (1, 3)]),
    "concatenate-masked": Case("Concatenate", {}, [(2, 4, 3), (2, 4, 1), (2, 4, 2)], masks=list(_MASKS)),
    "concatenate-one-mask": Case("Concatenate", {}, [(2, 4, 3), (2, 4, 1)], masks=[None, _MASKS[1]]),
    "concatenate-time-masked": Case("Concatenate", {"axis": 1}, [(2, 4, 3), (2, 4, 3)], masks=_MASKS[:2]),
    # Keras 2.15 fails to concatenate the masks here.
    "concatenate-time-one-mask": Case(
        "Concatenate", {"axis": 1}, [(2, 4, 3), (2, 4, 3)], masks=[_MASKS[0], None], keras=("3.15",)
    ),
    "dot": Case("Dot", {"axes": 1}, _SAME),
    "dot-negative": Case("Dot", {"axes": -1}, [(2, 4, 3), (2, 2, 3)]),
    "dot-normalized": Case("Dot", {"axes": -1, "normalize": True}, _SAME),
    "dot-normalized-matrix": Case("Dot", {"axes": (2, 1), "normalize": True}, [(2, 4, 3), (2, 3, 2)]),
    # In Keras 3 on torch the gradient at zero is NaN.
    "dot-normalized-zero": Case(
        "Dot", {"axes": 1, "normalize": True}, [np.zeros((2, 3), "float32"), (2, 3)], keras=("2.15",)
    ),
    "dot-matrix": Case("Dot", {"axes": (2, 1)}, [(2, 4, 3), (2, 3, 2)]),
    "dot-list": Case("Dot", {"axes": [2, 1]}, [(2, 4, 3), (2, 3, 2)]),
    "dot-transposed": Case("Dot", {"axes": (1, 2)}, [(2, 3, 4), (2, 2, 3)]),
    "dot-both-first": Case("Dot", {"axes": 1}, [(2, 3, 4), (2, 3, 2)]),
    "dot-ranks": Case("Dot", {"axes": (1, 2)}, [(2, 3), (2, 4, 3)]),
    "dot-ranks-reversed": Case("Dot", {"axes": (2, 1)}, [(2, 4, 3), (2, 3)]),
    "dot-4d": Case("Dot", {"axes": (3, 1)}, [(2, 2, 4, 3), (2, 3, 2, 5)]),
    "dot-4d-middle": Case("Dot", {"axes": (2, 3)}, [(2, 2, 3, 4), (2, 2, 5, 3)]),
    "dot-4d-2d": Case("Dot", {"axes": (2, 1)}, [(2, 2, 3, 4), (2, 3)]),
    "dot-negative-pair": Case("Dot", {"axes": (-1, -2)}, [(2, 4, 3), (2, 3, 2)]),
    "dot-masked": Case("Dot", {"axes": 2}, _STEPS[:2], masks=_MASKS[:2]),
}
