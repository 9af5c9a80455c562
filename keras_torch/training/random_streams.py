"""Two rows of random numbers: one that all processes share, for the order of the data, and one of each process's own.

torch's generator gives the shared row outside of steps, and within them (dropout, noise) a process's own.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator

import torch

from keras_torch.distributed import Share


class _Own:
    """The state of this process's row, and what the shared one was when it last ended."""

    state: torch.Tensor | None = None
    end: torch.Tensor | None = None
    in_use = False


@contextlib.contextmanager
def shared(share: Share) -> Iterator[None]:
    """Begin this process's row, unless nothing was drawn or seeded since it was last used: then it goes on."""
    if _Own.in_use:
        # A validation, or a callback that predicts.
        yield
        return
    common = torch.default_generator.get_state()
    if _Own.state is None or _Own.end is None or not torch.equal(_Own.end, common):
        seed = zlib.crc32(common.numpy().tobytes()) + (share.rank << 32)
        _Own.state = torch.Generator().manual_seed(seed).get_state()
        if torch.cuda.is_available():
            torch.cuda.manual_seed(seed)
    _Own.in_use = True
    try:
        yield
    finally:
        _Own.in_use = False
        _Own.end = torch.default_generator.get_state()


def enter() -> torch.Tensor:
    """Switch to this process's row, and return the state of the shared one."""
    common = torch.default_generator.get_state()
    if _Own.state is not None:
        torch.default_generator.set_state(_Own.state)
    return common


def leave(common: torch.Tensor) -> None:
    """Switch back."""
    _Own.state = torch.default_generator.get_state()
    torch.default_generator.set_state(common)


def own_state() -> torch.Tensor | None:
    """Return the state of this process's row."""
    return _Own.state


def set_own_state(state: torch.Tensor | None) -> None:
    """Go back to a state of this process's row."""
    _Own.state = state
