"""Where messages for the user go: standard output, or the log when interactive logging is off."""

from __future__ import annotations

import logging
import os
import sys

_interactive = True


def enable_interactive_logging() -> None:
    """Write progress bars and messages to standard output (the default)."""
    global _interactive
    _interactive = True


def disable_interactive_logging() -> None:
    """Write messages to the logger `keras_torch` instead of standard output."""
    global _interactive
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Whether messages go to standard output."""
    return _interactive


def redraws() -> bool:
    """Whether a line on standard output can be drawn again: on a terminal or in a notebook."""
    if not _interactive:
        return False
    isatty = getattr(sys.stdout, "isatty", None)
    return bool(isatty and isatty()) or "ipykernel" in sys.modules or "PYCHARM_HOSTED" in os.environ


def print_message(text: str, end: str = "\n") -> None:
    """Write `text` for the user."""
    if _interactive:
        sys.stdout.write(text + end)
        sys.stdout.flush()
    elif text.strip():
        logging.getLogger("keras_torch").info(text.strip())
