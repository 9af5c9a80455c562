"""The weights and gradients that the optimizer trajectories are made with; seed and shapes are in the case table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
TABLE = json.loads((GOLDEN / "optimizers_cases.json").read_text(encoding="utf-8"))


def weights_and_gradients() -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Return one float32 weight per shape, and for each step one gradient per weight, of widely varying size."""
    random = np.random.RandomState(TABLE["seed"])
    shapes = [tuple(shape) for shape in TABLE["shapes"]]
    weights = [random.randn(*shape).astype("float32") for shape in shapes]
    scales = [10.0 ** random.uniform(-4, 0.5, size=shape) for shape in shapes]
    steps = [
        [(scale * random.randn(*shape)).astype("float32") for scale, shape in zip(scales, shapes, strict=True)]
        for _ in range(TABLE["steps"])
    ]
    for step in steps[::5]:
        step[0][0] = 0.0
    return weights, steps


def is_missing(case: dict, step: int, index: int) -> bool:
    """Whether weight `index` gets no gradient in `step`, in cases that ask for that."""
    return bool(case.get("missing")) and index == 1 and step % 3 == 1


KEPT_STEPS = (1, 2, 10, 50, 60)

# A sparse case has gradients for these rows of the first weight, in turn; others were not looked up in a step.
SPARSE_ROWS = ((2, 0, 2), (1, 1, 0), (0, 2, 0), (0, 0, 0))


def flat(lists: list[list[np.ndarray]]) -> np.ndarray:
    """Return all numbers of lists of arrays, in order, as one float32 array."""
    return np.concatenate([np.ravel(array).astype("float32") for arrays in lists for array in arrays])
