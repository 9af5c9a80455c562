"""Optimizers written for Keras before 2.11, and `keras.optimizers.legacy`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keras_torch import backend as K
from keras_torch import config, layers, models, optimizers, saving
from keras_torch.backend.variable import Variable, WeightView
from keras_torch.engine.tensor_layout import TRANSPOSED
from keras_torch.legacy import interfaces


class Keras2Momentum(optimizers.Optimizer):
    """Written as for Keras 2."""

    def __init__(self, lr=0.1, momentum=0.9, decay=0.0, **kwargs):
        super().__init__(**kwargs)
        with K.name_scope(self.__class__.__name__):
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.lr = K.variable(lr, name="lr")
            self.momentum = K.variable(momentum, name="momentum")
            self.decay = K.variable(decay, name="decay")
        self.initial_decay = decay

    @interfaces.legacy_get_updates_support
    def get_updates(self, loss, params):
        grads = self.get_gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        lr = self.lr
        if self.initial_decay > 0:
            lr = lr * (1.0 / (1.0 + self.decay * K.cast(self.iterations, K.dtype(self.decay))))
        moments = [K.zeros(K.int_shape(p)) for p in params]
        self.weights = [self.iterations, *moments]
        for p, g, m in zip(params, grads, moments, strict=True):
            v = self.momentum * m - lr * g
            self.updates.append(K.update(m, v))
            new_p = p + v
            if getattr(p, "constraint", None) is not None:
                new_p = p.constraint(new_p)
            self.updates.append(K.update(p, new_p))
        return self.updates

    def get_config(self):
        return {"lr": float(K.get_value(self.lr)), "momentum": float(K.get_value(self.momentum))}


class Keras1Descent(optimizers.Optimizer):
    """Written as for Keras 1."""

    def __init__(self, lr=0.1, **kwargs):
        super().__init__(**kwargs)
        self.__dict__.update(locals())
        self.lr = K.variable(lr)

    def get_updates(self, params, constraints, loss):
        self.updates = []
        for p, g in zip(params, self.get_gradients(loss, params), strict=True):
            new_p = p - self.lr * g
            if p in constraints:
                new_p = constraints[p](new_p)
            self.updates.append((p, new_p))
        return self.updates


class Tf2Momentum(optimizers.legacy.Optimizer):
    """Written as for tf.keras 2.0-2.10."""

    def __init__(self, learning_rate=0.1, momentum=0.9, name="Mine", **kwargs):
        super().__init__(name, **kwargs)
        self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))
        self._set_hyper("decay", self.decay)
        self._set_hyper("momentum", momentum)

    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "momentum")

    def _resource_apply_dense(self, grad, var, apply_state=None):
        m = self.get_slot(var, "momentum")
        m.assign(self._get_hyper("momentum", var.dtype) * m - self._decayed_lr(var.dtype) * grad)
        return var.assign_add(m)

    def get_config(self):
        return {**super().get_config(), "momentum": self._serialize_hyperparameter("momentum")}


@pytest.mark.parametrize("cls", [Keras2Momentum, Tf2Momentum])
def test_an_optimizer_of_an_older_protocol_moves_as_ours(cls):
    linear = torch.nn.Linear(3, 2, bias=False)
    view = WeightView(linear, ("weight",), TRANSPOSED, "kernel")
    view.constraint = lambda value: value.clamp(max=0.4)
    twin = Variable(view.numpy().copy(), name="twin")
    twin.constraint = view.constraint
    own, ours = cls(0.1, decay=0.5), optimizers.SGD(0.1, momentum=0.9, decay=0.5)
    for step in range(4):
        gradient = torch.tensor([[0.5, -1.0], [0.1, 2.0], [1.0, -3.0]]) * (1 + step)
        own.apply_gradients([(gradient, view)])
        ours.apply_gradients([(gradient, twin)])
    np.testing.assert_allclose(view.numpy(), twin.numpy(), rtol=1e-5)
    assert int(own.iterations) == 4
    assert [array.shape for array in own.get_weights()] == [(), (3, 2)]
    with config.dialect_scope("2"):
        assert cls.from_config(own.get_config()).get_config() == own.get_config()


def test_an_optimizer_of_keras_1_trains_a_model():
    model = models.Sequential([layers.Input((3,)), layers.Dense(1, kernel_initializer="zeros")])
    model.compile(Keras1Descent(lr=0.05), "mse")
    x = np.eye(3, dtype="float32")
    history = model.fit(x, np.ones((3, 1)), epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]


def test_gradients_of_a_loss_are_clipped_and_missing_ones_named():
    first, second = Variable([3.0, 4.0], name="first"), Variable([1.0], name="second")
    optimizer = optimizers.SGD(clipnorm=1.0)
    (found,) = optimizer.get_gradients((first**2).sum() / 2, [first])
    np.testing.assert_allclose(found.numpy(), [0.6, 0.8], rtol=1e-6)
    with pytest.raises(ValueError, match="does not depend on 'second'"):
        optimizer.get_gradients((first**2).sum(), [first, second])


def test_updates_that_are_no_pairs_are_refused():
    class Wrong(optimizers.Optimizer):
        def get_updates(self, loss, params):
            return [3]

    with pytest.raises(ValueError, match="must return pairs of a variable and its new value"):
        Wrong().apply_gradients([(torch.ones(1), Variable([1.0]))])


LEGACY = [getattr(optimizers.legacy, name) for name in optimizers.legacy.__all__ if name != "Optimizer"]


@pytest.mark.parametrize("cls", LEGACY)
def test_legacy_classes_come_back_from_configs_and_files(cls, tmp_path):
    optimizer = cls(clipvalue=0.5, clipnorm=2.0)
    assert optimizer.name == cls.__name__ and isinstance(optimizer, getattr(optimizers, cls.__name__))
    config = optimizer.get_config()
    assert {"name", "learning_rate", "decay", "clipvalue", "clipnorm"} <= set(config)
    assert "weight_decay" not in config and "use_ema" not in config
    assert cls.from_config(config).get_config() == config
    assert type(optimizers.deserialize(optimizers.serialize(optimizer))) is cls
    model = models.Sequential([layers.Input((3,)), layers.Dense(2, name="d")])
    model.compile(optimizer, "mse")
    x, y = np.random.RandomState(0).randn(8, 3).astype("float32"), np.ones((8, 2), "float32")
    model.fit(x, y, epochs=2, verbose=0, shuffle=False)
    saving.save_model(model, tmp_path / "model.h5")
    again = saving.load_model(tmp_path / "model.h5")
    assert type(again.optimizer) is cls and int(again.optimizer.iterations) == 2
    for ours, theirs in zip(again.optimizer.get_weights(), optimizer.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_legacy_classes_refuse_what_they_never_took():
    with pytest.raises(TypeError, match="Adam has no argument 'weight_decay'"):
        optimizers.legacy.Adam(weight_decay=0.1)
    with pytest.raises(ValueError, match="`decay` of SGD must not be negative"):
        optimizers.legacy.SGD(decay=-1.0)
    with pytest.raises(ValueError, match="one of `clipnorm` and `global_clipnorm`"):
        optimizers.legacy.SGD(clipnorm=1.0, global_clipnorm=1.0)
    with pytest.raises(ValueError, match="legacy Nadam cannot follow a schedule"):
        optimizers.legacy.Nadam(optimizers.schedules.ExponentialDecay(0.1, 10, 0.5))
    assert float(optimizers.legacy.SGD(lr=0.5).lr) == 0.5


def test_a_decay_beside_lr_stays_in_a_file(tmp_path):
    class Decaying(Keras2Momentum):
        def get_config(self):
            return {**super().get_config(), "decay": float(K.get_value(self.decay))}

    with config.dialect_scope("2"):
        model = small_model()
        model.compile(Decaying(lr=0.5, decay=0.25), "mse")
        model.save(tmp_path / "model.h5")
        loaded = saving.load_model(tmp_path / "model.h5", custom_objects={"Decaying": Decaying})
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    assert loaded.optimizer.initial_decay == 0.25


class Around(optimizers.Optimizer):
    """An optimizer around another one, with updates of its own."""

    def __init__(self, optimizer, more=(), **kwargs):
        super().__init__(**kwargs)
        self.optimizer, self.more = optimizers.get(optimizer), list(more)

    def get_updates(self, loss, params):
        updates = self.optimizer.get_updates(loss=loss, params=params)
        assert all(np.all(K.get_value(p) != K.get_value(new)) for p, new in updates)
        return updates + self.more


class Halved(optimizers.SGD):
    """Changes what the class above does with `K.update`."""

    def get_updates(self, loss, params):
        plain = K.update
        K.update = lambda x, new_x: plain(x, (x + new_x) / 2)
        try:
            return super().get_updates(loss, params)
        finally:
            K.update = plain


class ByWeight(optimizers.Optimizer):
    """Gives one weight another rate than the other, and goes on with the updates of before if it has some."""

    def __init__(self, optimizer, **kwargs):
        super().__init__(**kwargs)
        self.optimizer, self.updates = optimizer, []

    def get_updates(self, loss, params):
        if self.updates:
            return self.updates
        rate = self.optimizer.lr
        for factor, param in zip((1.0, 0.5), params, strict=True):
            self.optimizer.lr = rate * factor
            self.updates += self.optimizer.get_updates(loss, [param])
        self.optimizer.lr = rate
        return self.updates


def test_an_optimizer_around_another_one_may_change_its_rate_for_some_weights():
    with config.dialect_scope("2"):
        model, other = small_model(), small_model()
        other.set_weights(model.get_weights())
        model.compile(ByWeight(optimizers.SGD(lr=0.2)), "mse")
        other.compile(optimizers.SGD(lr=0.2), "mse")
        start = model.get_weights()
        for step in range(2):
            model.train_on_batch(np.ones((4, 3)), np.zeros((4, 2)))
            if step == 0:
                other.train_on_batch(np.ones((4, 3)), np.zeros((4, 2)))
                change = [np.subtract(*pair) for pair in zip(other.get_weights(), start, strict=True)]
                found = [np.subtract(*pair) for pair in zip(model.get_weights(), start, strict=True)]
                np.testing.assert_allclose(found[0], change[0], rtol=1e-5)
                np.testing.assert_allclose(found[1], change[1] / 2, rtol=1e-5)
                after = model.get_weights()
        assert K.get_value(model.optimizer.optimizer.lr) == np.float32(0.2)
        assert all(np.any(a != b) for a, b in zip(model.get_weights(), after, strict=True))
        assert ByWeight("sgd", clipnorm=1.0).get_config() == {"clipnorm": 1.0}


@pytest.mark.parametrize("inner", [lambda: optimizers.SGD(0.1, momentum=0.9), Keras2Momentum])
def test_an_optimizer_around_another_one_steps_as_that(inner):
    with config.dialect_scope("2"):
        assert_same_training(Around(inner()), inner())


def test_get_updates_of_a_subclass_may_call_that_of_the_class_above():
    with config.dialect_scope("2"):
        assert_same_training(Halved(lr=0.2, momentum=0.9), optimizers.SGD(lr=0.1, momentum=0.9), steps=1)


def test_updates_that_were_made_of_variables_beforehand_follow_them():
    with config.dialect_scope("2"):
        model, follower = small_model(), small_model()
        pairs = list(zip(follower.weights, model.weights, strict=True))
        soft = [(target, 0.25 * source + 0.75 * target) for target, source in pairs]
        model.compile(Around("sgd", soft), "mse")
        for _ in range(3):
            expected = [0.25 * s.numpy() + 0.75 * t.numpy() for t, s in pairs]
            model.train_on_batch(np.ones((4, 3)), np.zeros((4, 2)))
            for (target, _), value in zip(pairs, expected, strict=True):
                np.testing.assert_allclose(target.numpy(), value, rtol=1e-5)
        waves = [(target, K.sin(target)) for target in follower.weights]
        model.compile(Around("sgd", waves), "mse")
        with pytest.raises(ValueError, match="computed once, from variables that change, by SinBackward0"):
            model.train_on_batch(np.ones((4, 3)), np.zeros((4, 2)))


def small_model():
    return models.Sequential([layers.Dense(2, input_shape=(3,))])


def assert_same_training(one, other, steps=3):
    first, second = small_model(), small_model()
    second.set_weights(first.get_weights())
    for model, optimizer in ((first, one), (second, other)):
        model.compile(optimizer, "mse")
        for _ in range(steps):
            model.train_on_batch(np.ones((4, 3)), np.zeros((4, 2)))
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


class Decaying:
    """A mixin as in tensorflow-addons."""

    def __init__(self, weight_decay, **kwargs):
        super().__init__(**kwargs)
        self._set_hyper("weight_decay", weight_decay)
        self.decayed = None

    def apply_gradients(self, grads_and_vars, name=None, **kwargs):
        pairs = list(grads_and_vars)
        self.decayed = [var for _, var in pairs if len(var.shape) > 1]
        return super().apply_gradients(pairs, name=name, **kwargs)

    def _prepare_local(self, var_device, var_dtype, apply_state):
        super()._prepare_local(var_device, var_dtype, apply_state)
        apply_state[(var_device, var_dtype)]["wd_t"] = self._get_hyper("weight_decay", var_dtype)

    def _resource_apply_dense(self, grad, var, apply_state=None):
        if any(var is item for item in self.decayed):
            var.assign_sub(apply_state[(var.device, var.dtype)]["wd_t"] * var)
        return super()._resource_apply_dense(grad, var, apply_state=apply_state)


class Keeping(optimizers.legacy.Optimizer):
    """An optimizer around another one, as in tensorflow-addons, which keeps the last weights."""

    def __init__(self, inner, name="Keeping", **kwargs):
        super().__init__(name, **kwargs)
        self.inner = inner

    def _create_slots(self, var_list):
        self.inner._create_slots(var_list=var_list)
        for var in var_list:
            self.add_slot(var, "last", initializer=var)

    def _prepare(self, var_list):
        return self.inner._prepare(var_list)

    def apply_gradients(self, grads_and_vars, name=None, **kwargs):
        self.inner._iterations = self.iterations
        return super().apply_gradients(grads_and_vars, name, **kwargs)

    def _resource_apply_dense(self, grad, var):
        self.get_slot(var, "last").assign(var)
        return self.inner._resource_apply_dense(grad, var)


class Split(optimizers.legacy.Optimizer):
    """Gives each half of the weights to an optimizer of its own."""

    def __init__(self, *halves):
        super().__init__("Split")
        self.halves = halves

    def apply_gradients(self, grads_and_vars, name=None, **kwargs):
        pairs = list(grads_and_vars)
        for half, own in zip(self.halves, (pairs[::2], pairs[1::2]), strict=True):
            half.apply_gradients(own)
        return self.iterations.assign_add(1)


@pytest.mark.parametrize("kind", ["SGD", "Adam", "RMSprop", "Nadam"])
def test_subclasses_of_ours_and_optimizers_around_them_update_weight_by_weight(kind):
    cls = getattr(optimizers.legacy, kind)
    options = {"learning_rate": 0.1, **({"momentum": 0.9} if kind == "SGD" else {})}
    x, y = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3), np.zeros((4, 2), "float32")
    start = small_model().get_weights()

    def trained(optimizer, decay=0.0):
        model = small_model()
        model.set_weights(start)
        model.compile(optimizer, "mse")
        for _ in range(3):
            kernel, bias = model.get_weights()
            if decay:
                model.optimizer.build(model.trainable_weights)
                # The gradient is that of the weights before they decay.
                error = 2 * (x @ kernel + bias - y) / y.size
                grads = [torch.tensor(x.T @ error), torch.tensor(error.sum(0))]
                model.set_weights([kernel * (1 - decay), bias])
                model.optimizer.apply_gradients(zip(grads, model.trainable_weights, strict=True))
            else:
                model.train_on_batch(x, y)
        return model

    same = {"rtol": 1e-5, "atol": 1e-6}
    plain, decayed = trained(cls(**options)), trained(cls(**options), decay=0.1)
    own = trained(type("Own", (Decaying, cls), {})(0.1, **options))
    around, split = trained(Keeping(cls(**options))), trained(Split(cls(**options), cls(**options)))
    for found, expected in ((own, decayed), (around, plain), (split, plain)):
        for pair in zip(found.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_allclose(*pair, **same)
        assert int(found.optimizer.iterations) == 3
    for pair in zip(own.optimizer.get_weights(), decayed.optimizer.get_weights(), strict=True):
        np.testing.assert_allclose(*pair, **same)
    assert [array.shape for array in around.optimizer.get_weights()] == [(), (3, 2), (2,)]
