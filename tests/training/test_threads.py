"""How many of torch's threads a loop uses: one where a model is small, and all otherwise and afterwards."""

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import layers


@pytest.fixture(autouse=True)
def several_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    assert torch.get_num_threads() == 2, "the loop gives the threads back"
    torch.set_num_threads(before)


class Count(keras.callbacks.Callback):
    """Notes how many threads there are."""

    def __init__(self):
        super().__init__()
        self.in_batches, self.between = set(), set()

    def on_train_batch_end(self, batch, logs=None):
        self.in_batches.add(torch.get_num_threads())

    on_test_batch_end = on_predict_batch_end = on_train_batch_end

    def on_epoch_end(self, epoch, logs=None):
        self.between.add(torch.get_num_threads())


def mlp(units, features=4):
    stack = [keras.Input((features,)), layers.Dense(units, activation="relu"), layers.Dense(2)]
    model = keras.Sequential(stack)
    model.compile("sgd", "mse")
    return model


def data(rows=8, features=4):
    return np.ones((rows, features), "float32"), np.ones((rows, 2), "float32")


def test_a_small_model_takes_one_thread_in_its_loops_and_all_between_them():
    model, count = mlp(8), Count()
    model.fit(*data(), epochs=2, verbose=0, callbacks=[count])
    model.evaluate(*data(), verbose=0, callbacks=[count])
    model.predict(data()[0], verbose=0, callbacks=[count])
    assert count.in_batches == {1} and count.between == {2}


@pytest.mark.parametrize("reason", ["weights", "batch", "times", "images", "generator", "unknown sizes", "subclassed"])
def test_all_threads_stay_where_they_may_pay(reason):
    model, x, y, settings, count = mlp(8), *data(), {}, Count()
    if reason == "weights":
        model = mlp(20_000)
    elif reason == "batch":
        (x, y), settings = data(60_000), {"batch_size": 60_000}
    elif reason == "generator":
        settings = {"steps_per_epoch": 1}
    elif reason == "subclassed":
        inner = model
        model = type("Own", (keras.Model,), {"call": lambda self, inputs: inner(inputs)})()
        model.compile("sgd", "mse")
    else:
        shape = {"times": (500, 4), "images": (3, 3, 1), "unknown sizes": (None, 4)}[reason]
        kind = layers.Conv2D(1, 3) if reason == "images" else layers.SimpleRNN(16, return_sequences=True)
        model = keras.Sequential([keras.Input(shape), kind, layers.Dense(2)])
        model.compile("sgd", "mse")
        x = np.ones((8, *(size or 3 for size in shape)), "float32")
        y = np.ones(model(x).shape, "float32")
    if reason == "generator":
        model.fit(iter([(x, y)]), verbose=0, callbacks=[count], **settings)
    else:
        model.fit(x, y, verbose=0, callbacks=[count], **settings)
    assert count.in_batches == {2}


def test_threads_come_back_after_an_error():
    def fail(y_true, y_pred):
        raise KeyError("mine")

    model = mlp(8)
    model.compile("sgd", fail)
    with pytest.raises(KeyError, match="mine"):
        model.fit(*data(), verbose=0)
