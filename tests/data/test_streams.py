"""What the batches of generators, loaders and datasets may look like, and what is refused."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import keras_torch as keras
from keras_torch import config
from keras_torch.data.structure import leaves_like
from keras_torch.layers import Add, Dense, Input

X, Y = np.arange(8.0, dtype="float32")[:, None], np.arange(8) % 3
WEIGHT = np.arange(8.0)
Batch = namedtuple("Batch", "x y")


def _identity() -> Any:
    inputs = Input((1,))
    model = keras.Model(inputs, Dense(1, use_bias=False, kernel_initializer="ones")(inputs))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    return model


def _two_inputs() -> Any:
    inputs = [Input((1,), name="a"), Input((1,), name="b")]
    model = keras.Model(inputs, Add()(inputs))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    return model


class Dataset:
    """Looks like a tf.data.Dataset, of unknown length as some are."""

    def as_numpy_iterator(self) -> Iterator[Any]:
        return iter([(X[:4], Y[:4]), (X[4:], Y[4:])])

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("gives tensors of another library")

    def __len__(self) -> int:
        raise TypeError("The dataset length is unknown.")


@pytest.mark.parametrize(
    "batch",
    [
        (X, Y),
        [X, Y],
        (X, Y, None),
        [X, Y, None],
        Batch(X, Y),
        (torch.from_numpy(X), torch.from_numpy(Y)),
        ({"x": X}, Y),
    ],
    ids=["tuple", "list", "tuple of 3", "list of 3", "namedtuple", "tensors", "dict"],
)
def test_a_batch_is_a_tuple_or_list(batch: Any) -> None:
    inputs = Input((1,), name="x")
    model = keras.Model({"x": inputs} if isinstance(batch[0], dict) else inputs, Dense(1, use_bias=False)(inputs))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    expected = model.evaluate(X, Y, verbose=0)
    assert model.evaluate(iter([batch, batch]), verbose=0) == pytest.approx(expected)
    assert model.fit(iter([batch]), verbose=0).history["loss"] == [pytest.approx(expected)]


def test_weights_of_a_batch_count() -> None:
    expected = _identity().evaluate(X, Y, sample_weight=WEIGHT, verbose=0)
    assert _identity().evaluate(iter([(X, Y, WEIGHT)]), verbose=0) == pytest.approx(expected)


@pytest.mark.parametrize("batch", [X, (X,), [X], (X, None), (X, Y), (X, np.array(["name"] * 8)), (X, -Y, WEIGHT)])
def test_predicting_looks_at_the_inputs_alone(batch: Any) -> None:
    np.testing.assert_array_equal(_identity().predict(iter([batch, batch]), verbose=0), np.concatenate([X, X]))


def test_a_predict_step_of_ones_own_gets_the_whole_batch() -> None:
    class Own(keras.Model):
        def predict_step(self, data: Any) -> Any:
            return data[0] + data[1][:, None]

    model = Own()
    for data in (iter([(X, Y)]), TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))):
        np.testing.assert_array_equal(model.predict(data, verbose=0), X + Y[:, None])
    tensors = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    np.testing.assert_array_equal(_identity().predict(tensors, verbose=0), X)


@pytest.mark.parametrize("dialect", ["2", "tf", None])
def test_a_list_for_several_inputs_holds_inputs_or_inputs_and_targets(dialect: str | None) -> None:
    with config.dialect_scope(dialect):
        model = _two_inputs()
        np.testing.assert_array_equal(model.predict(iter([[X, X]]), verbose=0), 2 * X)
        np.testing.assert_array_equal(model.predict(iter([([X, X],)]), verbose=0), 2 * X)
        np.testing.assert_array_equal(model.predict(iter([{"b": X, "a": X}]), verbose=0), 2 * X)
        assert model.evaluate(iter([[[X, X], 2 * X]]), verbose=0) == 0
        assert model.evaluate(iter([([X, X], 2 * X)]), verbose=0) == 0
        assert model.evaluate(iter([({"b": X, "a": X}, 2 * X)]), verbose=0) == 0


def test_a_tf_dataset_is_read_as_arrays() -> None:
    model = _identity()
    expected = model.evaluate(X, Y, verbose=0)
    assert model.fit(Dataset(), epochs=2, verbose=0).history["loss"] == pytest.approx([expected] * 2)
    np.testing.assert_array_equal(model.predict(Dataset(), verbose=0), X)


def test_validation_data_may_be_any_kind() -> None:
    expected = _identity().evaluate(X, Y, verbose=0)
    tensors = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    kinds = [
        (X, Y),
        [X, Y],
        (X, Y, np.ones(8)),
        Dataset(),
        tensors,
        DataLoader(tensors, 4),
        Split(),
        [*Dataset().as_numpy_iterator()],
    ]
    for data in kinds[:-1]:
        history = _identity().fit(X, Y, validation_data=data, verbose=0, epochs=2).history
        assert history["val_loss"] == pytest.approx([expected] * 2), data
    history = _identity().fit(Split(), validation_data=iter(kinds[-1]), validation_steps=2, verbose=0).history
    assert history["val_loss"] == [pytest.approx(expected)]


class Split(keras.utils.Sequence):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        return X[4 * index : 4 * index + 4], Y[4 * index : 4 * index + 4]


def test_the_same_sequence_with_a_shape_is_no_array() -> None:
    class Shaped(Split):
        shape = (2, 4)

    assert _identity().evaluate(Shaped(), verbose=0) == pytest.approx(_identity().evaluate(X, Y, verbose=0))


def test_an_endless_dataset_needs_steps_only() -> None:
    class Endless(keras.utils.PyDataset):
        num_batches = None

        def __getitem__(self, index: int) -> Any:
            return X + index, X + index

    for workers in (1, 2):
        found = _identity().predict(Endless(workers=workers), steps=3, verbose=0)
        np.testing.assert_array_equal(found, np.concatenate([X, X + 1, X + 2]))
    found = _identity().predict(Endless(workers=2, use_multiprocessing=True), steps=3, verbose=0)
    np.testing.assert_array_equal(found, np.concatenate([X, X + 1, X + 2]))
    assert [float(batch[0][0, 0]) for batch, _ in zip(Endless(), range(3), strict=False)] == [0, 1, 2]


def test_a_dataset_without_a_length_can_be_iterated_by_hand() -> None:
    class Unknown(keras.utils.PyDataset):
        def __getitem__(self, index: int) -> Any:
            return index

    assert [index for index, _ in zip(Unknown(), range(3), strict=False)] == [0, 1, 2]
    with pytest.raises(NotImplementedError, match="`num_batches`"):
        _identity().fit(Unknown(), verbose=0)


def test_the_number_of_batches_follows_from_the_length() -> None:
    assert Split().num_batches == len(Split()) == 2


@pytest.mark.parametrize("x", [lambda: iter([(X, Y)]), 5.0 + 3j, object()])
def test_what_is_no_data_is_refused(x: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="`x` must be|Call the function"):
        _identity().fit(x, verbose=0)


def test_batches_of_wrong_parts_are_refused() -> None:
    model = _identity()
    with pytest.raises(ValueError, match="tuple of 4"):
        model.fit(iter([(X, Y, Y, Y)]), verbose=0)
    with pytest.raises(ValueError, match="'x': 8, 'y': 4"):
        model.fit(iter([(X, Y[:4])]), verbose=0)
    with pytest.raises(ValueError, match="at least one sample"):
        model.fit(iter([(X[:0], Y[:0])]), verbose=0)
    with pytest.raises(ValueError, match="Received: y=None"):
        model.fit(iter([(X,)]), verbose=0)
    with pytest.warns(UserWarning, match="`batch_size=4` has no effect"):
        model.fit(Split(), batch_size=4, verbose=0)


def test_one_array_of_weights_for_several_outputs_has_a_number_for_each_sample() -> None:
    inputs = Input((1,))
    model = keras.Model(inputs, [Dense(1)(inputs), Dense(2)(inputs)])
    model.compile("sgd", "mse")
    y = [X, np.concatenate([X, X], 1)]
    for weight in (WEIGHT, WEIGHT[:, None]):
        model.fit(X, y, sample_weight=weight, verbose=0)
    with pytest.raises(ValueError, match="one number per sample"):
        model.fit(X, y, sample_weight=np.ones((8, 2)), verbose=0)


def test_inputs_may_be_nested() -> None:
    a, b, c = (Input((1,)) for _ in range(3))
    model = keras.Model({"first": [a, b], "then": c}, Add()([a * 1.0, b * 10.0, c * 100.0]))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    one = np.ones((4, 1))
    x = {"then": 3 * one, "first": [one, 2 * one]}
    assert model.predict(x, verbose=0).ravel().tolist() == [321.0] * 4
    assert model.predict([one, 2 * one, 3 * one], verbose=0)[0] == 321
    assert model.fit(x, 0 * one, validation_split=0.5, verbose=0).history["val_loss"] == [321.0**2]
    assert model.evaluate(iter([(x, 0 * one)]), verbose=0) == 321.0**2
    nested = keras.Model((a, (b, c)), Add()([a * 1.0, b * 10.0, c * 100.0]))
    assert nested.predict((one, [2 * one, 3 * one]), verbose=0)[0] == 321
    with pytest.raises(ValueError, match="`x` must be"):
        nested.predict((one, one), verbose=0)


def test_outputs_and_targets_may_be_nested() -> None:
    a = Input((1,))
    model = keras.Model(a, {"u": a * 1.0, "v": [a * 2.0, a * 3.0]})
    model.compile(keras.optimizers.SGD(0.0), "mse")
    one = np.ones((4, 1))
    for y in ({"u": 0 * one, "v": [0 * one, 0 * one]}, [0 * one] * 3):
        assert model.evaluate(one, y, verbose=0)[0] == 1 + 4 + 9


def test_leaves_follow_the_structure_they_are_asked_for() -> None:
    structure = {"a": [0, (0, 0)], "b": 0}
    assert leaves_like({"b": 4, "a": (1, [2, 3])}, structure) == [1, 2, 3, 4]
    assert leaves_like({"b": 4, "a": (1, [2])}, structure) is None
    assert leaves_like({"b": 4}, structure) is None and leaves_like([1, 2], structure) is None
