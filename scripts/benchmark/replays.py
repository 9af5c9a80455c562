"""Time a training step on a GPU with and without the replay of CUDA graphs, for the workloads of the benchmark.

    scripts/bench replays --only CNN

Each way has a model of its own with the same start, which trains one epoch to warm up and three that are timed. Printed
are the microseconds a step of the fastest, and the losses of the first and the last epoch, which dropout and the order
in which a GPU adds make differ a little.
"""

from __future__ import annotations

import argparse
import time

import torch
from workloads import WORKLOADS, compiled

import keras_torch

# Epochs of about as many steps.
TIMES = {"tiny MLP": 2, "MNIST MLP": 8}


def measured(name: str, asked: str | bool) -> tuple[float, float, float, int]:
    """Return the seconds of the fastest epoch, two losses, and the number of shapes that were recorded."""
    workload, times = WORKLOADS[name], TIMES.get(name, 20)
    x, y = workload.data(times)
    keras_torch.utils.set_random_seed(0)
    model = compiled(name, keras_torch)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=asked)
    seconds, losses = [], []
    for _ in range(4):
        start = time.perf_counter()
        losses += model.fit(x, y, batch_size=workload.batch, verbose=0).history["loss"]
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    replays = model._compiled.replays
    recorded = 0 if replays is None else len(replays._recorded)
    return min(seconds[1:]) / (times * workload.steps), losses[0], losses[-1], recorded


def main() -> None:
    """Print a row for each workload."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench replays", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=tuple(WORKLOADS), default=list(WORKLOADS), metavar="NAME")
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("There is no GPU, and nothing to replay.")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n")
    print("| a step of | plain, µs | replayed, µs | replayed / plain | losses, plain | losses, replayed |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in asked.only:
        plain, first, last, _ = measured(name, False)
        replayed, first_replayed, last_replayed, recorded = measured(name, "auto")
        note = "" if recorded else " (not recorded)"
        print(
            f"| {name} | {plain * 1e6:,.0f} | {replayed * 1e6:,.0f}{note} | {replayed / plain:.2f} "
            f"| {first:.5f}, {last:.5f} | {first_replayed:.5f}, {last_replayed:.5f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
