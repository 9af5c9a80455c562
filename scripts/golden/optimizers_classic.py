"""Trajectories of the optimizers of real Keras 2.2.4 on Theano, seed 7; saving_h5_classic.py says how to install it.

The loss is the sum of each weight times an input, so that its gradients are the given ones, and clipping, decay and the
update itself are Keras's. Writes tests/golden/optimizers_classic.npz.
"""

from old_python import restore

restore()

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import backend as K  # noqa: E402
from optimizers_data import GOLDEN, KEPT_STEPS, TABLE, flat, weights_and_gradients  # noqa: E402

assert keras.__version__ == "2.2.4"

arrays = {}
for name, case in TABLE["classic"].items():
    weights, steps = weights_and_gradients()
    variables = [K.variable(weight) for weight in weights]
    inputs = [K.placeholder(shape=weight.shape) for weight in weights]
    loss = sum(K.sum(variable * given) for variable, given in zip(variables, inputs, strict=True))
    optimizer = getattr(keras.optimizers, case["class_name"])(**case["config"])
    step = K.function(inputs, [loss], updates=optimizer.get_updates(loss, variables))
    kept = []
    for number, gradients in enumerate(steps, 1):
        step(gradients)
        if number in KEPT_STEPS:
            kept.append([K.get_value(variable) for variable in variables])
    arrays[f"{name}/weights"] = flat(kept)
np.savez_compressed(GOLDEN / "optimizers_classic.npz", **arrays)
