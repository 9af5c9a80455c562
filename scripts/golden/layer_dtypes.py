"""Write tests/golden/layer_dtypes_<Keras>.json: the types that layers have under dtype policies, by real Keras.

For each family and case of layer_cases/ and each global policy: the dtypes of the outputs and of the weights, as text,
those that follow each other and are equal once; null where this Keras cannot run the case under the policy. Only cases
are listed whose outputs do not all have the compute dtype or whose weights do not all have the variable dtype.

    TF_CPP_MIN_LOG_LEVEL=3 python scripts/golden/layer_dtypes.py
    KERAS_BACKEND=torch python scripts/golden/layer_dtypes.py
"""

from __future__ import annotations

import itertools
import json
import sys
import warnings
from pathlib import Path

import keras

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))
import layer_cases as cases  # noqa: E402

VERSION = ".".join(keras.__version__.split(".")[:2])
IS_TF = VERSION.startswith("2.")
POLICIES = ("mixed_float16", "mixed_bfloat16", "float64")


def flat(structure):
    """Return the tensors in lists, tuples and dicts, in order."""
    if isinstance(structure, dict):
        structure = [structure[key] for key in sorted(structure)]
    if isinstance(structure, (list, tuple)):
        return [item for part in structure for item in flat(part)]
    return [] if structure is None else [structure]


def convert(array):
    """Make a tensor of an array."""
    if IS_TF:
        import tensorflow as tf

        return tf.constant(array)
    import torch

    return torch.tensor(array)


def names(items):
    """Return the names of the dtypes of tensors or variables."""
    found = [
        item.dtype.name if hasattr(item.dtype, "name") else str(item.dtype).removeprefix("torch.") for item in items
    ]
    return " ".join(name for name, _ in itertools.groupby(found))


def record(case):
    """Return the dtypes of the outputs and of the weights, or None where the case does not run."""
    try:
        layer = case.make(keras.layers)
        tensors = case.mark([convert(array) for array in case.arrays()], convert)
        outputs = flat(case.invoke(layer, tensors, case.options(convert)))
    except Exception as error:  # Keras fails with whatever its backend raises.
        print(case.layer, type(error).__name__, str(error)[:80].replace("\n", " "))
        return None
    return [names(outputs), names(layer.weights)]


def main():
    """Write the file of this Keras."""
    warnings.simplefilter("ignore")
    unusual = {}
    for name in POLICIES:
        policy = keras.mixed_precision.Policy(name)
        keras.mixed_precision.set_global_policy(policy)
        found = {f"{f}/{n}": record(c) for f, t in cases.families().items() for n, c in t.items() if VERSION in c.keras}
        usual = [[policy.compute_dtype, weights] for weights in ("", policy.variable_dtype)]
        unusual[name] = {key: value for key, value in found.items() if value not in usual}
    target = ROOT / "tests" / "golden" / f"layer_dtypes_keras{keras.__version__.replace('.', '')}.json"
    target.write_text(json.dumps(unusual, indent=0) + "\n", encoding="utf-8")
    print(target, target.stat().st_size)


main()
