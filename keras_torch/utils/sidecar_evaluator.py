"""SidecarEvaluator: a second process that measures the checkpoints of a training while it goes on."""

from __future__ import annotations

import logging
import os
import re
import time
from typing import Any

from keras_torch.checkpoint import files_in

# Seconds between two looks at the folder.
_POLL = 1.0


class SidecarEvaluator:
    """Evaluates each new checkpoint in a folder, in a process beside the one that trains.

    The training writes them with `ModelCheckpoint(checkpoint_dir + "/ckpt-{epoch}", save_weights_only=True)`. The
    newest file whose name holds a number is loaded into `model`, which is compiled, and `model.evaluate(data, steps=,
    callbacks=)` is run; checkpoints that were followed by another meanwhile are skipped.

    Args:
        model: A compiled model like the one that is trained.
        data: What `evaluate` takes as `x`.
        checkpoint_dir: The folder.
        steps: Batches of each evaluation; None for all.
        max_evaluations: Stop after the checkpoint whose name ends with this number, or a higher one.
        callbacks: Callbacks of the evaluations.
    """

    def __init__(
        self,
        model: Any,
        data: Any,
        checkpoint_dir: str | os.PathLike[str],
        steps: int | None = None,
        max_evaluations: int | None = None,
        callbacks: Any = None,
    ) -> None:
        self.model = model
        self.data = data
        self.checkpoint_dir = os.fspath(checkpoint_dir)
        self.steps = steps
        self.max_evaluations = max_evaluations
        self.callbacks = callbacks or []

    def start(self) -> None:
        """Evaluate until `max_evaluations` is reached, else for ever."""
        log = logging.getLogger("keras_torch")
        last = None
        while True:
            newest = self._newest()
            if newest is None or newest == last:
                time.sleep(_POLL)
                continue
            number, _, path = newest
            try:
                self.model.load_weights(path)
            except FileNotFoundError:
                # Replaced by a newer one since the folder was read.
                continue
            last = newest
            results = self.model.evaluate(
                self.data, steps=self.steps, callbacks=self.callbacks, verbose=2, return_dict=True
            )
            log.info("Evaluated %s: %s", path, " ".join(f"{name}={value}" for name, value in results.items()))
            if self.max_evaluations is not None and number >= self.max_evaluations:
                return

    def _newest(self) -> tuple[int, float, str] | None:
        """Return (number, time of writing, path) of the checkpoint that was written last."""
        found = []
        for written, path in files_in(self.checkpoint_dir):
            numbers = re.findall(r"\d+", os.path.basename(path).partition(".")[0])
            if numbers:
                found.append((int(numbers[-1]), written, path))
        return max(found, key=lambda item: (item[1], item[0]), default=None)
