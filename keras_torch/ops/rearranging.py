"""`rearrange`: axes split, ordered and merged by a pattern of names."""

from __future__ import annotations

import math
import re
from typing import Any

from keras_torch.ops.arguments import convert, operation

_GROUP = re.compile(r"\(([^()]*)\)|([^\s()]+)")


@operation
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """Reshape and transpose by a pattern: `rearrange(x, "b (h p) c -> b h (p c)", p=2)`.

    Names in parentheses are one axis of the tensor or of the result, the first name varying slowest. Of the sizes of a
    group all but one are given as keywords. `1` is an axis of size 1.
    """
    x = convert(tensor)
    if pattern.count("->") != 1:
        raise ValueError(f"`pattern` must have one '->' between axes before and after. Received: {pattern!r}")
    before, after = (_groups(side) for side in pattern.split("->"))
    if len(before) != x.dim():
        raise ValueError(f"`pattern` names {len(before)} axes of a tensor of {x.dim()}. Received: {pattern!r}")
    names = [name for group in before for name in group]
    wanted = [name for group in after for name in group]
    if len(set(names)) != len(names) or sorted(names) != sorted(wanted):
        raise ValueError(f"Both sides of `pattern` must hold the same names, each once. Received: {pattern!r}")
    sizes: dict[str, int] = {}
    for group, size in zip(before, x.shape, strict=True):
        sizes.update(_sizes(group, size, axes_lengths, pattern))
    x = x.reshape([sizes[name] for name in names]).permute([names.index(name) for name in wanted])
    return x.reshape([math.prod(sizes[name] for name in group) for group in after])


def _groups(side: str) -> list[list[str]]:
    """Return the names of each axis; an axis of size 1 has none."""
    found = [(inner.split() if not outer else [outer]) for inner, outer in _GROUP.findall(side)]
    return [[name for name in group if name != "1"] for group in found]


def _sizes(group: list[str], size: int, given: dict[str, int], pattern: str) -> dict[str, int]:
    known = {name: int(given[name]) for name in group if name in given}
    missing = [name for name in group if name not in given]
    product = math.prod(known.values())
    if len(missing) > 1 or size % product or (not missing and size != product):
        raise ValueError(
            f"An axis of size {size} cannot be split into {group} of `pattern` {pattern!r}: give the sizes of all "
            f"names but one, whose product divides it. Received: {given}"
        )
    return {**known, **dict.fromkeys(missing, size // product)}
