"""What a piece of work does, as counts that are the same on every machine: operators of torch, calls of functions."""

import collections
import gc
import sys
from pathlib import Path

from torch.utils._python_dispatch import TorchDispatchMode


class Operators(TorchDispatchMode):
    """Counts the operators that run while it is entered."""

    def __init__(self):
        super().__init__()
        self.found = collections.Counter()

    def __torch_dispatch__(self, operator, types, arguments=(), options=None):
        self.found[str(operator)] += 1
        return operator(*arguments, **(options or {}))


def operators(work):
    """Return how often each operator runs in `work()`."""
    with Operators() as counted:
        work()
    return counted.found


def python_calls(work):
    """Return how often functions of each file are called in `work()`."""
    found = collections.Counter()

    def note(frame, event, argument):
        # Once a test has compiled a model, torch.compile watches every module that is made.
        if event == "call" and "_dynamo" not in frame.f_code.co_filename:
            found[frame.f_code.co_filename] += 1

    # What earlier tests left behind, and the watchers of what goes away, do not count.
    gc.collect()
    collects, before = gc.isenabled(), sys.getprofile()
    gc.disable()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
        if collects:
            gc.enable()
    return found


def calls_of_ours(called):
    """Return how many of the calls that `python_calls` counted were of functions of keras_torch."""
    return sum(times for file, times in called.items() if "keras_torch" in Path(file).parts)
