"""Compare writing and reading a large model with the time that h5py takes for the same arrays, and measure the memory.

There are two bounds. "h5py" writes and reads arrays of the same names, shapes and types as are in the model's file,
ready-made in the layout of the file, in a plain HDF5 file. "by hand" does with h5py, numpy, torch and zipfile what the
action cannot do without: it writes the model's own arrays, whose memory has torch's layout, and reads into such memory
(new memory for `load_model`); for `.keras` the file goes in and out of a zip archive, as a stored member.

All write to a new name, flush to disk (`os.fsync`) and rename; all read what lies in the system's cache. They alternate
in one process; printed are medians, and the medians (and range) of the ratios. With `--folder` on a file system in
memory, such as /dev/shm, the disk has no part in it.

Memory is measured in a process of its own for each row, by the peak of its resident size: how much more it takes than
before, in sizes of the model. A loaded model is itself 1.0 of that.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import torch

import keras_torch
from keras_torch import layers

MEMBER = "model.weights.h5"
ACTIONS = {
    # file: what is done with it
    "model.h5": ("save", "load_model", "load_weights"),
    "model.keras": ("save", "load_model", "load_weights"),
    "model.weights.h5": ("save_weights", "load_weights"),
}


def embedding(size: int) -> list[Any]:
    """A text classifier: nearly all of it is the embedding."""
    width = 512
    rows = max(1, size * 9 // 10 // 4 // width)
    units = max(1, size // 10 // 4 // width)
    stack = [layers.Embedding(rows, width), layers.GlobalAveragePooling1D(), layers.Dense(units)]
    return [keras_torch.Input((8,), dtype="int32"), *stack]


def convolutions(size: int) -> list[Any]:
    """Convolutions of 3 x 3 with up to 1024 channels."""
    channels = min(1024, max(1, int((size / 36) ** 0.5)))
    count = max(1, size // (36 * channels**2))
    return [keras_torch.Input((8, 8, channels))] + [layers.Conv2D(channels, 3, padding="same") for _ in range(count)]


def dense(size: int) -> list[Any]:
    """Fully connected layers of up to 4096 units."""
    units = min(4096, max(1, int((size / 4) ** 0.5)))
    count = max(1, size // (4 * units**2))
    return [keras_torch.Input((units,))] + [layers.Dense(units) for _ in range(count)]


MODELS: dict[str, Callable[[int], list[Any]]] = {"Embedding": embedding, "Conv2D": convolutions, "Dense": dense}


def make(name: str, size: int) -> Any:
    """Return a model of about `size` bytes."""
    return keras_torch.Sequential(MODELS[name](size))


def bytes_of(model: Any) -> int:
    """Return the size of a model's weights."""
    return sum(weight.value.nbytes for weight in model.weights)


def act(action: str, model: Any, path: str) -> Any:
    """Do to a file what is measured."""
    if action == "load_model":
        return keras_torch.models.load_model(path, compile=False)
    return getattr(model, action)(path)


def arrays_in(path: str, folder: str) -> dict[str, np.ndarray]:
    """Return the arrays of a model's file, by name."""
    if path.endswith(".keras"):
        with zipfile.ZipFile(path) as archive:
            path = archive.extract(MEMBER, os.path.join(folder, "unpacked"))
    with h5py.File(path, "r") as file:
        return read_with_h5py(file)


