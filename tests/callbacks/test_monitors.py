from __future__ import annotations

import json
import math
import os
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from keras_torch import config
from keras_torch.backend import Variable
from keras_torch.callbacks import (
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)

GOLDEN = Path(__file__).parents[1] / "golden"


def traces():
    for file, dialect in (("callbacks_keras2.json", "tf"), ("callbacks_keras3.json", "3")):
        for number, case in enumerate(json.loads((GOLDEN / file).read_text())["cases"]):
            yield pytest.param(dialect, case, id=f"{dialect}-{number}-{case['name']}")


@pytest.mark.parametrize(("dialect", "case"), list(traces()))
def test_decisions_are_those_of_real_keras(fit, model, dialect, case):
    model.optimizer.learning_rate = 0.125
    rates = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(rate=model.optimizer.learning_rate))
    made = {"EarlyStopping": EarlyStopping, "ReduceLROnPlateau": ReduceLROnPlateau}[case["name"]](**case["options"])
    model.weights = 0
    with config.dialect_scope(dialect):
        epochs = fit([made, rates], [{"score": value} for value in case["values"]], steps=0)
    assert epochs == case["result"]["epochs"]
    assert model.history.history["rate"] == pytest.approx(case["result"]["rates"])
    assert model.weights == [case["result"]["weights"] + 1]


def losses(*values):
    return [{"loss": value, "val_loss": value} for value in values]


@pytest.mark.parametrize(
    ("options", "values", "epochs"),
    [
        ({"patience": 0}, (3, 2, 2, 1), 3),
        ({"patience": 2}, (3, 2, 2, 2, 2), 4),
        ({"patience": 2}, (3, 2, 2, 1, 1, 1), 6),
        ({"patience": 1, "min_delta": 0.5}, (3.0, 2.8, 2.6), 2),
        ({"patience": 1, "mode": "max"}, (1, 2, 1, 3), 3),
        ({"patience": 1, "baseline": 1.5}, (3, 3, 1), 2),
        ({"patience": 1, "baseline": 1.5}, (3, 2, 1), 3),
        ({"patience": 1, "start_from_epoch": 3}, (1, 2, 3, 4, 5, 6), 5),
    ],
)
def test_early_stopping_stops_after_the_epoch_in_which_keras_stops(fit, options, values, epochs):
    assert fit([EarlyStopping(**options)], losses(*values)) == epochs


def test_keras_1_allowed_one_epoch_more(fit):
    values = losses(3, 2, 2, 2, 2, 2, 2)
    with config.dialect_scope("1"):
        assert fit([EarlyStopping(patience=2)], values) == 5
    assert fit([EarlyStopping(patience=2)], values) == 4


def test_keras_2_took_the_baseline_as_the_first_best_value(fit):
    with config.dialect_scope("2"):
        assert fit([EarlyStopping(patience=2, baseline=1.0)], losses(3, 2, 0.5, 0.6, 0.6)) == 2
        assert fit([EarlyStopping(patience=2, baseline=2.5)], losses(3, 2, 2.1, 2.1, 2.1)) == 4


@pytest.mark.parametrize(("dialect", "expected"), [("tf", [4]), ("2", [4]), ("3", [2]), (None, [2])])
def test_best_weights_come_back_at_the_end_since_keras_3_and_before_only_after_an_early_stop(
    fit, model, dialect, expected
):
    with config.dialect_scope(dialect):
        fit([EarlyStopping(patience=9, restore_best_weights=True)], losses(3, 1, 2, 2))
        assert model.weights == expected
        fit([EarlyStopping(patience=2, restore_best_weights=True)], losses(3, 1, 2, 2, 2))
        assert model.weights == [2]


def test_early_stopping_tells_why(fit, capsys):
    fit([EarlyStopping(patience=1, restore_best_weights=True, verbose=1)], losses(1, 2))
    assert capsys.readouterr().out == ("Epoch 2: early stopping\nBack to the weights of epoch 1, the best one\n")


@pytest.mark.parametrize("callback", [EarlyStopping, ReduceLROnPlateau, lambda m: ModelCheckpoint("x", m)])
def test_accuracy_is_maximised_whatever_its_spelling(callback):
    for name in ("acc", "val_acc", "accuracy", "val_accuracy", "val_sparse_categorical_accuracy", "val_auc"):
        made = callback(name)
        assert math.isinf(made.best) and made.best < 0
    assert callback("val_loss").best == np.inf


