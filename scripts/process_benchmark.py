"""Compare `fit` in several processes on one machine's CPU with DistributedDataParallel by hand, for the same work.

Each process (gloo, one thread) holds both sides, which take turns epoch by epoch: the same model, data, global batch
and Adam; the loop shuffles all rows alike in all processes, takes its own of each batch, reads loss and accuracy with
`.item()` in each step, and sums them over the processes once an epoch. The tuned loop has the fused Adam and reads no
numbers within an epoch. `fit` shows its progress bar in the first process, on a terminal that shows nothing. An epoch
lasts until the slowest process is done; printed are medians, and the median and range of the ratios within a round.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "benchmark"))

SIDES = ("keras_torch", "DDP", "tuned DDP")


def options() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench processes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--workload", default="tiny MLP", help="one of those of scripts/bench")
    return parser.parse_args()


def ddp_epoch(name: str, tuned: bool) -> Callable[[], None]:
    """Return a function that trains one epoch in this process as one writes it with DistributedDataParallel."""
    import torch
    import torch.distributed as dist
    from loops import torch_model
    from torch.nn.parallel import DistributedDataParallel
    from workloads import WORKLOADS

    work, rank, world = WORKLOADS[name], dist.get_rank(), dist.get_world_size()
    x, y = (torch.as_tensor(item) for item in work.data())
    x = x.permute(0, 3, 1, 2).contiguous() if x.dim() == 4 else x
    model = DistributedDataParallel(torch_model(name))
    loss_function = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=tuned or None)

    def run() -> None:
        model.train()
        totals = torch.zeros(2, dtype=torch.float64)
        for whole in torch.randperm(len(x)).split(work.batch):
            index = whole[rank::world]
            inputs, labels = x[index], y[index]
            optimizer.zero_grad()
            logits = model(inputs)
            loss = loss_function(logits, labels)
            loss.backward()
            optimizer.step()
            if tuned:
                with torch.no_grad():
                    totals[0] += loss.detach() * len(index)
                    totals[1] += (logits.argmax(1) == labels).sum()
            else:
                totals[0] += loss.item() * len(index)
                totals[1] += (logits.argmax(1) == labels).sum().item()
        dist.all_reduce(totals)

    return run


def fit_epoch(name: str) -> Callable[[], object]:
    """Return a function that trains one epoch with `fit`."""
    from workloads import WORKLOADS, compiled

    import keras_torch

    x, y = WORKLOADS[name].data()
    model = compiled(name, keras_torch)
    return lambda: model.fit(x, y, batch_size=WORKLOADS[name].batch, epochs=1, verbose=1)


def work(name: str, rounds: int) -> None:
    """Be one of the processes; the first prints what came out."""
    import torch
    import torch.distributed as dist
    from peer import Terminal
    from workloads import WORKLOADS

    from keras_torch import distributed

    torch.set_num_threads(1)
    distributed.start()
    torch.manual_seed(0)
    sides = dict(zip(SIDES, (fit_epoch(name), ddp_epoch(name, False), ddp_epoch(name, True)), strict=True))
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    terminal, shown = Terminal(), sys.stdout
    for number in range(-1, rounds):
        for side, epoch in list(sides.items())[:: 1 if number % 2 else -1]:
            gc.collect()
            dist.barrier()
            sys.stdout, start = terminal, time.perf_counter()
            epoch()
            dist.barrier()
            sys.stdout, spent = shown, time.perf_counter() - start
            if number >= 0:
                seconds[side].append(spent)
    if dist.get_rank() == 0:
        print(table(name, WORKLOADS[name].steps, seconds))


def table(name: str, steps: int, seconds: dict[str, list[float]]) -> str:
    """Return the medians of the times of a step, and of the ratios, as a Markdown table."""
    ours = seconds[SIDES[0]]
    cells = [name, *(f"{statistics.median(seconds[side]) / steps * 1e6:,.0f} µs" for side in SIDES)]
    for side in SIDES[1:]:
        ratios = [mine / other for mine, other in zip(ours, seconds[side], strict=True)]
        cells.append(f"{statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f})")
    heads = ["a step of", *SIDES, *(f"ours / {side}" for side in SIDES[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), cells))


def main() -> None:
    """Start the processes."""
    asked = options()
    if "RANK" in os.environ:
        work(asked.workload, asked.rounds)
        return
    import torch

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    common = {"WORLD_SIZE": str(asked.processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    common |= {"KERAS_TORCH_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
    about = f"Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores"
    print(f"{about}; {asked.processes} processes, {asked.rounds} rounds", flush=True)
    processes = [
        subprocess.Popen([sys.executable, *sys.argv], env={**os.environ, **common, "RANK": str(rank)})
        for rank in range(asked.processes)
    ]
    raise SystemExit(max(process.wait() for process in processes))


if __name__ == "__main__":
    main()
