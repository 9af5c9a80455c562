"""Write tests/golden/ops_keras315.json.gz: what every function of `keras.ops` returns, for the cases of ops_cases.

Run by a Python with keras==3.15.1 and torch. Inputs are drawn with seeds made of their names. A tensor is
{dtype, shape, values}; `shapes` has the shapes of results if the first size of the first array is unknown.
"""

import gzip
import json
from pathlib import Path

import numpy as np
from ops_cases import evaluate, expressions, unknown_first

FILE = Path(__file__).resolve().parents[2] / "tests" / "golden" / "ops_keras315.json.gz"


def plain(value, backend):
    """Return a result as JSON."""
    if isinstance(value, dict):
        return {key: plain(item, backend) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, backend) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    dtype = backend.standardize_dtype(value.dtype)
    values = np.asarray(backend.convert_to_numpy(value))
    shape = list(values.shape)
    if values.dtype.kind == "c":
        values = np.stack([values.real, values.imag], -1)
    values = values.reshape(-1)
    return {"dtype": dtype, "shape": shape, "values": [short(item) for item in values.tolist()]}


def unknown_sizes(expression, keras):
    """Return the shapes of symbolic results where a first size is unknown; None if the function cannot say."""
    convert = unknown_first(expression, keras.KerasTensor)
    if convert is None:
        return None
    try:
        leaves = keras.tree.flatten(evaluate(expression, keras.ops, convert))
    except Exception:
        return None
    return [list(item.shape) for item in leaves] if all(isinstance(i, keras.KerasTensor) for i in leaves) else None


def short(number):
    return float(f"{number:.7g}") if isinstance(number, float) else number


def main():
    import keras
    from keras.src import backend

    modules = {"quantizers": keras.quantizers, "boxes": keras.utils.bounding_boxes}
    cases, shapes, failed = {}, {}, []
    for expression in expressions():
        try:
            cases[expression] = plain(evaluate(expression, keras.ops, keras.ops.convert_to_tensor, **modules), backend)
        except Exception as error:
            failed.append(f"{expression}: {type(error).__name__} {str(error)[:100]}")
            continue
        found = unknown_sizes(expression, keras)
        if found is not None:
            shapes[expression] = found
    print(len(cases), "cases", len(shapes), "with an unknown size.", len(failed), "fail in Keras:", *failed, sep="\n")
    names = [name for name in dir(keras.ops) if callable(getattr(keras.ops, name)) and not name.startswith("_")]
    names += [f"image.{name}" for name in dir(keras.ops.image) if not name.startswith("_")]
    text = json.dumps({"names": names, "cases": cases, "shapes": shapes}, separators=(",", ":"))
    with gzip.GzipFile(FILE, "wb", mtime=0) as file:
        file.write(text.encode())


if __name__ == "__main__":
    main()
