"""Write tests/golden/trajectories_keras215.npz or ..315.npz: trainings of tests/training/trajectory_cases.py.

Run by Keras 2.15.0 on TensorFlow 2.15 and by Keras 3.15.1 with KERAS_BACKEND=torch:
`python scripts/golden/trajectories_keras.py`. Seeds are in the cases.
"""

import sys
from pathlib import Path

import keras
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "training"))

import trajectory_cases as cases  # noqa: E402

OLD = keras.__version__.startswith("2.")

optimizers = dict(cases.OPTIMIZERS)
if OLD:
    # Only the optimizers of before 2.11 still take `decay`; Keras 3 has none.
    optimizers["sgd_decay"] = lambda o: o.legacy.SGD(0.2, momentum=0.5, decay=0.05)

arrays = {}
for net, (build, *_) in cases.NETS.items():
    for i, weight in enumerate(cases.initial_weights(build(keras))):
        arrays[f"{net}/weights/{i}"] = weight
    for name, make in optimizers.items():
        # In a graph, Nadam of 2.15 multiplies its product of momenta once per variable instead of once per step.
        eagerly = {"run_eagerly": True} if OLD and name == "nadam" else {}
        result = cases.train(keras, net, None, make(keras.optimizers), **eagerly)
        arrays.update({f"{net}/{name}/{key}": value for key, value in result.items()})
        print(net, name, result["steps"][[0, 24, 49]].tolist(), result["evaluate"], flush=True)

np.savez_compressed(ROOT / "tests" / "golden" / f"trajectories_keras{'215' if OLD else '315'}.npz", **arrays)
