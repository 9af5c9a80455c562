"""LazyDataset: batches that are read when they are needed, in a given or a shuffled order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch.data import LazyDataset


def squares(indices: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    numbers = torch.tensor(indices, dtype=torch.float32)[:, None]
    return numbers, numbers**2


def numbers_of(dataset: LazyDataset) -> list[int]:
    return [int(number) for x, _ in dataset for number in x]


def test_batches_come_in_order_and_each_pass_starts_again() -> None:
    dataset = LazyDataset(5, squares, batch_size=2)
    assert [tuple(x.shape) for x, _ in dataset] == [(2, 1), (2, 1), (1, 1)]
    assert len(dataset) == 3
    assert numbers_of(dataset) == numbers_of(dataset) == [0, 1, 2, 3, 4]


def test_without_a_batch_size_there_are_single_samples() -> None:
    dataset = LazyDataset(3, squares, batch_size=None)
    assert len(dataset) == 3
    assert [tuple(y.shape) for _, y in dataset] == [(1,)] * 3


def test_a_seed_gives_one_sequence_of_orders_and_each_pass_another_order() -> None:
    first, second = (LazyDataset(20, squares, 4, shuffle=True, seed=3) for _ in range(2))
    passes = [numbers_of(first), numbers_of(first)]
    assert passes == [numbers_of(second), numbers_of(second)]
    assert passes[0] != passes[1]
    assert sorted(passes[0]) == sorted(passes[1]) == list(range(20))


def test_without_reshuffling_all_passes_have_one_order() -> None:
    dataset = LazyDataset(20, squares, 4, shuffle=True, reshuffle=False)
    assert numbers_of(dataset) == numbers_of(dataset) != list(range(20))


def test_nothing_is_read_ahead_without_workers() -> None:
    read: list[list[int]] = []

    def load(indices: list[int]) -> torch.Tensor:
        read.append(indices)
        return torch.zeros(len(indices), 1)

    batches = iter(LazyDataset(6, load, 2, workers=0))
    next(batches)
    assert read == [[0, 1]]


def test_a_failing_read_arrives_where_the_batch_is_asked_for() -> None:
    def load(indices: list[int]) -> torch.Tensor:
        raise OSError(f"cannot read {indices}")

    with pytest.raises(OSError, match=r"cannot read \[0, 1\]"):
        next(iter(LazyDataset(4, load, 2)))


def test_a_batch_size_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="`batch_size` must be 1 or more"):
        LazyDataset(4, squares, 0)


def test_fit_evaluate_and_predict_take_it() -> None:
    model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="ones", input_shape=(1,))])
    model.compile("sgd", "mse")
    dataset = LazyDataset(6, squares, 4)
    np.testing.assert_allclose(model.predict(dataset, verbose=0), np.arange(6.0)[:, None])
    assert model.evaluate(dataset, verbose=0) == pytest.approx(np.mean((np.arange(6) - np.arange(6) ** 2) ** 2.0))
    model.fit(dataset, epochs=2, verbose=0, validation_data=dataset)
