"""A dataset in two parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset

import keras_torch as keras
from keras_torch.layers import Dense, Input
from keras_torch.utils import split_dataset

X, Y = np.arange(20.0).reshape(10, 2), np.arange(10)


class Samples(Dataset):
    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> Any:
        if index >= 10:
            raise IndexError
        return X[index], Y[index]


class Stream(IterableDataset):
    def __iter__(self) -> Any:
        return iter(zip(X, Y, strict=True))


class Foreign:
    """Looks like a tf.data.Dataset."""

    def as_numpy_iterator(self) -> Any:
        return iter(zip(X, Y, strict=True))


def _labels(part: Any) -> list[int]:
    return [int(sample[1]) for sample in part]


@pytest.mark.parametrize(
    "dataset", [[X, Y], (X, Y), Samples(), Stream(), Foreign()], ids=lambda item: type(item).__name__
)
@pytest.mark.parametrize("sizes", [(0.2, 0.8), (2, None), (None, 8), (0.2, None), (2, 0.8)])
def test_the_first_samples_go_left_and_the_last_right(dataset: Any, sizes: Any) -> None:
    left, right = split_dataset(dataset, *sizes)
    assert isinstance(left, Dataset) and len(left) == 2 and len(right) == 8
    assert _labels(left) == [0, 1] and _labels(right) == list(range(2, 10))


def test_parts_need_not_cover_everything() -> None:
    left, right = split_dataset((X, Y), 3, 2)
    assert _labels(left) == [0, 1, 2] and _labels(right) == [8, 9]


@pytest.mark.parametrize("dataset", [(X, Y), Samples()])
def test_a_seed_repeats_the_shuffling(dataset: Any) -> None:
    found = [_labels(part) for part in split_dataset(dataset, 0.5, shuffle=True, seed=3)]
    assert found == [_labels(part) for part in split_dataset(dataset, 0.5, shuffle=True, seed=3)]
    assert found[0] != [0, 1, 2, 3, 4] and sorted(found[0] + found[1]) == list(range(10))


def test_nested_arrays_keep_their_structure() -> None:
    left, _ = split_dataset({"x": (X, X + 1), "y": Y}, 0.3)
    assert len(left) == 3 and left[2]["y"] == 2 and torch.equal(left[2]["x"][1], torch.tensor([5.0, 6.0]))
    left, _ = split_dataset(X, 0.3)
    assert torch.equal(left[1][0], torch.tensor([2.0, 3.0]))


def test_a_model_trains_on_a_part() -> None:
    left, right = split_dataset((X, Y), 0.5)
    inputs = Input((2,))
    model = keras.Model(inputs, Dense(1)(inputs))
    model.compile("sgd", "mse")
    assert len(model.fit(left, validation_data=right, batch_size=2, verbose=0).history["val_loss"]) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({}, ValueError, "must be given"),
        ({"left_size": 0}, ValueError, "`left_size`"),
        ({"left_size": 10}, ValueError, "between 1 and 9"),
        ({"right_size": 1.5}, ValueError, "`right_size`"),
        ({"left_size": "half"}, TypeError, "'half'"),
        ({"left_size": 0.6, "right_size": 0.6}, ValueError, "more than 1"),
        ({"left_size": 6, "right_size": 6}, ValueError, "6 and 6"),
        ({"left_size": 0.01}, ValueError, "0 and 10"),
        ({"left_size": 0.5, "preferred_backend": "tensorflow"}, ValueError, "`preferred_backend`"),
    ],
)
def test_wrong_sizes_are_refused(arguments: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        split_dataset((X, Y), **arguments)


def test_what_is_no_dataset_is_refused() -> None:
    with pytest.raises(TypeError, match="`dataset` must be"):
        split_dataset(5, 0.5)
    with pytest.raises(ValueError, match=r"\[10, 9\]"):
        split_dataset((X, Y[1:]), 0.5)
    with pytest.raises(ValueError, match="must not be empty"):
        split_dataset(type("Empty", (Foreign,), {"as_numpy_iterator": lambda self: iter(())})(), 0.5)
