"""Merging layers."""

from __future__ import annotations

from typing import Any

from layer_cases import Case

_SAME: list[Any] = [(2, 3), (2, 3)]

CASES: dict[str, Case] = {
    **{
        name.lower(): Case(name, {}, [(2, 3), (2, 3), (2, 3)])
        for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")
    },
    "add-ranks": Case("Add", {}, [(2, 3), (2, 4, 3)]),
    "subtract": Case("Subtract", {}, _SAME),
    "concatenate": Case("Concatenate", {}, [(2, 3), (2, 2)]),
    "concatenate-axis": Case("Concatenate", {"axis": 1}, [(2, 3, 2), (2, 1, 2)]),
    "dot": Case("Dot", {"axes": 1}, _SAME),
    "dot-normalized": Case("Dot", {"axes": -1, "normalize": True}, _SAME),
    "dot-matrix": Case("Dot", {"axes": (2, 1)}, [(2, 4, 3), (2, 3, 2)]),
    "dot-transposed": Case("Dot", {"axes": (1, 2)}, [(2, 3, 4), (2, 2, 3)]),
    "dot-ranks": Case("Dot", {"axes": (1, 2)}, [(2, 3), (2, 4, 3)]),
}
