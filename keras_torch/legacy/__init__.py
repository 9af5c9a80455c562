"""Old spellings of Keras 1 and 2, translated at one seam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def translated(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function so that it also takes its old arguments."""
    return lambda function: function


def adapt(cls: type) -> None:
    """Make a class's constructor take its old arguments."""
