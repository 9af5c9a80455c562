"""`keras-torch run --processes N`: what reaches the user, and what survives."""

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
EXAMPLES = ROOT / "examples"


def launch(*arguments, folder, timeout=240):
    """Run the command; return the process, and how long it took."""
    start = time.monotonic()
    command = [sys.executable, "-m", "keras_torch", "run", "--processes", "2", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "KERAS_TORCH_TIMEOUT": "60"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    return done, time.monotonic() - start


def check_survivor(folder, undisturbed, died=True):
    found = [pickle.loads((folder / str(rank)).read_bytes()) for rank in range(2)]
    for each, expected in zip(found, undisturbed, strict=True):
        assert each["first"] is not died
        for mine, value in zip(each["weights"], expected["undisturbed"]["weights"], strict=True):
            assert np.array_equal(mine, value)
        for name, values in expected["undisturbed"]["history"].items():
            np.testing.assert_allclose(each["history"][name], values, rtol=1e-6)
    return found


def test_a_killed_process_is_started_again_and_training_goes_on_where_it_was(tmp_path, two):
    done, _ = launch("--max-restarts", "1", HERE / "survivor.py", tmp_path, 1, 15, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["done"]
    assert "restart 1 of 1" in done.stderr
    found = check_survivor(tmp_path, two)
    # Killed in step 15, saved after step 12 of 20.
    assert [each["steps"] for each in found] == [8, 8]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_process_killed_at_a_random_time_changes_nothing(tmp_path, two, seed):
    rng = np.random.default_rng(seed)
    # In the midst of a step, an epoch's end with its validation, or the writing of a backup.
    moment = f"{rng.integers(1, 20)}+{rng.uniform(0, 0.03):.4f}"
    done, _ = launch("--max-restarts", "2", HERE / "survivor.py", tmp_path, rng.integers(2), moment, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "restart 1 of 2" in done.stderr
    check_survivor(tmp_path, two)


SCRIPT = """
import os, sys, time
import numpy as np
import keras
from keras.layers import Dense
from keras.models import Sequential
where, rank = sys.argv[1:]
def fail(what):
    with open('failed', 'w') as file:
        file.write(str(time.time()))
    raise KeyError(what)
class Fails(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if where == 'callback' and os.environ['RANK'] == rank:
            fail('my callback')
class Rows(keras.utils.Sequence):
    def __len__(self):
        return 4
    def __getitem__(self, index):
        if where == 'worker' and index == 2:
            fail('my data')
        return np.ones((6, 3)), np.ones((6, 2))
model = Sequential([Dense(2, input_shape=(3,))])
model.compile('sgd', 'mse')
print('begins')
if where == 'script' and os.environ['RANK'] == rank:
    fail('my script')
model.fit_generator(Rows(), epochs=2, verbose=0, callbacks=[Fails()], workers=2, use_multiprocessing=where == 'worker')
if where == 'sleep':
    print('sleeps', flush=True)
    time.sleep(100)
"""


@pytest.mark.parametrize(
    ("where", "rank"),
    [
        ("callback", 1),
        pytest.param("callback", 0, marks=pytest.mark.slow),
        pytest.param("script", 1, marks=pytest.mark.slow),
        pytest.param("worker", 0, marks=pytest.mark.slow),
    ],
)
def test_an_error_in_one_process_ends_all_and_is_shown_once(tmp_path, where, rank):
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    done, _ = launch("script.py", where, rank, folder=tmp_path)
    assert time.time() - float((tmp_path / "failed").read_text(encoding="utf-8")) < 20
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["begins"]
    assert done.stderr.count("Traceback (most recent call last):") == (2 if where == "worker" else 1), done.stderr
    assert done.stderr.count(f"KeyError: 'my {where.replace('worker', 'data')}'") >= 1, done.stderr
    assert "torch.distributed" not in done.stderr


@pytest.mark.slow
def test_an_interrupt_ends_all_processes(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-m", "keras_torch", "run", "--processes", "2", "script.py", "sleep", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while "sleeps" not in process.stdout.readline():
        assert process.poll() is None
    start = time.monotonic()
    process.send_signal(2)
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - start < 20
    assert process.returncode == 130
    assert errors.count("KeyboardInterrupt") == 1, errors


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits_cnn_keras1", "digits_cnn_keras2", "digits_cnn_tfkeras"])
def test_examples_that_know_nothing_of_it_run_in_two_processes(tmp_path, name):
    done, _ = launch(EXAMPLES / f"{name}.py", tmp_path, folder=tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Test accuracy") == 1
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files and all(not file.endswith(".tmp") for file in files), files


@pytest.mark.slow
def test_an_example_of_keras_3_knows_nothing_of_it_either(tmp_path):
    done, _ = launch(EXAMPLES / "keras3" / "timeseries_anomaly.py", folder=tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Anomalies:") == 1 and done.stdout.count("Epoch 6/6") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["model_checkpoint.weights.h5"]
