"""Write tests/golden/callback_decisions_keras<version>.json: what callbacks of real Keras write, save and decide.

Run with Keras 2.15.0 on TensorFlow, with Keras 3.15.1 on torch, and with the folder of an unpacked sdist of Keras 1.2.2
or 2.2.4 as argument: their callbacks are loaded from it, next to stand-ins for what they import. Seed 11, and a clock
that the cases set. Each case gives a callback scripted logs and notes its decisions, files or output.
"""

import collections
import importlib
import io
import json
import os
import random
import sys
import tempfile
import time
import types
import warnings
from pathlib import Path

import numpy as np

GOLDEN = Path("tests/golden")
random.seed(11)


def old_keras(folder):
    """Load callbacks and generic_utils of Keras 1 or 2; nothing else of Keras is needed."""
    np.Inf = np.inf
    collections.Iterable = collections.abc.Iterable
    backend = types.ModuleType("keras.backend")
    backend.get_value = lambda variable: variable.value
    backend.set_value = lambda variable, value: setattr(variable, "value", value)
    backend.backend = lambda: "theano"
    training_utils = types.ModuleType("keras.engine.training_utils")
    training_utils.standardize_input_data = None
    for name, path in (("keras", "keras"), ("keras.engine", None), ("keras.utils", "keras/utils")):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(folder / path)] if path else []
    sys.modules.update({"keras.backend": backend, "keras.engine.training_utils": training_utils})
    sys.modules["keras"].backend = backend
    return importlib.import_module("keras.callbacks"), importlib.import_module("keras.utils.generic_utils")


class Rate:
    value = 0.125


if len(sys.argv) > 1:
    folder = Path(sys.argv[1])
    version = folder.name.rpartition("-")[2]
    callbacks, utils = old_keras(folder)
    Progbar = utils.Progbar
else:
    import keras

    callbacks, Progbar, version = keras.callbacks, keras.utils.Progbar, keras.__version__
CLASSIC = version[:2] == "1." or version[:4] == "2.2."


class Model:
    """Weights are the number of the epoch."""

    def __init__(self):
        self.stop_training = False
        self.weights = -1
        self.saved = []
        self.distribute_strategy = None
        self.metrics = []
        self.optimizer = types.SimpleNamespace(lr=Rate()) if CLASSIC else keras.optimizers.SGD(0.125)

    @property
    def rate(self):
        if CLASSIC:
            return self.optimizer.lr.value
        rate = self.optimizer.learning_rate
        return float(rate.numpy() if version[0] == "2" else keras.ops.convert_to_numpy(rate))

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights

    def save(self, path, overwrite, options=None):
        self.saved.append(["model", path])

    def save_weights(self, path, overwrite, options=None):
        self.saved.append(["weights", path])


def sequence():
    value = random.uniform(0, 4)
    return [round(value := value + random.choice([-0.5, -0.25, 0.0, 0.25, 0.5]), 2) for _ in range(14)]


def watchers():
    """Classic ones only: callback_traces.py has those of later Keras."""
    for number in range(60):
        values = sequence()
        mode = random.choice(["min", "max"])
        options = {"monitor": "score", "mode": mode, "patience": random.choice([0, 1, 2, 3])}
        delta = random.choice([0, 0.3])
        if number % 2:
            name = "EarlyStopping"
            options["min_delta"] = delta
            if version[0] == "2":
                if random.random() < 0.5:
                    options["baseline"] = round(values[0] + random.choice([0.5, 1.0] if mode == "min" else [-1.0]), 2)
                options["restore_best_weights"] = random.choice([True, False])
        else:
            name = "ReduceLROnPlateau"
            options["epsilon" if version[0] == "1" else "min_delta"] = delta
            options.update(factor=0.5, cooldown=random.choice([0, 0, 2]), min_lr=random.choice([0.0, 0.02]))
        model = Model()
        callback = getattr(callbacks, name)(**options)
        callback.set_model(model)
        callback.on_train_begin()
        rates = []
        for epoch, value in enumerate(values):
            model.weights = epoch
            callback.on_epoch_end(epoch, {"score": value})
            rates.append(model.rate)
            if model.stop_training:
                break
        callback.on_train_end()
        yield {
            "name": name, "options": options, "values": values,
            "result": {"epochs": len(rates), "weights": model.weights, "rates": rates},
        }  # fmt: skip


