"""Write what one Keras makes of small files in the form of its data sets: splits, seeds, rules for words. Seeds 3, 7.

    python scripts/golden/datasets_values.py [SDIST]

Without a folder it is the installed Keras (2.15 or 3.15). With that of an unpacked Keras 1.2.2 or 2.2.4 the modules of
its data sets are read alone, since they need no backend, with a `get_file` of ours and numpy's arrays of lists as they
were then. The files are made anew in a temporary folder from the numbers that the golden file holds too.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import pickle
import sys
import tempfile
import types
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
WORDS = [
    {},
    {"num_words": 12},
    {"num_words": 12, "skip_top": 5},
    {"num_words": 12, "skip_top": 5, "oov_char": None},
    {"maxlen": 6},
    {"maxlen": 6, "num_words": 9, "seed": 3},
    {"start_char": None, "index_from": 0},
    {"start_char": None, "index_from": 2, "oov_char": 0, "skip_top": 3},
    {"start_char": 0, "index_from": 0, "num_words": 20},
]
SPLITS = [{}, {"test_split": 0.5, "seed": 3}, {"test_split": 0.0}, {"test_split": 0.33}]


def data():
    random = np.random.RandomState(3)
    texts = [random.randint(1, 25, size=random.randint(1, 9)).tolist() for _ in range(34)]
    labels = random.randint(0, 5, size=34).tolist()
    return {"texts": texts, "labels": labels, "rows": random.randint(0, 9, (10, 2)).astype(float).tolist()}


def objects(lists):
    found = np.empty(len(lists), dtype=object)
    for position, item in enumerate(lists):
        found[position] = item
    return found


def write_files(folder, content):
    x, y = content["texts"], content["labels"]
    np.savez(folder / "imdb.npz", x_train=objects(x[:20]), y_train=y[:20], x_test=objects(x[20:]), y_test=y[20:])
    np.savez(folder / "reuters.npz", x=objects(x), y=y)
    np.savez(folder / "boston_housing.npz", x=content["rows"], y=np.arange(10.0))
    np.savez(folder / "california_housing.npz", x=content["rows"], y=np.arange(10.0))
    (folder / "imdb_full.pkl").write_bytes(pickle.dumps(((x[:20], y[:20]), (x[20:], y[20:])), 2))
    (folder / "reuters.pkl").write_bytes(pickle.dumps((x, y), 2))


def modules(folder):
    """Return the version and a function that gives the module of a data set."""

    def get_file(fname, **_):
        return str(folder / fname)

    if len(sys.argv) < 2:
        import keras

        def installed(name):
            module = importlib.import_module(f"keras.src.datasets.{name}")
            module.get_file = get_file
            return module

        return keras.__version__, installed
    source = Path(sys.argv[1])
    for name in ("keras", "keras.utils", "keras.datasets", "keras.preprocessing"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = []
    sys.modules["keras.utils.data_utils"] = types.SimpleNamespace(get_file=get_file)
    short = types.SimpleNamespace(_remove_long_seq=without_long)
    sys.modules["keras.preprocessing.sequence"] = short

    def unpacked(name):
        path = source / "keras" / "datasets" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"keras.datasets.{name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.np = OldNumpy()
        return module

    return source.name.rpartition("-")[2], unpacked


def without_long(maxlen, texts, labels):
    """Do what keras_preprocessing 1.0.5 does for Keras 2.2.4."""
    pairs = [pair for pair in zip(texts, labels, strict=True) if len(pair[0]) < maxlen]
    return [text for text, _ in pairs], [label for _, label in pairs]


class OldNumpy:
    """numpy as it was: lists of unequal length make an array of lists, and `load` reads objects."""

    def __getattr__(self, name):
        return getattr(np, name)

    def array(self, value, *args, **kwargs):
        ragged = isinstance(value, list) and value and isinstance(value[0], list)
        return objects(value) if ragged else np.array(value, *args, **kwargs)

    def load(self, path):
        return np.load(path, allow_pickle=True)


def results(load, cases, renamed):
    for case in cases:
        arguments = {renamed.get(name, name): value for name, value in case.items()}
        known = inspect.signature(load).parameters
        np.random.seed(7)
        try:
            found = load(**{name: value for name, value in arguments.items() if name in known})
        except ValueError:  # Keras 2.15 cannot leave the numbers as they are
            continue
        plain = [[np.asarray(part, dtype=object).tolist() for part in half] for half in found]
        yield [arguments, plain, type(found[0][0]).__name__, np.random.random_sample()]


def main():
    content = data()
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name), content)
        version, module = modules(Path(name))
        renamed = {"num_words": "nb_words"} if version.startswith("1") else {}
        found = {}
        for part in ("imdb", "reuters"):
            more = [{"test_split": 0.5, "seed": 3}] if part == "reuters" else []
            found[part] = list(results(module(part).load_data, WORDS + more, renamed))
        if not version.startswith("1"):
            found["boston_housing"] = list(results(module("boston_housing").load_data, SPLITS, {}))
        if version.startswith("3"):
            found["california_housing"] = list(results(module("california_housing").load_data, SPLITS, {}))
            content["topics"] = module("reuters").get_label_names()
    path = GOLDEN / f"datasets_keras{version.replace('.', '')}.json"
    path.write_text(json.dumps({"data": content, "found": found}, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
