"""What TensorFlow leaves beside its checkpoints: a file that names the latest, and an index, which scripts look for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from keras_torch.checkpoint.atomic import replacing

STATE_FILE = "checkpoint"


class Status:
    """What TensorFlow returns after restoring. Values that do not fit were an error before; `missing` are not there."""

    def __init__(self, missing: Iterable[str] = ()) -> None:
        self._missing = list(missing)

    def assert_consumed(self) -> Status:
        """Return itself; AssertionError if an object of the program was not in the file."""
        if self._missing:
            raise AssertionError(f"The checkpoint has no values for {self._missing[:20]}.")
        return self

    assert_existing_objects_matched = assert_nontrivial_match = assert_consumed

    def expect_partial(self) -> Status:
        """Return itself."""
        return self

    def initialize_or_restore(self, session: Any = None) -> None:
        """Do nothing."""


def set_latest(folder: str, prefix: str | None, kept: list[str] | None = None) -> None:
    """Write into a folder which of its checkpoints is the latest, and which are kept."""
    kept = kept if kept is not None else ([] if prefix is None else [prefix])
    lines = [f'model_checkpoint_path: "{os.path.basename(prefix or "")}"']
    lines += [f'all_model_checkpoint_paths: "{os.path.basename(item)}"' for item in kept]
    _write(os.path.join(folder, STATE_FILE), "\n".join(lines) + "\n")


def mark_as_checkpoint(path: str) -> None:
    """Name a file of weights as the latest of its folder, and put the index beside it whose existence scripts test."""
    if os.path.basename(path) != STATE_FILE:
        # Or that file would take the place of the weights.
        set_latest(os.path.dirname(path), path)
    _write(f"{path}.index", f"The weights are in {os.path.basename(path)}, an HDF5 file.\n")


def _write(path: str, text: str) -> None:
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(text)


def latest_checkpoint(checkpoint_dir: Any, latest_filename: str | None = None) -> str | None:
    """Return the path, without the ending, of what was saved last in a folder; None if there is nothing."""
    path = os.path.join(os.fspath(checkpoint_dir), latest_filename or STATE_FILE)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8", errors="replace") as file:
        found = re.search(r'^model_checkpoint_path: "(.*)"', file.read(), re.MULTILINE)
    if found is None and os.path.exists(f"{path}.index"):
        return path
    return os.path.join(os.path.dirname(path), found[1]) if found and found[1] else None
