"""`class_weight` in each dialect, seen through the losses of a model that learns nothing.

The numbers were checked with real Keras 2.15 and 3.15.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config
from keras_torch.layers import Dense, Input
from keras_torch.training.class_weights import class_weights_of

X = np.arange(8.0, dtype="float32")[:, None]
Y = np.array([0, 1, 2, 0, 1, 2, 0, 1])
WEIGHTS = {0: 1.0, 1: 2.0, 2: 3.0}


def _identity(units: int = 1, shape: tuple[int, ...] = ()) -> Any:
    inputs = Input((*shape, units))
    initializer = keras.initializers.Identity()
    model = keras.Model(inputs, Dense(units, use_bias=False, kernel_initializer=initializer)(inputs))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    return model


def _loss(y: Any = Y, **options: Any) -> float:
    return _identity().fit(X, y, shuffle=False, batch_size=4, verbose=0, **options).history["loss"][0]


@pytest.mark.parametrize("dialect", ["1", "2", "tf", "3", None])
def test_classes_are_weighed(dialect: str | None) -> None:
    with config.dialect_scope(dialect):
        for y in (Y, Y[:, None], Y.astype("float32"), torch.from_numpy(Y)):
            assert _loss(y, class_weight=WEIGHTS) == pytest.approx(20.25)
        one_hot = np.eye(3, dtype="float32")[Y]
        model = _identity(3)
        loss = model.fit(one_hot + 1, one_hot, batch_size=4, verbose=0, class_weight=WEIGHTS, epochs=1)
        assert loss.history["loss"] == [pytest.approx(1.875)]


def test_classes_of_batches_are_weighed() -> None:
    def batches() -> Iterator[Any]:
        while True:
            yield X[:4], Y[:4]

    options = {"steps_per_epoch": 2, "verbose": 0, "class_weight": WEIGHTS}
    assert _identity().fit(batches(), **options).history["loss"] == [pytest.approx(2.25)]
    assert _identity().train_on_batch(X[:4], Y[:4], class_weight=WEIGHTS) == pytest.approx(2.25)


@pytest.mark.parametrize("dialect", ["3", None])
def test_classes_without_a_weight_weigh_one_in_keras_3(dialect: str | None) -> None:
    with config.dialect_scope(dialect):
        assert _loss(class_weight={0: 1.0, 2: 3.0}) == pytest.approx(14.625)
        assert _loss(class_weight={0: 1.0, 1: 3.0}) == pytest.approx(23.625)
        assert _loss(Y - 1, class_weight=WEIGHTS) == pytest.approx(20.75)


@pytest.mark.parametrize("dialect", ["1", "2", "tf"])
def test_classes_without_a_weight_are_refused_before_keras_3(dialect: str) -> None:
    with config.dialect_scope(dialect):
        with pytest.raises(ValueError, match=r"lacks \[2\]"):
            _loss(class_weight={0: 1.0, 1: 3.0})
        with pytest.raises(ValueError, match=r"lacks \[-1\]"):
            _loss(Y - 1, class_weight=WEIGHTS)
        with pytest.raises(ValueError, match="at most two axes"):
            y = np.zeros((4, 2, 3), "float32")
            _identity(3, (2,)).fit(y, y, class_weight=WEIGHTS, verbose=0)


def test_gaps_between_the_classes_are_refused_in_tf_keras() -> None:
    with config.dialect_scope("tf"), pytest.raises(ValueError, match="from 0 to one less"):
        _loss(class_weight={0: 1.0, 2: 3.0})


def test_targets_of_more_axes_are_weighed_in_keras_3() -> None:
    y = np.eye(3, dtype="float32")[np.arange(8).reshape(4, 2) % 3]
    history = _identity(3, (2,)).fit(y + 1, y, class_weight=WEIGHTS, verbose=0).history
    assert history["loss"] == [pytest.approx(1.875)]


def test_weights_of_classes_and_samples_multiply_in_tf_keras_and_without_a_dialect() -> None:
    for dialect in ("tf", None):
        with config.dialect_scope(dialect):
            for weight in (np.arange(8.0), np.arange(8.0)[:, None]):
                assert _loss(class_weight=WEIGHTS, sample_weight=weight) == pytest.approx(119.25)


def test_weights_of_classes_and_samples_exclude_each_other_elsewhere() -> None:
    options = {"class_weight": WEIGHTS, "sample_weight": np.arange(8.0)}
    with config.dialect_scope("3"), pytest.raises(ValueError, match="cannot be given together"):
        _loss(**options)
    with config.dialect_scope("2"):
        with pytest.warns(UserWarning, match="no effect beside `sample_weight`"):
            found = _loss(**options)
        assert found == pytest.approx(_loss(sample_weight=np.arange(8.0)))


@pytest.mark.parametrize("given", ["auto", "balanced", [1.0, 2.0, 3.0], np.array([1.0, 2.0, 3.0])])
def test_what_is_no_dict_is_refused_or_ignored_as_in_keras_1_and_2(given: Any) -> None:
    for dialect in ("tf", "3", None):
        with config.dialect_scope(dialect), pytest.raises(ValueError, match="np.bincount"):
            _loss(class_weight=given)
    for dialect in ("1", "2"):
        with config.dialect_scope(dialect):
            with pytest.warns(UserWarning, match="so it is here"):
                found = _loss(class_weight=given)
            assert found == pytest.approx(_loss())


@pytest.mark.parametrize("given", [{"a": 1.0}, {0: "one"}, {0: 1.0, 1: {0: 1.0}}])
def test_keys_and_values_that_are_no_numbers_are_named(given: Any) -> None:
    with pytest.raises(ValueError, match="must map class numbers to weights"):
        _loss(class_weight=given)


def _two_outputs() -> Any:
    inputs = Input((1,))
    layers = [Dense(1, use_bias=False, kernel_initializer="ones", name=name) for name in ("a", "b")]
    model = keras.Model(inputs, [layer(inputs) for layer in layers])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    return model


def test_each_output_has_weights_of_its_own() -> None:
    options = {"batch_size": 4, "shuffle": False, "verbose": 0}
    names = ["a_loss", "b_loss"]
    for given in ({"a": WEIGHTS}, [WEIGHTS, None]):
        history = _two_outputs().fit(X, [Y, Y], class_weight=given, **options).history
        plain = _two_outputs().fit(X, [Y, Y], **options).history
        assert [history[name][0] for name in names] == pytest.approx([20.25, plain["b_loss"][0]])
    weights = [np.arange(8.0), np.ones(8)]
    both = _two_outputs().fit(X, [Y, Y], class_weight={"a": WEIGHTS}, sample_weight=weights, **options).history
    assert [both[name][0] for name in names] == pytest.approx([119.25, plain["b_loss"][0]])


def test_wrong_outputs_are_named() -> None:
    model = _two_outputs()
    with pytest.raises(ValueError, match=r"Received the keys: \['c'\]"):
        model.fit(X, [Y, Y], class_weight={"c": WEIGHTS}, verbose=0)
    with pytest.raises(ValueError, match="several outputs"):
        model.fit(X, [Y, Y], class_weight=WEIGHTS, verbose=0)
    with pytest.raises(ValueError, match="1 entries"):
        model.fit(X, [Y, Y], class_weight=[WEIGHTS], verbose=0)
    with pytest.raises(ValueError, match="y=None"):
        model.fit(X, class_weight=WEIGHTS, verbose=0)


def test_one_object_serves_all_batches() -> None:
    weights = class_weights_of(WEIGHTS)
    assert class_weights_of(weights) is weights and class_weights_of(None) is None


@pytest.mark.parametrize("mode", [None, "temporal", ["temporal"], {"out": "temporal"}])
def test_weights_of_time_steps_show_themselves_by_their_shape(mode: Any) -> None:
    x = np.random.RandomState(0).rand(6, 4, 2).astype("float32")
    weight = np.random.RandomState(1).rand(6, 4)
    inputs = Input((4, 2))
    model = keras.Model(inputs, Dense(2, kernel_initializer="zeros", name="out")(inputs))
    model.compile(keras.optimizers.SGD(0.0), "mse", sample_weight_mode=mode)
    expected = np.mean(np.mean(x**2, -1) * weight)
    for shape in (weight, weight[..., None]):
        found = model.fit(x, x, sample_weight=shape, batch_size=6, verbose=0).history["loss"]
        assert found == pytest.approx([expected])


def test_weights_that_fit_no_target_are_refused() -> None:
    x = np.zeros((6, 4, 2), "float32")
    inputs = Input((4, 2))
    model = keras.Model(inputs, Dense(2)(inputs))
    model.compile("sgd", "mse")
    for weight in (np.ones((6, 3)), np.ones((6, 4, 2)), np.ones((6, 4, 2, 3))):
        with pytest.raises(ValueError, match="one number per sample, or per sample and time step"):
            model.fit(x, x, sample_weight=weight, verbose=0)
    with pytest.raises(ValueError, match="`sample_weight_mode`"):
        model.compile("sgd", "mse", sample_weight_mode={"dense": "by step"})
    model = _two_outputs()
    for weight in ([np.ones(8)], [np.ones(8)] * 3):
        with pytest.raises(ValueError, match=r"the 2 outputs \['a', 'b'\]"):
            model.fit(X, [Y, Y], sample_weight=weight, verbose=0)
