"""Check that real Keras reads what we write, predicts the same and trains on alike: exit status 1 if it does not.

    scripts/compare_with_keras.py --python /path/to/keras/venv/bin/python [--theirs]
    scripts/compare_with_keras.py --python /path/to/keras/venv/bin/python [--inputs inputs.npz] model.keras ...

The other interpreter needs Keras (2.12 to 2.15 on TensorFlow, or 3) and nothing of ours. Without files every model of
scripts/golden/model_set is built and trained by us and written in each format; `--only` names some. With `--theirs`
that is done by Keras, and we read. Where Keras 2.15 or 3.15 does something else, it is given its own file of that
model, out of tests/golden: what it cannot read back itself, or trains on in another way than the model it wrote, is
counted apart, and so is training in which we differ from Keras although both begin with Keras's file; and so is what
KNOWN says of other versions. Of files the predictions are compared; without `--inputs` (an .npz whose arrays are the
model's inputs, in order) the inputs are random numbers in [0, 1).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
OTHER_SIDE = ROOT / "scripts" / "golden" / "other_side.py"
ENVIRONMENT = {
    "KERAS_BACKEND": "torch",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "OMP_NUM_THREADS": "1",
}
DIALECTS = {"2.15": "tf", "3.15": "3"}
TOLERANCE, OF_TRAINING = 1e-5, 1e-4
# What other versions of Keras 3 do otherwise: from and before which version, model, format (None: all), and why.
KNOWN = (
    ("3.0", "3.2", "optimizer-adam", "keras", "a layer made with `trainable=False` is trained all the same"),
    ("3.0", "3.2", "optimizer-nadam", "keras", "a layer made with `trainable=False` is trained all the same"),
    ("3.3", "3.5", "optimizer-accumulating", None, "Adam counts batches, later ones updates"),
    ("3.0", "3.9", "classification", "keras", "AUC cannot be made for the meta tensors of torch"),
    ("3.0", "3.15", "learnt-numbers", "h5", "an `axis` in `.h5` that is no list of one number is dropped"),
    ("3.0", "3.11", "custom-layers", "h5", "arguments in `.h5` that are functions of the user are written as JSON"),
    ("3.0", "3.14", "layers-core", "keras", "activity regularizers are not divided by the size of the batch"),
    ("3.0", "3.14", "small-attention", None, "BatchNormalization has no `renorm`"),
    ("3.0", "3.4", None, None, "a single output must stand in a list, which later versions take for a list of outputs"),
)


def version_of(python):
    """Return the version of Keras that an interpreter has."""
    code = "import importlib.metadata; print(importlib.metadata.version('keras'))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def ask_keras(python, items, folder):
    """Let Keras work on all items in one process; return the arrays of each."""
    for number, item in enumerate(items):
        item["result"] = os.path.join(folder, f"result{number}.npz")
    listed = Path(folder) / "list.json"
    listed.write_text(json.dumps(items))
    command = [python, "-W", "ignore", str(OTHER_SIDE), str(listed)]
    done = subprocess.run(command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"Keras stopped.\n{done.stderr[-2000:]}")
    found = []
    for item in items:
        with np.load(item["result"]) as stored:
            found.append(dict(stored))
    return found


@dataclass
class Difference:
    """The largest differences of predictions and of training, and what is wrong: its kind ("" if nothing) in words."""

    outputs: float = np.nan
    losses: float = np.nan
    kind: str = ""
    words: str = ""


def difference(ours, theirs):
    """Compare what two sides do with a file, or what one does and what it is to do."""
    if "failed" in ours or "failed" in theirs:
        side = ours if "failed" in ours else theirs
        return Difference(kind="fails", words=f"{'we' if side is ours else 'Keras'}: {_first_line(side['failed'])}")
    outputs = max(_apart(ours[key], theirs[key], TOLERANCE) for key in theirs if key.startswith("output"))
    if not outputs <= TOLERANCE:
        return Difference(outputs, kind="predictions", words="predictions differ")
    if ("losses" in ours) != ("losses" in theirs):
        return Difference(outputs, kind="training", words=f"we have {sorted(ours)}, Keras has {sorted(theirs)}")
    if "losses" not in theirs:
        return Difference(outputs, 0.0)
    mine, other = _by_name(ours, theirs), _by_name(theirs, ours)
    if sorted(mine) != sorted(other):
        return Difference(outputs, kind="names", words=f"we report {sorted(mine)}, Keras {sorted(other)}")
    apart = {key: _apart(mine[key], other[key], OF_TRAINING) for key in other}
    worst = max(apart, key=lambda key: apart[key])
    wrong = not apart[worst] <= OF_TRAINING
    return Difference(outputs, apart[worst], "training" if wrong else "", f"{worst} differs" if wrong else "")


def _by_name(one, other):
    """Return losses by name; by their place where one side, an older golden file, knows numbers alone."""
    numbered = any(str(name).isdigit() for side in (one, other) for name in side["names"])
    names = range(len(one["names"])) if numbered else one["names"].tolist()
    return dict(zip(map(str, names), one["losses"], strict=True))


def _first_line(text):
    return str(text).splitlines()[0]


def _apart(one, other, tolerance):
    """Return the largest difference, relative to numbers above 1; infinity for other shapes."""
    if one.shape != other.shape:
        return np.inf
    if not one.size or one.dtype.kind not in "fiub":
        return 0.0 if (one == other).all() else np.inf
    both = np.abs(one.astype("float64") - other.astype("float64")) / np.maximum(1.0, np.abs(other))
    return float(np.nan_to_num(both, nan=0.0 if (np.isnan(one) == np.isnan(other)).all() else np.inf).max())


def write_all(version, folder, only):
    """Build, train and write every model; return (name, kind, path, what we make of the file) of each file."""
    import model_set

    import keras_torch as keras
    from keras_torch import config

    for name, entry in model_set.table().items():
        if version not in entry.keras or name in model_set.THEIRS or (only and name not in only):
            continue
        with config.dialect_scope(DIALECTS[version]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                model, _, _ = entry.make(keras, version)
            except Exception as error:
                yield name, "", None, {"failed": np.array(f"{type(error).__name__}: {error}")}
                continue
            for kind in entry.written(version):
                try:
                    path = model_set.save(model, os.path.join(folder, name), kind)
                    ours = read_ours(version, path, name, kind)
                except Exception as error:
                    path, ours = None, {"failed": np.array(f"{type(error).__name__}: {error}")}
                yield name, kind, path, ours


def compare_set(python, only, folder, theirs=False):
    """Compare the whole set; print a table, and return how many files differ. `theirs`: Keras writes, we read."""
    import model_set

    version = version_of(python)
    spelled = model_set.spelling(version)
    found = dict((files_of_theirs if theirs else files_of_ours)(python, spelled, only, folder))
    wrong = {key: item.kind for key, item in found.items() if item.kind}
    reasons = {} if theirs else known(version, wrong)
    if not theirs and version.startswith(spelled):
        reasons |= excuses(python, spelled, wrong, folder)
    print(f"{'model':28} {'format':10} {'predictions':>12} {'training':>10}   (Keras {version})")
    for key, item in found.items():
        words = f"{item.words[:300]}{' | ' if key in reasons else ''}{reasons.get(key, '')[:300]}"
        print(f"{key[0]:28} {key[1]:10} {item.outputs:12.1e} {item.losses:10.1e}   {words}".rstrip())
    count = len(wrong.keys() - reasons.keys())
    print(f"{len(found)} files, {count} differ; {len(reasons)} do, but for a reason that is Keras's own")
    return count


def files_of_ours(python, version, only, folder):
    """Yield, by (name, format), in what Keras differs from us with a file that we wrote."""
    written = list(write_all(version, folder, only))
    asked = [{"path": path, "name": name, "kind": kind} for name, kind, path, _ in written if path]
    answers = dict(zip([item["path"] for item in asked], ask_keras(python, asked, folder), strict=True))
    for name, kind, path, ours in written:
        yield (name, kind), difference(ours, answers.get(path, ours))


def files_of_theirs(python, version, only, folder):
    """Yield, by (name, format), in what we differ from the model that Keras wrote to a file."""
    import model_set

    table = {name: entry for name, entry in model_set.table().items() if version in entry.keras}
    names = [name for name in table if name not in model_set.THEIRS and (not only or name in only)]
    asked = [{"name": name, "folder": folder} for name in names]
    for name, theirs in zip(names, ask_keras(python, asked, folder), strict=True):
        for kind in table[name].written(version):
            if "failed" in theirs:
                # Layers that this version has not yet, mostly.
                yield (name, kind), Difference(words=f"Keras does not make it: {_first_line(theirs['failed'])}")
                continue
            path = os.path.join(folder, f"{name}.{'old.h5' if kind == 'weights' else kind}")
            try:
                ours = read_ours(version, path, name, kind)
            except Exception as error:
                ours = {"failed": np.array(f"{type(error).__name__}: {error}")}
            resumed = {key: value for key, value in theirs.items() if key not in ("losses", "names") or key in ours}
            yield (name, kind), difference(ours, resumed)


def known(version, wrong):
    """Return what is in KNOWN of the files that differ with a version: of all models only where Keras fails."""
    number = _number(version)
    return {
        (name, kind): reason
        for first, end, model, format, reason in reversed(KNOWN)
        for (name, kind), what in wrong.items()
        if _number(first) <= number < _number(end) and format in (None, kind)
        if model == name or (model is None and what == "fails")
    }


def _number(version):
    return tuple(int(part) for part in version.split(".")[:2])


def excuses(python, version, wrong, folder):
    """Return, for files that differ in these ways, what is the same with Keras's own file of the model.

    That is, by (name, format): what is wrong in the same way when Keras reads the file that it wrote itself, or what
    differs between us and Keras in training from it.
    """
    import golden_files

    place = Path(folder, "keras")
    place.mkdir(exist_ok=True)
    wrong = {key: kind for key, kind in wrong.items() if golden_files.exists(version, *key)}
    asked = [
        # Compile arguments in Keras 3's own .h5 files, which it often cannot read, would hide what it predicts.
        {"path": str(golden_files.write(version, *key, place)), "compile": wrong[key] != "predictions"}
        | {"name": key[0], "kind": key[1]}
        for key in sorted(wrong)
    ]
    found = {}
    for item, theirs in zip(asked, ask_keras(python, asked, str(place)) if asked else [], strict=True):
        key = item["name"], item["kind"]
        own = difference(golden_files.remembered(version, key[0], with_losses="losses" in theirs), theirs)
        if own.kind == wrong[key]:
            found[key] = f"its own file: {own.words.replace('we report', 'it reported')}"
        elif wrong[key] == "training":
            both = difference(read_ours(version, **item), theirs)
            if both.kind == "training":
                found[key] = f"from its own file we differ as well: {both.words} by {both.losses:.1e}"
    return found


def read_ours(version, path, name, kind, **_):
    """Return what we do with a file of a model of the set."""
    import model_set

    import keras_torch as keras
    from keras_torch import config

    with config.dialect_scope(DIALECTS[version]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model_set.resume(model_set.table()[name], keras, version, path, kind, model_set.STEPS)


def random_inputs(model, batch=4, unknown=5):
    """Return one random array per input of the model; unknown sizes become `unknown`."""
    random = np.random.RandomState(0)
    shapes = [[size or unknown for size in tensor.shape[1:]] for tensor in model.inputs]
    return [random.uniform(0.0, 1.0, (batch, *shape)).astype("float32") for shape in shapes]


def compare(path, python, inputs=None):
    """Return the largest difference between our predictions and Keras's, and Keras's version."""
    import model_set

    import keras_torch

    model = keras_torch.models.load_model(path, compile=False)
    inputs = random_inputs(model) if inputs is None else inputs
    ours = model_set.predict(model, inputs if len(inputs) > 1 else inputs[0])
    with tempfile.TemporaryDirectory() as folder:
        given = os.path.join(folder, "inputs.npz")
        np.savez(given, *inputs)
        (theirs,) = ask_keras(python, [{"path": str(Path(path).resolve()), "inputs": given}], folder)
    if "failed" in theirs:
        raise RuntimeError(f"{path}: Keras cannot use the file. {theirs['failed']}")
    found = [theirs[f"output{index}"] for index in range(len(theirs))]
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, found, strict=True)), f"Keras {version_of(python)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--python", required=True, help="interpreter that has Keras")
    parser.add_argument("--inputs", type=Path, help=".npz with the model's inputs in order")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="of the predictions of files")
    parser.add_argument("--only", nargs="*", default=[], help="models of the set, all of them by default")
    parser.add_argument("--theirs", action="store_true", help="Keras writes the files of the set")
    parser.add_argument("--folder", help="where to leave the files of the set")
    arguments = parser.parse_args()
    if not arguments.files:
        with tempfile.TemporaryDirectory() as folder:
            folder = arguments.folder or folder
            os.makedirs(folder, exist_ok=True)
            return int(compare_set(arguments.python, arguments.only, folder, arguments.theirs) > 0)
    inputs = None
    if arguments.inputs:
        with np.load(arguments.inputs) as stored:
            inputs = [stored[name] for name in stored.files]
    worst = 0.0
    for path in arguments.files:
        difference, version = compare(path, arguments.python, inputs)
        worst = max(worst, difference)
        print(f"{path}: largest difference from {version}: {difference:.2e}")
    return int(not worst <= arguments.tolerance)


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "scripts" / "golden"), str(ROOT / "tests" / "saving")]
    sys.exit(main())
