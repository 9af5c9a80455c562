"""Write what Keras 2.15 makes of series, text files and ranks (`utils.timeseries_dataset_from_array`,
`text_dataset_from_directory`, `to_ordinal`), seed 7. Each entry has the arguments and the batches.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import keras
import numpy as np

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
SERIES = [
    {"sequence_length": 4},
    {"sequence_length": 3, "sequence_stride": 2, "sampling_rate": 3, "batch_size": 2},
    {"sequence_length": 2, "start_index": 3, "end_index": 12, "batch_size": 4},
    {"sequence_length": 5, "batch_size": None, "start_index": 9},
]
TEXTS = {
    "b/1.txt": "some words",
    "a/2.txt": "with Ünïcode and\nlines\r\n",
    "a/0.txt": "",
    "a/x/3.txt": "deeper",
    "b/4.txt": "four",
    "b/note.md": "",
}
FILES = [
    {"shuffle": False},
    {"shuffle": False, "batch_size": 2, "label_mode": "binary"},
    {"shuffle": False, "label_mode": "categorical", "class_names": ["a", "b"]},
    {"shuffle": False, "labels": None, "max_length": 4},
    {"shuffle": False, "validation_split": 0.4, "subset": "training"},
    {"shuffle": True, "seed": 7, "validation_split": 0.4, "subset": "validation", "batch_size": 8},
]
RANKS = [[[0, 2, 1], None], [[[3], [0]], None], [[1, 0], 4]]


def plain(batch):
    parts = batch if isinstance(batch, tuple) else (batch,)
    found = []
    for part in parts:
        array = part.numpy()
        if array.dtype == object:
            array = np.array([item.decode() for item in array.ravel()], object).reshape(array.shape)
        found.append(array.tolist())
    return found


def main():
    data, targets = np.arange(30.0).reshape(15, 2), np.arange(15) * 10
    series = []
    for case in SERIES:
        for second in (targets, None):
            batches = keras.utils.timeseries_dataset_from_array(data, second, **case)
            series.append([case, second is not None, [plain(batch) for batch in batches]])
    files = []
    with tempfile.TemporaryDirectory() as name:
        for path, text in TEXTS.items():
            (Path(name) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(name) / path).write_bytes(text.encode())
        for case in FILES:
            batches = keras.utils.text_dataset_from_directory(name, **case)
            # A dataset shuffles in each pass: only which files there are can be compared.
            found = [sorted(plain(batch)[0]) if case["shuffle"] else plain(batch) for batch in batches]
            files.append([case, found, batches.class_names])
    ranks = [[*case, keras.utils.to_ordinal(*case).tolist()] for case in RANKS]
    content = {"data": data.tolist(), "targets": targets.tolist(), "series": series, "texts": TEXTS, "files": files}
    path = GOLDEN / "windows_and_texts_keras2150.json"
    path.write_text(json.dumps({**content, "ranks": ranks}, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
