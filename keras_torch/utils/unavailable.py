"""Helpers that serve TensorFlow's way of running, and so cannot exist here: constructing one says what to do."""

from __future__ import annotations

from keras_torch.errors import NeedsAnotherBackend


class StepsPerExecutionTuner(NeedsAnotherBackend):
    """Keras 2.15's search for the fastest number of steps in one TensorFlow graph."""

    needs = "TensorFlow, to run several training steps in one graph"
    instead = (
        "Use `compile(steps_per_execution=...)` where callbacks shall hear of every so many batches only; no number "
        "is faster than another."
    )
