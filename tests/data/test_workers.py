"""Threads and processes that prepare batches keep order and leave nothing behind, however training ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

import keras_torch as keras
from keras_torch.data.workers import by_processes
from keras_torch.layers import Dense, Input

COUNT = 12


class Batches(keras.utils.Sequence):
    """Batches that tell their number and take different times; number `bad` cannot be made."""

    def __init__(self, bad: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bad = bad

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> Any:
        time.sleep(0.002 * (index % 3))
        if index == self.bad:
            return self.read_from_disk(index)
        return np.full((2, 1), index, "float32"), np.full((2, 1), os.getpid())

    def read_from_disk(self, index: int) -> Any:
        raise OSError(f"file {index} is damaged")


class Look(keras.Model):
    """Records what it is given instead of learning; stops at batch number `end` with an error."""

    def __init__(self, end: int | None = None) -> None:
        super().__init__()
        self.seen: list[int] = []
        self.processes: set[int] = set()
        self.end = end

    def train_step(self, data: Any) -> dict[str, float]:
        self.seen.append(int(data[0][0, 0]))
        self.processes.add(int(data[1][0, 0]))
        if self.seen[-1] == self.end:
            raise KeyboardInterrupt
        return {"loss": 0.0}


def _look(end: int | None = None) -> Look:
    model = Look(end)
    model.compile("sgd", "mse")
    return model


def _left() -> list[Any]:
    """The workers that still run, after those that are finishing a batch have done so."""
    deadline = time.time() + 5
    while time.time() < deadline:
        threads = [t for t in threading.enumerate() if t.name.startswith(("batch", "generator"))]
        left = [*multiprocessing.active_children(), *threads]
        if not left:
            break
        time.sleep(0.01)
    return left


@pytest.mark.parametrize("processes", [False, True])
def test_two_workers_keep_the_order_and_end_with_the_epoch(processes: bool) -> None:
    model = _look()
    model.fit(Batches(workers=2, use_multiprocessing=processes), shuffle=False, epochs=2, verbose=0)
    assert model.seen == [*range(COUNT)] * 2
    assert len(model.processes - {os.getpid()}) == (4 if processes else 0)
    assert not _left()


def test_more_workers_than_cores_are_the_users_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)
    model = _look()
    model.fit(Batches(workers=2, use_multiprocessing=True), shuffle=False, verbose=0)
    assert model.seen == [*range(COUNT)]


@pytest.mark.parametrize("processes", [False, True])
def test_an_exception_in_a_worker_is_shown_with_the_workers_traceback(processes: bool) -> None:
    model = _look()
    with pytest.raises(OSError, match="file 5 is damaged") as caught:
        model.fit(Batches(5, workers=2, use_multiprocessing=processes), shuffle=False, verbose=0)
    text = str(caught.getrepr() if not processes else caught.value)
    assert "read_from_disk" in text and "test_workers.py" in text
    assert model.seen == [0, 1, 2, 3, 4]
    # `caught` still holds the traceback, whose frames hold the iterators.
    assert not _left()


@pytest.mark.parametrize("options", [{}, {"use_multiprocessing": True}, {"steps_per_epoch": 9}])
def test_an_interrupt_in_the_middle_of_an_epoch_ends_the_workers(options: dict[str, Any]) -> None:
    model = _look(4)
    with pytest.raises(KeyboardInterrupt):
        model.fit(Batches(), shuffle=False, workers=2, verbose=0, **options)
    assert model.seen == [0, 1, 2, 3, 4] and not _left()


def test_an_interrupt_ends_the_thread_of_a_generator_but_not_the_generator() -> None:
    generator = (Batches()[0] for _ in range(100))
    with pytest.raises(KeyboardInterrupt):
        _look(0).fit(generator, workers=2, max_queue_size=3, verbose=0)
    assert not _left() and next(generator) is not None


def test_steps_that_end_in_the_middle_of_a_pass_leave_no_workers() -> None:
    for method in ("evaluate", "predict", "fit"):
        inputs = Input((1,))
        model = keras.Model(inputs, Dense(1)(inputs))
        model.compile("sgd", "mse")
        steps = {"steps_per_epoch" if method == "fit" else "steps": 2}
        getattr(model, method)(Batches(), workers=2, use_multiprocessing=True, verbose=0, **steps)
        assert not _left()


class Samples(Dataset):
    def __len__(self) -> int:
        return 2 * COUNT

    def __getitem__(self, index: int) -> Any:
        return torch.full((1,), float(index // 2)), torch.zeros(1)


@pytest.mark.parametrize("persistent", [False, True])
def test_the_workers_of_a_torch_loader_end_too_unless_they_are_to_persist(persistent: bool) -> None:
    loader = DataLoader(Samples(), batch_size=2, num_workers=1, persistent_workers=persistent)
    with pytest.raises(KeyboardInterrupt) as caught:
        _look(3).fit(loader, verbose=0)
    assert caught.tb is not None and bool(multiprocessing.active_children()) == persistent
    del loader, caught


def test_worker_processes_draw_the_same_numbers_in_each_run() -> None:
    class Random(Batches):
        def __getitem__(self, index: int) -> Any:
            return np.random.randint(0, 1000, (1, 1)), np.zeros((1, 1))

    def run() -> list[int]:
        keras.utils.set_random_seed(7)
        model = _look()
        model.fit(Random(), shuffle=False, workers=2, use_multiprocessing=True, epochs=2, verbose=0)
        return model.seen

    first = run()
    assert first == run() and len(set(first)) > COUNT


SCRIPT = """
import os, signal, sys, time
import numpy as np
import keras_torch as keras

# Shells start what runs in the background with interrupts ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Batches(keras.utils.Sequence):
    def __len__(self):
        return 100_000
    def __getitem__(self, index):
        open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
        time.sleep(0.01)
        return np.zeros((2, 1)), np.zeros((2, 1))

inputs = keras.Input((1,))
model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
model.compile("sgd", "mse")


class Tell(keras.callbacks.Callback):
    # By then everything is imported: an interrupt in the middle of an import might be taken for a missing package.
    def on_train_batch_end(self, batch, logs=None):
        if batch == 3:
            open(os.path.join(sys.argv[1], "trains"), "w").close()

model.fit(Batches(), workers=2, use_multiprocessing=True, verbose=0, callbacks=[Tell()])
"""


def _wait(condition: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.time() + seconds
    while time.time() < deadline and not condition():
        time.sleep(0.02)
    return condition()


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{number}/stat").read_text().split()[2] != "Z" if Path(f"/proc/{number}").exists() else False


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals to a process group")
def test_control_c_leaves_no_process_behind(tmp_path: Path) -> None:
    script = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    process = subprocess.Popen(script, start_new_session=True, stderr=subprocess.PIPE, text=True)
    try:
        assert _wait(lambda: (tmp_path / "trains").exists(), 60)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode in (-signal.SIGINT, 130, 1)
    assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt"), errors
    workers = [int(file.name) for file in tmp_path.iterdir() if file.name.isdigit()]
    assert len(workers) == 2 and _wait(lambda: not any(map(_runs, workers)), 10)


def test_a_worker_that_finds_nobody_to_hand_a_tensor_to_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    def ends(item: int) -> int:
        # As multiprocessing.resource_sharer does with the errors of its thread.
        for error in ConnectionResetError("peer"), EOFError(), OSError("no space"):
            sys.excepthook(type(error), error, None)
        return item

    assert list(by_processes(ends, [1], 1, 1)) == [1]
    assert capfd.readouterr().err.strip() == "OSError: no space"
