"""Which compiled model last set `requires_grad` of its weights.

The set of weights that a model trains is fixed when it is compiled. A training step applies that set only if another
model, or a `trainable` setter, has touched the flags since; `owner` tells.
"""

from __future__ import annotations

# A token of what `compile` made, not the thing itself, which would outlive the user's last reference to the model.
owner: object | None = None


def invalidate() -> None:
    """Make every compiled model apply its set again before its next step."""
    global owner
    owner = None
