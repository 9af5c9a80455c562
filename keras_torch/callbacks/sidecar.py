"""SidecarEvaluatorModelExport: the best of the models that a SidecarEvaluator measures."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from keras_torch.callbacks.checkpoint import ModelCheckpoint, newest_file


class SidecarEvaluatorModelExport(ModelCheckpoint):
    """Saves the model after each evaluation that beat the former ones; for `keras.utils.SidecarEvaluator`.

    `export_filepath` is where to, with `{epoch}` and names of the logs filled in. `checkpoint_filepath` is what the
    training's ModelCheckpoint was given, such as `dir/ckpt-{epoch}`: the number in the newest such file's name is the
    epoch. Other arguments are those of ModelCheckpoint.
    """

    def __init__(self, export_filepath: str | os.PathLike[str], checkpoint_filepath: str, **kwargs: Any) -> None:
        # Keras's own example passes "eval", which is what happens anyway.
        if kwargs.pop("save_freq", "eval") != "eval":
            raise ValueError(
                "`save_freq` of SidecarEvaluatorModelExport can only be 'eval': it saves after evaluations."
            )
        super().__init__(filepath=export_filepath, save_best_only=True, **kwargs)
        self._checkpoint_filepath = os.fspath(checkpoint_filepath)
        self.export_index = 0

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        path = newest_file(self._checkpoint_filepath)
        numbers = re.findall(r"\d+", os.path.basename(path or ""))
        self.export_index = int(numbers[0]) - 1 if numbers else 0

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._save(self.export_index, None, logs)
