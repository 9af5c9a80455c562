"""Write tests/golden/layers_<family>_<Keras>.npz: what layers compute, by real Keras, for the cases in layer_cases/.

Run once with Keras 2.15 on TensorFlow and once with Keras 3.15 on torch; arguments name the families to write, all of
them by default. Each file has the arrays `<case>/<kind>` and a JSON text `facts`: for each case the shapes of the
weights, the symbolic output shapes with an unknown batch size (and with unknown sizes), and the config.

    TF_CPP_MIN_LOG_LEVEL=3 python scripts/golden/layers.py
    KERAS_BACKEND=torch python scripts/golden/layers.py convolution
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import keras
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))
import layer_cases as cases  # noqa: E402

VERSION = ".".join(keras.__version__.split(".")[:2])
IS_TF = VERSION.startswith("2.")


def flat(structure):
    """Return the tensors in lists, tuples and dicts, in order."""
    if isinstance(structure, dict):
        structure = [structure[key] for key in sorted(structure)]
    if isinstance(structure, (list, tuple)):
        return [item for part in structure for item in flat(part)]
    return [] if structure is None else [structure]


def run_tensorflow(case, layer):
    """Return outputs, gradients of the inputs and of the trainable weights (None where there is none), and masks."""
    import tensorflow as tf

    tensors = case.mark([tf.constant(array) for array in case.arrays()], tf.constant)
    watched = [tensor for tensor in tensors if tensor.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        outputs = flat(case.invoke(layer, tensors, case.options(tf.constant)))
        floats = [output for output in outputs if output.dtype.is_floating]
        loss = sum(tf.reduce_sum(output * cases.upstream(tuple(output.shape))) for output in floats)
    masks = cases.masks_of(outputs)
    if not floats:
        return [o.numpy() for o in outputs], [], [], masks
    found = tape.gradient(loss, watched + layer.trainable_weights)
    found = [None if g is None else tf.convert_to_tensor(g).numpy() for g in found]
    return [o.numpy() for o in outputs], found[: len(watched)], found[len(watched) :], masks


def run_torch(case, layer):
    """Return the same for Keras 3 on torch."""
    import torch

    leaves = [torch.tensor(array, requires_grad=array.dtype.kind == "f") for array in case.arrays()]
    # Copies, since some layers write into their inputs.
    tensors = case.mark([leaf.clone() for leaf in leaves], torch.tensor)
    outputs = flat(case.invoke(layer, tensors, case.options(torch.tensor)))
    floats = [output for output in outputs if output.is_floating_point() and output.requires_grad]
    if floats:
        sum((o * torch.tensor(cases.upstream(tuple(o.shape)))).sum() for o in floats).backward()
    grads = [leaf.grad for leaf in leaves if leaf.is_floating_point()]
    weights = [weight.value.grad for weight in layer.trainable_weights]
    numpy = lambda grad: None if grad is None else grad.numpy()  # noqa: E731
    masks = cases.masks_of(outputs)
    return [o.detach().numpy() for o in outputs], [numpy(g) for g in grads], [numpy(g) for g in weights], masks


def symbolic_shapes(case, layer, shapes):
    """Return the shapes of the symbolic outputs, or None if Keras refuses these inputs."""
    if case.method or getattr(layer, "stateful", False):
        return None
    if any(isinstance(value, (np.ndarray, list)) for value in case.call.values()):
        return None
    dtypes = [str(array.dtype) for array in case.arrays()]
    inputs = [keras.Input(batch_shape=s, dtype=d) for s, d in zip(shapes, dtypes, strict=True)]
    try:
        outputs = case.invoke(layer, inputs, case.call)
    except (ValueError, TypeError, NotImplementedError):
        return None
    return [list(output.shape) for output in flat(outputs)]


def plain(value):
    """Return a config as JSON types, TensorFlow's wrapped dicts and shapes being dicts and lists."""

    def convert(item):
        if hasattr(item, "tolist") or hasattr(item, "as_list"):
            return item.tolist() if hasattr(item, "tolist") else item.as_list()
        return dict(item) if hasattr(item, "items") else repr(item)

    return json.loads(json.dumps(value, default=convert))


def record(table):
    """Return the arrays of all cases under `case/kind`, and the facts."""
    found, facts = {}, {}
    for name, case in table.items():
        if VERSION not in case.keras:
            continue
        layer = case.make(keras.layers)
        run = run_tensorflow if IS_TF else run_torch
        run(case, layer)
        shapes = [tuple(w.shape) for w in layer.weights]
        for weight in layer.trainable_weights:
            if not IS_TF:
                weight.value.grad = None
        layer.set_weights(case.weights_like(shapes))
        if getattr(layer, "stateful", False):
            layer.reset_states()
        outputs, inputs, weights, masks = run(case, layer)
        found |= {f"{name}/{kind}": mask for kind, mask in masks.items()}
        for kind, arrays in (("output", outputs), ("input", inputs), ("weight", weights)):
            found |= {f"{name}/{kind}{i}": array for i, array in enumerate(arrays) if array is not None}
        if case.call.get("training"):
            found |= {f"{name}/state{i}": np.array(w) for i, w in enumerate(layer.get_weights())}
        batches = [(None, *array.shape[1:]) for array in case.arrays()]
        open_shapes = case.open_shapes()
        facts[name] = {
            "weights": [list(shape) for shape in shapes],
            "shapes": symbolic_shapes(case, layer, batches),
            "open_shapes": symbolic_shapes(case, case.make(keras.layers), open_shapes) if open_shapes else None,
            "config": plain(layer.get_config()),
        }
    return found, facts


def main():
    """Write the files of the families that are asked for."""
    for family, table in cases.families().items():
        if len(sys.argv) > 1 and family not in sys.argv[1:]:
            continue
        arrays, facts = record(table)
        if facts:
            target = ROOT / "tests" / "golden" / f"layers_{family}_keras{keras.__version__.replace('.', '')}.npz"
            np.savez_compressed(target, facts=json.dumps(facts), **arrays)
            print(target, target.stat().st_size)


main()
