"""Write tests/golden/cudnn_keras215.npz: what weights of CuDNN layers mean, as Keras 2.15 reads them.

The CuDNN layers themselves need a GPU, but Keras 2.15 converts their arrays for LSTM and GRU, which run anywhere. For
each of the two kinds: the arrays in either form, inputs, and all outputs and last states.
"""

import types
from pathlib import Path

import keras
import numpy as np
from keras.src.saving.legacy import hdf5_format

ROOT = Path(__file__).resolve().parents[2]
SEED = 11
UNITS, FEATURES = 3, 5


def record(kind, gates, random):
    """Return the arrays of one kind of layer."""
    shapes = [(FEATURES, gates * UNITS), (UNITS, gates * UNITS), (2 * gates * UNITS,)]
    stored = [random.uniform(-1, 1, shape).astype("float32") for shape in shapes]
    x = random.standard_normal((2, 4, FEATURES)).astype("float32")
    plain = getattr(keras.layers, kind)(UNITS, return_sequences=True, return_state=True)
    plain(x)
    converted = hdf5_format._convert_rnn_weights(plain, stored)
    plain.set_weights(converted)
    fused = type(f"CuDNN{kind}", (types.SimpleNamespace,), {})()
    back = hdf5_format._convert_rnn_weights(fused, converted)
    arrays = {"x": x}
    for name, items in (("stored", stored), ("converted", converted), ("back", back), ("output", plain(x))):
        arrays |= {f"{name}{index}": np.asarray(item) for index, item in enumerate(items)}
    return {f"{kind}/{name}": array for name, array in arrays.items()}


def main():
    """Write the file."""
    random = np.random.RandomState(SEED)
    np.savez_compressed(
        ROOT / "tests" / "golden" / "cudnn_keras215.npz", **record("LSTM", 4, random), **record("GRU", 3, random)
    )


main()
