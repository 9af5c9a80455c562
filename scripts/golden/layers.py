"""Write tests/golden/layers_*.npz: outputs, gradients and new states of layers, by real Keras.

Run once with Keras 2.15 on TensorFlow (channels_last) and once with Keras 3.15 on torch (channels_first, and batch
normalization); the numbers' seeds stand in layer_cases.py beside this file:

    TF_CPP_MIN_LOG_LEVEL=3 python scripts/golden/layers.py
    KERAS_BACKEND=torch python scripts/golden/layers.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))
import layer_cases as cases  # noqa: E402


def gradients(layer, arrays, training):
    """Return the output and the gradients of inputs and trainable weights."""
    options = {"training": True} if training else {}
    if keras.__version__.startswith("2."):
        import tensorflow as tf

        tensors = [tf.constant(array) for array in arrays]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            output = layer(tensors if len(tensors) > 1 else tensors[0], **options)
            loss = tf.reduce_sum(output * cases.upstream(tuple(output.shape)))
        found = tape.gradient(loss, tensors + layer.trainable_weights)
        return output.numpy(), [g.numpy() for g in found[: len(tensors)]], [g.numpy() for g in found[len(tensors) :]]
    import torch

    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    output = layer(tensors if len(tensors) > 1 else tensors[0], **options)
    (output * torch.tensor(cases.upstream(tuple(output.shape)))).sum().backward()
    weights = [w.value.grad.numpy() for w in layer.trainable_weights]
    return output.detach().numpy(), [t.grad.numpy() for t in tensors], weights


def record(table):
    """Return the arrays of all cases under `case/kind`."""
    found = {}
    for name, (class_name, arguments, shapes, training) in table.items():
        layer = getattr(keras.layers, class_name)(**arguments)
        layer.build(shapes[0] if len(shapes) == 1 else shapes)
        layer.set_weights(cases.weights_like([tuple(w.shape) for w in layer.weights]))
        output, inputs, weights = gradients(layer, cases.inputs_of(shapes), training)
        found[f"{name}/output"] = output
        found |= {f"{name}/input{i}": value for i, value in enumerate(inputs)}
        found |= {f"{name}/weight{i}": value for i, value in enumerate(weights)}
        if training:
            found |= {f"{name}/state{i}": np.array(w) for i, w in enumerate(layer.get_weights())}
    return found


def main():
    """Write the files that this Keras is the source of."""
    if keras.__version__.startswith("2."):
        tables = {"layers_k215": cases.channels_last_cases()}
    else:
        tables = {"layers_k315_first": cases.channels_first_cases(), "layers_k315": cases.keras3_cases()}
    for name, table in tables.items():
        target = ROOT / "tests" / "golden" / f"{name}.npz"
        np.savez_compressed(target, **record(table))
        print(target, target.stat().st_size)


main()
