"""Batches go to a GPU beside its computations, and stay where they are on a CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch.data import ArrayData, arrays
from keras_torch.data.rows import rows_of
from keras_torch.data.transfer import to_device
from keras_torch.layers import Dense, Input

CPU = torch.device("cpu")


def test_tensors_on_the_device_stay_what_they_are() -> None:
    tensors = [torch.zeros(100_000), torch.zeros(2, dtype=torch.int32)]
    assert all(new is old for new, old in zip(to_device(tensors, CPU), tensors, strict=True))


@pytest.mark.gpu
def test_copies_to_a_gpu_are_complete_when_they_are_used() -> None:
    device = torch.device("cuda", torch.cuda.current_device())
    busy = torch.rand(4000, 4000, device=device)
    for number in range(20):
        busy = busy @ busy / 2000
        large, small, there = to_device([torch.full((3_000_000,), float(number)), torch.ones(3), busy], device)
        assert large.device == small.device == device and there is busy
        assert float(large.sum()) == 3e6 * number
        del large


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["blocks", "rows", "sequence", "iterable"])
def test_training_from_the_host_equals_training_from_the_device(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    x = np.random.RandomState(0).rand(512, 256).astype("float32")
    y = x.sum(1, keepdims=True)
    mapped = np.memmap(tmp_path / "x", "float32", "w+", shape=x.shape)
    mapped[:] = x

    class Batches(keras.utils.Sequence):
        def __len__(self) -> int:
            return 8

        def __getitem__(self, index: int) -> Any:
            return x[64 * index : 64 * index + 64], y[64 * index : 64 * index + 64]

    def train(*data: Any) -> Any:
        keras.utils.set_random_seed(1)
        inputs = Input((256,))
        model = keras.Model(inputs, Dense(1)(Dense(64, activation="relu")(inputs)))
        model.compile("sgd", "mse")
        model.fit(*data, batch_size=None if len(data) == 1 else 64, shuffle=False, epochs=3, verbose=0)
        return model.get_weights()

    expected = train(x, y)
    monkeypatch.setattr(arrays, "DEVICE_SHARE", 0.0)
    data = {
        "blocks": (x, y),
        "rows": (mapped, y),
        "sequence": (Batches(),),
        "iterable": (Repeated(Batches()),),
    }[kind]
    for found, wanted in zip(train(*data), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


class Repeated:
    """An iterable of a sequence's batches."""

    def __init__(self, sequence: Any) -> None:
        self.sequence = sequence

    def __iter__(self) -> Any:
        return iter(self.sequence)


@pytest.mark.gpu
def test_rows_are_not_kept_on_the_device(tmp_path: Any) -> None:
    mapped = np.memmap(tmp_path / "x", "uint8", "w+", shape=(64, 1000))
    rows = rows_of(mapped)
    assert rows is not None
    data = ArrayData([rows], 8, dtypes=[torch.float32], device=torch.device("cuda", 0))
    assert not data._on_device
    assert {(part.device.type, part.dtype) for (part,) in data.epoch()} == {("cuda", torch.float32)}
