"""How real Keras's layers treat masks, other ranks and integers: tests/golden/layer_calls_keras<version>.json.

Run with Keras 2.15 and with Keras 3 on torch. The layers are those of tests/contracts/layer_arguments.py.
"""

import json
import os
import sys
import types
import warnings
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))


class Layers:
    """The layers of this Keras; a nested layer that it lacks is None."""

    def __getattr__(self, name):
        return getattr(keras.layers, name, lambda *_, **__: None)


# The table makes its nested layers of whichever Keras runs this.
sys.modules["keras_torch"] = types.ModuleType("keras_torch")
sys.modules["keras_torch"].layers = Layers()
from contracts.layer_arguments import case  # noqa: E402

IS_TF = keras.__version__.startswith("2.")
RANKS = range(1, 7)


def tensor(array):
    """Return an array as a tensor of the backend."""
    if IS_TF:
        import tensorflow as tf

        return tf.constant(array)
    import torch

    return torch.tensor(array)


def masked(array, mask):
    """Return a tensor with a mask."""
    found = tensor(array)
    found._keras_mask = tensor(mask)
    return found


def make(name):
    """Make the layer, afresh with the layers inside."""
    arguments = {
        key: type(item).from_config(item.get_config()) if hasattr(item, "get_config") else item
        for key, item in case(name)[0].items()
    }
    return getattr(keras.layers, name)(**arguments)


def numbers(shape, dtype):
    """Numbers of a shape, none of them 0."""
    random = np.random.RandomState(3)
    return (random.randint(1, 9, shape) if "int" in dtype else random.uniform(0.1, 0.9, shape)).astype(dtype)


def batches(name):
    """The input arrays, and how they are passed."""
    _, shape, dtype = case(name)
    several = isinstance(shape[0], (list, tuple))
    arrays = [numbers((4, *item), dtype) for item in (shape if several else [shape])]
    return arrays, type(shape) if several else None


def run(layer, tensors, form):
    """Call the layer and return the first output."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = layer(*tensors) if form is tuple else layer(tensors if form is list else tensors[0])
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs


def attempt(function):
    """Return a result, or the name of the error."""
    try:
        return function()
    except Exception as error:  # noqa: BLE001
        return {"error": type(error).__name__}


def run_plain(name):
    """Call the layer on the inputs of the table."""
    arrays, form = batches(name)
    return run(make(name), [tensor(array) for array in arrays], form)


def output_mask(name):
    """Return the mask of the output for inputs with masks (batch, first axis): None, "kept" or its values."""
    arrays, form = batches(name)
    mask = np.random.RandomState(5).random_sample(arrays[0].shape[:2]) < 0.6
    mask[:, 0] = True
    output = run(make(name), [masked(array, mask) for array in arrays], form)
    found = getattr(output, "_keras_mask", None)
    if found is None:
        return None
    found = np.array(found)
    return "kept" if found.shape == mask.shape and (found == mask).all() else found.tolist()


def shape_for_rank(name, rank):
    """Return the output shape for an input with this many axes, of size 4 each but the channels."""
    (array, *_), _ = batches(name)
    shape = (*[4] * (rank - 1), array.shape[-1]) if rank > 1 else (4,)
    return list(run(make(name), [tensor(numbers(shape, str(array.dtype)))], None).shape)


def dtype_for_integers(name):
    """Return the dtype of the output for int32 inputs."""
    arrays, form = batches(name)
    output = run(make(name), [tensor(numbers(array.shape, "int32")) for array in arrays], form)
    return str(output.dtype.name if IS_TF else output.dtype).removeprefix("torch.")


def shape_for_none(name):
    """Return the output shape for a batch of no samples."""
    arrays, form = batches(name)
    return list(run(make(name), [tensor(array[:0]) for array in arrays], form).shape)


def main():
    """Write the file."""
    found = {}
    for name in sorted({item.__name__ for item in vars(keras.layers).values() if isinstance(item, type)}):
        if not hasattr(keras.layers, name) or case(name) is None or case(name)[2] == "string":
            continue
        if isinstance(attempt(lambda: run_plain(name)), dict):  # noqa: B023
            # A base class, or one that needs other arguments.
            continue
        single = not isinstance(case(name)[1][0], (list, tuple))
        found[name] = {
            "mask": attempt(lambda: output_mask(name)),  # noqa: B023
            "integers": attempt(lambda: dtype_for_integers(name)),  # noqa: B023
            "empty": attempt(lambda: shape_for_none(name)),  # noqa: B023
        }
        if single:
            found[name]["ranks"] = [attempt(lambda: shape_for_rank(name, rank)) for rank in RANKS]  # noqa: B023
    target = ROOT / "tests" / "golden" / f"layer_calls_keras{keras.__version__.replace('.', '')}.json"
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(facts)}" for name, facts in sorted(found.items()))
    target.write_text("{\n" + rows + "\n}\n")


main()
