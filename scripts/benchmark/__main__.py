"""Compare `fit`, `predict`, model calls, building, saving and memory with torch by hand and with other Kerases.

Every side runs in a process of its own, which is idle while another is timed; they take turns, and printed are the
medians of their times and of the ratios of times taken in the same round. The hand-written loop is what one would
write: shuffled index batches, torch.optim.Adam as it comes, `.item()` of loss and accuracy in each step. The tuned one
has fused Adam, channels last in memory, and reads no numbers within an epoch. Both count accuracy, as `fit` does; that
shows its progress bar, on a terminal that shows nothing. `--logging` adds two metrics to `fit` and one to the loop.

Keras 3 and tf.keras take part where `--keras` and `--tf` name a Python that has them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from workloads import WORKLOADS

HERE = Path(__file__).parent
MODELS = ("ResNet50", "EfficientNetB0")
ROWS = {
    # job: what it is done with, and the sides that have it
    "fit": (tuple(WORKLOADS), ("loop", "tuned loop", "Keras 3", "tf.keras")),
    "predict": (tuple(WORKLOADS), ("loop", "Keras 3", "tf.keras")),
    "call": (("tiny MLP",), ("loop", "Keras 3")),
    "build": (MODELS, ("Keras 3", "tf.keras")),
    "clone": (MODELS, ("Keras 3", "tf.keras")),
    "summary": (MODELS, ("Keras 3", "tf.keras")),
    "load": (MODELS, ("Keras 3", "tf.keras")),
    "memory": (tuple(WORKLOADS), ("loop", "Keras 3")),
}


class Peer:
    """A side in its process."""

    def __init__(self, name: str, python: str, device: str) -> None:
        self.name = name
        command = [python, str(HERE / "peer.py"), name, device]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"} if device == "cpu" else None
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        self.version = self._answer()["version"]

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"The process of {self.name!r} ended with {self.process.wait()}; its error is above.")
        return json.loads(line)  # type: ignore[no-any-return]

    def order(self, **values: Any) -> dict[str, Any]:
        """Give an order and wait for the answer."""
        assert self.process.stdin is not None
        print(json.dumps(values), file=self.process.stdin, flush=True)
        return self._answer()

    def end(self) -> None:
        """Let the process go."""
        self.process.communicate()


def compare(peers: list[Peer], job: str, of: str, rounds: int, logging: bool, times: int) -> dict[str, list[float]]:
    """Return the seconds of each round by side. The order turns around from round to round."""
    ready = [peer for peer in peers if peer.order(prepare=job, of=of, logging=logging, times=times)["ready"]]
    seconds: dict[str, list[float]] = {peer.name: [] for peer in ready}
    for number in range(rounds):
        for peer in ready if number % 2 == 0 else ready[::-1]:
            seconds[peer.name].append(peer.order(run=1)["seconds"])
    return seconds


def peak_memory(sides: dict[str, str], of: str, device: str) -> dict[str, list[float]]:
    """Return the peak of the resident size, in bytes, of a fresh process of each side that trained two epochs."""
    found = {}
    for name, python in sides.items():
        peer = Peer(name, python, device)
        peer.order(prepare="fit", of=of, logging=False, times=1)
        found[name] = [peer.order(run=1)["peak"]]
        peer.end()
    return found


def row_of(job: str, of: str, values: dict[str, list[float]]) -> dict[str, Any]:
    """Return medians, and the median, least and greatest ratio ours / other, round by round."""
    ratios = {}
    for name, others in values.items():
        if name != "keras_torch":
            pairs = [ours / other for ours, other in zip(values["keras_torch"], others, strict=True)]
            ratios[name] = [statistics.median(pairs), min(pairs), max(pairs)]
    return {
        "job": job,
        "of": of,
        "median": {name: statistics.median(items) for name, items in values.items()},
        "ratios": ratios,
    }


def amount(row: dict[str, Any], value: float, times: int) -> str:
    """Return a median in the unit of its job."""
    if row["job"] == "memory":
        return f"{value / 2**20:,.0f} MB"
    if row["job"] in ("fit", "predict"):
        return f"{WORKLOADS[row['of']].samples * times / value:,.0f}/s"
    return f"{value * 1000:,.1f} ms"


def heading(job: str, names: list[str]) -> str:
    """Return the first two lines of the table of one job."""
    heads = [job, *names, *(f"ours / {name}" for name in names if name != "keras_torch")]
    return f"| {' | '.join(heads)} |\n| {' | '.join(['---'] * len(heads))} |"


def line(row: dict[str, Any], names: list[str], times: int) -> str:
    """Return one row of the table."""
    medians = row["median"]
    cells = [row["of"], *(amount(row, medians[name], times) if name in medians else "" for name in names)]
    for name in names:
        if name != "keras_torch":
            middle, least, most = row["ratios"].get(name, (None, None, None))
            cells.append("" if middle is None else f"{middle:.3f} ({least:.3f}-{most:.3f})")
    return f"| {' | '.join(cells)} |"


def options() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", choices=tuple(ROWS), default=["fit", "call"])
    parser.add_argument("--all", action="store_true", help="all rows")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these workloads or models")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--times", type=int, default=1, help="epochs of so many times the samples, for fast devices")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--keras", metavar="PYTHON", help="a Python with Keras 3 and torch")
    parser.add_argument("--tf", metavar="PYTHON", help="a Python with TensorFlow and its Keras 2")
    parser.add_argument("--logging", action="store_true", help="with three metrics; rows of fit only")
    parser.add_argument("--json", metavar="FILE", help="also write the numbers here")
    return parser.parse_args()


def main() -> None:
    """Run the rows that are asked for and print a table for each."""
    asked = options()
    pythons = {"keras_torch": sys.executable, "loop": sys.executable, "tuned loop": sys.executable}
    pythons |= {"Keras 3": asked.keras} if asked.keras else {}
    pythons |= {"tf.keras": asked.tf} if asked.tf else {}
    peers = {name: Peer(name, python, asked.device) for name, python in pythons.items()}
    versions = {name: peer.version for name, peer in peers.items()}
    about = f"Python {platform.python_version()}, {os.cpu_count()} cores, {asked.device}, {asked.rounds} rounds"
    print(f"{about}; {'; '.join(sorted(set(versions.values())))}", flush=True)
    found: list[dict[str, Any]] = []
    for job in ROWS if asked.all else asked.rows:
        subjects, others = ROWS[job]
        sides = ["keras_torch", *(name for name in others if name in peers)]
        if asked.logging:
            sides = [name for name in sides if name != "tuned loop"]
        wanted = [of for of in subjects if not asked.only or of in asked.only]
        if wanted:
            print(f"\n{heading(job, sides)}", flush=True)
        for of in wanted:
            if job == "memory":
                values = peak_memory({name: pythons[name] for name in sides}, of, asked.device)
            else:
                chosen = [peers[name] for name in sides]
                values = compare(chosen, job, of, asked.rounds, asked.logging, asked.times)
            found.append(row_of(job, of, values))
            print(line(found[-1], sides, asked.times), flush=True)
    for peer in peers.values():
        peer.end()
    if asked.json:
        Path(asked.json).write_text(json.dumps({"about": about, "versions": versions, "rows": found}, indent=1))


if __name__ == "__main__":
    main()
