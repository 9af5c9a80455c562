"""BackupAndRestore: what it keeps, what it refuses, and when it removes its file."""

import os
import pickle
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import callbacks, layers
from keras_torch.callbacks import BackupAndRestore, backup_and_restore

X = np.random.RandomState(0).randn(20, 3).astype("float32")
Y = X.sum(1, keepdims=True)


@pytest.fixture(autouse=True)
def own_process(monkeypatch):
    """Let each test begin as a process does, which has finished no training yet."""
    monkeypatch.setattr(backup_and_restore, "_finished", {})


def make_model(units=4, metrics=("mae",)):
    keras.backend.clear_session()
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(units), layers.Dropout(0.2), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=list(metrics))
    return model


class Stop(Exception):
    pass


def stop_after(batches):
    left = [batches]

    def count(batch, logs):
        left[0] -= 1
        if left[0] == 0:
            raise Stop

    return callbacks.LambdaCallback(on_train_batch_end=count)


def fit(model, folder, *more, after=None, x=X, y=Y, epochs=3, save_freq="epoch", backup=None, **options):
    """Train, 4 batches an epoch, and stop in batch `after`, counted from 1."""
    found = [*more, backup or BackupAndRestore(folder, save_freq)] + ([stop_after(after)] if after else [])
    settings = {"batch_size": 5, "epochs": epochs, "verbose": 0, **options}
    if after is None:
        return model.fit(x, y, callbacks=found, **settings)
    with pytest.raises(Stop):
        model.fit(x, y, callbacks=found, **settings)
    return None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"backup_dir": ""}, "`backup_dir`"),
        ({"backup_dir": None}, "`backup_dir`"),
        ({"backup_dir": "x", "save_freq": "batch"}, "`save_freq`.*'batch'"),
        ({"backup_dir": "x", "save_freq": 0.15}, "`save_freq`.*0.15"),
        ({"backup_dir": "x", "save_freq": 0}, "`save_freq`"),
        ({"backup_dir": "x", "save_freq": True}, "`save_freq`.*True"),
        ({"backup_dir": "x", "save_freq": False}, "never save"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        BackupAndRestore(**arguments)


def test_the_order_of_arguments_is_that_of_the_dialect():
    with keras.config.dialect_scope("tf"):
        backup = BackupAndRestore("x", "epoch", False, True)
    assert (backup.delete_checkpoint, backup.save_before_preemption, backup.double_checkpoint) == (False, True, False)
    assert callbacks.experimental.BackupAndRestore is BackupAndRestore


def test_a_damaged_backup_is_an_error_and_with_two_the_former_is_used(tmp_path):
    expected = fit(make_model(), tmp_path / "a").history
    model, folder = make_model(), tmp_path / "b"
    fit(model, folder, after=10, backup=BackupAndRestore(folder, double_checkpoint=True))
    path = folder / "backup.pt"
    whole = path.read_bytes()
    middle = len(whole) // 2
    for damaged in (b"", whole[:middle], whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"backup\.pt' cannot be read.*Remove it"):
            backup_and_restore.read(path)
    with pytest.warns(UserWarning, match="The backup before it is used"):
        assert fit(make_model(), folder).history == expected
    folder.mkdir()
    path.write_bytes(whole[:middle])
    with pytest.raises(ValueError, match="cannot be read"):
        fit(make_model(), folder)


class Harm:
    def __reduce__(self):
        return os.system, ("echo harm >&2",)


def test_no_code_in_a_backup_is_run(tmp_path, capfd):
    path = tmp_path / "backup.pt"
    for write in (torch.save, lambda value, name: Path(name).write_bytes(pickle.dumps(value))):
        write({"format": 1, "finished": [], "run": Harm()}, path)
        with pytest.raises(ValueError, match="cannot be read"):
            fit(make_model(), tmp_path)
    assert "harm" not in capfd.readouterr().err


def test_a_backup_of_another_model_is_refused_and_changes_nothing(tmp_path):
    fit(make_model(), tmp_path, after=6)
    model = make_model(units=5)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"another model.*of shape \(4, 3\).*of shape \(5, 3\)"):
        fit(model, tmp_path)
    assert all(np.array_equal(one, two) for one, two in zip(before, model.get_weights(), strict=True))