def directions():
    names = (
        "loss val_loss acc val_acc accuracy val_accuracy val_out_acc fmeasure val_fmeasure top_k_categorical_accuracy"
    )
    for monitor in names.split():
        for name in ("EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau"):
            callback = getattr(callbacks, name)(**({"filepath": "x.h5"} if name == "ModelCheckpoint" else {}),
                                                monitor=monitor)  # fmt: skip
            callback.set_model(Model())
            callback.on_train_begin()
            probe = callback.monitor_op(1.0, 2.0)
            yield [name, monitor, "min" if probe else "max"]


def checkpoints():
    scores = [3.0, 4.0, 2.0, 2.5, 1.0, 0.5]
    table = [{}, {"save_best_only": True}, {"save_best_only": True, "mode": "max"}, {"save_weights_only": True}]
    if version[0] != "3":
        table += [{"period": 2}, {"period": 4, "save_best_only": True}]
    if not CLASSIC:
        table += [{"save_freq": freq} for freq in (1, 3, 4, 5, 9)]
        table += [{"save_freq": 3, "save_best_only": True}, {"save_freq": 5, "save_weights_only": True}]
        table += [{"save_best_only": True, "initial_value_threshold": 2.25}]
    for options in table:
        for group in (1,) if CLASSIC or "save_freq" not in options else (1, 2, 3):
            batch = "-{batch}" if "save_freq" in options else ""
            model = Model()
            ending = ".weights.h5" if "save_weights_only" in options else ".keras"
            callback = callbacks.ModelCheckpoint(
                "m{epoch:02d}" + batch + "-{score:.1f}" + ending, monitor="score", **{"mode": "min", **options}
            )
            if hasattr(callback, "_set_monitor_op"):
                callback.set_model(model)
                callback._set_monitor_op()
            if not CLASSIC and version[0] == "2":
                callback._maybe_remove_file = lambda: None
                sys.modules[type(callback).__module__].distributed_file_utils = types.SimpleNamespace(
                    write_filepath=lambda path, strategy: path
                )
            callback.set_model(model)
            callback.on_train_begin()
            for epoch, score in enumerate(scores):
                callback.on_epoch_begin(epoch)
                if not CLASSIC:
                    for end in [*range(group - 1, 7, group), *([6] if 7 % group else [])]:
                        callback.on_train_batch_end(end, {"score": score})
                callback.on_epoch_end(epoch, {"score": score})
            callback.on_train_end()
            yield {"options": options, "group": group, "path": callback.filepath, "scores": scores,
                   "saved": model.saved}  # fmt: skip


def csv_files():
    plain = [{"loss": 0.5, "acc": 0.25}, {"loss": 0.125, "acc": 1.0}]
    validated = [{"loss": 0.5, "val_loss": 0.75}, {"loss": 0.25, "val_loss": 1.5}]
    late = [{"loss": 0.5}, {"loss": 0.25, "val_loss": 1.5}, {"loss": 0.125}]
    vectors = [{"loss": np.float64(0.5), "per_class": [0.25, 0.5], "text": "a,b", "b": np.array(2.5)}]
    stopped = [{"loss": 0.5, "acc": 1.0}, {"loss": 0.25, "acc": 0.5}, {"loss": 0.125}]
    runs = [[(plain, {})], [(validated, {"separator": ";"})], [(vectors, {})], [(stopped, {})],
            [(plain, {}), (plain, {"append": True})], [(plain, {"append": True}), (plain, {"append": True})],
            [(plain, {}), (plain, {})]]  # fmt: skip
    if not CLASSIC:
        runs.append([(late, {})])
    if version[0] == "1":
        # It fails over missing results and takes texts apart.
        runs.remove([(stopped, {})])
        del vectors[0]["text"]
    for run in runs:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "log.csv")
            for epochs, options in run:
                callback = callbacks.CSVLogger(path, **options)
                model = Model()
                callback.set_model(model)
                callback.on_train_begin()
                for epoch, logs in enumerate(epochs):
                    # Of an epoch that stops training, some results may be missing.
                    model.stop_training = epochs is stopped and epoch == 2
                    callback.on_epoch_end(epoch, dict(logs))
                callback.on_train_end()
            content = Path(path).read_bytes().decode()
        listed = [
            ([{name: value.tolist() if hasattr(value, "tolist") else value for name, value in logs.items()}
              for logs in epochs], options)
            for epochs, options in run
        ]  # fmt: skip
        yield {"runs": listed, "content": content}


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def record(action):
    """Return what `action(clock)` writes on a terminal."""
    clock = Clock()
    real_time, real_out = time.time, sys.stdout
    time.time, sys.stdout = clock, Terminal()
    try:
        action(clock)
        return sys.stdout.getvalue().replace("\b", "")
    finally:
        time.time, sys.stdout = real_time, real_out


