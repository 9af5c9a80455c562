"""Training steps of the user's own, in the styles of tf.keras and of Keras 3 on torch."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config
from keras_torch.layers import Dense, Input

RANDOM = np.random.RandomState(0)
X = RANDOM.rand(20, 4).astype("float32")
Y = X.sum(1, keepdims=True)
LABELS = RANDOM.randint(0, 3, 20)


def functional(kind: Any = keras.Model, units: int = 1, **arguments: Any) -> Any:
    inputs = Input((4,))
    model = kind(inputs, Dense(units, kernel_regularizer="l2")(inputs))
    model.compile(**{"optimizer": keras.optimizers.SGD(0.1), "loss": "mse", "metrics": ["mae"], **arguments})
    return model


def same_training(own: Any, **options: Any) -> None:
    """Compare an own step with the standard one."""
    plain, custom = functional(), functional(own)
    custom.set_weights(plain.get_weights())
    options = {"epochs": 2, "batch_size": 8, "shuffle": False, "validation_data": (X, Y), "verbose": 0, **options}
    expected, found = plain.fit(X, Y, **options).history, custom.fit(X, Y, **options).history
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=1e-5)
    for a, b in zip(plain.get_weights(), custom.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


class CompiledParts(keras.Model):
    def train_step(self, data: Any) -> Any:
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=True)
        loss = self.compiled_loss(y, y_pred, weight, regularization_losses=self.losses)
        self.optimizer.minimize(loss, self.trainable_variables)
        self.compiled_metrics.update_state(y, y_pred, weight)
        return {metric.name: metric.result() for metric in self.metrics}


class ComputeLoss(keras.Model):
    def train_step(self, data: Any) -> Any:
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight)
        loss.backward()
        weights = self.trainable_weights
        self.optimizer.apply([weight.value.grad for weight in weights], weights)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=len(x))
            else:
                metric.update_state(y, y_pred, sample_weight=weight)
        return {metric.name: metric.result() for metric in self.metrics}


class MinimizedFunction(keras.Model):
    def train_step(self, data: Any) -> Any:
        x, y = data
        found: list[Any] = []

        def loss() -> Any:
            found[:] = [self(x, training=True)]
            return self.compute_loss(x, y, found[0])

        self.optimizer.minimize(loss, self.trainable_variables)
        return self.compute_metrics(x, y, found[0], None)


@pytest.mark.parametrize("kind", [CompiledParts, ComputeLoss, MinimizedFunction])
def test_an_own_step_made_of_the_compiled_parts_trains_like_the_standard_one(kind: Any) -> None:
    same_training(kind)


@pytest.mark.parametrize("dialect", ["tf", "3"])
def test_a_gan_has_two_optimizers_and_a_compile_of_its_own(dialect: str) -> None:
    class Gan(keras.Model):
        def __init__(self, discriminator: Any, generator: Any) -> None:
            super().__init__()
            self.discriminator, self.generator = discriminator, generator
            self.d_loss, self.g_loss = keras.metrics.Mean(name="d_loss"), keras.metrics.Mean(name="g_loss")

        @property
        def metrics(self) -> Any:
            return [self.d_loss, self.g_loss]

        def compile(self, d_optimizer: Any, g_optimizer: Any, loss_fn: Any) -> None:
            super().compile()
            self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

        def _learn(self, part: Any, optimizer: Any, loss: Any) -> None:
            self.zero_grad()
            loss.backward()
            optimizer.apply_gradients([(weight.value.grad, weight) for weight in part.trainable_weights])

        def train_step(self, data: Any) -> Any:
            real = data[0] if isinstance(data, tuple) else data
            fake = self.generator(torch.randn(len(real), 2))
            labels = torch.cat([torch.ones(len(real), 1), torch.zeros(len(real), 1)])
            d_loss = self.loss_fn(labels, self.discriminator(torch.cat([fake.detach(), real])))
            self._learn(self.discriminator, self.d_optimizer, d_loss)
            g_loss = self.loss_fn(torch.ones(len(real), 1), self.discriminator(fake))
            self._learn(self.generator, self.g_optimizer, g_loss)
            self.d_loss.update_state(d_loss)
            self.g_loss.update_state(g_loss)
            return {metric.name: metric.result() for metric in self.metrics}

    with config.dialect_scope(dialect):
        parts = keras.Sequential([Input((4,)), Dense(1)]), keras.Sequential([Input((2,)), Dense(4)])
        model = Gan(*parts)
        before = [weight.numpy().copy() for part in parts for weight in part.weights]
        entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(d_optimizer=keras.optimizers.Adam(0.01), g_optimizer=keras.optimizers.Adam(0.01), loss_fn=entropy)
        history = model.fit(X, epochs=2, batch_size=8, verbose=0).history
    assert list(history) == ["d_loss", "g_loss"]
    after = [weight.numpy() for part in parts for weight in part.weights]
    assert all(np.abs(a - b).max() > 0 for a, b in zip(before, after, strict=True))
    assert [int(o.iterations) for o in (model.d_optimizer, model.g_optimizer)] == [6, 6]


def test_a_distiller_replaces_compute_loss_and_keeps_the_compiled_metrics() -> None:
    class Distiller(keras.Model):
        def __init__(self, student: Any, teacher: Any) -> None:
            super().__init__()
            self.student, self.teacher = student, teacher
            self.teacher.trainable = False

        def compute_loss(
            self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, allow_empty: bool = False
        ) -> Any:
            own = torch.nn.functional.cross_entropy(y_pred, y.long())
            return own + torch.nn.functional.mse_loss(y_pred, self.teacher(x, training=False))

        def call(self, inputs: Any) -> Any:
            return self.student(inputs)

    teacher = keras.Sequential([Input((4,)), Dense(3)])
    kept = teacher.get_weights()
    model = Distiller(keras.Sequential([Input((4,)), Dense(3)]), teacher)
    model.compile("sgd", metrics=["sparse_categorical_accuracy"])
    history = model.fit(X, LABELS, epochs=4, verbose=0).history
    assert list(history) == ["loss", "sparse_categorical_accuracy"]
    assert history["loss"][-1] < history["loss"][0]
    np.testing.assert_array_equal(kept[0], teacher.get_weights()[0])
    assert len(model.evaluate(X, LABELS, verbose=0)) == 2


def test_test_steps_may_report_only_some_metrics() -> None:
    class Contrastive(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.probe = Dense(4), Dense(3)
            self.spread = keras.metrics.Mean(name="spread")
            self.accuracy = keras.metrics.SparseCategoricalAccuracy(name="p_acc")

        @property
        def metrics(self) -> Any:
            return [self.spread, self.accuracy]

        def train_step(self, data: Any) -> Any:
            x, labels = data
            self.zero_grad()
            code = self.encoder(x)
            loss = (code @ code.T).logsumexp(1).mean()
            loss.backward()
            self.optimizer.apply_gradients([(w.value.grad, w) for w in self.encoder.trainable_weights])
            self.spread.update_state(loss)
            self.accuracy.update_state(labels, self.probe(code.detach()))
            return {metric.name: metric.result() for metric in self.metrics}

        def test_step(self, data: Any) -> Any:
            x, labels = data
            self.accuracy.update_state(labels, self.probe(self.encoder(x)))
            return {metric.name: metric.result() for metric in self.metrics[1:]}

    model = Contrastive()
    model.compile(keras.optimizers.Adam())
    history = model.fit(X, LABELS, epochs=2, validation_data=(X, LABELS), verbose=0).history
    assert list(history) == ["spread", "p_acc", "val_p_acc"]


def test_metrics_of_users_need_not_take_weights() -> None:
    class Batches(keras.metrics.Metric):
        def __init__(self, name: str = "batches") -> None:
            super().__init__(name=name)
            self.count = self.add_weight(name="count", initializer="zeros")

        def update_state(self, y_true: Any, y_pred: Any) -> None:
            self.count.assign_add(1.0)

        def result(self) -> Any:
            return self.count

    model = functional(metrics=[Batches()])
    assert model.fit(X, Y, batch_size=8, epochs=2, verbose=0).history["batches"] == [3.0, 3.0]


def test_logs_of_an_own_step_may_be_numbers_arrays_and_nested() -> None:
    class Own(keras.Model):
        def train_step(self, data: Any) -> Any:
            return {"two": torch.tensor([1.0, 2.0]), "seven": 7, "nested": {"inner": np.float32(3)}}

    history = functional(Own).fit(X, Y, epochs=2, verbose=0).history
    assert [value.tolist() for value in history["two"]] == [[1.0, 2.0]] * 2
    assert (history["seven"], history["inner"]) == ([7, 7], [3.0, 3.0])


def test_settings_of_a_compiled_model_can_be_changed() -> None:
    model = functional()
    model.run_eagerly, model.steps_per_execution = True, 3
    assert (model.run_eagerly, model.steps_per_execution) == (True, 3)
    model.run_eagerly, model.jit_compile = False, True
    assert model.jit_compile is True
    model.jit_compile = False
    assert model.jit_compile is False
    with pytest.raises(ValueError, match="`steps_per_execution`.*whole number.*0"):
        model.steps_per_execution = 0
    fresh = keras.Sequential([Dense(1)])
    fresh.run_eagerly = True
    assert fresh.run_eagerly
    with pytest.raises(RuntimeError, match="not compiled"):
        fresh.steps_per_execution = 2
    fresh.jit_compile = False
    with pytest.raises(RuntimeError, match="not compiled"):
        fresh.jit_compile = True


def test_state_is_named_after_its_optimizer_and_metrics_before_and_after_training() -> None:
    model = functional()
    model.compile(keras.optimizers.SGD(name="steps"), "mse", metrics=["mae"])
    assert [variable.path for variable in model.optimizer.variables] == ["steps/iteration", "steps/learning_rate"]
    assert [variable.path for variable in model.metrics_variables] == ["loss/total", "loss/count"]
    model.train_on_batch(X, Y)
    found = [variable.path for variable in model.metrics_variables]
    assert found[2:] == ["mean_absolute_error/total", "mean_absolute_error/count"]


def test_a_train_function_of_the_users_own_gets_the_batch_as_an_iterator_or_in_a_list() -> None:
    class AsIterator(keras.Model):
        def make_train_function(self, force: bool = False) -> Any:
            self.train_function = lambda iterator: self.train_step(next(iterator))
            return self.train_function

    class AsList(keras.Model):
        def make_train_function(self, force: bool = False) -> Any:
            self.train_function = lambda batches: self.train_step(batches[0])
            return self.train_function

    class Wrapped(keras.Model):
        def make_train_function(self, force: bool = False) -> Any:
            inner = super().make_train_function(force)
            self.train_function = lambda iterator: inner(iterator)
            return self.train_function

    for kind in (AsIterator, AsList, Wrapped):
        same_training(kind)


@pytest.mark.parametrize("as_list", [False, True])
def test_scripts_call_the_functions_of_steps_with_an_iterator_or_with_a_batch_in_a_list(as_list: bool) -> None:
    fitted, called = functional(), functional()
    called.set_weights(fitted.get_weights())
    for model in (fitted, called):
        model.compile("sgd", "mse")
    history = fitted.fit(X, Y, batch_size=len(X), epochs=2, verbose=0).history["loss"]
    batch = (torch.as_tensor(X), torch.as_tensor(Y))
    step, losses = called.make_train_function(), []
    for _ in range(2):
        called.reset_metrics()
        losses.append(float(step([batch] if as_list else iter([batch]))["loss"]))
    np.testing.assert_allclose(losses, history, rtol=1e-6)
    np.testing.assert_allclose(called.get_weights()[0], fitted.get_weights()[0], rtol=1e-6)
    called.reset_metrics()
    assert float(called.make_test_function()(iter([batch]))["loss"]) < losses[1] and not called.training
    assert called.make_predict_function()(iter([batch])).shape == Y.shape


def test_a_train_function_that_is_set_or_wraps_the_usual_one_gives_the_logs() -> None:
    class Wrapped(keras.Model):
        def make_train_function(self, force: bool = False) -> Any:
            inner = super().make_train_function(force)
            self.train_function = lambda iterator: {**inner(iterator), "extra": torch.tensor(2.0)}
            return self.train_function

    model = functional(Wrapped)
    model.compile("sgd", "mse")
    assert model.fit(X, Y, verbose=0).history.keys() == {"loss", "extra"}
    other = functional()
    other.compile("sgd", "mse")
    other.fit(X, Y, verbose=0)
    other.train_function = lambda iterator: {"rows": torch.tensor(len(next(iterator)[0]))}
    assert other.fit(X, Y, batch_size=len(X), verbose=0).history == {"rows": [len(X)]}


class DefaultMode(keras.Model):
    """Its own steps do not say in which mode the layers are called."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.seen = []

    def call(self, inputs, training=True):
        self.seen.append(training)
        return self.dense(inputs)

    def train_step(self, data):
        x, y = data
        self.zero_grad()
        loss = torch.mean((self(x) - y) ** 2)
        loss.backward()
        self.optimizer.apply([variable.value.grad for variable in self.trainable_variables])
        return {"loss": loss}

    def test_step(self, data):
        self(data[0])
        return super().test_step(data)


