"""Show where the time of a training step goes, for the workloads of the benchmark.

    scripts/bench profile --only CNN --device cuda

Some epochs of `fit` run under torch.profiler. Printed are the operators in which most time was spent, each without what
it calls, in microseconds a step and as a share; on a GPU also the time of its kernels. What is left of a step is
Python between the operators. The profiler itself makes steps longer, by more the shorter they are.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from workloads import WORKLOADS, compiled

import keras_torch


def measured(name: str, epochs: int, device: str) -> tuple[Any, float, float, int]:
    """Return the operators of some epochs, the seconds with and without the profiler, and the number of steps."""
    workload = WORKLOADS[name]
    x, y = workload.data()
    model = compiled(name, keras_torch)

    def fit() -> float:
        start = time.perf_counter()
        model.fit(x, y, batch_size=workload.batch, epochs=epochs, verbose=0)
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    fit()
    plain = fit()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    with profile(activities=activities) as profiler:
        watched = fit()
    return profiler.key_averages(), watched, plain, epochs * workload.steps


def report(name: str, epochs: int, device: str, rows: int) -> str:
    """Return a Markdown table of one workload."""
    events, watched, plain, steps = measured(name, epochs, device)
    found = sorted(events, key=lambda event: -event.self_cpu_time_total)
    inside = sum(event.self_cpu_time_total for event in found)
    whole = watched * 1e6
    heads = ["operator", "times a step", "µs", "share", *(["kernels, µs"] if device == "cuda" else [])]
    lines = [heads, ["---"] * len(heads)]
    for event in found[:rows]:
        own = event.self_cpu_time_total
        cells = [event.key, f"{event.count / steps:.1f}", f"{own / steps:,.0f}", f"{own / whole:.1%}"]
        lines.append(cells + ([f"{event.self_device_time_total / steps:,.0f}"] if device == "cuda" else []))
    rest = sum(event.self_cpu_time_total for event in found[rows:])
    lines.append(["other operators", "", f"{rest / steps:,.0f}", f"{rest / whole:.1%}"])
    lines.append(["between operators", "", f"{(whole - inside) / steps:,.0f}", f"{1 - inside / whole:.1%}"])
    table = "\n".join("| " + " | ".join(cells + [""] * (len(heads) - len(cells))) + " |" for cells in lines)
    heading = f"{name}: {plain / steps * 1e6:,.0f} µs a step, {whole / steps:,.0f} under the profiler, {steps} steps"
    return f"{heading}\n\n{table}\n"


def main() -> None:
    """Profile what is asked for."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench profile", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=tuple(WORKLOADS), default=list(WORKLOADS), metavar="NAME")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rows", type=int, default=15, help="operators to list")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    asked = parser.parse_args()
    print(f"{asked.device}, {torch.get_num_threads()} threads, torch {torch.__version__}\n")
    with keras_torch.device("gpu" if asked.device == "cuda" else "cpu"):
        for name in asked.only:
            print(report(name, asked.epochs, asked.device, asked.rows))


if __name__ == "__main__":
    main()
