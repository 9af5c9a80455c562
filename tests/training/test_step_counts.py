"""How much a training step of the benchmark's workloads does: a guard against what would make it slower unnoticed.

Counted are operators of torch and calls of Python functions, which are the same on every machine, not times. A ceiling
is what was counted when it was set; lower it when a step gets shorter.
"""

import sys
from pathlib import Path

import pytest

import keras_torch
from keras_torch.engine import placement
from keras_torch.engine.call import versions

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "benchmark"))
from counting import calls_of_ours, operators, python_calls
from workloads import WORKLOADS, compiled

BATCH = 4
# workload: operators, calls of functions of keras_torch, calls of all Python functions
CEILINGS = {
    "tiny MLP": (62, 58, 118),
    "MNIST MLP": (62, 58, 118),
    "CNN": (100, 87, 170),
    "LSTM": (63, 104, 183),
    "ResNet-20": (552, 516, 1095),
}


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_training_step_does_no_more_than_it_did(name, monkeypatch):
    # Other tests had layers that add losses, or pretended GPUs, after which each step looks for them.
    monkeypatch.setattr(versions, "loss_version", 0)
    monkeypatch.setattr(placement.Fetching, "active", False)
    x, y = WORKLOADS[name].data()
    model = compiled(name, keras_torch)

    def fit(steps):
        model.fit(x[: steps * BATCH], y[: steps * BATCH], batch_size=BATCH, verbose=0)

    def in_a_step(count):
        """What 10 steps add to an epoch."""
        more, few = count(lambda: fit(12)), count(lambda: fit(2))
        return {key: (more[key] - few[key]) / 10 for key in more}

    fit(2)
    ran, called = in_a_step(operators), in_a_step(python_calls)
    found = (sum(ran.values()), calls_of_ours(called), sum(called.values()))
    for times, ceiling, what in zip(found, CEILINGS[name], ("operators", "calls of ours", "Python calls"), strict=True):
        assert times <= ceiling, f"{what}: {times}, most often {sorted(ran.items(), key=lambda item: -item[1])[:9]}"
