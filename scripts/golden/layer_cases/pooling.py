"""Poolings."""

from __future__ import annotations

import itertools

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


_ALL = _windows() | _globals()

CASES: dict[str, Case] = {
    **_ALL,
    **channels_first({n: c for n, c in _ALL.items() if "3d" not in n and not n.startswith(_TORCH_EDGES)}),
}