def test_in_own_steps_the_default_of_training_holds_and_the_optimizer_knows_the_variables():
    x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    model = DefaultMode()
    model.compile("sgd", "mse")
    model.fit(x, y, verbose=0)
    again = pickle.loads(pickle.dumps(model))
    model.seen.clear()
    model.evaluate(x, y, verbose=0)
    assert model.seen == [True, False]
    again.fit(x, y, verbose=0)
    assert int(model.optimizer.iterations) == 1
    assert int(again.optimizer.iterations) == 2


class Graphs(keras.utils.PyDataset):
    """Nodes of four graphs, with one target each."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return (np.ones((9, 3), "float32"), np.arange(9, dtype="int32") % 4), np.ones((4, 1), "float32")


def test_batches_from_outside_may_have_uneven_inputs():
    nodes, graph = keras.Input((3,)), keras.Input((), dtype="int32")
    pooled = keras.ops.segment_sum(keras.layers.Dense(2)(nodes), graph, num_segments=4)
    model = keras.Model([nodes, graph], keras.layers.Dense(1)(pooled))
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(Graphs(), verbose=0).history["loss"][0])
    with pytest.raises(ValueError, match="same number of samples"):
        model.fit(list(Graphs()[0][0]), Graphs()[0][1])
    with pytest.raises(ValueError, match="same number of samples.*'y': 4, 'sample_weight': 3"):
        model.fit(iter([(*Graphs()[0], np.ones(3))]), verbose=0)


class TellsModes(keras.Model):
    """Notes the modes that its parts are in: a layer, a torch module, and itself."""

    def __init__(self):
        super().__init__()
        self.drop, self.raw, self.dense = keras.layers.Dropout(0.5), torch.nn.Dropout(0.5), Dense(1)
        self.seen = []

    def call(self, inputs, training=None):
        self.seen.append((training, self.raw.training, bool((self.drop(inputs) == 0).any())))
        return self.dense(inputs)

    def train_step(self, data):
        self(data[0])
        self(data[0], training=True)
        return super().train_step(data)


def test_layers_infer_in_own_steps_until_they_are_told_to_train_but_torch_modules_train():
    x, y = np.ones((8, 9), "float32"), np.ones((8, 1), "float32")
    model = TellsModes()
    model.compile("sgd", "mse")
    model(x)
    model.seen.clear()
    model.fit(x, y, verbose=0)
    model(x)
    trains, infers = (True, True, True), (False, False, False)
    assert list(model.seen) == [(False, True, False), trains, trains, infers]
