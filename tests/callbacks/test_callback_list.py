from __future__ import annotations

import pytest
import torch

from keras_torch import config
from keras_torch.callbacks import BaseLogger, Callback, CallbackList, History, LambdaCallback, ModelCheckpoint
from keras_torch.callbacks.base import EVENTS


def recorder(events, **hooks):
    """Return a callback that notes its events."""
    body = {name: (lambda self, *args, name=name: events.append(name)) for name in hooks.get("names", EVENTS)}
    return type("Recorder", (Callback,), body)()


def test_every_event_is_fired_once_on_those_that_listen():
    events = []
    every = CallbackList([recorder(events), Callback()])
    for event in EVENTS:
        getattr(every, event)(*((0,) if "epoch" in event or "batch" in event else ()))
    assert events == list(EVENTS)


def test_a_base_callback_listens_to_nothing():
    every = CallbackList([Callback()])
    assert not any(every.listens(event) for event in EVENTS)


def test_batch_logs_are_not_made_when_nobody_listens():
    every = CallbackList([recorder([], names=["on_epoch_end"])])
    every.on_train_batch_end(0, lambda: pytest.fail("logs were made"))


def test_keras_1_style_batch_hooks_are_called_for_training_batches():
    class Old(Callback):
        def on_train_begin(self, logs={}):  # noqa: B006
            self.losses = []

        def on_batch_end(self, batch, logs={}):  # noqa: B006
            self.losses.append(logs.get("loss"))

    old = Old()
    every = CallbackList([old])
    every.on_train_begin()
    every.on_train_batch_end(0, {"loss": torch.tensor(0.5)})
    every.on_test_batch_end(0, {"loss": torch.tensor(9.0)})
    assert old.losses == [0.5]


def test_calling_super_from_a_new_style_hook_reaches_the_old_one():
    seen = []

    class Both(Callback):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)

        def on_batch_end(self, batch, logs=None):
            seen.append(batch)

    CallbackList([Both()]).on_train_batch_end(3, {})
    assert seen == [3]


def test_old_batch_hooks_get_the_size_of_the_batch_in_old_dialects():
    seen = []
    callback = LambdaCallback(on_batch_end=lambda batch, logs: seen.append((logs["batch"], logs["size"])))
    with config.dialect_scope("2"):
        every = CallbackList([callback], batch_size=32)
        every.on_train_batch_end(4, {"loss": 1.0})
        every.batch_size = 7
        every.on_train_batch_end(5, {"loss": 1.0})
    assert seen == [(4, 32), (5, 7)]


def test_logs_kept_by_a_user_are_those_of_that_batch():
    kept = []
    every = CallbackList([LambdaCallback(on_train_batch_end=lambda batch, logs: kept.append(logs))])
    state = {"loss": torch.tensor(1.0)}
    for value in (1.0, 2.0):
        state = {"loss": torch.tensor(value)}
        every.on_train_batch_end(0, lambda state=state: state)
    assert [logs["loss"] for logs in kept] == [1.0, 2.0]


def test_what_one_callback_stores_in_epoch_logs_reaches_the_next(fit, model):
    class Adds(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["mine"] = epoch

    fit([Adds()], [{"loss": 0.5}, {"loss": 0.25}])
    assert model.history.history == {"loss": [0.5, 0.25], "mine": [0, 1]}
    assert model.history.epoch == [0, 1]


def test_history_answers_to_both_spellings_and_pickles_without_the_model(fit, model):
    import pickle

    fit([], [{"loss": torch.tensor(0.5), "acc": torch.tensor(1.0)}])
    history = pickle.loads(pickle.dumps(model.history))
    assert history.history["accuracy"] == history.history["acc"] == [1.0]
    assert history.model is None and model.history.model is model


def test_hooks_set_while_training_begins_are_found(fit):
    seen = []

    class Late(Callback):
        def on_train_begin(self, logs=None):
            self.on_epoch_end = lambda epoch, logs=None: seen.append(epoch)

    fit([Late()], [{"loss": 1.0}])
    assert seen == [0]


def test_callbacks_without_super_init_and_without_the_base_class_work(fit):
    seen = []

    class NoInit(Callback):
        def __init__(self):
            self.own = 1

        def on_epoch_end(self, epoch, logs=None):
            seen.append((self.model is not None, self.params["epochs"], self.validation_data))

    class Duck:
        def set_model(self, model):
            seen.append("model")

        def on_train_end(self, logs=None):
            seen.append("end")

    fit([NoInit(), [Duck()]], [{"loss": 1.0}])
    assert seen == ["model", (True, 1, None), "end"]


def test_a_class_in_place_of_an_instance_is_refused():
    with pytest.raises(TypeError, match=r"write History\(\)"):
        CallbackList([History])
    with pytest.raises(TypeError, match="Received: 3"):
        CallbackList([3])


def test_a_checkpoint_per_epoch_does_not_listen_to_batches():
    assert not CallbackList([ModelCheckpoint("x")]).listens("on_train_batch_end")
    assert CallbackList([ModelCheckpoint("x", save_freq=5)]).listens("on_train_batch_end")


def test_base_logger_completes_the_logs_with_the_metrics_of_the_last_batch():
    seen = {}
    every = CallbackList([BaseLogger(), LambdaCallback(on_epoch_end=lambda epoch, logs: seen.update(logs))],
                         metrics=["loss", "mae"])  # fmt: skip
    every.on_epoch_begin(0)
    every.on_train_batch_end(0, {"loss": torch.tensor(2.0), "mae": torch.tensor(1.0)})
    every.on_epoch_end(0, {"loss": 3.0})
    assert seen == {"loss": 3.0, "mae": 1.0}


def test_lambda_callback_refuses_unknown_hooks():
    with pytest.raises(TypeError, match="on_epoch_finish"):
        LambdaCallback(on_epoch_finish=print)


def test_validation_data_reaches_every_callback():
    callbacks = [Callback(), History()]
    CallbackList(callbacks).set_validation_data([1, 2])
    assert [item.validation_data for item in callbacks] == [[1, 2], [1, 2]]


class Own(Exception):
    pass


@pytest.mark.parametrize(
    ("event", "where"),
    [
        ("on_train_begin", r"on_train_begin\."),
        ("on_epoch_end", r"on_epoch_end \(epoch 1\)\."),
        ("on_train_batch_end", r"on_train_batch_end \(batch 1\)\."),
        ("on_batch_begin", r"on_batch_begin \(batch 1\)\."),
        ("on_test_batch_end", r"on_test_batch_end \(batch 1\)\."),
    ],
)
def test_a_broken_callback_names_itself_and_the_moment_and_keeps_its_error(event, where):
    def hook(self, *args, **kwargs):
        if args[0] in (1, {}):
            raise Own("mine", 3)

    every = CallbackList([recorder([]), type("Broken", (Callback,), {event: hook})()])
    fire = getattr(every, event)
    with pytest.raises(Own, match=f"Raised by the callback Broken in {where}") as caught:
        for index in (0, 1):
            fire(*(() if event == "on_train_begin" else (index,)))
    assert caught.value.args[-1] == 3 and caught.traceback[-1].name == "hook"


def test_a_broken_callback_names_itself_in_fit():
    import numpy as np

    import keras_torch as keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    broken = LambdaCallback(on_batch_end=lambda batch, logs: logs["accurracy"])
    with pytest.raises(KeyError, match=r"Raised by the callback LambdaCallback in on_batch_end \(batch 0\)") as caught:
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=[broken])
    assert caught.value.args == ("accurracy",)


