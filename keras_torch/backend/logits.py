"""What an activation leaves on its result, so that a loss can be computed from what went into it."""

from __future__ import annotations

import warnings
from typing import Any

from torch import Tensor

from keras_torch import config


def note_logits(result: Any, logits: Any, activation: str) -> Any:
    """Return `result`, with a note that it is the softmax (along the last axis) or sigmoid of `logits`."""
    if isinstance(result, Tensor):
        result._keras_logits = logits  # type: ignore[attr-defined]
        result._keras_activation = activation  # type: ignore[attr-defined]
    return result


def noted_logits(output: Any, activation: str) -> Any:
    """Return the logits of which `output` is the softmax or sigmoid; None if it is not known to be that."""
    return output._keras_logits if getattr(output, "_keras_activation", None) == activation else None


def logits_of(output: Any, from_logits: bool, activation: str) -> Any:
    """Return the logits that a cross-entropy is to be computed from, or None if there are only probabilities.

    tf.keras goes back to the logits of any softmax or sigmoid, even of the one where the loss expects the other. So
    does Keras 3 on TensorFlow, and no dialect, but only where they agree: a prediction that is certain and wrong must
    be unlearnt, and clipped probabilities have no gradient. Keras 1, 2 and Keras 3 on torch clip.
    """
    noted = getattr(output, "_keras_logits", None)
    if noted is None:
        return output if from_logits else None
    dialect = config.dialect()
    used = dialect == "tf" or (dialect is None and getattr(output, "_keras_activation", activation) == activation)
    if from_logits:
        basis = "what went into the activation" if used else "its result as if that were logits"
        warnings.warn(
            "The loss has `from_logits=True`, but the predictions come from a softmax or sigmoid activation. The loss "
            f"is computed from {basis}. Remove the activation or `from_logits=True`.",
            stacklevel=4,
        )
    return noted if used else output if from_logits else None
