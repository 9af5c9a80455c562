"""One of the processes that `keras-torch run` started: its seed, its output, and how it reports an error."""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
import traceback
import zlib
from types import TracebackType

import numpy as np
import torch

from keras_torch.distributed.environment import is_active, is_main, rank, world_size
from keras_torch.distributed.launch import VARIABLE

# Seconds after which a process ends whose threads and children do not.
_PATIENCE = 5.0


def launched() -> bool:
    """Whether `keras-torch run` has started this process as one of several."""
    return VARIABLE in os.environ and is_active()


def begin() -> None:
    """Draw the same random numbers in all processes, until the script seeds them; print in the first one only."""
    given = os.environ[VARIABLE] or zlib.crc32(os.environ.get("TORCHELASTIC_RUN_ID", "").encode())
    seed = int(given) % 2**32
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    if not is_main():
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
    elif int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)):
        count, most = (os.environ.get(f"TORCHELASTIC_{name}") for name in ("RESTART_COUNT", "MAX_RESTARTS"))
        sys.stderr.write(f"keras-torch run: a process died; all start again (restart {count} of {most}).\n")


def report(error: BaseException, trace: TracebackType | None) -> int:
    """Leave word of an error for the launcher, which prints the first one, and return the exit status."""
    if isinstance(error, KeyboardInterrupt):
        if is_main():
            sys.__excepthook__(type(error), error, trace)
        _end_soon(130)
        return 130
    lines = "".join(traceback.format_exception(type(error), error, trace))
    label = f"Process {rank()} of {world_size()} failed.\n"
    info = {"py_callstack": label + lines, "timestamp": str(int(time.time())), "exact": time.time()}
    path = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"message": {"message": f"{type(error).__name__}: {error}", "extraInfo": info}}, file)
    if _is_echo(trace):
        # Another process has gone. Its launcher should see that one end first.
        time.sleep(_PATIENCE)
    _end_soon(1)
    return 1


def _is_echo(trace: TracebackType | None) -> bool:
    """Whether an error came out of a message between processes."""
    inside = os.path.join("torch", "distributed")
    return any(inside in frame.filename for frame in traceback.extract_tb(trace))


def _end_soon(status: int) -> None:
    """End this process even if threads of the script do not."""
    timer = threading.Timer(_PATIENCE, os._exit, (status,))
    timer.daemon = True
    timer.start()
