"""Enqueuers give endless streams of batches, in order, and leave nothing running."""

from __future__ import annotations

import itertools
import multiprocessing
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config
from keras_torch.utils import GeneratorEnqueuer, OrderedEnqueuer, Sequence, SequenceEnqueuer, data_utils


class Squares(Sequence):
    """Six arrays; those of the next epoch are negative."""

    sign = 1

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        return np.full((2,), self.sign * index**2, "uint32" if self.sign > 0 else "int32")

    def on_epoch_end(self) -> None:
        self.sign = -self.sign


class Faulty(Squares):
    def __getitem__(self, index: int) -> Any:
        if index == 3:
            raise IndexError("number 3 is not there")
        return super().__getitem__(index)


def _take(enqueuer: SequenceEnqueuer, count: int, workers: int = 2) -> list[int]:
    enqueuer.start(workers, max_queue_size=4)
    assert enqueuer.is_running()
    found = [int(batch[0]) for batch in itertools.islice(enqueuer.get(), count)]
    enqueuer.stop()
    assert not enqueuer.is_running()
    return found


@pytest.mark.parametrize("processes", [False, True])
def test_an_ordered_enqueuer_goes_on_over_epochs(processes: bool) -> None:
    squares = [index**2 for index in range(6)]
    expected = [*squares, *(-number for number in squares), 0, 1]
    assert _take(OrderedEnqueuer(Squares(), use_multiprocessing=processes), 14) == expected
    assert not multiprocessing.active_children()


def test_an_ordered_enqueuer_gives_what_the_sequence_gives_also_from_processes() -> None:
    enqueuer = OrderedEnqueuer(Squares(), use_multiprocessing=True)
    enqueuer.start(1)
    batch = next(enqueuer.get())
    enqueuer.stop()
    assert isinstance(batch, np.ndarray) and batch.dtype == np.uint32


def test_a_shuffling_enqueuer_shuffles_each_epoch() -> None:
    found = _take(OrderedEnqueuer(Squares(), shuffle=True), 6)
    assert sorted(found) == [index**2 for index in range(6)]


@pytest.mark.parametrize("processes", [False, True])
def test_an_error_in_a_worker_arrives_and_ends_the_stream(processes: bool) -> None:
    enqueuer = OrderedEnqueuer(Faulty(), use_multiprocessing=processes)
    with pytest.raises(IndexError, match="number 3 is not there"):
        _take(enqueuer, 6)
    assert not enqueuer.is_running() and not multiprocessing.active_children()


def _numbers(count: int | None = None) -> Iterator[Any]:
    for number in itertools.count() if count is None else range(count):
        yield np.full((2,), number)


def test_a_generator_is_run_in_order_by_one_thread() -> None:
    assert _take(GeneratorEnqueuer(_numbers()), 5) == [0, 1, 2, 3, 4]
    assert _take(GeneratorEnqueuer(_numbers(3)), 5) == [0, 1, 2]


def test_each_process_runs_a_copy_of_a_generator() -> None:
    assert _take(GeneratorEnqueuer(_numbers(3), use_multiprocessing=True), 9) == [0, 0, 1, 1, 2, 2]


def test_processes_of_a_generator_are_seeded_by_their_number() -> None:
    def random() -> Iterator[Any]:
        while True:
            yield np.random.randint(0, 1000, (1,))

    found = _take(GeneratorEnqueuer(random(), use_multiprocessing=True, random_seed=5), 2)
    assert found == [np.random.RandomState(seed).randint(0, 1000) for seed in (5, 6)]


def test_batches_that_are_none_are_left_out() -> None:
    enqueuer = GeneratorEnqueuer(iter([None, np.ones(1), None, np.ones(1)]))
    enqueuer.start()
    assert len(list(enqueuer.get())) == 2


def test_the_arguments_of_keras_1_and_2_are_taken() -> None:
    with config.dialect_scope("1"):
        enqueuer = GeneratorEnqueuer(_numbers(2), pickle_safe=False)
        enqueuer.start(nb_worker=1, max_q_size=3, wait_time=0.05)
    assert [int(batch[0]) for batch in enqueuer.get()] == [0, 1]
    with config.dialect_scope("2"):
        assert GeneratorEnqueuer(_numbers(), False, None, 7).random_seed == 7
        assert GeneratorEnqueuer(sequence=_numbers(), wait_time=0.1).random_seed is None


def test_an_enqueuer_without_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="`workers` must be 1 or more"):
        OrderedEnqueuer(Squares()).start(0)
    with pytest.raises(NotImplementedError, match="_batches"):
        SequenceEnqueuer(Squares()).start()


def test_functions_for_pools_of_ones_own_share_by_number() -> None:
    data_utils.init_pool({3: Squares()})
    assert data_utils.get_index(3, 2)[0] == 4
    data_utils.init_pool_generator({1: _numbers()}, random_seed=0)
    assert [data_utils.next_sample(1)[0] for _ in range(2)] == [0, 1]


def test_files_are_validated_by_either_digest(tmp_path: Any) -> None:
    file = tmp_path / "text"
    file.write_text("abc")
    assert data_utils.validate_file(file, "900150983cd24fb0d6963f7d28e17f72")
    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert data_utils.validate_file(file, sha) and data_utils.validate_file(file, sha, "sha256")
    assert not data_utils.validate_file(file, sha[::-1])
    with pytest.raises(ValueError, match="`algorithm`"):
        data_utils.validate_file(file, sha, "crc")


def test_a_timed_thread_calls_until_it_is_stopped() -> None:
    class Count(keras.utils.TimedThread):
        calls = 0
        enough = threading.Event()

        def on_interval(self) -> None:
            self.calls += 1
            if self.calls == 3:
                self.enough.set()

    with Count(0.001) as thread:
        assert thread.enough.wait(5) and thread.is_alive() and thread.thread.daemon
        with pytest.warns(UserWarning, match="running already"):
            thread.start()
    thread.thread.join(5)
    assert not thread.is_alive() and thread.calls >= 3
    with pytest.raises(NotImplementedError, match="on_interval"):
        keras.utils.TimedThread(1).on_interval()
