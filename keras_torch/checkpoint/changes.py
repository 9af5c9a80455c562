"""The state of objects that do not say what their state is: attributes that are data and that change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from keras_torch.checkpoint.plain import MARK, attributes, equal, mark, pack, set_attributes


class Attributes:
    """The attributes of an object that are data, as far as they have changed since this was made.

    What stayed as it was belongs to the script that made the object. With `small`, attributes that hold several values
    (lists, arrays, random generators) count as changed if they have at most that many bytes: the order of the samples
    in a Sequence may have been drawn when it was made. Of larger ones `check` tells whether they are the same.
    """

    def __init__(self, owner: Any, skip: Collection[str] = (), small: int = 0) -> None:
        self.owner = owner
        self.skip = skip
        self.small = small
        self._before = attributes(owner, skip, mark)
        self._expected: Mapping[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        """Return the values of what changed, packed, and marks of what did not."""
        now = attributes(self.owner, self.skip, mark)
        same = {name for name, value in now.items() if name in self._before and equal(value, self._before[name])}
        if self.small:
            same = {name for name in same if not isinstance(now[name], tuple) or _size(now[name]) > self.small}
        values = {name: pack(vars(self.owner)[name]) for name in now if name not in same}
        return {"values": values, "same": {name: now[name] for name in same if isinstance(now[name], tuple)}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set the attributes that had changed."""
        set_attributes(self.owner, state["values"])
        self._expected = state["same"]

    def check(self) -> None:
        """Raise ValueError if data that is too large to be kept is not what it was."""
        now = attributes(self.owner, self.skip, mark)
        for name, expected in self._expected.items():
            if not equal(expected, now.get(name)):
                raise ValueError(
                    f"The attribute `{name}` of {type(self.owner).__name__} is not what it was at the backup, so the "
                    "epoch cannot be continued. Give the class `state_dict()` and `load_state_dict(state)`, make the "
                    "data the same each time, or save at the ends of epochs only. "
                    f"Received: {type(vars(self.owner).get(name)).__name__}"
                )


def _size(marked: Any) -> int:
    """Return about how many bytes a marked value has."""
    if isinstance(marked, tuple) and marked[0] == MARK:
        return int(marked[3])
    return sum(map(_size, marked)) if isinstance(marked, (tuple, list)) else 8