@pytest.mark.parametrize("monitor", ["val_acc", "val_accuracy"])
@pytest.mark.parametrize("logged", ["val_acc", "val_accuracy"])
def test_monitors_find_either_spelling(fit, model, monitor, logged):
    epochs = [{logged: torch.tensor(value)} for value in (0.5, 0.6, 0.4, 0.4)]
    callbacks = [
        EarlyStopping(monitor, patience=1),
        ModelCheckpoint("{epoch}-{val_acc:.1f}", monitor, save_best_only=True),
    ]
    assert fit(callbacks, epochs) == 3
    assert model.saved == [("model", "1-0.5"), ("model", "2-0.6")]


@pytest.mark.parametrize("callback", [EarlyStopping(), ReduceLROnPlateau(), ModelCheckpoint("x", save_best_only=True)])
def test_a_missing_monitor_warns_with_the_names_there_are(fit, model, callback):
    with pytest.warns(UserWarning, match="'val_loss', which the logs do not have. They have: loss"):
        fit([callback], [{"loss": 1.0}])
    # What cannot be compared is saved since Keras 3, and was skipped before.
    assert model.saved == ([("model", "x")] if isinstance(callback, ModelCheckpoint) else [])
    model.saved.clear()
    with config.dialect_scope("tf"), pytest.warns(UserWarning, match="'val_loss'"):
        fit([callback], [{"loss": 1.0}])
    assert model.saved == []


def test_an_unknown_mode_warns():
    with pytest.warns(UserWarning, match="'auto' is used for 'least'"):
        EarlyStopping(mode="least")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["m01", "m02", "m03", "m04"]),
        ({"period": 2}, ["m02", "m04"]),
        ({"save_best_only": True}, ["m01", "m03"]),
        ({"save_best_only": True, "mode": "max"}, ["m01", "m02", "m04"]),
        ({"save_best_only": True, "initial_value_threshold": 2.5}, ["m03"]),
    ],
)
def test_checkpoints_are_written_when_keras_writes_them(fit, model, options, expected):
    fit([ModelCheckpoint("m{epoch:02d}", **options)], losses(3, 4, 2, 5))
    assert [path for _, path in model.saved] == expected


def test_a_checkpoint_every_so_many_batches_counts_across_epochs(fit, model):
    fit([ModelCheckpoint("m{epoch}-{batch}", save_freq=3)], losses(3, 4, 2), steps=4)
    assert [path for _, path in model.saved] == ["m1-3", "m2-2", "m3-1", "m3-4"]


def test_checkpoint_makes_folders_and_says_what_it_does(fit, model, tmp_path, capsys):
    path = tmp_path / "deep" / "w.hdf5"
    fit([ModelCheckpoint(path, verbose=1, save_best_only=True, save_weights_only=True)], losses(0.5, 0.75))
    assert model.saved == [("weights", str(path))] and path.parent.is_dir()
    assert capsys.readouterr().out == (
        f"\nEpoch 1: val_loss improved from inf to 0.50000, saving model to {path}\n"
        "\nEpoch 2: val_loss did not improve from 0.50000\n"
    )


def test_an_unknown_name_in_the_path_lists_the_known_ones(fit):
    with pytest.raises(KeyError, match="Available names are: loss, val_loss, epoch"):
        fit([ModelCheckpoint("{val_auc}.h5")], losses(1))


def test_a_wrong_save_freq_is_refused():
    with pytest.raises(ValueError, match="`save_freq` .*Received: 'batch'"):
        ModelCheckpoint("x", save_freq="batch")


def test_scheduler_takes_one_or_two_arguments_and_logs_the_rate(fit, model, capsys):
    fit([LearningRateScheduler(lambda epoch: 0.5**epoch, verbose=1)], losses(1, 1))
    assert model.optimizer.learning_rate == 0.5
    assert model.history.history["learning_rate"] == [1.0, 0.5] == model.history.history["lr"]
    assert "\nEpoch 2: LearningRateScheduler setting learning rate to 0.5.\n" in capsys.readouterr().out
    with config.dialect_scope("tf"):
        fit([LearningRateScheduler(lambda epoch, rate: rate / 2)], losses(1, 1))
        assert list(model.history.history) == ["loss", "val_loss", "lr"]
    assert model.optimizer.learning_rate == 0.125


def test_scheduler_gives_only_the_epoch_in_keras_1(fit, model):
    with config.dialect_scope("1"):
        fit([LearningRateScheduler(lambda epoch, base=0.3: base)], losses(1))
    assert model.optimizer.learning_rate == 0.3


def test_scheduler_does_not_hide_type_errors_of_the_schedule(fit):
    with pytest.raises(TypeError, match="unsupported operand"):
        fit([LearningRateScheduler(lambda epoch, rate: rate + "x")], losses(1))


