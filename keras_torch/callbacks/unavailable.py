"""Callbacks that are windows to JAX, and so cannot exist here: constructing one says what to use instead."""

from __future__ import annotations

from keras_torch.callbacks.base import Callback
from keras_torch.errors import NeedsAnotherBackend


class OrbaxCheckpoint(NeedsAnotherBackend, Callback):
    """Keras 3's writer of Orbax checkpoints."""

    needs = "Orbax and JAX"
    instead = "Use ModelCheckpoint for files, or BackupAndRestore to go on after an interruption."
