"""Trains small models in child processes, kills them again and again, and compares with trainings left alone.

Run as a script by test_killed.py; prints one JSON object per scenario.
"""

import io
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import torch
import torch._dynamo  # torch's optimizers import it, which takes seconds: once here instead of in each child

import keras_torch as keras
from keras_torch import callbacks, config, layers
from keras_torch.callbacks import backup_and_restore

KILLS = 6
COUNT, BATCH = 44, 8


def data():
    x = np.random.RandomState(0).randn(COUNT, 6).astype("float32")
    return x, (x.sum(1) > 0).astype("float32")


class Shuffled(keras.utils.Sequence):
    """Draws the order of its samples as Keras's guides do, and changes samples at random."""

    def __init__(self):
        super().__init__()
        self.x, self.y = data()
        self.indexes = np.arange(COUNT)
        np.random.shuffle(self.indexes)

    def __len__(self):
        return COUNT // BATCH

    def __getitem__(self, index):
        chosen = self.indexes[index * BATCH : (index + 1) * BATCH]
        return self.x[chosen] + np.random.randn() * 0.1, self.y[chosen]

    def on_epoch_end(self):
        np.random.shuffle(self.indexes)


def batches_forever():
    x, y = data()
    source = np.random.RandomState(3)
    while True:
        chosen = source.randint(0, COUNT, BATCH)
        yield x[chosen], y[chosen]


class TorchSchedule(callbacks.Callback):
    """Holds a torch scheduler, and a value of its own that changes what is learnt."""

    def on_train_begin(self, logs=None):
        held = self.model.optimizer.torch_optimizer
        self.scheduler = torch.optim.lr_scheduler.StepLR(held, 4, 0.7)
        self.factor = 1.0

    def on_train_batch_end(self, batch, logs=None):
        self.scheduler.step()
        self.factor *= 0.99

    def on_epoch_end(self, epoch, logs=None):
        kernel = self.model.layers[0].kernel
        kernel.assign(kernel.numpy() * self.factor)


def network(*more):
    first = [layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.3)]
    return keras.Sequential([keras.Input((6,)), *first, *more, layers.Dense(1, activation="sigmoid")])


def adam_and_early_stopping(folder):
    model = network(layers.Dropout(0.2, seed=5))
    schedule = keras.optimizers.schedules.ExponentialDecay(0.02, 5, 0.9)
    metrics = ["accuracy", keras.metrics.AUC(name="auc")]
    model.compile(keras.optimizers.Adam(schedule, use_ema=True), "binary_crossentropy", metrics=metrics)
    stop = callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    return (
        model,
        {"x": data()[0], "y": data()[1], "batch_size": BATCH, "validation_split": 0.25, "epochs": 5},
        "epoch",
        [stop],
    )


def momentum_and_plateaus(folder):
    model = network(layers.GaussianNoise(0.1))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True), "mse", metrics=["mae"])
    found = [
        callbacks.ReduceLROnPlateau("loss", patience=1, factor=0.5, min_delta=0.02),
        callbacks.CSVLogger(os.path.join(folder, "log.csv")),
        callbacks.ModelCheckpoint(os.path.join(folder, "best.weights.h5"), "loss", save_best_only=True,
                                  save_weights_only=True),
    ]  # fmt: skip
    return model, {"x": data()[0], "y": data()[1], "batch_size": BATCH, "shuffle": "batch", "epochs": 4}, 1, found


def sequence(folder):
    model = network()
    model.compile(keras.optimizers.RMSprop(0.01, clipnorm=1.0), "binary_crossentropy", metrics=["accuracy"])
    return model, {"x": Shuffled(), "validation_data": Shuffled(), "epochs": 4}, 2, []


def generator_and_torch_optimizer(folder):
    model = network(layers.Dropout(0.1))
    model.compile(torch.optim.NAdam(model.parameters(), lr=0.01), "binary_crossentropy")
    return model, {"x": batches_forever(), "steps_per_epoch": 5, "epochs": 4}, 3, [TorchSchedule()]


