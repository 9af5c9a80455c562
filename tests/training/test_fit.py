"""fit, evaluate, predict and their kin: epochs, validation, steps, names, overriding."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import keras_torch as keras
from keras_torch import config
from keras_torch.data import ArrayData
from keras_torch.layers import Dense, Dropout, Input

X = np.random.RandomState(0).rand(40, 4).astype("float32")
Y = np.arange(40) % 3


def _classifier(metrics: Any = ("accuracy",), **kwargs: Any) -> Any:
    model = keras.Sequential([Dense(5, activation="relu", input_shape=(4,)), Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=list(metrics), **kwargs)
    return model


class Events(keras.callbacks.Callback):
    """Records what happens."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.seen.append(("epoch", epoch))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen.append(("batch", batch, sorted(logs), self.model.training))

    def on_test_begin(self, logs: Any = None) -> None:
        self.seen.append(("test", self.model.training))


def test_epochs_batches_and_validation_follow_each_other() -> None:
    events = Events()
    model = _classifier()
    options = {"epochs": 5, "initial_epoch": 2, "batch_size": 20, "validation_freq": 2, "verbose": 0}
    history = model.fit(X, Y, validation_data=(X, Y), callbacks=[events], **options)
    assert [e[1] for e in events.seen if e[0] == "epoch"] == [2, 3, 4]
    assert [e[1] for e in events.seen if e[0] == "batch"] == [0, 1] * 3
    assert all(e[2:] == (["accuracy", "loss"], True) for e in events.seen if e[0] == "batch")
    assert len([e for e in events.seen if e[0] == "test"]) == 1
    assert history.epoch == [2, 3, 4] and len(history.history["val_loss"]) == 1
    assert model.history is history and not model.training


def test_validation_freq_may_list_epochs() -> None:
    history = _classifier().fit(X, Y, epochs=4, validation_freq=[1, 4], validation_split=0.5, verbose=0)
    assert len(history.history["val_accuracy"]) == 2


def test_stop_training_ends_after_the_batch() -> None:
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = batch == 1

    model = _classifier()
    history = model.fit(X, Y, epochs=3, batch_size=8, verbose=0, callbacks=[Stop()])
    assert history.epoch == [0] and int(model.optimizer.iterations) == 2


def test_both_spellings_of_accuracy_answer() -> None:
    history = _classifier(["acc"]).fit(X, Y, validation_split=0.2, verbose=0).history
    assert list(history) == ["loss", "acc", "val_loss", "val_acc"]
    assert history["accuracy"] == history["acc"] and history["val_accuracy"] == history["val_acc"]


@pytest.mark.parametrize("dialect", ["1", "2"])
def test_classic_dialects_use_their_names(dialect: str) -> None:
    with config.dialect_scope(dialect):
        model = _classifier(["accuracy", "mse"])
        assert model.metrics_names == ["loss", "acc", "mean_squared_error"]
        assert set(model.fit(X, np.eye(3)[Y][:, :1], verbose=0).history) == {"loss", "acc", "mean_squared_error"}


def test_metric_names_of_several_outputs() -> None:
    inputs = Input((4,))
    model = keras.Model(inputs, [Dense(1, name="a")(inputs), Dense(1, name="b")(inputs)])
    model.compile("sgd", "mse", metrics={"a": ["mae", "mse"]}, weighted_metrics={"a": "mae", "b": ["mae"]})
    names = ["loss", "a_loss", "b_loss", "a_mae", "a_mse", "a_weighted_mae", "b_mae"]
    assert model.metrics_names == names
    result = model.evaluate(X, [X[:, 0], X[:, 1]], verbose=0, return_dict=True)
    assert list(result) == names
    assert result["loss"] == pytest.approx(result["a_loss"] + result["b_loss"])


def test_metrics_of_one_name_are_numbered_but_refused_in_tf_keras() -> None:
    assert _classifier(["mae", "mae", "mae"]).metrics_names == ["loss", "mae", "mae_1", "mae_2"]
    with config.dialect_scope("tf"), pytest.raises(ValueError, match="Two metrics have the name 'mae'"):
        _classifier(["mae", "mae"])


