"""Write tests/golden/shuffling_keras<version>.json with real Keras 1.2.2 or 2.2.4 on Theano, seed 11.

They run as saving_h5_classic.py says. Each case seeds numpy, fits a model that cannot learn, and notes the loss of each
batch, which tells the samples in it: the targets are 0, the outputs 1, 2, 3, ... `orthogonal` holds the values of that
initializer for two shapes, and the number that numpy draws then.
"""

from __future__ import annotations

import json
from pathlib import Path

from old_python import restore

restore()

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras.callbacks import LambdaCallback  # noqa: E402
from keras.layers import Dense, Dropout  # noqa: E402
from keras.models import Sequential  # noqa: E402
from keras.optimizers import SGD  # noqa: E402

SEED = 11
GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
EPOCHS = "nb_epoch" if keras.__version__.startswith("1") else "epochs"
CASES = [
    {"count": 10, "batch_size": 3, "epochs": 3, "shuffle": True},
    {"count": 11, "batch_size": 3, "epochs": 3, "shuffle": "batch"},
    {"count": 10, "batch_size": 4, "epochs": 2, "shuffle": True, "validation_split": 0.3},
    {"count": 7, "batch_size": 2, "epochs": 2, "shuffle": False},
]
SHAPES = [(3, 4), (2, 3, 2)]


def losses(case):
    """Return the losses of all batches, of two calls of `fit` without a new seed between them."""
    model = Sequential([Dense(1, input_shape=(1,)), Dropout(1e-9)])
    model.compile(SGD(lr=0.0), "mse")
    model.set_weights([np.ones((1, 1)), np.zeros(1)])
    x = np.arange(1.0, case["count"] + 1)[:, None]
    found = []
    note = LambdaCallback(on_batch_end=lambda batch, logs: found.append(round(float(logs["loss"]), 4)))
    options = {key: value for key, value in case.items() if key not in ("count", "epochs")}
    np.random.seed(SEED)
    for _ in range(2):
        model.fit(x, 0 * x, verbose=0, callbacks=[note], **{EPOCHS: case["epochs"]}, **options)
    return found


def orthogonal():
    """Return the orthogonal values that follow a seed, and numpy's next number."""
    np.random.seed(SEED)
    if EPOCHS == "epochs":
        found = [keras.initializers.Orthogonal()(shape) for shape in SHAPES]
    else:
        found = [keras.initializations.orthogonal(shape).get_value() for shape in SHAPES]
    return {"shapes": SHAPES, "values": [np.round(item, 6).tolist() for item in found], "next": np.random.rand()}


name = f"shuffling_keras{keras.__version__.replace('.', '')}.json"
content = {"seed": SEED, "cases": [{**case, "losses": losses(case)} for case in CASES], "orthogonal": orthogonal()}
(GOLDEN / name).write_text(json.dumps(content) + "\n", encoding="utf-8")
