"""One of several processes: runs all cases, and writes what came of them."""

import os
import pickle
import sys
import traceback
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

torch.set_num_threads(1)

import alone  # noqa: E402
import cases  # noqa: E402
import sharded  # noqa: E402


def fork_the_others():
    """Fork processes 1 and on, which so need not import torch; CUDA does not stand it. Return those to wait for."""
    others = []
    for rank in range(1, int(os.environ["WORLD_SIZE"]) if os.environ.get("KERAS_TORCH_DEVICE") == "cpu" else 0):
        others.append(os.fork())
        if others[-1] == 0:
            os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank))
            return []
    return others


def main(folder):
    others = fork_the_others()
    rank = int(os.environ["RANK"])
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", message=".*barrier.*")
    found = {}
    kinds = ((cases, cases.CASES), (alone, alone.CHECKS), (sharded, sharded.names()))
    for kind, name in [(kind, name) for kind, names in kinds for name in names]:
        try:
            found[name] = kind.run(name)
        except Exception:
            found[name] = traceback.format_exc()
            break
    Path(folder, f"{rank}.pickle").write_bytes(pickle.dumps(found))
    return any([os.waitpid(other, 0)[1] for other in others])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