def bars():
    values = [("loss", 0.5), ("acc", 0.0001)]
    table = [
        (10, {}, 0.1, [(step, values) for step in range(1, 11)]),
        (3, {"width": 12}, 7.0, [(1, [("loss", 1.0)]), (2, [("loss", 2.0)]), (3, [("loss", 4.0)])]),
        (1000, {}, 90.0, [(1, []), (2, []), (500, []), (1000, values)]),
        (7, {"verbose": 2}, 0.25, [(step, values) for step in range(1, 8)]),
        (5, {"verbose": 0}, 0.25, [(1, values), (5, values)]),
        (200, {"interval": 1.0}, 0.3, [(step, [("loss", step / 8)]) for step in range(1, 201)]),
        (20, {}, 0.0001, [(10, values), (20, values)]),
        (20, {}, 1.5, [(10, [("long_name", 3.0), ("x", 1.0)]), (20, [("x", 2.0)])]),
    ]
    if version[0] != "1":
        table.append((4, {"stateful_metrics": ["acc"]}, 1.0, [(1, values), (2, [("acc", 0.5), ("loss", 1.5)]),
                                                             (4, [("acc", 0.75), ("loss", 1.0)])]))  # fmt: skip
        table.append((None, {}, 1.0, [(1, values), (2, values)]))
    for target, options, pause, updates in table:

        def action(clock, target=target, options=options, pause=pause, updates=updates):
            bar = Progbar(target, **options)
            for current, pairs in updates:
                clock.now += pause
                # Keras 1 leaves the last line out if it comes too soon after the one before.
                bar.update(current, pairs, **({"force": current == target} if version[0] == "1" else {}))

        yield {"target": target, "options": options, "pause": pause, "updates": updates, "text": record(action)}


def loggers():
    """The bar of fit, driven as the loop of each Keras does; logs are the same in each batch."""
    for verbose in (1, 2):
        for epochs in (1, 2):

            def action(clock, verbose=verbose, epochs=epochs):
                callback = callbacks.ProgbarLogger()
                params = {"verbose": verbose, "epochs": epochs, "nb_epoch": epochs, "steps": 3, "samples": 12,
                          "nb_sample": 12, "metrics": ["loss", "val_loss"]}  # fmt: skip
                if not CLASSIC and version[0] == "2":
                    callback = callbacks.ProgbarLogger("steps")
                model = Model()
                model.metrics = [types.SimpleNamespace(name="loss")]
                callback.set_model(model)
                callback.set_params(params)
                callback.on_train_begin()
                for epoch in range(epochs):
                    callback.on_epoch_begin(epoch)
                    for batch in range(3):
                        if CLASSIC:
                            callback.on_batch_begin(batch, {"size": 4})
                        clock.now += 0.25
                        if CLASSIC:
                            callback.on_batch_end(batch, {"size": 4, "loss": 0.5})
                        else:
                            callback.on_train_batch_end(batch, {"loss": 0.5})
                    clock.now += 0.125
                    callback.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 0.25})
                callback.on_train_end()

            yield {"verbose": verbose, "epochs": epochs, "text": record(action)}


warnings.simplefilter("ignore")
found = {
    "keras": version,
    "watchers": list(watchers()) if CLASSIC else [],
    "directions": list(directions()) if version[0] != "3" else [],
    "checkpoints": list(checkpoints()),
    "csv": list(csv_files()),
    "bars": list(bars()),
    "loggers": list(loggers()),
}
target = GOLDEN / f"callback_decisions_keras{version.replace('.', '')}.json"
target.write_text(json.dumps(found, separators=(",", ":")) + "\n")
print(f"{target}: { {name: len(value) for name, value in found.items() if name != 'keras'} }")
