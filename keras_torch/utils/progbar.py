"""The progress bar under Keras's path."""

from keras_torch.callbacks.progbar import Progbar
from keras_torch.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)

__all__ = ["Progbar", "disable_interactive_logging", "enable_interactive_logging", "is_interactive_logging_enabled"]