def test_scheduler_refuses_what_is_not_a_number(fit):
    with pytest.raises(ValueError, match="must return a float. Received: None for epoch 0"):
        fit([LearningRateScheduler(lambda epoch: None)], losses(1))


@pytest.mark.parametrize("callback", [LearningRateScheduler(lambda epoch: 0.1), ReduceLROnPlateau()])
def test_a_schedule_in_the_optimizer_is_named(fit, model, callback):
    model.optimizer.learning_rate = object()
    with pytest.raises(ValueError, match="needs an optimizer whose `learning_rate` is a number"):
        fit([callback], losses(1))


@pytest.mark.parametrize(
    ("options", "values", "rate"),
    [
        ({"patience": 1}, (3, 3, 2), 0.01),
        ({"patience": 2}, (3, 3, 2, 2), 0.1),
        ({"patience": 1, "factor": 0.5}, (3, 3, 3, 3), 0.0125),
        ({"patience": 1, "factor": 0.5, "cooldown": 2}, (3, 3, 3, 3, 3), 0.025),
        ({"patience": 1, "min_lr": 0.05}, (3, 3, 3), 0.05),
        ({"patience": 1, "min_delta": 0.5}, (3.0, 2.8), 0.01),
        ({"patience": 1, "mode": "max"}, (1, 2, 3), 0.1),
    ],
)
def test_plateaus_reduce_the_rate_when_keras_does(fit, model, options, values, rate):
    fit([ReduceLROnPlateau(**options)], losses(*values))
    assert model.optimizer.learning_rate == pytest.approx(rate)


def test_keras_1_reduced_one_epoch_later(fit, model):
    with config.dialect_scope("1"):
        fit([ReduceLROnPlateau(patience=1, factor=0.5)], losses(3, 3))
        assert model.optimizer.learning_rate == 0.1
        fit([ReduceLROnPlateau(patience=1, factor=0.5)], losses(3, 3, 3, 3))
        assert model.optimizer.learning_rate == 0.025


def test_a_plateau_factor_of_one_is_refused():
    with pytest.raises(ValueError, match="`factor` of ReduceLROnPlateau"):
        ReduceLROnPlateau(factor=1.0)


def test_nan_ends_training_at_the_batch(model, fit, capsys):
    assert fit([TerminateOnNaN()], losses(1.0, float("nan"), 1.0)) == 2
    assert "Batch 0: Invalid loss, terminating training\n" in capsys.readouterr().out


def test_nan_can_be_an_error_so_that_no_callback_cleans_up(fit):
    ended = []
    note = LambdaCallback(on_train_end=lambda logs: ended.append(1))
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 0, .*loss=inf"):
        fit([TerminateOnNaN(raise_error=True), note], losses(1.0, float("inf")))
    assert ended == []


def test_csv_logger_writes_a_row_per_epoch_and_appends(fit, tmp_path):
    path = tmp_path / "log.csv"
    fit([CSVLogger(path, separator=";")], losses(0.5, 0.25))
    assert path.read_text().splitlines() == ["epoch;loss;val_loss", "0;0.5;0.5", "1;0.25;0.25"]
    fit([CSVLogger(str(path), separator=";", append=True)], losses(0.125))
    assert path.read_text().splitlines()[1:] == ["0;0.5;0.5", "1;0.25;0.25", "0;0.125;0.125"]
    fit([CSVLogger(path)], [{"loss": 1.0}, {"loss": 2.0, "val_loss": 3.0}])
    assert path.read_text().splitlines() == ["epoch,loss,val_loss", "0,1.0,NA", "1,2.0,3.0"]


def test_csv_logger_can_run_twice(fit, tmp_path):
    logger = CSVLogger(tmp_path / "log.csv")
    for _ in range(2):
        fit([logger], losses(1.0))
    assert os.path.getsize(logger.filename) > 0 and logger.csv_file is None


def test_an_optimizer_that_knows_only_the_old_name_of_its_rate_is_slowed_down():
    model = types.SimpleNamespace(optimizer=types.SimpleNamespace(lr=Variable(torch.tensor(1.0))))
    callback = ReduceLROnPlateau(patience=1)
    callback.set_model(model)
    for epoch in range(2):
        callback.on_epoch_end(epoch, {"val_loss": 1.0})
    assert model.optimizer.lr.item() == pytest.approx(0.1)


class Metric:
    def __init__(self, name, direction=None):
        self.name = name
        if direction:
            self._direction = direction


