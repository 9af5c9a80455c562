"""Write golden graphs of TensorFlow operations as tf.keras 2.0 to 2.3 had them, with Keras 2.15.0, seed 11.

Without eager execution Keras 2.15 still turns TensorFlow's own operations on symbolic tensors into `TensorFlowOpLayer`.
The zip holds what `to_json` writes of a model of the calls, its inputs and what it predicts.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import tensorflow as tf

tf.compat.v1.disable_v2_behavior()

SEED = 11
GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
KERNEL = np.linspace(-1, 1, 2 * 2 * 3 * 3, dtype="float32").reshape(2, 2, 3, 3)
CASES = {
    "arithmetic": lambda x, y, m: [
        x + y * 2.0,
        2.0 - x,
        x / (y * y + 1.0),
        -x,
        abs(x),
        x**2.0,
        x @ tf.transpose(y, (0, 2, 1)),
    ],
    "elementary": lambda x, y, m: [tf.exp(x), tf.sqrt(abs(x)), tf.tanh(x), tf.sigmoid(x), tf.square(x), tf.floor(x)],
    "reduce": lambda x, y, m: [
        tf.reduce_mean(x, [1, 2], True),
        tf.reduce_sum(x, -1),
        tf.reduce_max(x, 1),
        tf.argmax(x, -1),
    ],
    "shapes": lambda x, y, m: [
        tf.reshape(x, (-1, 24)),
        x[:, 1:, ::2],
        x[:, 0],
        x[..., tf.newaxis],
        tf.concat([x, y], -1),
        tf.stack([x, y], 1),
        tf.split(x, 3, axis=2)[1],
        tf.unstack(x, axis=1)[2],
        tf.expand_dims(x, 1),
        tf.squeeze(x[:, :1], 1),
        tf.tile(x, (1, 2, 1)),
        tf.pad(x, ((0, 0), (1, 1), (0, 0))),
        tf.reshape(x, (tf.shape(x)[0], 24)),
        tf.gather(x, [0, 2], axis=1),
        tf.slice(x, [0, 1, 0], [-1, 2, 3]),
    ],
    "choose": lambda x, y, m: [
        tf.where(x > 0.0, x, y),
        tf.maximum(x, 0.5),
        tf.clip_by_value(x, -0.5, 0.5),
        tf.cast(x > y, "float32"),
        tf.one_hot(tf.cast(abs(x[:, :, 0]), "int32"), 4),
        tf.nn.top_k(x, 2)[0],
        tf.cumsum(x, 1),
    ],
    "neural": lambda x, y, m: [
        tf.nn.relu(x),
        tf.nn.softmax(x),
        tf.nn.leaky_relu(x),
        tf.nn.elu(x),
        tf.nn.bias_add(x, np.arange(6, dtype="float32")),
        tf.nn.conv2d(m, KERNEL, 1, "SAME"),
        tf.nn.max_pool2d(m, 2, 2, "VALID"),
        tf.nn.avg_pool2d(m, 3, 2, "SAME"),
        tf.matmul(x, y, transpose_b=True),
        tf.nn.l2_normalize(x, -1),
        tf.compat.v1.depth_to_space(tf.concat([m, m[..., :1]], -1), 2),
    ],
}


def main():
    random = np.random.default_rng(SEED)
    given = {name: random.normal(size=(2, *shape)).astype("float32") for name, shape in SHAPES.items()}
    graphs, outputs = {}, {}
    for name, case in CASES.items():
        inputs = [keras.Input(shape, name=key) for key, shape in SHAPES.items()]
        model = keras.Model(inputs, case(*inputs))
        graphs[name] = json.loads(model.to_json())
        for place, value in enumerate(model.predict(list(given.values()))):
            outputs[f"{name}/{place}"] = value
    target = GOLDEN / "saving_ops_graph_keras2.15.0.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("graphs.json", json.dumps(graphs))
        for name, arrays in (("inputs", given), ("outputs", outputs)):
            buffer = io.BytesIO()
            np.savez(buffer, **arrays)
            archive.writestr(f"{name}.npz", buffer.getvalue())
    print(target, target.stat().st_size)


SHAPES = {"x": (4, 6), "y": (4, 6), "m": (6, 6, 3)}


if __name__ == "__main__":
    main()
