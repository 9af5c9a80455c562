from __future__ import annotations

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import callbacks, config


def model(loss="mse"):
    keras.utils.set_random_seed(3)
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    made.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
    return made


def data(n=24):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 4)).astype("float32"), np.eye(3, dtype="float32")[rng.integers(0, 3, n)]


def test_history_and_monitors_answer_to_acc_and_accuracy():
    stop = callbacks.EarlyStopping("val_acc", patience=1, mode="min", min_delta=10)
    history = model().fit(*data(), epochs=5, validation_split=0.25, verbose=0, callbacks=[stop])
    assert len(history.epoch) == 2
    assert history.history["acc"] == history.history["accuracy"] and history.history["val_acc"]
    assert all(type(value) is float for values in history.history.values() for value in values)


def test_the_best_weights_are_saved_and_restored(tmp_path):
    made = model()
    seen = []
    note = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(made.get_weights()))
    stop = callbacks.EarlyStopping("val_loss", patience=0, min_delta=10, restore_best_weights=True)
    save = callbacks.ModelCheckpoint(str(tmp_path / "best-{epoch}.hdf5"), save_best_only=True, save_weights_only=True)
    made.fit(*data(), epochs=4, validation_split=0.25, verbose=0, callbacks=[note, stop, save])
    assert len(seen) == 2
    for restored, first in zip(made.get_weights(), seen[0], strict=True):
        np.testing.assert_array_equal(restored, first)
    made.load_weights(str(tmp_path / "best-1.hdf5"))
    for loaded, first in zip(made.get_weights(), seen[0], strict=True):
        np.testing.assert_array_equal(loaded, first)


@pytest.mark.parametrize(("dialect", "name"), [("tf", "lr"), (None, "learning_rate")])
def test_learning_rates_are_set_and_logged(dialect, name):
    with config.dialect_scope(dialect):
        made = model()
        plateau = callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10)
        history = made.fit(*data(), epochs=4, verbose=0, callbacks=[plateau])
        assert history.history[name] == pytest.approx([0.1, 0.1, 0.05, 0.025])
        assert float(made.optimizer.learning_rate) == pytest.approx(0.0125)
        schedule = callbacks.LearningRateScheduler(lambda epoch, rate: rate * 2)
        history = made.fit(*data(), epochs=2, verbose=0, callbacks=[schedule])
        assert history.history["lr"] == pytest.approx([0.025, 0.05])


def test_nan_ends_training():
    x, y = data()
    x[:] = np.nan
    history = model().fit(x, y, epochs=3, verbose=0, callbacks=[callbacks.TerminateOnNaN()])
    assert history.epoch == [0]


def test_an_optimizer_with_a_schedule_refuses_another_one():
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    made.compile(keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)), "mse")
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        made.fit(*data(), verbose=0, callbacks=[callbacks.LearningRateScheduler(lambda epoch: 0.1)])


def test_all_kinds_of_hooks_fire_in_order(capsys):
    events = []

    class Notes(callbacks.Callback):
        pass

    for name in callbacks.base.EVENTS:
        setattr(Notes, name, lambda self, *args, name=name: events.append(name))
    made = model()
    x, y = data(16)
    made.fit(x, y, batch_size=8, epochs=1, validation_data=(x, y), verbose=1, callbacks=[Notes()])
    train = ["on_train_batch_begin", "on_train_batch_end"] * 2
    test = ["on_test_batch_begin", "on_test_batch_end"] * 2
    assert events == [
        "on_train_begin", "on_epoch_begin", *train, "on_test_begin", *test, "on_test_end", "on_epoch_end",
        "on_train_end",
    ]  # fmt: skip
    events.clear()
    made.evaluate(x, y, batch_size=8, verbose=0, callbacks=[Notes()])
    assert events == ["on_test_begin", *test, "on_test_end"]
    events.clear()
    made.predict(x, batch_size=16, verbose=0, callbacks=[Notes()])
    assert events == ["on_predict_begin", "on_predict_batch_begin", "on_predict_batch_end", "on_predict_end"]
    assert capsys.readouterr().out.count("\n") == 1
