"""Write tests/golden/saved_models_keras2150.zip with Keras 2.15.0, seed 7: models in TensorFlow's formats.

`python scripts/golden/saving_tensorflow.py [FOLDER]`. Models of model_set/ are saved as a SavedModel, in `<name>/`, and
as a checkpoint, `<name>.ckpt.*`. The program in a SavedModel, `saved_model.pb`, is large, and is left out where no
tables of words are in it. `<name>.npz` holds predictions, `output<i>`, and losses and metrics of ten further steps,
`losses`, a row for each of `names`. `loop.ckpt.*` is a `tf.train.Checkpoint` of a net, its optimizer and a counter
after one step, `loop.npz` the weights then and after the next; `mixed.ckpt.*` is of a model in mixed precision,
`session.ckpt.*` by a Saver of TensorFlow 1. Models that stand in FOLDER, from a run before, are not made again.
"""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parent))
import model_set

TARGET = Path(__file__).resolve().parents[2] / "tests" / "golden" / "saved_models_keras2150.zip"
WITH_TABLES = ("counted", "texts", "words")
NAMES = (
    *(*WITH_TABLES, "learnt-numbers", "custom-compiled", "custom-layers", "custom-passed", "deep"),
    *("deferred", "dicts", "double", "fresh", "frozen", "functional-in-sequential", "functional-subclass", "lists"),
    *("recipes", "small-multi_io", "small-nested", "subclassed", "subclassed-inside", "layers-attention"),
    *("layers-convolution_separable", "layers-core", "layers-recurrent", "optimizer-adafactor", "optimizer-adam"),
    *("optimizer-cosine", "optimizer-ema", "optimizer-ftrl", "optimizer-legacy-adam", "optimizer-legacy-ftrl"),
    *("optimizer-legacy-nadam", "optimizer-legacy-rmsprop", "optimizer-nadam", "optimizer-rmsprop"),
)
PROGRAM, METADATA = "saved_model.pb", "keras_metadata.pb"


def record(name, entry, folder):
    """Train, save in both formats, and store what the model does then."""
    model, inputs, targets = entry.make(keras, "2.15")
    model.save(f"{folder}/{name}", save_format="tf")
    model.save_weights(f"{folder}/{name}.ckpt", save_format="tf")
    outputs = model_set.predict(model, inputs)
    found = {f"output{index}": output for index, output in enumerate(outputs)}
    if getattr(model, "optimizer", None) is not None:
        targets = model_set.targets_like(outputs) if targets is None else targets
        losses = model_set.train(model, inputs, targets, model_set.STEPS)
        found |= {"losses": np.array(list(losses.values())), "names": np.array(list(losses))}
    np.savez(f"{folder}/{name}.npz", **found)


def record_loop(folder):
    """Save what a loop of one's own keeps, and store the weights after one step and after two."""
    keras.utils.set_random_seed(7)
    net = keras.Sequential([keras.layers.Dense(3, input_shape=(3,)), keras.layers.Dense(2)])
    optimizer, step = keras.optimizers.Adam(0.1), tf.Variable(0)

    def train():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(net(tf.ones((1, 3))) ** 2)
        variables = net.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        step.assign_add(1)

    train()
    tf.train.Checkpoint(step=step, optimizer=optimizer, net=net).write(f"{folder}/loop.ckpt")
    found = {f"saved{index}": weight for index, weight in enumerate(net.get_weights())}
    train()
    np.savez(f"{folder}/loop.npz", **found, **{f"next{index}": w for index, w in enumerate(net.get_weights())})


def record_mixed(folder):
    """Save a model in mixed precision whose first steps were too large, and store its loss scale and moments."""
    keras.utils.set_random_seed(7)
    keras.mixed_precision.set_global_policy("mixed_float16")
    model = keras.Sequential([keras.layers.Dense(2, dtype="mixed_float16", input_shape=(3,))])
    model.compile("adam", "mse")
    for size in (100.0, 100.0, 1.0):
        model.train_on_batch(np.full((4, 3), size), np.ones((4, 2)))
    keras.mixed_precision.set_global_policy("float32")
    model.save_weights(f"{folder}/mixed.ckpt")
    variables = {f"variable{index}": variable.numpy() for index, variable in enumerate(model.optimizer.variables)}
    np.savez(f"{folder}/mixed.npz", scale=float(model.optimizer.loss_scale), **variables)


def record_session(folder):
    """Save two variables of a graph, by their names."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        with v1.variable_scope("layer"):
            v1.get_variable("w", initializer=tf.constant([[1.0, -2.0], [0.5, 4.0]]))
            v1.get_variable("steps", initializer=tf.constant(12, tf.int64))
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, f"{folder}/session.ckpt", write_meta_graph=False)


def pack(folder):
    """Put the files of all models into one archive."""
    with zipfile.ZipFile(TARGET, "w", zipfile.ZIP_LZMA) as archive:
        for name in (*NAMES, "loop", "mixed", "session"):
            inside = Path(folder, name)
            paths = [inside / METADATA] if name in NAMES else []
            paths += [inside / PROGRAM] if name in WITH_TABLES else []
            paths += sorted(inside.glob("variables/*"))
            paths += [*sorted(Path(folder).glob(f"{name}.ckpt.*")), *Path(folder).glob(f"{name}.npz")]
            for path in paths:
                archive.writestr(zipfile.ZipInfo(str(path.relative_to(folder))), path.read_bytes(), zipfile.ZIP_LZMA)
    print(TARGET, TARGET.stat().st_size)


def main():
    table = model_set.table()
    with tempfile.TemporaryDirectory() as folder:
        folder = sys.argv[1] if len(sys.argv) > 1 else folder
        for name in NAMES:
            if not os.path.exists(f"{folder}/{name}.npz"):
                record(name, table[name], folder)
                print(name, flush=True)
        record_loop(folder)
        record_mixed(folder)
        record_session(folder)
        pack(folder)


if __name__ == "__main__":
    main()
