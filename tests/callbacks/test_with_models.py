from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

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


def test_batches_count_a_models_own_steps_from_the_first_one():
    class Counts(keras.Model):
        def __init__(self):
            super().__init__()
            self.calls = self.add_weight(name="calls", shape=(), initializer="zeros", trainable=False)
            self.inner = keras.layers.Dense(1)

        def call(self, inputs):
            self.calls.assign(self.calls + 1)
            return self.inner(inputs)

    seen = []
    made = Counts()
    made.compile("sgd", "mse")
    note = callbacks.LambdaCallback(on_batch_end=lambda batch, logs: seen.append(float(made.calls)))
    made.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=2, verbose=0, callbacks=[note])
    assert seen == [1, 2, 3, 4]


def test_old_module_paths_lead_to_the_callbacks():
    from keras_torch import dropin

    with dropin.install("2"):
        import keras as old
        from keras.callbacks.tensorboard_v2 import TensorBoard

        assert old.callbacks.callbacks.EarlyStopping is callbacks.EarlyStopping
        assert old.callbacks.tensorboard_v1.TensorBoard is TensorBoard is callbacks.TensorBoard


@pytest.mark.parametrize("dialect", ["1", "2", "tf", "3"])
def test_logs_of_batches_are_the_batchs_in_keras_1_and_2_and_the_epochs_so_far_later(dialect):
    x = np.arange(12, dtype="float32").reshape(6, 2) / 12
    y = np.arange(6, dtype="float32")[:, None]
    seen = []
    with config.dialect_scope(dialect):
        made = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
        made.compile("sgd", "mse", metrics=["mae"])
        made.optimizer.learning_rate = 0.0
        note = callbacks.LambdaCallback(on_batch_end=lambda batch, logs: seen.append({**logs}))
        history = made.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0, callbacks=[note]).history
        errors = np.abs(made.predict(x, verbose=0) - y)
    name = "mean_absolute_error" if dialect in ("1", "2") else "mae"
    whole = {"loss": np.mean(errors**2), name: np.mean(errors)}
    first = {"loss": np.mean(errors[:4] ** 2), name: np.mean(errors[:4])}
    last = {"loss": np.mean(errors[4:] ** 2), name: np.mean(errors[4:])}
    if dialect in ("1", "2"):
        assert [(logs.pop("batch"), logs.pop("size")) for logs in seen] == [(0, 4), (1, 2)] * 2
    for logs, wanted in zip(seen, [first, last if dialect in ("1", "2") else whole] * 2, strict=True):
        assert logs == pytest.approx(wanted, rel=1e-5)
    assert {key: values[-1] for key, values in history.items()} == pytest.approx(whole, rel=1e-5)


def test_the_bar_of_keras_2_shows_the_epoch_so_far(monkeypatch, capsys):
    monkeypatch.setattr("keras_torch.callbacks.progbar.redraws", lambda: True)
    monkeypatch.setattr("keras_torch.callbacks.progress.redraws", lambda: True)
    monkeypatch.setattr("keras_torch.callbacks.progbar.Progbar.due", lambda bar: True)
    x, y = np.ones((6, 2)), np.array([[1.0], [1.0], [3.0], [3.0], [5.0], [5.0]])
    seen = []
    with config.dialect_scope("2"):
        made = keras.Sequential([keras.layers.Dense(1, input_shape=(2,), kernel_initializer="zeros")])
        made.compile(keras.optimizers.SGD(lr=0.0), "mse")
        note = callbacks.LambdaCallback(on_batch_end=lambda batch, logs: seen.append(logs["loss"]))
        made.fit(x, y, batch_size=2, epochs=1, shuffle=False, callbacks=[note])
    assert seen == [1.0, 9.0, 25.0]
    out = capsys.readouterr().out
    assert "2/6" in out and "loss: 1.0000" in out and "4/6" in out and "loss: 5.0000" in out
    assert out.strip().endswith("loss: 11.6667")


class Reads(TorchDispatchMode):
    """Counts what would make the processor wait for a GPU: numbers read from tensors."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("dialect", ["2", "tf", "3"])
def test_no_callback_reads_values_of_batches_unless_it_looks_at_them(dialect, tmp_path, monkeypatch):
    transfers = []
    read = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: transfers.append(1) or read(tensor))

    def reads_per_batch(every):
        counts = []
        for batches in (2, 10):
            x, y = np.ones((batches * 4, 2), "float32"), np.ones((batches * 4, 1), "float32")
            made = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
            made.compile(keras.optimizers.SGD(0.1, use_ema=True), "mse", metrics=["mae"])
            transfers.clear()
            with Reads() as counter:
                made.fit(x, y, batch_size=4, epochs=1, verbose=1 if every else 0, callbacks=every)
            counts.append(counter.count + len(transfers))
        return (counts[1] - counts[0]) / 8

    kept = []
    path = str(tmp_path / "a.h5")
    with config.dialect_scope(dialect):
        every = [
            callbacks.EarlyStopping("loss"), callbacks.ReduceLROnPlateau("loss"), callbacks.CSVLogger(tmp_path / "a"),
            callbacks.ModelCheckpoint(path, "loss", save_best_only=True, save_weights_only=True),
            callbacks.LearningRateScheduler(lambda epoch, rate: rate), callbacks.SwapEMAWeights(swap_on_epoch=True),
            callbacks.BaseLogger(), callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: kept.append(logs)),
        ]  # fmt: skip
        without = reads_per_batch([])
        assert reads_per_batch(every) <= without
        looks = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: logs["loss"])
        assert reads_per_batch([looks]) > without
