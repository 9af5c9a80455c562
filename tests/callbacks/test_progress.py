from __future__ import annotations

import re

import pytest
import torch

from keras_torch import config
from keras_torch.callbacks import CallbackList, Progbar


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr("keras_torch.callbacks.progbar.redraws", lambda: True)
    monkeypatch.setattr("keras_torch.callbacks.progress.redraws", lambda: True)


def test_a_file_gets_one_line_per_epoch(fit, capsys):
    fit([], [{"loss": torch.tensor(0.5), "val_loss": 2e-5}] * 2, steps=40, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[0] == "Epoch 1/2"
    assert re.fullmatch(r"40/40 \[={30}\] - 0s \d+[mu]s/step - loss: 0\.5000 - val_loss: 2\.0000e-05", lines[1])


def test_a_single_epoch_has_no_title_and_verbose_2_no_bar(fit, capsys):
    fit([], [{"loss": 0.5}], steps=3, verbose=2)
    out = capsys.readouterr().out
    assert re.fullmatch(r"3/3 - 0s - loss: 0\.5000 - \d+[mu]s/epoch - \d+[mu]s/step\n", out)


def test_verbose_3_shows_the_titles_of_epochs_alone(fit, capsys):
    fit([], [{"loss": 0.5}] * 2, verbose=3)
    assert capsys.readouterr().out == "Epoch 1/2\nEpoch 2/2\n"


def test_a_terminal_shows_the_bar_grow(terminal, capsys):
    bar = Progbar(10, interval=0)
    for loss in (1.0, 2.0, 3.0):
        bar.add(1, [("loss", loss)])
    parts = capsys.readouterr().out.split("\r")
    assert parts[0] == ""
    assert re.fullmatch(r" 1/10 \[==>\.{27}\] - ETA: \d+s - loss: 1\.0000", parts[1])
    assert re.fullmatch(r" 3/10 \[========>\.{21}\] - ETA: \d+s - loss: 2\.0000", parts[3])


def test_stateful_metrics_are_shown_as_they_are(terminal, capsys):
    bar = Progbar(4, interval=0, stateful_metrics=["acc"])
    bar.update(1, {"acc": 0.25, "loss": 1.0})
    bar.update(4, {"acc": 0.75, "loss": 2.0})
    assert capsys.readouterr().out.endswith("- acc: 0.7500 - loss: 1.7500\n")


def test_an_unknown_number_of_steps_is_said_so(terminal, capsys):
    bar = Progbar(None, interval=0)
    bar.add(1)
    assert "      1/Unknown - 0s " in capsys.readouterr().out


def test_drawing_is_throttled_and_values_are_read_only_when_drawn(terminal, capsys, model):
    reads = []

    def logs():
        reads.append(1)
        return {"loss": torch.tensor(0.5)}

    every = CallbackList([], add_progbar=True, model=model, verbose=1, epochs=1, steps=1000)
    every.on_train_begin()
    every.on_epoch_begin(0)
    for batch in range(1000):
        every.on_train_batch_end(batch, logs)
    every.on_epoch_end(0, {"loss": 0.5})
    assert 1 <= len(reads) < 50
    assert capsys.readouterr().out.count("\r") == len(reads) + 1


def test_validation_inside_fit_shows_no_bar_and_evaluate_does(model, capsys):
    every = CallbackList([], add_progbar=True, model=model, verbose=1, epochs=1, steps=2)
    every.on_train_begin()
    every.on_epoch_begin(0)
    every.on_test_begin()
    every.on_test_end({"loss": 1.0})
    assert capsys.readouterr().out == ""
    every.on_epoch_end(0, {"loss": 1.0})
    every.on_train_end()
    capsys.readouterr()
    every.on_test_begin()
    every.on_test_end({"loss": 1.0})
    assert capsys.readouterr().out.endswith("- loss: 1.0000\n")


def test_the_number_of_steps_is_learnt_in_the_first_epoch(model, capsys):
    every = CallbackList([], add_progbar=True, model=model, verbose=1, epochs=2, steps=None)
    every.on_train_begin()
    for epoch in range(2):
        every.on_epoch_begin(epoch)
        for batch in range(3):
            every.on_train_batch_end(batch, {"loss": 1.0})
        every.on_epoch_end(epoch, {"loss": 1.0})
    assert [line[:3] for line in capsys.readouterr().out.splitlines()] == ["Epo", "3/3", "Epo", "3/3"]


def test_keras_2_counts_samples(model, capsys):
    with config.dialect_scope("2"):
        every = CallbackList([], add_progbar=True, model=model, verbose=1, epochs=1, steps=2, samples=50, batch_size=32)
    every.on_train_begin()
    every.on_epoch_begin(0)
    for batch in range(2):
        every.on_train_batch_end(batch, {"loss": 1.0})
    every.on_epoch_end(0, {"loss": 1.0})
    assert re.match(r"50/50 \[=+\] - 0s \d+[mu]s/sample - loss", capsys.readouterr().out)


def test_the_values_of_a_list_are_shown_by_their_mean(capsys):
    Progbar(1).update(1, values=[("loss", [0.0, 1.0, 2.0])])
    assert capsys.readouterr().out.endswith("loss: 1.0000\n")
