"""Where messages for the user go: standard output, or the log when interactive logging is off."""

from __future__ import annotations

import logging
import os
import sys

from keras_torch import config
from keras_torch.distributed import is_main


def redraws() -> bool:
    """Whether a line on standard output can be drawn again: on a terminal or in a notebook."""
    if not config.is_interactive_logging_enabled():
        return False
    isatty = getattr(sys.stdout, "isatty", None)
    return bool(isatty and isatty()) or "ipykernel" in sys.modules or "PYCHARM_HOSTED" in os.environ


def print_message(text: str, end: str = "\n") -> None:
    """Write `text` for the user, once where several processes train together."""
    if not is_main():
        return
    if config.is_interactive_logging_enabled():
        sys.stdout.write(text + end)
        sys.stdout.flush()
    elif text.strip():
        logging.getLogger("keras_torch").info(text.strip())
