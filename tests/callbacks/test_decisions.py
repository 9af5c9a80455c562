"""What callbacks write, save and decide, against files made by real Keras 1.2.2, 2.2.4, 2.15 and 3.15."""

from __future__ import annotations

import json
import time
import types
from pathlib import Path

import pytest

from keras_torch import callbacks, config, utils

GOLDEN = Path(__file__).parents[1] / "golden"
VERSIONS = {"122": "1", "224": "2", "2150": "tf", "3151": "3"}
FILES = {
    dialect: json.loads((GOLDEN / f"callback_decisions_keras{version}.json").read_text())
    for version, dialect in VERSIONS.items()
}


def cases(kind):
    return [
        pytest.param(dialect, case, id=f"{dialect}-{number}")
        for dialect, file in FILES.items()
        for number, case in enumerate(file[kind])
    ]


@pytest.mark.parametrize(("dialect", "case"), cases("watchers"))
def test_keras_1_and_2_stop_and_slow_down_at_the_same_epochs(fit, model, dialect, case):
    model.optimizer.learning_rate = 0.125
    rates = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(rate=model.optimizer.learning_rate))
    model.weights = 0
    with config.dialect_scope(dialect):
        watcher = getattr(callbacks, case["name"])(**case["options"])
        epochs = fit([watcher, rates], [{"score": value} for value in case["values"]], steps=0)
    assert epochs == case["result"]["epochs"]
    assert model.history.history["rate"] == pytest.approx(case["result"]["rates"])
    assert model.weights == [case["result"]["weights"] + 1]


@pytest.mark.parametrize(("dialect", "case"), cases("directions"))
def test_the_better_direction_of_a_name(dialect, case):
    name, monitor, direction = case
    with config.dialect_scope(dialect):
        made = getattr(callbacks, name)(**({"filepath": "x"} if name == "ModelCheckpoint" else {}), monitor=monitor)
    assert made.best == (float("inf") if direction == "min" else -float("inf"))


@pytest.mark.parametrize(("dialect", "case"), cases("checkpoints"))
def test_checkpoints_are_written_when_keras_writes_them(model, dialect, case):
    classic = dialect in ("1", "2")
    with config.dialect_scope(dialect):
        made = callbacks.ModelCheckpoint(case["path"], monitor="score", **{"mode": "min", **case["options"]})
        every = callbacks.CallbackList([made], model=model)
        every.on_train_begin()
        for epoch, score in enumerate(case["scores"]):
            every.on_epoch_begin(epoch)
            ends = [*range(case["group"] - 1, 7, case["group"]), *([6] if 7 % case["group"] else [])]
            for end in [] if classic else ends:
                every.on_train_batch_end(end, {"score": score})
            every.on_epoch_end(epoch, {"score": score})
        every.on_train_end()
    assert model.saved == [tuple(item) for item in case["saved"]]


@pytest.mark.parametrize(("dialect", "case"), cases("csv"))
def test_csv_files_have_the_same_bytes(model, tmp_path, dialect, case):
    path = tmp_path / "log.csv"
    with config.dialect_scope(dialect):
        for epochs, options in case["runs"]:
            every = callbacks.CallbackList([callbacks.CSVLogger(path, **options)], model=model)
            every.on_train_begin()
            for epoch, logs in enumerate(epochs):
                every.on_epoch_end(epoch, logs)
            every.on_train_end()
    assert path.read_bytes().decode() == case["content"]


@pytest.fixture
def clock(monkeypatch):
    """A clock that tests set, and a terminal."""
    made = types.SimpleNamespace(now=1000.0)
    monkeypatch.setattr(time, "time", lambda: made.now)
    monkeypatch.setattr("keras_torch.callbacks.progbar.redraws", lambda: True)
    monkeypatch.setattr("keras_torch.callbacks.progress.redraws", lambda: True)
    return made


@pytest.mark.parametrize(("dialect", "case"), cases("bars"))
def test_bars_look_as_in_keras(clock, capsys, dialect, case):
    with config.dialect_scope(dialect):
        bar = utils.Progbar(case["target"], **case["options"])
        for current, values in case["updates"]:
            clock.now += case["pause"]
            bar.update(current, values)
    assert capsys.readouterr().out == case["text"]


@pytest.mark.parametrize(("dialect", "case"), cases("loggers"))
def test_the_bar_of_fit_looks_as_in_keras(clock, capsys, model, dialect, case):
    with config.dialect_scope(dialect):
        every = callbacks.CallbackList(
            add_progbar=True, model=model, verbose=case["verbose"], epochs=case["epochs"], steps=3, samples=12,
            batch_size=4, metrics=["loss", "val_loss"],
        )  # fmt: skip
        every.on_train_begin()
        for epoch in range(case["epochs"]):
            every.on_epoch_begin(epoch)
            for batch in range(3):
                every.on_train_batch_begin(batch)
                clock.now += 0.25
                every.on_train_batch_end(batch, {"loss": 0.5})
            clock.now += 0.125
            every.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 0.25})
        every.on_train_end()
    assert capsys.readouterr().out == case["text"]
