"""Saving that ends in the middle: a full disk, a killed process, a folder that cannot be written."""

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import keras_torch as keras

SAVES = {
    # file: how a model is saved to it
    "m.h5": lambda model, path: model.save(path),
    "m.keras": lambda model, path: model.save(path),
    "folder": lambda model, path: model.save(path, zipped=False),
    "w.h5": lambda model, path: model.save_weights(path),
    "m.weights.h5": lambda model, path: model.save_weights(path),
    "m.weights.json": lambda model, path: model.save_weights(path, max_shard_size=2e-4),
    "m.pt": lambda model, path: keras.saving.convert(_source(model, path), path),
    "model.json": lambda model, path: keras.saving.convert(_source(model, path), path),
}


def _source(model, path):
    source = Path(path).parent.parent / "source.h5"
    if not source.exists():
        model.save(source)
    return source


def make():
    stack = [keras.layers.Dense(300, name="a"), keras.layers.Dense(5, name="b")]
    return keras.Sequential([keras.Input((300,)), *stack], name="m")


def files_in(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@contextlib.contextmanager
def no_file_larger_than(size):
    """A limit of the system, which answers as it does when a disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", SAVES)
def test_a_full_disk_leaves_the_former_file_and_the_error_names_the_new_one(tmp_path, name):
    model, folder = make(), tmp_path / "there"
    folder.mkdir()
    path = folder / name
    SAVES[name](model, path)
    before = files_in(folder)
    for limit in (300, 3_000, 300_000) if "json" not in name else (300,):
        with no_file_larger_than(limit), pytest.raises(OSError, match=r"cannot write '.*\bthere\b") as caught:
            SAVES[name](model, path)
        assert caught.value.errno == errno.EFBIG
        assert files_in(folder) == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the user root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match=r"cannot write '.*m\.h5'"):
            make().save(tmp_path / "m.h5")
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match=r"cannot write '.*file/below/m\.h5'"):
        make().save(tmp_path / "file" / "below" / "m.h5")


WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.saving import test_interrupted_saves as cases
model = cases.make()
print("ready", flush=True)
while True:
    for name in sys.argv[3:]:
        cases.SAVES[name](model, f"{sys.argv[2]}/there/{name}")
        print(name, flush=True)
"""


@pytest.mark.parametrize("wait", [0.013, *(pytest.param(wait, marks=pytest.mark.slow) for wait in (0.0, 0.031))])
def test_a_killed_process_leaves_whole_files(tmp_path, wait):
    root, names = Path(__file__).resolve().parents[2], ("m.h5", "m.keras", "m.weights.h5")
    (tmp_path / "there").mkdir()
    command = [sys.executable, "-W", "ignore", "-c", WRITER, str(root), str(tmp_path), *names]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(1 + len(names)):
            process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
    for name in names:
        keras.models.clone_model(make()).load_weights(tmp_path / "there" / name)


def test_what_killed_writers_left_is_removed_when_it_is_old(tmp_path):
    old, new = tmp_path / f".m.h5.{'a' * 12}.tmp", tmp_path / f".m.h5.{'b' * 12}.tmp"
    others = [tmp_path / name for name in (f".x.h5.{'a' * 12}.tmp", ".m.h5.mine.tmp", f"m.h5.{'a' * 12}.tmp")]
    for path in (old, new, *others):
        path.write_text("half")
        if path != new:
            os.utime(path, (0, 0))
    make().save(tmp_path / "m.h5")
    assert {path.name for path in tmp_path.iterdir()} == {"m.h5", new.name, *(path.name for path in others)}
    keras.models.load_model(tmp_path / "m.h5", compile=False)