def test_a_hook_gets_plain_numbers_however_it_looks(fit):
    import json

    seen = []

    class Looks(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((isinstance(logs, dict), type(logs["loss"]), json.dumps(logs), f"{logs['loss']:.2f}"))
            seen.append(list(dict.values(logs)))

        def on_train_batch_end(self, batch, logs=None):
            logs = logs or {}
            seen.append("{loss:.1f}".format(**logs))

    fit([Looks()], [{"loss": torch.tensor(0.5)}], steps=1)
    assert seen == ["0.5", (True, float, '{"loss": 0.5}', "0.50"), [0.5]]


def test_what_hooks_return_does_not_matter(fit):
    assert (
        fit([LambdaCallback(on_epoch_end=lambda epoch, logs: False, on_train_begin=lambda logs: True)], [{}] * 2) == 2
    )


def test_a_single_callback_and_a_prepared_list_are_taken_by_fit(capsys):
    import numpy as np

    import keras_torch as keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    events = []
    x, y = np.ones((4, 2)), np.ones((4, 1))
    model.fit(x, y, verbose=0, callbacks=recorder(events, names=["on_epoch_end"]))
    history = model.fit(x, y, callbacks=CallbackList([recorder(events, names=["on_epoch_end"])]))
    assert events == ["on_epoch_end"] * 2 and list(history.history) == ["loss"]
    assert capsys.readouterr().out == ""


def test_the_model_inside_data_parallel_is_the_callbacks_model(monkeypatch):
    parallel = torch.nn.parallel.DistributedDataParallel.__new__(torch.nn.parallel.DistributedDataParallel)
    torch.nn.Module.__init__(parallel)
    parallel.module = torch.nn.Linear(1, 1)
    callback = Callback()
    callback.set_model(parallel)
    assert callback.model is parallel.module

    class OldStyle(Callback):
        def set_model(self, model):
            self._model = model

    callback = OldStyle()
    CallbackList([callback]).set_model(3)
    assert callback.model == 3


def test_lambda_callback_keeps_other_attributes_and_refuses_what_cannot_be_called():
    callback = LambdaCallback(on_test_end=print, helper=3)
    assert callback.helper == 3 and CallbackList([callback]).listens("on_test_end")
    with pytest.raises(TypeError, match="`on_epoch_end` of LambdaCallback must be a function. Received: 3"):
        LambdaCallback(on_epoch_end=3)


@pytest.mark.parametrize(
    ("dialect", "epochs", "batches", "validations"), [("1", 1, 4, 1), ("2", 1, 2, 0), ("tf", 1, 2, 1)]
)
def test_a_batch_that_stops_training_does_so_when_that_keras_did(dialect, epochs, batches, validations):
    import numpy as np

    import keras_torch as keras

    with config.dialect_scope(dialect):
        model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
        model.compile("sgd", "mse")
        seen = []

        class Stops(Callback):
            def on_train_begin(self, logs=None):
                self.model.stop_training = dialect != "tf"

            def on_batch_end(self, batch, logs=None):
                seen.append((logs.get("batch"), logs.get("size")))
                self.model.stop_training = self.model.stop_training or batch == 1

        x, y = np.ones((7, 2)), np.ones((7, 1))
        history = model.fit(x, y, batch_size=2, epochs=3, verbose=0, validation_data=(x, y), callbacks=[Stops()])
    sizes = [(0, 2), (1, 2), (2, 2), (3, 1)] if dialect != "tf" else [(None, None)] * 4
    assert seen == sizes[:batches]
    assert len(history.epoch) == epochs and len(history.history.get("val_loss", [])) == validations