def test_shuffling_repeats_with_the_seed_and_sees_every_sample() -> None:
    seen: list[list[float]] = []

    class Look(keras.Model):
        def train_step(self, data: Any) -> Any:
            seen[-1].extend(data[1].tolist())
            return {"loss": 0.0}

    model = Look()
    model.compile("sgd", "mse")
    for shuffle in (True, True, False):
        keras.utils.set_random_seed(3)
        seen.append([])
        model.fit(X, np.arange(40.0), batch_size=16, shuffle=shuffle, verbose=0)
    assert seen[0] == seen[1] != seen[2] and sorted(seen[0]) == seen[2] == list(range(40))


@pytest.mark.parametrize(
    ("dialect", "batches_move", "samples_move"),
    [("1", True, False), ("2", True, False), ("tf", True, True), ("3", False, True), (None, False, True)],
)
def test_shuffling_by_batches_is_what_it_was_in_each_keras(
    dialect: str | None, batches_move: bool, samples_move: bool
) -> None:
    with config.dialect_scope(dialect):
        data = ArrayData([torch.arange(90)], 8, shuffle="batch")
        batches = [part.tolist() for (part,) in data.epoch()]
    starts = [min(batch) for batch in batches]
    assert [sorted(batch) for batch in batches[:-1]] == [[*range(start, start + 8)] for start in starts[:-1]]
    assert sorted(batches[-1]) == [88, 89] and sorted(starts) == [*range(0, 90, 8)]
    assert (starts != sorted(starts)) == batches_move
    assert any(batch != sorted(batch) for batch in batches) == samples_move


def test_classic_dialects_shuffle_with_numpy() -> None:
    order = np.arange(40)
    np.random.seed(1337)
    np.random.shuffle(order)
    first = order.tolist()
    np.random.shuffle(order)
    seen: list[float] = []

    class Look(keras.Model):
        def train_step(self, data: Any) -> Any:
            seen.extend(data[1].reshape(-1).tolist())
            return {"loss": 0.0}

    with config.dialect_scope("2"):
        model = Look()
        model.compile("sgd", "mse")
        np.random.seed(1337)
        model.fit(X, np.arange(40.0), epochs=2, verbose=0)
    assert seen == first + order.tolist()


def test_steps_per_epoch_goes_on_where_the_last_epoch_stopped() -> None:
    seen: list[float] = []

    class Look(keras.Model):
        def train_step(self, data: Any) -> Any:
            seen.extend(data[1].tolist())
            return {"loss": 0.0}

    model = Look()
    model.compile("sgd", "mse")
    model.fit(X, np.arange(40.0), batch_size=10, epochs=2, steps_per_epoch=2, shuffle=False, verbose=0)
    assert seen == list(range(40))


def test_models_tell_under_the_names_of_each_generation_whether_they_are_compiled() -> None:
    model = keras.Sequential([Dense(1)])
    assert model.compiled is model._is_compiled is False
    model.compile("sgd", "mse")
    assert model.compiled is model._is_compiled is True


def test_train_step_in_the_style_of_tf_keras() -> None:
    class Own(keras.Model):
        def train_step(self, data: Any) -> Any:
            x, y = data
            y_pred = self(x, training=True)
            loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
            self.optimizer.minimize(loss, self.trainable_variables)
            self.compiled_metrics.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    inputs = Input((4,))
    own = Own(inputs, Dense(3, activation="softmax")(inputs))
    plain = keras.models.clone_model(keras.Model(own.inputs, own.outputs))
    plain.set_weights(own.get_weights())
    for model in (own, plain):
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    first, second = (model.fit(X, Y, epochs=2, shuffle=False, verbose=0).history for model in (own, plain))
    assert {k: pytest.approx(v) for k, v in first.items()} == second


def test_train_step_in_the_style_of_keras_3_on_torch() -> None:
    class Own(keras.Model):
        def train_step(self, data: Any) -> Any:
            x, y = data
            self.zero_grad()
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
            loss.backward()
            weights = list(self.trainable_weights)
            gradients = [v.value.grad for v in weights]
            with torch.no_grad():
                self.optimizer.apply(gradients, weights)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    inputs = Input((4,))
    own = Own(inputs, Dense(3, activation="softmax")(inputs))
    plain = keras.models.clone_model(keras.Model(own.inputs, own.outputs))
    plain.set_weights(own.get_weights())
    for model in (own, plain):
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    first, second = (model.fit(X, Y, epochs=2, shuffle=False, verbose=0).history for model in (own, plain))
    assert {k: pytest.approx(v) for k, v in first.items()} == second