def stateful_in_keras_2(folder):
    config.set_dialect("2")
    first = layers.LSTM(4, stateful=True, batch_input_shape=(4, 3, 2), dropout=0.2)
    model = keras.Sequential([first, layers.Dense(1)])
    model.compile(keras.optimizers.Nadam(0.01), "mse", metrics=["mae"])
    x, y = data()
    options = {"x": x.reshape(COUNT, 3, 2), "y": y, "batch_size": 4, "epochs": 3}
    return model, options, 4, []


SCENARIOS = [
    adam_and_early_stopping, momentum_and_plateaus, sequence, generator_and_torch_optimizer, stateful_in_keras_2
]  # fmt: skip


class Points:
    """Places at which a process may die: hooks of callbacks, and before and after each step of writing a file."""

    def __init__(self, deadly):
        self.passed = 0
        self.deadly = deadly

    def __call__(self, *args):
        self.passed += 1
        if self.passed == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner, name):
        function = getattr(owner, name)

        def wrapped(*args, **kwargs):
            self()
            result = function(*args, **kwargs)
            self()
            return result

        setattr(owner, name, wrapped)

    def save_slowly(self, save):
        def halves(content, file):
            buffer = io.BytesIO()
            save(content, buffer)
            value = buffer.getvalue()
            for start in range(0, len(value), len(value) // 2 + 1):
                file.write(value[start : start + len(value) // 2 + 1])
                file.flush()
                self()

        return halves

    def hooks(self):
        names = "train_begin train_end epoch_begin epoch_end train_batch_begin train_batch_end test_batch_end"
        hooks = {f"on_{name}": self for name in names.split()}
        return callbacks.LambdaCallback(**hooks)


def train(scenario, folder, deadly):
    """Train as a script would that is started for the first or the hundredth time, and write the result."""
    keras.utils.set_random_seed(11)
    points = Points(deadly)
    for name in ("replace", "fsync", "unlink"):
        points.around(os, name)
    backup_and_restore.torch = type(sys)("torch")
    backup_and_restore.torch.__dict__.update(torch.__dict__, save=points.save_slowly(torch.save))
    model, options, save_freq, found = scenario(folder)
    backup = callbacks.BackupAndRestore(os.path.join(folder, "backup"), save_freq, double_checkpoint=True)
    history = model.fit(**options, verbose=0, callbacks=[points.hooks(), *found, backup])
    log = Path(folder, "log.csv")
    result = {
        "history": history.history,
        "weights": [weight.tolist() for weight in model.get_weights()],
        "log": log.read_text() if log.exists() else "",
        "backup": os.path.exists(backup.backup_dir),
        "random": [random.random(), np.random.rand(), torch.rand(()).item()],
    }
    Path(folder, "result.json").write_text(json.dumps({**result, "points": points.passed}))


def in_child(work):
    """Run `work` in a forked process and return its id."""
    child = os.fork()
    if child:
        return child
    try:
        torch.set_num_threads(1)
        work()
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


def run(scenario, folder, deadly=0, after=None):
    """Return whether a training in a child process came to its end. `deadly` or `after` says when it is killed."""
    child = in_child(lambda: train(scenario, folder, deadly))
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"{scenario.__name__} failed")
    return os.WIFEXITED(status)


def result(folder):
    return json.loads(Path(folder, "result.json").read_text())


def torment(scenario, source):
    """Kill a training `KILLS` times, half of them at chosen points; return what went wrong."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        start = time.monotonic()
        run(scenario, other)
        duration = time.monotonic() - start
        expected = result(other)
        points, problems, kills = expected.pop("points"), [], 0
        backup = Path(folder, "backup", "backup.pt")
        while kills < KILLS:
            if kills % 2:
                ended = run(scenario, folder, after=source.uniform(0, duration))
            else:
                ended = run(scenario, folder, deadly=source.randint(1, points // 2))
            kills += not ended
            # Whenever a process dies, what it leaves can be read.
            if backup.exists():
                backup_and_restore.read(backup)
            for file in Path(folder).glob("*.h5"):
                h5py.File(file, "r").close()
            if ended:
                problems += differences(expected, result(folder))
        run(scenario, folder)
        return problems + differences(expected, result(folder))


def differences(expected, found):
    return [name for name in expected if expected[name] != found[name]]


if __name__ == "__main__":
    numbers = random.Random(int(sys.argv[1]))
    for each in SCENARIOS:
        print(json.dumps({each.__name__: torment(each, numbers)}), flush=True)
