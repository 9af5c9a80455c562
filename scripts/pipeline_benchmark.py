"""Compare pipelines of `tf.data` over 100,000 small elements with those of TensorFlow itself, each in its own process.

    scripts/bench pipelines --tensorflow ~/venvs/tensorflow/bin/python

The same lines run under the import hook and, by the Python given, with the real TensorFlow; processes of both
alternate. Each makes two passes over a pipeline and reports the faster; printed are the medians over the rounds, in
elements a second, and the median (and range) of the ratios ours / TensorFlow.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

COUNT = 100_000


def pipelines(tf: Any) -> dict[str, Callable[[], Any]]:
    """Return what is measured by name; the lines are those of scripts."""
    random = np.random.default_rng(0)
    arrays = random.random((COUNT, 16), dtype="float32"), random.integers(0, 10, COUNT)
    auto = tf.data.AUTOTUNE

    def start() -> Any:
        return tf.data.Dataset.from_tensor_slices(arrays)

    def scaled(x: Any, y: Any) -> Any:
        return x * 2.0 - 1.0, tf.one_hot(y, 10)

    def noisy(x: Any, y: Any) -> Any:
        return x + tf.random.normal(tf.shape(x), stddev=0.1), y

    def branching(x: Any, y: Any) -> Any:
        return tf.cond(y > 4, lambda: x, lambda: -x), y

    return {
        "shuffle, map, batch": lambda: start().shuffle(COUNT).map(scaled, num_parallel_calls=auto).batch(32),
        "map, shuffle 1,000, batch": lambda: start().map(scaled, num_parallel_calls=auto).shuffle(1000).batch(32),
        "shuffle, batch, map": lambda: start().shuffle(COUNT).batch(32).map(scaled, num_parallel_calls=auto),
        "map with random numbers, batch": lambda: start().map(noisy, num_parallel_calls=auto).batch(32),
        "filter, map, batch": lambda: start().filter(lambda x, y: y < 8).map(scaled).batch(32),
        "map with a branch, batch": lambda: start().map(branching).batch(32),
        "windows of 8, flat_map, batch": lambda: (
            tf.data.Dataset.range(COUNT // 10)
            .window(8, shift=1, drop_remainder=True)
            .flat_map(lambda part: part.batch(8))
            .batch(32)
        ),
    }


def measure(side: str, only: str) -> dict[str, float]:
    """Return the elements a second of each pipeline."""
    if side == "ours":
        from keras_torch import dropin

        dropin.install("tf")
    import tensorflow as tf

    found = {}
    for name, make in pipelines(tf).items():
        if only not in name:
            continue
        dataset = make().prefetch(tf.data.AUTOTUNE)
        times = []
        for _ in range(2):
            begin = time.perf_counter()
            for _batch in dataset:
                pass
            times.append(time.perf_counter() - begin)
        found[name] = (COUNT // 10 if "windows" in name else COUNT) / min(times)
    return found


def _in_process(python: str, side: str, only: str) -> dict[str, float]:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [python, __file__, "--side", side, "--only", only]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tensorflow", metavar="PYTHON", help="the Python that has TensorFlow")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", metavar="TEXT", help="pipelines with this in their names")
    parser.add_argument("--side", choices=("ours", "tensorflow"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(measure(options.side, options.only)))
        return
    if not options.tensorflow:
        parser.error("--tensorflow PYTHON is missing: the interpreter of an environment with TensorFlow 2.15")
    rounds = [
        (_in_process(sys.executable, "ours", options.only), _in_process(options.tensorflow, "tensorflow", options.only))
        for _ in range(options.rounds)
    ]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {options.rounds} rounds\n")
    print("| pipeline | ours, elements/s | TensorFlow | ours / TensorFlow |\n| --- | --- | --- | --- |")
    for name in rounds[0][0]:
        ours, others = [pair[0][name] for pair in rounds], [pair[1][name] for pair in rounds]
        ratios = sorted(a / b for a, b in zip(ours, others, strict=True))
        shown = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        print(f"| {name} | {statistics.median(ours):,.0f} | {statistics.median(others):,.0f} | {shown} |")


if __name__ == "__main__":
    main()
