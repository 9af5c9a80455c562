"""Several processes, started once for all cases."""

import fcntl
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def launch(count, folder, device="cpu"):
    """Run `worker.py` in so many processes as torchrun would, and return what each found."""
    common = {
        **os.environ,
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "KERAS_TORCH_TIMEOUT": "60",
        **({"KERAS_TORCH_DEVICE": "cpu"} if device == "cpu" else {}),
        "KERAS_TORCH_TEST_PARTS": str(folder.parent),
    }
    command = [sys.executable, str(HERE / "worker.py"), str(folder)]
    # Process 0 forks the others where it can.
    started = 1 if device == "cpu" else count
    processes = [
        subprocess.Popen(command, env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in range(started)
    ]
    try:
        assert [process.wait(timeout=300) for process in processes] == [0] * started
    finally:
        for process in processes:
            process.kill()
    return [pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in range(count)]


def shared(tmp_path_factory, name, make):
    """Return what `make(folder)` returns, made once by all pytest workers together."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = base / name
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = folder / "found"
        if not kept.exists():
            kept.write_bytes(pickle.dumps(make(folder)))
        return pickle.loads(kept.read_bytes())


@pytest.fixture(scope="session")
def two(tmp_path_factory):
    """What each of two processes found, by the names of the cases."""
    return shared(tmp_path_factory, "two", lambda folder: launch(2, folder))


@pytest.fixture(scope="session")
def three(tmp_path_factory, two):
    """What each of three processes found; they load a checkpoint of two."""
    return shared(tmp_path_factory, "three", lambda folder: launch(3, folder))


@pytest.fixture(scope="session")
def two_gpus(tmp_path_factory):
    """What each of two processes found that have a GPU each and talk by NCCL."""
    return shared(tmp_path_factory, "two_gpus", lambda folder: launch(2, folder, "cuda"))
