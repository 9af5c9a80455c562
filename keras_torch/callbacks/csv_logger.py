"""CSVLogger: one row per epoch in a file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

import numpy as np

from keras_torch import config
from keras_torch.callbacks.arguments import check_path
from keras_torch.callbacks.base import Callback
from keras_torch.checkpoint import check_writable


class CSVLogger(Callback):
    """Writes the logs of each epoch to a CSV file: the epoch's number, then the names in alphabetical order.

    `separator` stands between the columns. `append` goes on with an existing file, whose header is kept, instead of
    replacing it. The first epoch decides about the columns; a value that a later one lacks is `NA`. Since tf.keras
    there are columns for validation results, which may begin later, in any case.
    """

    only_writes = True

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        self.filename = check_path("CSVLogger", "filename", filename)
        if not isinstance(separator, str) or len(separator) != 1:
            raise TypeError(f"`separator` of CSVLogger must be one character. Received: {separator!r}")
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self.append_header = True
        self.csv_file: TextIO | None = None
        self._replaces = False

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        check_writable(self.filename, "CSVLogger")
        self.append_header = not (self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0)
        # Open until on_train_end: every epoch adds a row. The first row replaces an old file, not earlier: a training
        # that goes on after it was killed keeps its rows.
        self.csv_file = open(self.filename, "a", newline="", encoding="utf-8")  # noqa: SIM115
        self._replaces = not self.append

    def state_dict(self) -> dict[str, Any]:
        """Return the columns, and how long the file is."""
        size = None if self._replaces or self.csv_file is None else os.path.getsize(self.filename)
        return {"keys": self.keys, "size": size}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after the rows that there were; later ones, written before the process was killed, are dropped."""
        self.keys = state["keys"]
        if self.csv_file is not None and state["size"] is not None:
            self._replaces = False
            self.csv_file.truncate(min(state["size"], os.path.getsize(self.filename)))
            self.append_header = os.path.getsize(self.filename) == 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        values = dict(logs or {})
        if self.csv_file is None:
            raise RuntimeError("CSVLogger received the end of an epoch without `on_train_begin`.")
        if self._replaces:
            self.csv_file.truncate(0)
            self._replaces = False
        writer = csv.writer(self.csv_file, delimiter=self.sep)
        if self.keys is None:
            self.keys = sorted(values)
            if not config.is_classic() and not any(key.startswith("val_") for key in self.keys):
                self.keys += ["val_" + key for key in self.keys]
        if self.append_header:
            writer.writerow(["epoch", *self.keys])
            self.append_header = False
        writer.writerow([epoch, *(_cell(values.get(key, "NA")) for key in self.keys)])
        self.csv_file.flush()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        if self.csv_file is not None:
            self.csv_file.close()
            self.csv_file = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "csv_file": None}


def _cell(value: Any) -> Any:
    scalar = isinstance(value, (str, np.generic)) or getattr(value, "shape", None) == ()
    if isinstance(value, Iterable) and not scalar:
        return f'"[{", ".join(map(str, value))}]"'
    return value