def read_with_h5py(file: h5py.File) -> dict[str, np.ndarray]:
    """Return all arrays of a file, read into new memory."""
    found: dict[str, np.ndarray] = {}
    file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def write_with_h5py(path: str, arrays: dict[str, np.ndarray], zipped: bool = False) -> None:
    """Write arrays to a new file that takes its place when it is flushed to disk, as files of models are written."""
    plain = f"{path}.h5" if zipped else f"{path}.tmp"
    with h5py.File(plain, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
    if zipped:
        with zipfile.ZipFile(f"{path}.tmp", "w", zipfile.ZIP_STORED) as archive:
            archive.write(plain, MEMBER)
        os.unlink(plain)
    descriptor = os.open(f"{path}.tmp", os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    os.replace(f"{path}.tmp", path)


def read_by_hand(path: str, targets: dict[str, np.ndarray], new: bool, zipped: bool) -> dict[str, np.ndarray]:
    """Read arrays into memory of the strides that the targets have: the targets themselves, or new ones."""
    folder = f"{path}.unpacked"
    if zipped:
        with zipfile.ZipFile(path) as archive:
            path = archive.extract(MEMBER, folder)
    found = {}
    with h5py.File(path, "r") as file:
        for name, target in targets.items():
            found[name] = np.empty_like(target) if new else target
            np.copyto(found[name], file[name][()])
    if zipped:
        os.unlink(path)
    return found


clock: Callable[[], float] = time.perf_counter


def seconds(work: Callable[[], Any]) -> float:
    """Return how long a call takes; what it returns is freed afterwards."""
    gc.collect()
    start = clock()
    result = work()
    taken = clock() - start
    del result
    return taken


def compare(model: Any, file: str, folder: str, rounds: int) -> list[dict[str, Any]]:
    """Time all actions of one kind of file."""
    path, plain, manual = (os.path.join(folder, name) for name in (file, "plain.h5", "manual"))
    act(ACTIONS[file][0], model, path)
    arrays, zipped = arrays_in(path, folder), file.endswith(".keras")
    # As Keras sees them: views whose memory has torch's layout.
    own = {str(number): weight.value.detach().numpy() for number, weight in enumerate(model.weights)}

    def ours(action: str) -> float:
        if action.startswith("save"):
            os.unlink(path)
        return seconds(lambda: act(action, model, path))

    def theirs(action: str) -> float:
        if action.startswith("save"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(plain)
            return seconds(lambda: write_with_h5py(plain, arrays))
        with h5py.File(plain, "r") as opened:
            return seconds(lambda: read_with_h5py(opened))

    def by_hand(action: str) -> float:
        if action.startswith("save"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(manual)
            return seconds(lambda: write_with_h5py(manual, own, zipped))
        return seconds(lambda: read_by_hand(manual, own, action == "load_model", zipped))

    rows = []
    for action in ACTIONS[file]:
        sides = {"h5py": theirs, "hand": by_hand, "ours": ours}
        for side in sides.values():
            side(action)
        times = [{name: side(action) for name, side in sides.items()} for _ in range(rounds)]
        row: dict[str, Any] = {"file": file, "action": action}
        for name in sides:
            row[f"{name}_s"] = statistics.median(each[name] for each in times)
        for name in ("h5py", "hand"):
            ratios = sorted(each["ours"] / each[name] for each in times)
            row[f"of_{name}"] = [statistics.median(ratios), ratios[0], ratios[-1]]
        rows.append(row)
    return rows


def resident(field: str) -> int:
    """Return VmRSS (now) or VmHWM (the peak) of this process in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))


def extra_memory(name: str, size: int, file: str, action: str, folder: str) -> float:
    """Return by how much the peak lies above what was in use before, in sizes of the model. Needs Linux."""
    path, small = os.path.join(folder, file), os.path.join(folder, f"small_{file}")
    tiny = make(name, 2**16)
    act(ACTIONS[file][0], tiny, small)
    act(action, tiny, small)
    model = make(name, size)
    total = bytes_of(model)
    if not os.path.exists(path):
        act(ACTIONS[file][0], model, path)
    if action == "load_model":
        del model
        model = None
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as switch:
        switch.write("5")
    before = resident("VmRSS")
    result = act(action, model, path)
    peak = resident("VmHWM")
    del result
    return (peak - before) / total


def in_child(name: str, gigabytes: float, file: str, action: str, folder: str) -> float:
    """Run `extra_memory` in a process of its own."""
    command = [sys.executable, __file__, "--gigabytes", str(gigabytes), "--folder", folder]
    command += ["--memory-of", name, file, action]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main() -> None:
    """Print a table of all rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of each model")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=list(MODELS), nargs="*", default=list(MODELS))
    parser.add_argument("--files", choices=list(ACTIONS), nargs="*", default=list(ACTIONS))
    parser.add_argument("--folder", help="where the files are written; a new folder for temporary files if left out")
    parser.add_argument("--no-memory", action="store_true", help="measure times only")
    parser.add_argument("--json", help="write the numbers to this file as well")
    parser.add_argument("--memory-of", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument(
        "--cpu", action="store_true", help="time of the processor, all threads together, on a busy machine"
    )
    options = parser.parse_args()
    if options.cpu:
        global clock
        clock = time.process_time
    size = int(options.gigabytes * 1e9)
    if options.memory_of:
        name, file, action = options.memory_of
        print(extra_memory(name, size, file, action, options.folder))
        return
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"
    )
    clocked = "processor time" if options.cpu else "elapsed time"
    threads = torch.get_num_threads()
    print(f"{clocked}, h5py {h5py.__version__}, {threads} threads, {options.rounds} rounds, all flushed\n")
    print("| model | file | | h5py, s | by hand, s | ours, s | ours / h5py | ours / by hand | extra memory |")
    print(f"|{' --- |' * 9}")
    rows = []
    for name in options.only:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            model = make(name, size)
            label = f"{name}, {bytes_of(model) / 1e9:.2f} GB"
            for file in options.files:
                found = compare(model, file, folder, options.rounds)
                for row in found:
                    row["model"] = label
                    if not options.no_memory:
                        row["memory"] = in_child(name, options.gigabytes, file, row["action"], folder)
                    memory = "" if options.no_memory else f"{row['memory']:.2f}"
                    times = " | ".join(f"{row[f'{side}_s']:.3f}" for side in ("h5py", "hand", "ours"))
                    ratios = " | ".join(
                        "{:.2f} ({:.2f}-{:.2f})".format(*row[f"of_{side}"]) for side in ("h5py", "hand")
                    )
                    print(f"| {label} | {file} | {row['action']} | {times} | {ratios} | {memory} |", flush=True)
                rows += found
                os.unlink(os.path.join(folder, file))
            del model
    if options.json:
        with open(options.json, "w") as target:
            json.dump(rows, target, indent=1)


if __name__ == "__main__":
    main()
