"""A script that is killed in the midst of training: `survivor.py FOLDER RANK STEP[+SECONDS]`."""

import os
import pickle
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import alone

folder, victim, moment = sys.argv[1:]
first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
last, _, delay = moment.partition("+")
steps = 0


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def hook(batch):
    global steps
    steps += 1
    if first and os.environ["RANK"] == victim and steps == int(last):
        threading.Timer(float(delay), die).start() if delay else die()


found = alone.survivor(os.path.join(folder, "backup"), hook)
Path(folder, os.environ["RANK"]).write_bytes(pickle.dumps({**found, "first": first, "steps": steps}))
print("done")
