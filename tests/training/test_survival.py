"""A training that is killed anywhere and started again ends as if nothing had happened."""

import itertools

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import callbacks, layers


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


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
@pytest.mark.parametrize(("save_freq", "after"), [("epoch", 1), ("epoch", 8), (1, 3), (1, 5), (3, 11)])
def test_a_training_that_was_interrupted_ends_as_one_that_was_not(tmp_path, save_freq, after, shuffle):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "backup", save_freq, after, shuffle)
    resumed = train(tmp_path / "backup", save_freq, shuffle=shuffle)
    assert same(resumed, train(shuffle=shuffle))
    assert not (tmp_path / "backup").exists()