def test_compute_loss_may_be_overridden() -> None:
    class Own(keras.Model):
        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
            return super().compute_loss(x, y, y_pred, sample_weight) * 0 + 2.5

    inputs = Input((4,))
    model = Own(inputs, Dense(3)(inputs))
    model.compile("sgd", "mse")
    assert model.fit(X, np.zeros((40, 3)), verbose=0).history == {"loss": [2.5]}
    assert model.evaluate(X, np.zeros((40, 3)), verbose=0) == 2.5


def test_compute_metrics_may_be_overridden() -> None:
    class Own(keras.Model):
        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            return {**super().compute_metrics(x, y, y_pred, sample_weight), "answer": 42.0}

    inputs = Input((4,))
    model = Own(inputs, Dense(1)(inputs))
    model.compile("sgd", "mse", metrics=["mae"])
    assert list(model.fit(X, Y, verbose=0).history) == ["loss", "mae", "answer"]


def test_metrics_set_as_attributes_are_reported_and_reset() -> None:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = Dense(1)
            self.seen = keras.metrics.Sum(name="seen")

        def call(self, inputs: Any) -> Any:
            self.seen.update_state(torch.ones(len(inputs)))
            return self.dense(inputs)

    model = Own()
    model.compile("sgd", "mse")
    assert model.fit(X, Y, epochs=2, verbose=0).history["seen"] == [40.0, 40.0]


def test_a_subclassed_model_names_its_outputs_by_its_keys() -> None:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = Dense(1), Dense(3, activation="softmax")

        def call(self, inputs: Any) -> Any:
            return {"number": self.left(inputs), "kind": self.right(inputs)}

    model = Own()
    losses = {"kind": "sparse_categorical_crossentropy", "number": "mse"}
    model.compile("sgd", losses, metrics={"kind": ["accuracy"]})
    history = model.fit(X, {"kind": Y, "number": X[:, :1]}, verbose=0).history
    assert list(history) == ["loss", "kind_loss", "number_loss", "kind_accuracy"]
    outputs = model.predict(X, verbose=0)
    assert {key: value.shape for key, value in outputs.items()} == {"number": (40, 1), "kind": (40, 3)}


def test_dict_models_match_inputs_and_targets_by_key() -> None:
    inputs = {"a": Input((4,), name="first"), "b": Input((2,), name="second")}
    outputs = {"p": Dense(1)(inputs["a"]), "q": Dense(1)(inputs["b"])}
    model = keras.Model(inputs, outputs)
    model.compile("sgd", {"q": "mse", "p": "mae"})
    history = model.fit({"b": X[:, :2], "a": X}, {"p": X[:, 0], "q": X[:, 1]}, verbose=0).history
    assert list(history) == ["loss", "p_loss", "q_loss"]
    assert set(model.predict({"a": X, "b": X[:, :2]}, verbose=0)) == {"p", "q"}


def test_an_output_without_loss_needs_no_target() -> None:
    inputs = Input((4,))
    model = keras.Model(inputs, [Dense(1, name="used")(inputs), Dense(2, name="idle")(inputs)])
    model.compile("sgd", {"used": "mse"})
    assert set(model.fit(X, {"used": Y}, verbose=0).history) == {"loss"}
    with config.dialect_scope("tf"):
        model.compile("sgd", ["mse", None])
        assert set(model.fit(X, [Y], verbose=0).history) == {"loss", "used_loss"}


def test_predictions_keep_the_order_of_samples_and_the_structure_of_outputs() -> None:
    inputs = Input((4,))
    model = keras.Model(inputs, [Dense(1)(inputs), Dense(2)(inputs)])
    first, second = model.predict(X, batch_size=7, verbose=0)
    again = [model.predict_on_batch(X[i : i + 1]) for i in range(40)]
    np.testing.assert_allclose(first, np.concatenate([a for a, _ in again]), atol=1e-6)
    np.testing.assert_allclose(second, np.concatenate([b for _, b in again]), atol=1e-6)
    assert isinstance(first, np.ndarray) and first.dtype == np.float32


