"""Arrays, Sequences, generators and torch loaders as sources of batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import keras_torch as keras
from keras_torch.data import ArrayData, GeneratorData, PyDataset, Sequence, arrays
from keras_torch.layers import Dense, Input

X = np.arange(40, dtype="float32").reshape(20, 2)
Y = np.arange(20, dtype="float32")


class Look(keras.Model):
    """Records the first column of each batch instead of learning."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []
        self.types: set[Any] = set()

    def train_step(self, data: Any) -> dict[str, float]:
        self.types.add(tuple(type(part).__name__ for part in data))
        self.seen.append(data[1].reshape(-1).tolist())
        return {"loss": 0.0}


def _look(*args: Any, **kwargs: Any) -> Look:
    model = Look()
    model.compile("sgd", "mse")
    model.fit(*args, verbose=0, **kwargs)
    return model


class Numbers(Sequence):
    """Ten batches of two samples."""

    def __init__(self, delay: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.delay = delay
        self.ended = 0
        self.threads: set[str] = set()

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> Any:
        self.threads.add(threading.current_thread().name)
        if self.delay:
            time.sleep(0.002 * (index % 3))
        return X[2 * index : 2 * index + 2], Y[2 * index : 2 * index + 2]

    def on_epoch_end(self) -> None:
        self.ended += 1


IN_ORDER = [[2.0 * i, 2.0 * i + 1] for i in range(10)]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_sequence_gives_its_batches_in_order(workers: int) -> None:
    numbers = Numbers(delay=True)
    model = _look(numbers, shuffle=False, workers=workers, epochs=2)
    assert model.seen == IN_ORDER * 2 and numbers.ended == 2
    assert (len(numbers.threads) > 1) == (workers > 1)


def test_a_sequence_gives_its_batches_in_order_from_worker_processes() -> None:
    model = _look(Numbers(workers=2, use_multiprocessing=True), shuffle=False)
    assert model.seen == IN_ORDER


def test_a_sequence_is_shuffled_by_batches() -> None:
    keras.utils.set_random_seed(1)
    model = _look(Numbers())
    assert model.seen != IN_ORDER and sorted(model.seen) == IN_ORDER


def test_a_class_that_only_looks_like_a_sequence_is_taken() -> None:
    class Other:
        ended = 0

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            return [X[:2], Y[:2]]

        def on_epoch_end(self) -> None:
            self.ended += 1

    assert _look(Other()).seen == IN_ORDER[:1] * 2


def test_a_dataset_may_give_its_length_as_num_batches() -> None:
    class Two(PyDataset):
        @property
        def num_batches(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            return X[:2], Y[:2]

    assert len(Two()) == 2 and len(_look(Two()).seen) == 2


def _generate(count: int | None = None) -> Iterator[Any]:
    index = 0
    while count is None or index < count:
        i = 2 * (index % 10)
        yield X[i : i + 2], Y[i : i + 2]
        index += 1


@pytest.mark.parametrize("workers", [1, 4])
def test_a_generator_goes_on_over_epochs(workers: int) -> None:
    assert _look(_generate(), steps_per_epoch=3, epochs=3, workers=workers).seen == IN_ORDER[:9]


def test_a_generator_without_steps_runs_to_its_end() -> None:
    model = _look(_generate(4))
    assert model.seen == IN_ORDER[:4]


def test_a_generator_that_ends_too_early_is_reported() -> None:
    with pytest.warns(UserWarning, match="ran out of batches"):
        model = _look(_generate(4), steps_per_epoch=6)
    assert len(model.seen) == 4


def test_errors_of_a_generator_in_a_thread_arrive() -> None:
    def failing() -> Iterator[Any]:
        yield X[:2], Y[:2]
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        _look(failing(), workers=2)


def test_a_sequence_too_short_for_its_steps_wraps_in_classic_dialects_only() -> None:
    with keras.config.dialect_scope("2"):
        assert len(_look(Numbers(), steps_per_epoch=15, shuffle=False).seen) == 15
    with pytest.warns(UserWarning, match="ran out of batches"):
        assert len(_look(Numbers(), steps_per_epoch=15, shuffle=False).seen) == 10


def test_the_generator_methods_of_keras_2_work() -> None:
    inputs = Input((2,))
    model = keras.Model(inputs, Dense(1)(inputs))
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit_generator(_generate(), steps_per_epoch=5, epochs=2, verbose=0, validation_data=(X, Y))
    assert len(history.history["val_mae"]) == 2
    assert len(model.evaluate_generator(_generate(), steps=10)) == 2
    found = model.predict_generator(_generate(), steps=10)
    np.testing.assert_allclose(found, model.predict(X, verbose=0), rtol=1e-5)


def test_torch_loaders_and_datasets_are_taken() -> None:
    tensors = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    assert _look(DataLoader(tensors, batch_size=2), epochs=2).seen == IN_ORDER * 2
    assert _look(tensors, batch_size=2, shuffle=False).seen == IN_ORDER

    class Samples(Dataset):
        def __len__(self) -> int:
            return 20

        def __getitem__(self, index: int) -> Any:
            return X[index], Y[index]

    class Stream(IterableDataset):
        def __iter__(self) -> Iterator[Any]:
            return iter(zip(X, Y, strict=True))

    assert _look(Samples(), batch_size=2, shuffle=False).seen == IN_ORDER
    assert _look(Stream(), batch_size=2, shuffle=False, epochs=2).seen == IN_ORDER * 2


def test_batches_arrive_in_tuples_of_tensors() -> None:
    assert _look(X, Y).types == {("Tensor", "Tensor")}
    assert _look(X, Y, sample_weight=Y).types == {("Tensor", "Tensor", "Tensor")}
    assert _look(Numbers()).types == {("Tensor", "Tensor")}


def test_blocks_do_not_change_what_an_epoch_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.arange(1000)
    whole = list(ArrayData([x], 7).epoch())
    monkeypatch.setattr(arrays, "CPU_BLOCK_BYTES", 300)
    small = ArrayData([x], 7, shuffle=True)
    assert small._block < 50
    assert len(list(small.epoch())) == small.num_batches == len(whole) == 143
    assert sorted(torch.cat([part for (part,) in small.epoch()]).tolist()) == x.tolist()


def test_a_generator_is_not_run_further_than_needed() -> None:
    drawn: list[int] = []

    def count() -> Iterator[int]:
        for index in range(100):
            drawn.append(index)
            yield index

    source = GeneratorData(count(), lambda item: item)
    assert [next(source.epoch()) for _ in range(3)] == [0, 1, 2] and len(drawn) == 3


def test_data_without_batches_is_refused() -> None:
    with pytest.raises(ValueError, match="no batches"):
        _look(_generate(0))


def test_a_generator_at_its_end_stops_training() -> None:
    with pytest.warns(UserWarning, match="ran out of batches"):
        assert _look(_generate(4), epochs=3).history.epoch == [0]
