"""Write tests/golden/mixed_precision_<Keras>.json: loss scales over steps with infinite gradients, and trained models.

TF_CPP_MIN_LOG_LEVEL=3 python scripts/golden/mixed_precision_values.py
KERAS_BACKEND=torch python scripts/golden/mixed_precision_values.py
"""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
IS_TF = keras.__version__.startswith("2.")
SEED = 11

# What the gradients are multiplied with, step by step; the scale grows after three finite steps and starts at 4.
FACTORS = [1, 1, 1, 1, np.inf, 1, 1, np.nan, -np.inf, 1, 1, 1, 1, 1, 1, *[np.inf] * 7, 1, 1, 1, 1, 1, 1, 1]
INNER = {
    "sgd": ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    "adam": ("Adam", {"learning_rate": 0.1}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.1}),
    "adam-clipped": ("Adam", {"learning_rate": 0.1, "global_clipnorm": 0.5}),
}
MODELS = ("mixed_bfloat16", "mixed_float16")


def tensor(array):
    """Return a tensor of the backend."""
    if IS_TF:
        import tensorflow as tf

        return tf.constant(array)
    return keras.ops.convert_to_tensor(array)


def trace(name):
    """Return scale, counter, iterations and weights after each step of one wrapped optimizer."""
    kind, arguments = INNER[name]
    optimizer = keras.mixed_precision.LossScaleOptimizer(
        getattr(keras.optimizers, kind)(**arguments), initial_scale=4.0, dynamic_growth_steps=3
    )
    random = np.random.RandomState(SEED)
    start = np.array([1.0, -2.0, 3.0], "float32")
    if IS_TF:
        import tensorflow as tf

        variable = tf.Variable(start)
    else:
        variable = keras.Variable(start)
    optimizer.build([variable])
    rows = []
    for factor in FACTORS:
        gradient = random.standard_normal(3).astype("float32")
        gradient[1] *= factor
        scale = float(optimizer.loss_scale if IS_TF else optimizer.dynamic_scale)
        scaled = gradient * np.float32(scale)
        if IS_TF:
            optimizer.apply_gradients(zip(optimizer.get_unscaled_gradients([tensor(scaled)]), [variable], strict=True))
            state = float(optimizer.loss_scale), int(optimizer.dynamic_counter)
        else:
            optimizer.apply([tensor(scaled)], [variable])
            state = float(optimizer.dynamic_scale), int(optimizer.step_counter)
        rows.append([*state, int(optimizer.iterations), *np.asarray(variable.numpy()).astype(float).tolist()])
    return rows


def train(policy):
    """Return the losses of a small model of a policy, the scale at the end, and its last weights."""
    layers = keras.layers
    keras.mixed_precision.set_global_policy(policy)
    model = keras.Sequential(
        [
            layers.InputLayer(**({"input_shape": (6,)} if IS_TF else {"shape": (6,)})),
            layers.Dense(8, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dense(4, activation="relu"),
            layers.LayerNormalization(),
            layers.Dense(1, dtype="float32"),
        ]
    )
    keras.mixed_precision.set_global_policy("float32")
    random = np.random.RandomState(SEED)
    model.set_weights([random.uniform(0.1, 0.9, w.shape).astype("float32") for w in model.get_weights()])
    x = random.standard_normal((64, 6)).astype("float32")
    y = x[:, :1] * x[:, 1:2]
    model.compile(keras.optimizers.SGD(0.05), "mse")
    history = model.fit(x, y, batch_size=16, epochs=8, shuffle=False, verbose=0).history["loss"]
    scale = None
    if policy == "mixed_float16":
        scale = float(model.optimizer.loss_scale if IS_TF else model.optimizer.dynamic_scale)
    return {"loss": history, "scale": scale, "weights": [w.astype(float).tolist() for w in model.get_weights()]}


def main():
    """Write the file of this Keras."""
    found = {"traces": {name: trace(name) for name in INNER}, "models": {policy: train(policy) for policy in MODELS}}
    version = "215" if IS_TF else "315"
    target = ROOT / "tests" / "golden" / f"mixed_precision_keras{version}.json"
    target.write_text(json.dumps(found) + "\n", encoding="utf-8")
    print(target, target.stat().st_size)


main()
