"""A training that is killed anywhere and started again ends as if nothing had happened."""

import itertools
import warnings

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import callbacks, layers
from keras_torch.data import sequence as sequence_data


def make_model():
    keras.backend.clear_session()
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dropout(0.2, seed=5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    model.compile(keras.optimizers.Adam(schedule), "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC()])
    return model


def make_data(count=100):
    x = np.random.RandomState(0).randn(count, 8).astype("float32")
    return x, (x.sum(1) > 0).astype("float32")


def interrupt(after):
    """A callback that ends training after a number of batches, as Ctrl-C does."""
    batches = itertools.count(1)

    def count(batch, logs):
        if next(batches) == after:
            raise KeyboardInterrupt

    return callbacks.LambdaCallback(on_train_batch_end=count)


def train(folder=None, save_freq="epoch", after=None, shuffle=True, **options):
    model = make_model()
    found = [callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True), interrupt(after)]
    if folder is not None:
        found.append(callbacks.BackupAndRestore(folder, save_freq=save_freq))
    settings = {"epochs": 4, "batch_size": 16, "validation_split": 0.2, "verbose": 0, "shuffle": shuffle, **options}
    return model, model.fit(*make_data(), callbacks=found, **settings)


def same(first, second):
    (model, history), (other, other_history) = first, second
    weights = zip(model.get_weights(), other.get_weights(), strict=True)
    return history.history == other_history.history and all(np.array_equal(one, two) for one, two in weights)


def interruptions():
    """Every kind of shuffling with every frequency; one of each for short runs."""
    short = {("epoch", 1, False), ("epoch", 8, True), (1, 5, "batch"), (3, 11, True)}
    for save_freq, after in [("epoch", 1), ("epoch", 8), (1, 3), (1, 5), (3, 11)]:
        for shuffle in (True, False, "batch"):
            case = (save_freq, after, shuffle)
            yield case if case in short else pytest.param(*case, marks=pytest.mark.slow)


@pytest.mark.parametrize(("save_freq", "after", "shuffle"), list(interruptions()))
def test_a_training_that_was_interrupted_ends_as_one_that_was_not(tmp_path, save_freq, after, shuffle):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "backup", save_freq, after, shuffle)
    resumed = train(tmp_path / "backup", save_freq, shuffle=shuffle)
    assert same(resumed, train(shuffle=shuffle))
    assert not (tmp_path / "backup").exists()


class Ordered(keras.utils.Sequence):
    """Knows where it is only by its attributes, one of which is drawn in the constructor."""

    def __init__(self, asked):
        super().__init__()
        self.x, self.y = make_data(48)
        self.order = np.random.permutation(6)
        self.asked = asked

    def __len__(self):
        return 6

    def __getitem__(self, index):
        self.asked(index)
        chosen = slice(8 * self.order[index], 8 * self.order[index] + 8)
        return self.x[chosen], self.y[chosen]

    def on_epoch_end(self):
        np.random.shuffle(self.order)


@pytest.mark.parametrize("dialect", [None, *(pytest.param(name, marks=pytest.mark.slow) for name in ("1", "tf")), "2"])
@pytest.mark.parametrize("steps", [3, 7])
def test_epochs_that_end_within_the_data_go_on_there(tmp_path, dialect, steps):
    def run(folder=None, after=None):
        # 5 batches make a pass, and an epoch has more or fewer.
        options = {"validation_split": 0.0, "steps_per_epoch": steps, "batch_size": 20}
        return train(folder, 2, after, **options)

    def script(*arguments):
        with keras.config.dialect_scope(dialect), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The data ran out of batches")
            return run(*arguments)

    with pytest.raises(KeyboardInterrupt):
        script(tmp_path / "backup", 8)
    assert same(script(tmp_path / "backup"), script())


@pytest.mark.parametrize("steps", [None, 3])
@pytest.mark.parametrize("workers", [1, 2])
def test_batches_of_a_sequence_that_were_used_are_not_computed_again(tmp_path, steps, workers):
    def run(folder, after=None):
        keras.utils.set_random_seed(5)
        asked = []
        model = make_model()
        found = [interrupt(after), callbacks.BackupAndRestore(folder, save_freq=3)]
        options = {"steps_per_epoch": steps, "workers": workers, "epochs": 3, "verbose": 0}
        try:
            history = model.fit(Ordered(asked.append), callbacks=found, **options)
        except KeyboardInterrupt:
            return None
        return (model, history), asked

    expected, _ = run(tmp_path / "a")
    assert run(tmp_path / "b", after=5) is None
    resumed, asked = run(tmp_path / "b")
    assert same(resumed, expected)
    assert asked[0] == 3


def test_a_sequence_whose_large_data_changed_is_refused_within_an_epoch(tmp_path, monkeypatch):
    def run(factor, after=None):
        sequence = Ordered(str)
        sequence.x = sequence.x * factor
        found = [interrupt(after), callbacks.BackupAndRestore(tmp_path, save_freq=3)]
        make_model().fit(sequence, callbacks=found, verbose=0)

    monkeypatch.setattr(sequence_data, "KEPT_BYTES", 300)
    with pytest.raises(KeyboardInterrupt):
        run(1, after=5)
    with pytest.raises(ValueError, match="attribute `x` of Ordered is not what it was"):
        run(2)
    run(1)


def test_a_batch_that_stops_training_before_a_backup_is_the_last_one(tmp_path):
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations == 7:
                self.model.stop_training = True

    def run(folder, kill=False):
        model = make_model()
        found = [Stop(), callbacks.BackupAndRestore(folder, save_freq=1)]
        if kill:
            found.append(callbacks.LambdaCallback(on_test_begin=lambda logs: made(model)))
        try:
            return model, model.fit(
                *make_data(), batch_size=16, validation_split=0.2, epochs=4, verbose=0, callbacks=found
            )
        except KeyboardInterrupt:
            return None

    def made(model):
        if model.optimizer.iterations == 7:
            raise KeyboardInterrupt

    expected = run(tmp_path / "a")
    assert run(tmp_path / "b", kill=True) is None
    resumed = run(tmp_path / "b")
    assert same(resumed, expected) and int(resumed[0].optimizer.iterations) == 7