def test_dropout_works_in_training_only() -> None:
    model = keras.Sequential([Dropout(0.5, input_shape=(4,)), Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse")
    target = X.sum(1, keepdims=True)
    assert model.evaluate(X, target, verbose=0) == pytest.approx(0.0, abs=1e-9)
    assert model.train_on_batch(X, target) > 0.01
    assert not model.training


def test_small_integers_stay_small_until_they_reach_the_model() -> None:
    images = np.random.RandomState(0).randint(0, 255, (20, 6, 6, 1)).astype("uint8")
    model = keras.Sequential([Input((6, 6, 1)), keras.layers.Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    expected = model.predict(images.astype("float32"), verbose=0)
    np.testing.assert_allclose(model.predict(images, verbose=0), expected)
    np.testing.assert_allclose(model.predict(images[..., 0], verbose=0), expected)


def test_lists_of_numbers_and_float64_are_taken() -> None:
    model = _classifier()
    assert len(model.fit(X.tolist(), Y.tolist(), verbose=0).history["loss"]) == 1
    model.fit(X.astype("float64"), Y, verbose=0)


def test_torch_losses_and_optimizers_are_taken() -> None:
    model = keras.Sequential([Dense(3, input_shape=(4,))])
    parameters = list(model.parameters())
    model.compile(torch.optim.SGD(parameters, lr=0.1), nn.CrossEntropyLoss(), metrics=["accuracy"])
    losses = model.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_steps_per_execution_groups_batch_events() -> None:
    events = Events()
    model = _classifier(steps_per_execution=2)
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=[events])
    assert [e[1] for e in events.seen if e[0] == "batch"] == [1, 3, 4]


def test_train_on_batch_accumulates_if_asked() -> None:
    model = _classifier()
    first = model.test_on_batch(X[:20], Y[:20], return_dict=True)
    both = model.test_on_batch(X[20:], Y[20:], reset_metrics=False, return_dict=True)
    alone = model.test_on_batch(X[20:], Y[20:], return_dict=True)
    assert both["loss"] == pytest.approx((first["loss"] + alone["loss"]) / 2)


def test_compile_arguments_survive_as_plain_data() -> None:
    model = _classifier(["accuracy", keras.metrics.MeanSquaredError(name="m")], loss_weights=None)
    plain = model.get_compile_config()
    other = keras.models.clone_model(model)
    other.compile_from_config(plain)
    assert other.metrics_names == model.metrics_names
    assert other.optimizer.get_config() == model.optimizer.get_config()
    assert other.optimizer.built


def test_losses_added_by_layers_are_minimized_and_do_not_pile_up() -> None:
    class Penalty(keras.Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(inputs.mean() * 0 + 0.5)
            return inputs

    inputs = Input((4,))
    model = keras.Model(inputs, Dense(1, kernel_initializer="zeros")(Penalty()(inputs)))
    model.compile("sgd", "mse")
    assert model.evaluate(X, np.zeros(40), verbose=0) == pytest.approx(0.5)
    assert model.fit(X, np.zeros(40), batch_size=10, epochs=2, verbose=0).history["loss"] == pytest.approx([0.5, 0.5])


def test_a_model_with_added_losses_alone_trains() -> None:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = Dense(1)

        def call(self, inputs: Any) -> Any:
            outputs = self.dense(inputs)
            self.add_loss(outputs.square().mean())
            return outputs

    model = Own()
    model.compile("sgd")
    losses = model.fit(X, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_goes_on_training_like_the_original(copied: Any) -> None:
    model = _classifier()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, epochs=2, verbose=0)
    other = copied(model)
    options = {"epochs": 2, "shuffle": False, "verbose": 0}
    assert other.fit(X, Y, **options).history == model.fit(X, Y, **options).history


def test_callbacks_get_the_validation_arrays() -> None:
    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.shapes = [array.shape for array in self.validation_data]

    look = Look()
    _classifier().fit(X, Y, validation_split=0.25, verbose=0, callbacks=[look])
    assert look.shapes == [(10, 4), (10,), (10,)]


def test_batch_size_beside_a_stream_is_reported() -> None:
    model = _classifier()
    for method, batch in ((model.fit, (X, Y)), (model.evaluate, (X, Y)), (model.predict, (X,))):
        with pytest.warns(UserWarning, match="`batch_size=8` has no effect"):
            method(iter([batch]), batch_size=8, verbose=0)


def test_weighted_losses_of_classic_dialects_divide_by_the_number_of_weights_that_are_not_zero() -> None:
    model = keras.Sequential([Dense(1, kernel_initializer="ones", input_shape=(4,))])
    model.compile("sgd", "mse")
    weights = np.array([0.0, 0.0, 1.0, 2.0])
    errors = X[:4].sum(1) ** 2
    with config.dialect_scope("2"):
        model.compile("sgd", "mse")
        found = model.evaluate(X[:4], np.zeros(4), sample_weight=weights, verbose=0)
    assert found == pytest.approx((errors * weights).sum() / 2, rel=1e-5)
    model.compile("sgd", "mse")
    found = model.evaluate(X[:4], np.zeros(4), sample_weight=weights, verbose=0)
    assert found == pytest.approx((errors * weights).sum() / 4, rel=1e-5)


def test_classic_accuracy_follows_the_loss() -> None:
    targets = np.array([[1, 0, 0], [1, 1, 0]], "float32")
    for dialect, expected in (("2", 4 / 6), ("tf", 1.0)):
        with config.dialect_scope(dialect):
            model = keras.Sequential([keras.layers.Activation("linear", input_shape=(3,))])
            model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
            scores = np.array([[0.9, 0.1, 0.6], [0.8, 0.2, 0.1]])
            assert model.evaluate(scores, targets, verbose=0)[1] == pytest.approx(expected)


def test_a_loss_without_reduction_is_refused() -> None:
    model = _classifier()
    model.compile("sgd", keras.losses.MeanSquaredError(reduction="none"))
    with pytest.raises(ValueError, match="one number per batch"):
        model.fit(X, np.eye(3)[Y], verbose=0)


def test_fit_ends_with_the_moving_averages_of_the_weights() -> None:
    model = keras.Sequential([Dense(1, use_bias=False, kernel_initializer="zeros", input_shape=(1,))])
    model.compile(keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5), lambda y_true, y_pred: -y_pred)
    ones = np.ones((3, 1), "float32")
    model.fit(ones, ones, batch_size=1, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], 0.5 * (0.5 * 1 + 0.5 * 2) + 0.5 * 3)


def test_callbacks_see_the_validation_arrays_that_were_given():
    callback = keras.callbacks.Callback()
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    x, y = np.ones((3, 2)), np.ones((3, 1))
    model.fit(x, y, validation_data=(x, y), callbacks=[callback], verbose=0)
    assert callback.validation_data[0] is x
    assert callback.validation_data[1] is y
    model.fit(x, y, validation_data=(x, y[:, 0]), callbacks=[callback], verbose=0)
    assert callback.validation_data[1].shape == (3, 1)


def test_the_loss_of_an_output_may_stand_in_a_list_of_its_own() -> None:
    inputs = Input((4,))
    model = keras.Model(inputs, [Dense(1, name="a")(inputs), Dense(1, name="b")(inputs)])
    for loss in ({"a": ["mse"], "b": "mae"}, ["mse", ["mae"]]):
        model.compile("sgd", loss)
        assert list(model.fit(X, [X[:, :1], X[:, 1:2]], verbose=0).history) == ["loss", "a_loss", "b_loss"]
    model.set_weights([np.ones((4, 1)), np.zeros(1)] * 2)
    model.compile("sgd", {"a": ["mse", "mae"], "b": "mae"})
    x = np.arange(8.0).reshape(2, 4)
    # The sum of all three, as in Keras 3.15.
    assert model.evaluate(x, {"a": x[:, :1], "b": x[:, 1:2]}, verbose=0)[0] == 203.0


def test_a_loss_alone_is_a_number_of_numpy_in_keras_2():
    with config.dialect_scope("2"):
        model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
        model.compile("sgd", "mse")
        x, y = np.ones((4, 2)), np.ones((4, 1))
        results = model.evaluate(x, y, verbose=0), model.train_on_batch(x, y), model.test_on_batch(x, y)
        model.compile("sgd", "mse", metrics=["mae"])
        several = model.evaluate(x, y, verbose=0)
    assert [item.shape for item in results] == [()] * 3 and all(isinstance(item, float) for item in results)
    assert [type(item) for item in several] == [float, float]
