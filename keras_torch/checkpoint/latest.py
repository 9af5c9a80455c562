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


def set_latest(
    folder: str, prefix: str | None, kept: list[str] | None = None, times: Iterable[float] | None = None
) -> None:
    """Write into a folder which of its checkpoints is the latest, and which are kept, written at these times."""
    kept = kept if kept is not None else ([] if prefix is None else [prefix])
    lines = [f'model_checkpoint_path: "{os.path.basename(prefix or "")}"']
    lines += [f'all_model_checkpoint_paths: "{os.path.basename(item)}"' for item in kept]
    lines += [f"all_model_checkpoint_timestamps: {time!r}" for time in times or ()]
    _write(os.path.join(folder, STATE_FILE), "\n".join(lines) + "\n")


def is_checkpoint_name(name: str, dialect: str | None) -> bool:
    """Whether tf.keras writes weights under a name as a checkpoint of TensorFlow, which tells layers by attributes."""
    return dialect == "tf" and bool(name) and not name.endswith((".h5", ".hdf5", ".keras", ".weights.json"))


def files_in(folder: str) -> list[tuple[float, str]]:
    """Return (time of writing, path) of the files in a folder; a checkpoint of TensorFlow counts as one."""
    found = []
    for name in os.listdir(folder or ".") if os.path.isdir(folder or ".") else ():
        path = os.path.join(folder, name)
        if os.path.isfile(path) and not re.search(r"\.data-\d{5}-of-\d{5}$", name):
            found.append((os.path.getmtime(path), path.removesuffix(".index")))
    return found


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
