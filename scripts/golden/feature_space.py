"""Write tests/golden/feature_space_keras2150.json: what Keras 2.15's FeatureSpace makes of a small table.

Run with TensorFlow 2.15. Nothing is random. `spaces` serves the tests as well.
"""

import json
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "tests" / "golden" / "feature_space_keras2150.json"
TABLE = {
    "age": [31.0, 45.5, 22.0, 60.0, 31.0],
    "rooms": [1, 3, 3, 2, 7],
    "city": ["bern", "rome", "bern", "oslo", "rome"],
    "code": [5, 6, 7, 5, 9],
    "kind": ["x", "y", "x", "z", "y"],
}


def spaces(FeatureSpace, layers):
    """Return the feature spaces by name."""
    one = FeatureSpace
    return {
        "names": FeatureSpace({"age": "float", "city": "string_categorical", "rooms": "integer_categorical"}),
        "normalized": FeatureSpace({"age": "float_normalized", "rooms": one.float_rescaled(0.5, 1.0)}),
        "discretized": FeatureSpace({"age": one.float_discretized(3)}),
        "hashed": FeatureSpace(
            {"kind": "string_hashed", "code": one.integer_hashed(4), "city": one.string_hashed(3)}, hashing_dim=5
        ),
        "crosses": FeatureSpace(
            {"kind": "string_hashed", "city": "string_categorical", "rooms": "integer_categorical"},
            crosses=[("kind", "city"), one.cross(("city", "rooms"), crossing_dim=6)],
            crossing_dim=4,
            hashing_dim=3,
        ),
        "dict": FeatureSpace(
            {
                "city": one.string_categorical(max_tokens=3, num_oov_indices=2, output_mode="int"),
                "rooms": one.integer_categorical(output_mode="one_hot"),
                "age": one.feature("float32", layers.Rescaling(0.1), "float"),
            },
            output_mode="dict",
        ),
    }


def main():
    import numpy as np
    import tensorflow as tf
    from keras import layers
    from keras.utils import FeatureSpace

    arrays = {name: np.array(values) for name, values in TABLE.items()}
    found = {}
    for name, space in spaces(FeatureSpace, layers).items():
        table = {column: arrays[column] for column in space.features}
        space.adapt(tf.data.Dataset.from_tensor_slices(table))
        batch, row = space(table), space({column: values[1] for column, values in table.items()})
        listed = tf.nest.map_structure(lambda item: item.numpy().tolist(), (batch, row))
        found[name] = {"batch": listed[0], "row": listed[1]}
    FILE.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