class F1Score(Metric):
    pass


class FBetaScore(Metric):
    pass


class MyScore(FBetaScore):
    pass


@pytest.mark.parametrize(
    ("metric", "epochs"),
    [(Metric("score"), 2), (Metric("score", "up"), 4), (Metric("score", "down"), 2), (MyScore("score"), 4)],
)
def test_the_compiled_metric_says_which_direction_is_better(fit, model, metric, epochs):
    model.metrics = [Metric("other", "up"), metric]
    stop = EarlyStopping("val_score", patience=1, min_delta=0.01)
    assert fit([stop], [{"val_score": value} for value in (0.1, 0.2, 0.3, 0.2, 0.1)]) == epochs
    with config.dialect_scope("tf"):
        assert fit([EarlyStopping("val_score", patience=1)], [{"val_score": value} for value in (0.1, 0.2, 0.3)]) == 2


def test_a_name_of_which_nothing_is_known_is_refused_in_keras_3(fit, model):
    model.metrics = [Metric("wellness")]
    with config.dialect_scope("3"):
        for made in (EarlyStopping("val_wellness"), ReduceLROnPlateau("val_wellness")):
            with pytest.raises(
                ValueError, match=f"{type(made).__name__} cannot tell whether more or less of 'val_wellness'"
            ):
                fit([made], [{"val_wellness": 1.0}])
        fit(
            [EarlyStopping("val_wellness", mode="max"), EarlyStopping("val_out_loss")],
            [{"val_wellness": 1.0, "val_out_loss": 1.0}],
        )


def test_a_direction_learnt_late_turns_all_three_callbacks(fit, model):
    model.metrics = [Metric("score", "up")]
    epochs = [{"score": value} for value in (0.1, 0.2, 0.3, 0.3)]
    slow = ReduceLROnPlateau("score", patience=1, factor=0.5)
    save = ModelCheckpoint("{score}", "score", save_best_only=True)
    threshold = ModelCheckpoint("t{score}", "score", save_best_only=True, initial_value_threshold=0.25)
    assert fit([slow, save, threshold], epochs) == 4
    assert model.optimizer.learning_rate == pytest.approx(0.05)
    assert [path for _, path in model.saved] == ["0.1", "0.2", "0.3", "t0.3"]


def test_vectors_cannot_be_compared_and_are_saved_with_a_warning(fit, model):
    with pytest.warns(UserWarning, match="compares numbers only, so it saves whatever 'f1' is"):
        fit([ModelCheckpoint("x", "f1", save_best_only=True)], [{"f1": np.array([0.5, 0.25])}])
    assert len(model.saved) == 1


def test_training_goes_on_from_the_newest_checkpoint(fit, model, tmp_path):
    loaded = []
    model.load_weights = loaded.append
    for epoch in (2, 10, 3):
        path = tmp_path / f"w.{epoch:02d}-0.5.h5"
        path.write_text("x")
        os.utime(path, (0, 1000 if epoch == 10 else 2000))
    (tmp_path / "w.other").write_text("x")
    pattern = str(tmp_path / "w.{epoch:02d}-{val_loss:.1f}.h5")
    fit([ModelCheckpoint(pattern, load_weights_on_restart=True)], losses(1))
    fit([ModelCheckpoint(str(tmp_path / "none.{epoch}"), load_weights_on_restart=True)], losses(1))
    assert loaded == [str(tmp_path / "w.03-0.5.h5")]


def test_a_folder_in_place_of_the_file_is_named(fit, model, tmp_path):
    with pytest.raises(IsADirectoryError, match="ModelCheckpoint needs the name of a file.*is a folder"):
        fit([ModelCheckpoint(str(tmp_path))], losses(1))


def test_options_of_tensorflow_are_refused_unless_there_are_none():
    ModelCheckpoint("x", options=None)
    with pytest.raises(ValueError, match="`options`"):
        ModelCheckpoint("x", options=object())


def test_keras_1_counted_checkpoints_from_0(fit, model):
    with config.dialect_scope("1"):
        fit([ModelCheckpoint("w.{epoch:02d}")], losses(1, 1))
    assert [path for _, path in model.saved] == ["w.00", "w.01"]


def test_the_old_name_of_min_delta_and_old_positions_work():
    assert ReduceLROnPlateau(epsilon=0.5).min_delta == 0.5
    with config.dialect_scope("1"):
        assert ReduceLROnPlateau("loss", 0.5, 3, 1, "auto", 0.25).min_delta == 0.25
        assert ModelCheckpoint("x", "loss", 0, False, False, "auto", 3).period == 3
