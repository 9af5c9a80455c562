"""Write tests/golden/applications*_keras2150.json.*: the layers of every application, and predictions of some.

Networks that the file lists already are left out; without the file all are listed anew (half an hour).

A layer is [class, name, positions of the layers it takes its inputs from, settings, [[weight, shape], ...]]; operations
that Keras 2.15 wraps in a TFOpLambda are passed over. Weights are made by applications_cases.weight_value.

Run with Keras 2.15.0 on TensorFlow. Seed 0.
"""

import gc
from pathlib import Path

import applications_cases as cases
import keras
import numpy as np
import tensorflow as tf

SEED = 0
GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"


def plain(value):
    """A setting as JSON knows it; an initializer as its name and arguments."""
    if isinstance(value, dict) and "class_name" in value:
        return [value["class_name"], {k: v for k, v in value["config"].items() if v is not None}]
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def settings(layer):
    config = {} if isinstance(layer, keras.Sequential) else layer.get_config()
    found = {key: plain(config[key]) for key in cases.SETTINGS if key in config}
    return {key: value for key, value in found.items() if value is not None and value != cases.SETTINGS[key]}


def is_operation(layer):
    return type(layer).__name__ in ("TFOpLambda", "SlicingOpLambda")


def sources(layer, position):
    """The positions of the layers that feed a layer, through operations."""
    found = []
    for tensor in layer.inbound_nodes[0].keras_inputs:
        origin = tensor._keras_history.layer
        if origin is not layer:
            found += sources(origin, position) if is_operation(origin) else [position[id(origin)]]
    return found


def listing(model):
    layers = [layer for layer in model.layers if not is_operation(layer)]
    position = {id(layer): number for number, layer in enumerate(layers)}
    rows = []
    for layer in layers:
        row = [type(layer).__name__, layer.name, sources(layer, position), settings(layer)]
        row.append([[weight.name, list(weight.shape)] for weight in layer.weights])
        if isinstance(layer, keras.Sequential):
            row.append([[type(part).__name__, part.name, settings(part)] for part in layer.layers])
        rows.append(row)
    return rows


def build(name, **options):
    keras.backend.clear_session()
    gc.collect()
    if "input_shape" in options:
        options["input_shape"] = tuple(options["input_shape"])
    return getattr(keras.applications, name)(weights=None, **options)


def describe(name, **options):
    model = build(name, **options)
    return {"name": model.name, "params": model.count_params(), "layers": listing(model)}


def predictions(name, size, values, variance, options):
    model = build(
        name, input_shape=(size, size, 3), classes=cases.PREDICTED_CLASSES, classifier_activation=None, **options
    )
    index = 0
    for layer in model.layers:
        weights = layer.weights
        layer.set_weights(
            [cases.weight_value(index + n, w.name, tuple(w.shape), variance) for n, w in enumerate(weights)]
        )
        index += len(weights)
    result = model.predict(cases.image(size, values), verbose=0)
    spread = np.abs(result[0] - result[1]).max() / np.abs(result).max()
    assert np.isfinite(result).all() and spread > 0.01, (name, spread)
    return [[float(f"{value:.8g}") for value in row] for row in result]


def preprocessed():
    """`preprocess_input` by mode, data format, number of axes and dtype; of an array and of a tensor."""
    found = []
    for mode in ("caffe", "tf", "torch"):
        for data_format in ("channels_last", "channels_first"):
            for ndim in (3, 4):
                for dtype in ("uint8", "float32", "float64"):
                    shape = ((2, 3, 2, 3) if data_format == "channels_last" else (2, 3, 3, 2))[4 - ndim :]
                    x = np.random.RandomState(SEED).randint(0, 256, shape).astype(dtype)
                    options = {"mode": mode, "data_format": data_format}
                    of_array = keras.applications.imagenet_utils.preprocess_input(x.copy(), **options)
                    case = {**options, "shape": shape, "dtype": dtype, "array_dtype": str(of_array.dtype)}
                    case["array"] = of_array.ravel().tolist()
                    if dtype != "uint8":
                        tensor = keras.backend.constant(x, dtype=dtype)
                        case["tensor"] = keras.applications.imagenet_utils.preprocess_input(tensor, **options)
                        case["tensor"] = case["tensor"].numpy().ravel().tolist()
                    found.append(case)
    return found


def values():
    return {"preprocess_input": preprocessed(), "predictions": [predictions(*case) for case in cases.PREDICTIONS]}


def tails(name):
    rows = [describe(name, **options)["layers"][-cases.TAIL_LENGTH :] for options in cases.TAILS]
    return [[[row[0], row[1], row[4]] for row in tail] for tail in rows]


def draw_no_weights():
    """Names and shapes are all that is listed: leave out drawing billions of numbers."""
    keras.initializers.VarianceScaling.__call__ = lambda self, shape, dtype=None, **kwargs: tf.zeros(shape, dtype)


def main():
    cases.write(GOLDEN / "applications_values_keras2150.json.gz", values())
    draw_no_weights()
    target = GOLDEN / "applications_keras2150.json.xz"
    listed = {
        "models": cases.read(target)["models"] if target.exists() else {},
        "variants": [describe(name, **options) for name, options in cases.VARIANTS],
        "tails": {name: tails(name) for name in cases.TAILED},
    }
    for name in (name for names in cases.FAMILIES.values() for name in names):
        if name not in listed["models"]:
            listed["models"][name] = describe(name)
            cases.write(target, listed)
    cases.write(target, listed)


if __name__ == "__main__":
    main()