def test_another_optimizer_is_refused(tmp_path):
    fit(make_model(), tmp_path, after=6)
    model = make_model()
    model.compile("sgd", "mse", metrics=["mae"])
    with pytest.raises(ValueError, match="state of Adam"):
        fit(model, tmp_path)


def test_other_data_is_refused_within_an_epoch_and_taken_between_two(tmp_path):
    fit(make_model(), tmp_path / "a", after=6, save_freq=1)
    with pytest.raises(ValueError, match="data changed.*20 samples.*15 samples"):
        fit(make_model(), tmp_path / "a", x=X[:15], y=Y[:15])
    fit(make_model(), tmp_path / "b", after=6)
    history = fit(make_model(), tmp_path / "b", x=X[:15], y=Y[:15])
    assert history.epoch == [0, 1, 2]


def test_more_or_fewer_epochs_than_before_are_all_right(tmp_path):
    fit(make_model(), tmp_path / "a", after=10)
    assert fit(make_model(), tmp_path / "a", epochs=4).epoch == [0, 1, 2, 3]
    fit(make_model(), tmp_path / "b", after=10)
    model = make_model()
    assert fit(model, tmp_path / "b", epochs=1).epoch == [0, 1]
    assert int(model.optimizer.iterations) == 8


def test_the_backup_decides_about_the_first_epoch(tmp_path):
    fit(make_model(), tmp_path, after=6, initial_epoch=1, epochs=4)
    assert fit(make_model(), tmp_path, initial_epoch=1, epochs=4).epoch == [1, 2, 3]


@pytest.mark.parametrize("name", ["training_metadata.json", "latest.weights.h5", "chief"])
def test_a_backup_that_keras_made_is_refused(tmp_path, name):
    (tmp_path / name).write_text("")
    with pytest.raises(ValueError, match="Keras itself made.*load_weights"):
        fit(make_model(), tmp_path)


def test_only_its_own_file_and_an_empty_folder_are_removed_at_the_end(tmp_path):
    (tmp_path / "mine").write_text("x")
    fit(make_model(), tmp_path)
    assert os.listdir(tmp_path) == ["mine"]
    fit(make_model(), tmp_path / "new")
    assert not (tmp_path / "new").exists()
    fit(make_model(), tmp_path, backup=BackupAndRestore(tmp_path, delete_checkpoint=False))
    assert sorted(os.listdir(tmp_path)) == ["backup.pt", "mine"]
    model = make_model()
    fit(model, tmp_path)
    assert int(model.optimizer.iterations) == 12


def test_fits_that_were_complete_are_not_made_again(tmp_path, monkeypatch):
    def script(after=None):
        model = make_model()
        first = fit(model, tmp_path / "backup", epochs=2)
        model.compile(keras.optimizers.SGD(0.01), "mse", metrics=["mae"])
        second = fit(model, tmp_path / "backup", epochs=3, after=after)
        return model, first.history, second and second.history

    expected = script()
    monkeypatch.setattr(backup_and_restore, "_finished", {})
    script(after=6)
    monkeypatch.setattr(backup_and_restore, "_finished", {})
    with pytest.warns(UserWarning, match="in a later one"):
        found = script()
    assert found[1:] == expected[1:]
    for one, two in zip(expected[0].get_weights(), found[0].get_weights(), strict=True):
        assert np.array_equal(one, two)
    assert not (tmp_path / "backup").exists()


class Counting(callbacks.Callback):
    def __init__(self):
        self.batches = 0
        self.kept = object()

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1


class WithState(Counting):
    def state_dict(self):
        return {"hundreds": self.batches * 100}

    def load_state_dict(self, state):
        self.batches = state["hundreds"] // 100


@pytest.mark.parametrize("kind", [Counting, WithState])
def test_callbacks_of_ones_own_go_on_where_they_were(tmp_path, kind):
    fit(make_model(), tmp_path, kind(), after=7, save_freq=3)
    counting = kind()
    fit(make_model(), tmp_path, counting)
    assert counting.batches == 12


