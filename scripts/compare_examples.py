"""Check that the scripts in examples/keras1 and keras2 compute what real Keras does with them: exit status 1 if not.

    scripts/compare_examples.py --python /path/to/theano/python Keras-1.2.2 Keras-2.2.4 [--only mlp]

`saving_h5_classic.py` in scripts/golden says how to make that Python; the folders are unpacked source distributions.
Each script runs as it is on both sides, but for this: nothing is dropped out and no noise is drawn, weights are set by
numbers when a model is compiled, numpy is seeded anew by each call of a model, and the fits are short. Losses,
metrics and predictions of every call are noted, and what the script found in the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
TOLERANCE = 1e-4
CALLS, SAMPLES = 40, 96
# What is replaced in a script's text: rates of dropout, and noise.
CHANGES = [
    (r"\bDropout\((p=)?[\d.]+\)", "Dropout(0.)"),
    (r"\b(dropout|recurrent_dropout|dropout_W|dropout_U)=[\d.]+", r"\1=0."),
    (r"K\.random_normal\(.*\)", "0.5"),
    (r"(rotation_range|width_shift_range|height_shift_range|shear_range|zoom_range)=[\d.]+", r"\1=0."),
    (r"horizontal_flip=True", "horizontal_flip=False"),
]
FOUND = ("first_loss", "minima", "rises", "losses", "accuracies", "heatmap", "saliency_map", "scores")
# Keras 2 on Theano has no MobileNet; the others need what today's Pillow and scipy took away from the old ones.
# Keras 1 lists the weights of recurrent layers gate by gate, which `fill` does not know.
RECURRENT = ("addition_rnn", "sentiment_lstm", "seq2seq", "stateful_lstm", "text_generation")
LEFT_OUT = {"2": ("transfer_learning", "cnn_augmentation"), "1": ("cnn_augmentation", *RECURRENT)}


class Recorder:
    """Stands between a script and the models of a Keras, and notes what they return."""

    def __init__(self, theano: bool) -> None:
        self.theano, self.depth, self.log, self.known = theano, 0, [], set()

    def wrap(self, owner, name):
        inner = getattr(owner, name)

        def call(model, *args, **kwargs):
            self.depth += 1
            try:
                if self.depth == 1:
                    args, kwargs = self.shortened(name, args, kwargs)
                result = inner(model, *args, **kwargs)
            finally:
                self.depth -= 1
            if self.depth == 0:
                if name == "compile":
                    self.fill(model)
                else:
                    self.note(name, result)
                np.random.seed(len(self.log))
            return result

        setattr(owner, name, call)

    def shortened(self, name, args, kwargs):
        if name.startswith("fit"):
            for key in ("nb_epoch", "epochs"):
                if key in kwargs:
                    kwargs[key] = min(kwargs[key], 2)
            kwargs["verbose"] = 0
        if name == "fit":
            args = tuple(cut(item) for item in args)
            kwargs = {key: cut(item) if key in WITH_SAMPLES else item for key, item in kwargs.items()}
        return args, kwargs

    def note(self, name, result):
        values = {key: result.history[key] for key in sorted(result.history)} if hasattr(result, "history") else result
        values = {key: item for key, item in values.items() if key != "lr"} if isinstance(values, dict) else values
        self.log.append([name, summary(values)])
        if len(self.log) >= CALLS:
            raise StopIteration

    def fill(self, model):
        """Set the weights of each layer once, from numbers that count up."""
        for layer in flat_layers(model):
            weights = layer.get_weights()
            if id(layer) in self.known or not weights:
                continue
            self.known.add(id(layer))
            self.kept = getattr(self, "kept", []) + [layer]
            random = np.random.RandomState(len(self.known))
            drawn = [random.uniform(-0.3, 0.3, np.shape(weight)) for weight in weights]
            if type(layer).__name__ == "BatchNormalization":
                drawn = [drawn[0] + 1, drawn[1], drawn[2], drawn[3] + 1]
            if self.theano and "Conv" in type(layer).__name__:
                drawn = [turned(layer, value) for value in drawn]
            layer.set_weights(drawn)


WITH_SAMPLES = ("x", "y", "sample_weight", "validation_data")


def cut(value):
    """The first samples of arrays, in whatever they stand."""
    if isinstance(value, np.ndarray):
        return value[:SAMPLES]
    if isinstance(value, dict):
        return {key: cut(item) for key, item in value.items()}
    return type(value)(cut(item) for item in value) if isinstance(value, (list, tuple)) else value


def turned(layer, kernel):
    """Theano's convolutions go through a kernel backwards."""
    if kernel.ndim < 3:
        return kernel
    space = kernel.ndim - 2
    first = getattr(layer, "dim_ordering", "") == "th" and space == 2
    axes = range(2, kernel.ndim) if first else range(1 if kernel.shape[1] == 1 and space == 2 else space)
    return np.flip(kernel, tuple(range(space)) if not first else tuple(axes))


