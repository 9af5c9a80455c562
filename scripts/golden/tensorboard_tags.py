"""Write tests/golden/tensorboard_keras215.json: what the TensorBoard callback of Keras 2.15.0 on TensorFlow writes.

For each case: the folders of the event files, and in them each tag with its kind and its steps and, for numbers that do
not depend on the clock, the values. Weights are constant and nothing is shuffled, so no seed matters.
"""

import json
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

CASES = {
    "plain": {},
    "no_graph": {"write_graph": False},
    "every_3": {"update_freq": 3, "write_steps_per_second": True},
    "every_batch": {"update_freq": "batch", "write_steps_per_second": True},
    "histograms": {"histogram_freq": 2, "write_images": True, "write_graph": False},
    "schedule": {},
    "evaluate": {"update_freq": 1},
}


def model(schedule):
    ones = {"kernel_initializer": "ones"}
    made = keras.Sequential(
        [keras.layers.Input((4,)), keras.layers.Dense(3, name="hid", **ones), keras.layers.Dense(1, name="out", **ones)]
    )
    rate = keras.optimizers.schedules.ExponentialDecay(0.02, 4, 0.5) if schedule else 0.02
    made.compile(keras.optimizers.SGD(rate), "mse", metrics=["mae"])
    return made


def content(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    found = {}
    for tag in accumulator.Tags()["tensors"]:
        kind = accumulator.summary_metadata[tag].plugin_data.plugin_name
        events = accumulator.Tensors(tag)
        found[tag] = {"kind": kind, "steps": [event.step for event in events]}
        if kind == "scalars" and "per_second" not in tag:
            found[tag]["values"] = [float(tf.make_ndarray(event.tensor_proto)) for event in events]
    return found


x = np.arange(64, dtype="float32").reshape(16, 4) / 64
y = x[:, :1]
results = {}
for name, options in CASES.items():
    with tempfile.TemporaryDirectory() as folder:
        callback = keras.callbacks.TensorBoard(folder, **options)
        made = model(name == "schedule")
        if name == "evaluate":
            made.evaluate(x, y, batch_size=4, verbose=0, callbacks=[callback])
        else:
            made.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, validation_data=(x, y),
                     callbacks=[callback])  # fmt: skip
        folders = sorted({path.parent for path in Path(folder).rglob("events.out.*")})
        results[name] = {path.name: content(path) for path in folders}

target = Path("tests/golden/tensorboard_keras215.json")
target.write_text(json.dumps({"keras": keras.__version__, "options": CASES, "cases": results}) + "\n")
print(target)