def test_a_state_of_callbacks_that_are_not_there_any_more_is_told(tmp_path):
    fit(make_model(), tmp_path, Counting(), after=6)
    with pytest.warns(UserWarning, match=r"did not receive: \['Counting'"):
        fit(make_model(), tmp_path)


def test_rows_of_a_csv_file_are_neither_lost_nor_written_twice(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("something old\n")
    fit(make_model(), tmp_path / "a", callbacks.CSVLogger(path))
    expected = path.read_text()
    killed = callbacks.CSVLogger(path)
    fit(make_model(), tmp_path / "b", killed, after=10, save_freq=3)
    killed.on_train_end()
    with path.open("a") as file:
        file.write("7,1.0,half a ro")
    fit(make_model(), tmp_path / "b", callbacks.CSVLogger(path))
    assert path.read_text() == expected and expected.count("\n") == 4


def test_averages_that_stand_in_for_the_weights_change_places_again(tmp_path):
    def train(folder, after=None):
        model = make_model()
        model.compile(keras.optimizers.SGD(0.01, use_ema=True, ema_momentum=0.5), "mse")
        history = fit(model, folder, callbacks.SwapEMAWeights(swap_on_epoch=True), after=after)
        return history and (history.history, [weight.tolist() for weight in model.get_weights()])

    expected = train(tmp_path / "a")
    train(tmp_path / "b", after=6)
    assert train(tmp_path / "b") == expected


def generate(count=100):
    for i in range(count):
        yield X[i % 15 : i % 15 + 5], Y[i % 15 : i % 15 + 5]


def test_a_generator_is_drawn_from_anew_up_to_the_backup(tmp_path):
    options = {"y": None, "steps_per_epoch": 4, "batch_size": None, "save_freq": 3}
    expected = fit(make_model(), tmp_path / "a", x=generate(), **options).history
    source = generate()
    fit(make_model(), tmp_path / "b", x=source, after=7, **options)
    assert fit(make_model(), tmp_path / "b", x=generate(), **options).history == expected
    fit(make_model(), tmp_path / "b", x=generate(), after=7, **options)
    with pytest.raises(ValueError, match="ended after 5 batches; up to the backup it had given 6"):
        fit(make_model(), tmp_path / "b", x=generate(5), **options)
    for _ in source:
        pass


def test_a_generator_of_the_same_process_goes_on_or_is_told_that_it_cannot_go_back(tmp_path):
    options = {"y": None, "steps_per_epoch": 4, "batch_size": None}
    expected = fit(make_model(), tmp_path / "a", x=generate(), **options).history
    source = generate()
    # The exception comes in batch 9, the backup after batch 8: one batch is lost.
    fit(make_model(), tmp_path / "b", x=source, after=9, **options)
    with pytest.raises(ValueError, match="has given 9 batches, more than the 8 .* cannot go back"):
        fit(make_model(), tmp_path / "b", x=source, **options)
    assert fit(make_model(), tmp_path / "b", x=generate(), **options).history == expected


class Loader:
    """A stream that knows where it is, as torchdata's StatefulDataLoader does."""

    def __init__(self):
        self.at = 0
        self.made = 0

    def __len__(self):
        return 4

    def __iter__(self):
        while self.at < 4:
            self.at += 1
            self.made += 1
            yield X[self.at * 5 - 5 : self.at * 5], Y[self.at * 5 - 5 : self.at * 5]
        self.at = 0

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at = state["at"]


def test_a_loader_with_a_state_of_its_own_makes_no_batch_again(tmp_path):
    options = {"y": None, "batch_size": None, "save_freq": 1}
    expected = fit(make_model(), tmp_path / "a", x=Loader(), **options).history
    fit(make_model(), tmp_path / "b", x=Loader(), after=7, **options)
    loader = Loader()
    assert fit(make_model(), tmp_path / "b", x=loader, **options).history == expected
    assert loader.made == 12 - 6


def test_a_torch_loader_shuffles_as_before(tmp_path):
    def loader():
        data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
        return torch.utils.data.DataLoader(data, 5, shuffle=True, generator=torch.Generator().manual_seed(5))

    options = {"y": None, "batch_size": None, "save_freq": 1}
    expected = fit(make_model(), tmp_path / "a", x=loader(), **options).history
    fit(make_model(), tmp_path / "b", x=loader(), after=7, **options)
    assert fit(make_model(), tmp_path / "b", x=loader(), **options).history == expected


class Lazy(keras.Model):
    """Gets its weights from the first batch, and learns in a way of its own."""

    def __init__(self):
        super().__init__()
        self.first, self.second = layers.Dense(4), layers.Dense(1)
        self.other = keras.optimizers.SGD(0.01, momentum=0.9)
        self.steps_made = 0

    def call(self, x):
        return self.second(self.first(x))

    def train_step(self, data):
        x, y = data
        self.steps_made += 1
        loss = ((self(x, training=True) - y) ** 2).mean()
        chosen = self.first if self.steps_made % 2 else self.second
        optimizer = self.optimizer if self.steps_made % 2 else self.other
        self.zero_grad()
        loss.backward()
        grads = [weight.grad for weight in chosen.trainable_weights]
        optimizer.apply_gradients(zip(grads, chosen.trainable_weights, strict=True))
        return {"loss": loss, "steps": self.steps_made}


@pytest.mark.parametrize("after", [4, 6, 9])
def test_a_model_with_a_train_step_and_a_second_optimizer_goes_on(tmp_path, after):
    def train(folder, after=None):
        keras.utils.set_random_seed(3)
        model = Lazy()
        model.compile(keras.optimizers.Adam(0.01))
        history = fit(model, folder, after=after, save_freq=1)
        return history and (history.history, [weight.tolist() for weight in model.get_weights()])

    expected = train(tmp_path / "a")
    train(tmp_path / "b", after)
    assert train(tmp_path / "b") == expected


def test_sigterm_waits_for_the_backup_and_has_its_effect_then(tmp_path):
    received = []
    former = signal.signal(signal.SIGTERM, lambda number, frame: received.append(batches[-1]))
    batches = [0]

    def count(batch, logs):
        batches.append(batches[-1] + 1)
        if batches[-1] == 6:
            signal.raise_signal(signal.SIGTERM)
            assert not received

    try:
        backup = BackupAndRestore(tmp_path / "b", save_freq=False, save_before_preemption=True, delete_checkpoint=False)
        counting = callbacks.LambdaCallback(on_train_batch_end=count)
        expected = fit(make_model(), tmp_path / "a").history
        fit(make_model(), None, counting, after=8, backup=backup)
        assert received == [6]
        assert signal.getsignal(signal.SIGTERM).__name__ == "<lambda>"
        assert backup_and_restore.read(tmp_path / "b" / "backup.pt")["run"]["steps"]["first"] == 2
        assert fit(make_model(), tmp_path / "b").history == expected
    finally:
        signal.signal(signal.SIGTERM, former)


def test_signals_need_the_main_thread(tmp_path):
    errors = []

    def work():
        try:
            fit(make_model(), None, backup=BackupAndRestore(tmp_path, save_before_preemption=True))
        except ValueError as error:
            errors.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "main thread" in errors[0]


def test_it_is_of_no_use_outside_of_fit(tmp_path):
    with pytest.raises(RuntimeError, match="has no use in other loops"):
        callbacks.CallbackList([BackupAndRestore(tmp_path)], model=make_model()).on_train_begin()


def test_a_folder_that_cannot_be_made_is_told_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    for callback in (
        BackupAndRestore(tmp_path / "file" / "x"),
        callbacks.ModelCheckpoint(tmp_path / "file" / "x.h5"),
        callbacks.CSVLogger(tmp_path / "file" / "x.csv"),
    ):
        with pytest.raises(NotADirectoryError, match=type(callback).__name__):
            make_model().fit(X, Y, verbose=0, callbacks=[callback])