def flat_layers(model):
    for layer in getattr(model, "layers", ()):
        if getattr(layer, "layers", None):
            yield from flat_layers(layer)
        else:
            yield getattr(layer, "layer", layer) if type(layer).__name__ == "TimeDistributed" else layer


def summary(value):
    """Numbers as they are, arrays as four numbers of theirs."""
    if isinstance(value, dict):
        return {key: summary(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [summary(item) for item in value]
    array = np.asarray(value, dtype="float64")
    if array.ndim == 0:
        return float(array)
    ramp = np.cos(np.arange(array.size))
    return [float(array.mean()), float(np.abs(array).mean()), float(array.ravel() @ ramp) / array.size, array.size]


def record(dialect: str, name: str, target: str, theano: bool) -> None:
    sys.path.insert(0, str(ROOT / "scripts" / "golden"))
    if theano:
        from old_python import restore

        restore()
    else:
        from keras_torch import dropin

        dropin.install(dialect, era=True)
    from keras.models import Model, Sequential

    recorder = Recorder(theano)
    for owner in (Sequential, Model):
        for method in ("compile", "fit", "fit_generator", "train_on_batch", "evaluate", "predict"):
            if method in vars(owner) or owner is Model:
                recorder.wrap(owner, method)
    path = ROOT / "examples" / f"keras{dialect}" / f"{name}.py"
    text = path.read_text()
    for pattern, replacement in CHANGES:
        text = re.sub(pattern, replacement, text)
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    sys.argv = [str(path), folder]
    space = {"__name__": "__main__", "__file__": str(path)}
    with contextlib.suppress(StopIteration):
        exec(compile(text, str(path), "exec"), space)
    found = {key: summary(space[key]) for key in FOUND if isinstance(space.get(key), (list, float, np.ndarray))}
    Path(target).write_text(json.dumps([recorder.log, found]))


def differences(mine, theirs, where=""):
    """Yield where the numbers differ by more than the tolerance, and how."""
    if isinstance(theirs, dict):
        if set(mine) != set(theirs):
            yield f"{where}: {sorted(mine)} instead of {sorted(theirs)}"
        for key in set(mine) & set(theirs):
            yield from differences(mine[key], theirs[key], f"{where}.{key}")
    elif isinstance(theirs, list):
        if len(mine) != len(theirs):
            yield f"{where}: {len(mine)} instead of {len(theirs)}"
        for number, pair in enumerate(zip(mine, theirs, strict=False)):
            yield from differences(*pair, f"{where}[{number}]")
    elif isinstance(theirs, str):
        if mine != theirs:
            yield f"{where}: {mine} instead of {theirs}"
    elif not np.isclose(mine, theirs, rtol=TOLERANCE, atol=TOLERANCE):
        yield f"{where}: {mine:.6g} instead of {theirs:.6g}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="*")
    parser.add_argument("--python")
    parser.add_argument("--only")
    parser.add_argument("--record", nargs=4)
    options = parser.parse_args()
    if options.record:
        dialect, name, target, side = options.record
        record(dialect, name, target, side == "theano")
        return 0
    failed = 0
    # Without a compiler Theano starts at once; the examples are small.
    settings = Path(tempfile.mkdtemp()) / "theanorc"
    settings.write_text("[global]\ncxx =\n")
    for source in options.sources:
        dialect = Path(source).resolve().name.split("-")[1][0]
        for path in sorted((ROOT / "examples" / f"keras{dialect}").glob("*.py")):
            if path.stem in LEFT_OUT[dialect] or options.only not in (None, path.stem):
                continue
            results = []
            for python, side, folder in ((sys.executable, "ours", ROOT), (options.python, "theano", source)):
                with tempfile.NamedTemporaryFile(suffix=".json") as target:
                    command = [python, __file__, "--record", dialect, path.stem, target.name, side]
                    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
                    environment["THEANORC"] = str(settings)
                    done = subprocess.run(command, env=environment, capture_output=True, text=True)
                    results.append(json.loads(Path(target.name).read_text()) if done.returncode == 0 else None)
                    if results[-1] is None:
                        print(f"{path.parent.name}/{path.name}: {side} fails: {done.stderr.strip().splitlines()[-1:]}")
            found = [] if None in results else list(differences(*results))
            failed += bool(found) or None in results
            if None not in results:
                lines = [
                    f"{path.parent.name}/{path.name}: {len(results[1][0])} calls, {len(found)} differences",
                    *found,
                ]
                print("\n    ".join(lines[:8]), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
