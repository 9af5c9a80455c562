"""Write the serialized forms of objects as real Keras (2.15.0 on TensorFlow, 3.15.1 on torch) gives them; no seed.

Run once with each interpreter: `python scripts/golden/saving_objects.py`. For every class of every family the file
holds what `serialize_keras_object` returns; further, what the families' own functions return, the older form of
`keras.legacy.saving`, plain values, and models with the text of `to_json`.
"""

from __future__ import annotations

import inspect
import json
import os
import warnings
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
from saving_object_cases import ARGUMENTS, MODELS, SKIPPED

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
FAMILIES = {
    "layers": keras.layers.Layer,
    "losses": keras.losses.Loss,
    "metrics": keras.metrics.Metric,
    "optimizers": keras.optimizers.Optimizer,
    "optimizers.schedules": keras.optimizers.schedules.LearningRateSchedule,
    "initializers": keras.initializers.Initializer,
    "regularizers": keras.regularizers.Regularizer,
    "constraints": keras.constraints.Constraint,
}


def plain(item):
    """Return a form that JSON can hold, by way of Keras's own notation for tuples."""
    if isinstance(item, tuple):
        return {"tuple": [plain(part) for part in item]}
    if isinstance(item, list):
        return [plain(part) for part in item]
    if isinstance(item, dict):
        return {str(key): plain(part) for key, part in item.items()}
    if isinstance(item, (np.generic, np.ndarray)):
        return item.tolist()
    if item is None or isinstance(item, (str, int, float, bool)):
        return item
    return plain(item.as_list()) if hasattr(item, "as_list") else str(item)


def classes(family, base):
    """Yield the public classes of a family by name, each once."""
    module = keras
    for part in family.split("."):
        module = getattr(module, part)
    seen = {base}
    for name in sorted(dir(module), key=lambda name: (name != getattr(getattr(module, name), "__name__", ""), name)):
        item = getattr(module, name)
        if inspect.isclass(item) and issubclass(item, base) and item not in seen and not inspect.isabstract(item):
            seen.add(item)
            yield item.__name__, item


def objects():
    """Return the forms of every class of every family."""
    found = {}
    for family, base in FAMILIES.items():
        module = keras.optimizers.schedules if "." in family else getattr(keras, family)
        for name, cls in classes(family, base):
            if name in SKIPPED:
                continue
            keras.backend.clear_session()
            try:
                instance = cls(**ARGUMENTS.get(name, dict)(keras) if name in ARGUMENTS else {})
            except Exception as error:
                print("left out:", family, name, type(error).__name__, str(error)[:100])
                continue
            form = keras.saving.serialize_keras_object(instance)
            entry = {"form": plain(form)}
            short = plain(module.serialize(instance))
            if short != entry["form"]:
                entry["family_form"] = short
            found[f"{family}.{name}"] = entry
    for name in ("relu", "gelu", "silu", "softmax", "linear", "leaky_relu", "hard_sigmoid"):
        function = getattr(keras.activations, name, None)
        if function is not None:
            form = plain(keras.saving.serialize_keras_object(function))
            found[f"activations.{name}"] = {"form": form, "family_form": plain(keras.activations.serialize(function))}
    for name in ("mean_squared_error", "binary_crossentropy"):
        function = getattr(keras.losses, name)
        form = plain(keras.saving.serialize_keras_object(function))
        found[f"losses.{name}"] = {"form": form, "family_form": plain(keras.losses.serialize(function))}
    return found


def values():
    """Return the forms of what configs hold beside objects of Keras."""
    items = {
        "none": None,
        "number": 3,
        "list": [1, "a", 2.5],
        "tuple": (1, (2, 3)),
        "dict": {"a": (1,), "b": {"c": None}},
        "array": np.array([[1.0, 2.0]], "float32"),
        "integers": np.arange(3),
        "scalar": np.float32(0.5),
        "zero_dimensional": np.array(2),
    }
    if keras.__version__.startswith("3"):
        import torch

        items |= {"bytes": b"abc", "slice": slice(1, None, 2), "ellipsis": ..., "tensor": torch.tensor([1.0, 2.0])}
        items["symbolic"] = keras.Input((3,), name="symbolic")
    else:
        items["bytes"] = b"abc"
    return {name: plain(keras.saving.serialize_keras_object(item)) for name, item in items.items()}


def models():
    """Return forms and JSON texts of models."""
    found = {}
    for name, build in MODELS.items():
        keras.backend.clear_session()
        model = build(keras)
        found[name] = {"form": plain(keras.saving.serialize_keras_object(model)), "json": model.to_json()}
    return found


def main():
    warnings.simplefilter("ignore")
    target = GOLDEN / f"saving_objects_keras{keras.__version__.replace('.', '')}.json"
    content = {"objects": objects(), "values": values(), "models": models()}
    lines = [
        f"{json.dumps(part)}: {{\n"
        + ",\n".join(f"{json.dumps(name)}: {json.dumps(item)}" for name, item in content[part].items())
        + "\n}"
        for part in content
    ]
    target.write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
