"""Write tests/golden/preprocessing_<Keras>.json: what layers learn from data and make of text, by real Keras.

For each case in preprocessing_cases.py: outputs, their dtype and symbolic shape, vocabulary or boundaries, weights, and
the config. Keras 3.15 on torch has no layers for text without TensorFlow, so most cases are Keras 2.15's. It also
writes a model of such layers, preprocessing_keras2150.h5; what it predicts stands under "model".

    TF_CPP_MIN_LOG_LEVEL=3 python scripts/golden/preprocessing_values.py
    KERAS_BACKEND=torch python scripts/golden/preprocessing_values.py
"""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
from preprocessing_cases import CASES, FLOATS, IDF, TEXTS, VOCABULARY, WORDS

ROOT = Path(__file__).resolve().parents[2]
SEED = 17
VERSION = ".".join(keras.__version__.split(".")[:2])


def tensor(array):
    """Return an array as the backend's tensor."""
    if VERSION != "2.15":
        return keras.ops.convert_to_tensor(array)
    import tensorflow as tf

    return tf.constant(array)


def stream(batches):
    """Return batches in the form that `adapt` takes."""
    if VERSION != "2.15":
        return list(batches)
    import tensorflow as tf

    return tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=signature(batches[0]))


def signature(batch):
    """Return the shape and dtype of a batch of any size."""
    import tensorflow as tf

    array = np.asarray(batch)
    dtype = tf.string if array.dtype.kind == "U" else array.dtype
    return tf.TensorSpec((None, *array.shape[1:]), dtype)


def plain(value):
    """Return arrays, tensors and bytes as JSON types."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist") or hasattr(value, "numpy"):
        return plain((value.numpy() if hasattr(value, "numpy") else value).tolist())
    return value


def symbolic_shape(layer, case):
    """Return the shape of the symbolic output for an unknown batch size; None where Keras refuses."""
    arrays = case.arrays()
    if not arrays[0].ndim:
        return None
    kinds = ["string" if array.dtype.kind == "U" else str(array.dtype) for array in arrays]
    inputs = [keras.Input(array.shape[1:], dtype=kind) for array, kind in zip(arrays, kinds, strict=True)]
    try:
        return list(layer(inputs if case.several else inputs[0]).shape)
    except (ValueError, TypeError, RuntimeError):
        return None


def record(case):
    """Return all facts of a case, or the type of the error of its call."""
    layer = getattr(keras.layers, case.layer)(**case.arguments)
    if VERSION != "2.15" and case.layer == "Discretization":
        # Its `adapt` asks TensorFlow for the type of the data; these are the steps that follow.
        for batch in case.batches or [case.data]:
            layer.update_state(batch)
        layer.finalize_state()
    elif case.data is not None:
        layer.adapt(np.asarray(case.data))
    elif case.batches:
        layer.adapt(stream([np.asarray(batch) for batch in case.batches]))
    elif case.sets:
        layer.set_vocabulary(*case.sets)
    inputs = [tensor(array) for array in case.arrays()]
    try:
        output = layer(inputs if case.several else inputs[0])
    except Exception as error:
        return {"error": type(error).__name__, "symbolic_shape": symbolic_shape(layer, case)}
    facts = {
        "output": plain(output),
        "dtype": str(output.dtype).split("'")[-2] if "'" in str(output.dtype) else str(output.dtype).split(".")[-1],
        "symbolic_shape": symbolic_shape(layer, case),
        "config": plain(layer.get_config()),
    }
    if hasattr(layer, "get_vocabulary"):
        facts["vocabulary"] = plain(layer.get_vocabulary())
        facts["tokens"] = plain(layer.get_vocabulary(include_special_tokens=False))
    if case.layer == "Discretization":
        facts["boundaries"] = plain(layer.bin_boundaries)
    if case.layer == "Normalization":
        facts["weights"] = plain(layer.get_weights())
    return facts


def save_model(path):
    """Write a model whose layers were adapted, or got their vocabularies, and return what it predicts."""
    keras.utils.set_random_seed(SEED)
    layers = keras.layers
    numbers, words = keras.Input((3,), name="numbers"), keras.Input((3,), dtype="string", name="words")
    text = keras.Input((1,), dtype="string", name="text")
    normalization = layers.Normalization(name="normalization")
    discretization = layers.Discretization(num_bins=4, output_mode="multi_hot", name="discretization")
    normalization.adapt(FLOATS)
    discretization.adapt(FLOATS)
    weighed = layers.StringLookup(vocabulary=VOCABULARY, idf_weights=IDF, output_mode="tf_idf", name="weighed")(words)
    bins = layers.Hashing(7, salt=3, name="bins")(words)
    tokens = layers.TextVectorization(vocabulary=VOCABULARY, output_sequence_length=3, name="tokens")(text)
    parts = [
        normalization(numbers),
        discretization(numbers),
        weighed,
        layers.Flatten(name="flat")(layers.Embedding(7, 2, name="of_bins")(bins)),
        layers.Flatten(name="flat_text")(layers.Embedding(6, 2, name="of_tokens")(tokens)),
    ]
    model = keras.Model([numbers, words, text], layers.Dense(2, name="scores")(layers.Concatenate(name="all")(parts)))
    model.save(path)
    inputs = [FLOATS[:3].tolist(), WORDS, [[line] for line in TEXTS[:3]]]
    return {"inputs": inputs, "output": plain(model.predict([np.array(item) for item in inputs], verbose=0))}


def main():
    """Write the files of the Keras that runs."""
    found = {name: record(case) for name, case in CASES.items() if VERSION in case.keras}
    target = ROOT / "tests" / "golden" / f"preprocessing_keras{keras.__version__.replace('.', '')}.json"
    if VERSION == "2.15":
        found["model"] = save_model(target.with_suffix(".h5"))
    target.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(target, target.stat().st_size)


main()
