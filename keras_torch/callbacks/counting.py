"""Counting batches."""

from __future__ import annotations


class BatchCount:
    """Counts the training batches of a run, of which `steps_per_execution` may pass between two events."""

    def __init__(self) -> None:
        self.total = 0
        self._last = -1

    def advance(self, batch: int) -> int:
        """Take the index of the last batch in its epoch, and return how many have passed since the last call."""
        passed = batch + 1 if batch <= self._last else batch - self._last
        self._last = batch
        self.total += passed
        return passed

    def state_dict(self) -> dict[str, int]:
        """Return both counts."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from what `state_dict` returned."""
        self.total, self._last = state["total"], state["_last"]
