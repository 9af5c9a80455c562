"""Rates of real Keras's schedules, bit by bit. Run with the Python of Keras 2.15.0 (TF 2.15) and of 3.15.1 (torch).

Writes tests/golden/schedules_keras215.npz or ..._keras315.npz: float32 rates of tests/optimizers/schedule_cases.py at
its steps, computed one at a time from an int64 step, as an optimizer does. There is nothing random in it.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "optimizers"))

from schedule_cases import CASES, STEPS  # noqa: E402

if keras.__version__.startswith("3"):
    steps = [keras.ops.convert_to_tensor(step, dtype="int64") for step in STEPS]
else:
    import tensorflow as tf

    steps = [tf.constant(step, tf.int64) for step in STEPS]

arrays = {}
for name, (class_name, arguments) in CASES.items():
    schedule = getattr(keras.optimizers.schedules, class_name)(*arguments)
    arrays[name] = np.array([np.float32(float(schedule(step))) for step in steps], "float32")
version = "315" if keras.__version__.startswith("3") else "215"
np.savez_compressed(ROOT / "tests" / "golden" / f"schedules_keras{version}.npz", **arrays)
