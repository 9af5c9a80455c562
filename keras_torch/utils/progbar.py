"""The progress bar under Keras's path."""

from keras_torch.callbacks.output import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from keras_torch.callbacks.progbar import Progbar

__all__ = ["Progbar", "disable_interactive_logging", "enable_interactive_logging", "is_interactive_logging_enabled"]
