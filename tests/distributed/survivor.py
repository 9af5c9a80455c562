"""A script that is killed in the midst of training: `survivor.py FOLDER RANK DELAY`, DELAY in steps or seconds."""

import os
import pickle
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import alone

folder, victim, delay = sys.argv[1:]
first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
steps = 0


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def hook(batch):
    global steps
    steps += 1
    if first and os.environ["RANK"] == victim and delay.startswith("step") and steps == int(delay[4:]):
        die()


if first and os.environ["RANK"] == victim and not delay.startswith("step"):
    threading.Timer(float(delay), die).start()

found = alone.survivor(os.path.join(folder, "backup"), hook)
Path(folder, os.environ["RANK"]).write_bytes(pickle.dumps({**found, "first": first, "steps": steps}))
print("done")
