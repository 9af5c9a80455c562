"""Read thousands of damaged files, and report what does harm: crashes, hangs, odd errors, changed models.

Each number stands for one mutation (tests/malicious/mutations.py). Readers run in a child process, so a crash of the
HDF5 library is seen and reading goes on behind it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np  # noqa: E402

from tests.malicious import honest_files, mutations, watching  # noqa: E402


def read_one(number: int, files: list, folder: Path) -> int:
    """Damage a file, read it in every way, print what went wrong; return how many ways there are."""
    kind, content, model, whole = files[number % len(files)]
    damaged = mutations.damaged(content, kind, number)
    before = model.get_weights()
    ways = honest_files.ways(kind, whole, damaged, folder / f"damaged.{kind}", model)
    for name, load in ways.items():
        try:
            result = watching.attempt(load, folder)
        except watching.Harm as harm:
            print(f"{number} {kind} {name}: {harm}", flush=True)
            result = harm
        after = model.get_weights()
        if isinstance(result, Exception) and not all(map(same, before, after)):
            print(f"{number} {kind} {name}: the model changed although reading failed", flush=True)
        model.set_weights(before)
    return len(ways)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays have the same bytes."""
    return a.tobytes() == b.tobytes()


def read_from(start: int, end: int, files: list, folder: Path) -> tuple[int, int]:
    """Read in a child process; return where it ended (before `end` if it crashed) and its exit status."""
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        os.close(receiver)
        for number in range(start, end):
            read_one(number, files, folder)
            os.write(sender, b".")
        os._exit(0)
    os.close(sender)
    done = start
    while piece := os.read(receiver, 4096):
        done += len(piece)
    os.close(receiver)
    return done, os.waitpid(child, 0)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--start", type=int, default=0, help="number of the first mutation")
    parser.add_argument("--count", type=int, default=2000)
    arguments = parser.parse_args()
    end = arguments.start + arguments.count
    with tempfile.TemporaryDirectory() as name:
        files = honest_files.make(Path(name))
        done = arguments.start
        while done < end:
            done, status = read_from(done, end, files, Path(name))
            if status:
                print(f"{done}: the process ended with the status {status}", flush=True)
                done += 1
    print(f"read {arguments.count} damaged files")


if __name__ == "__main__":
    main()
