"""Write tests/golden/callbacks_keras<major>.json: what EarlyStopping and ReduceLROnPlateau of real Keras decide.

Run with Keras 2.15.0 on TensorFlow, and with Keras 3.15.1 on torch. Seed 11. Each case gives a callback a sequence
of metric values and notes when training stopped, which epoch's weights came out, or the learning rate of each epoch.
"""

import json
import random
import sys
from pathlib import Path

import keras

major = keras.__version__.split(".")[0]
random.seed(11)


class Model:
    """Weights are the number of the epoch."""

    def __init__(self):
        self.optimizer = keras.optimizers.SGD(0.125)
        self.stop_training = False
        self.weights = -1

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


def sequence():
    value = random.uniform(0, 4)
    return [round(value := value + random.choice([-0.5, -0.25, 0.0, 0.25, 0.5]), 2) for _ in range(14)]


def drive(callback, values):
    model = Model()
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(values):
        model.weights = epoch
        callback.on_epoch_end(epoch, {"score": value})
        rates.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate) if major == "3"
                           else model.optimizer.learning_rate.numpy()))  # fmt: skip
        if model.stop_training:
            break
    callback.on_train_end()
    return {"epochs": len(rates), "weights": model.weights, "rates": rates}


cases = []
for number in range(48):
    values = sequence()
    options = {
        "monitor": "score",
        "mode": random.choice(["min", "max"]),
        "patience": random.choice([0, 1, 2, 3]),
        "min_delta": random.choice([0, 0.3]),
    }
    if number % 2:
        name = "EarlyStopping"
        options["restore_best_weights"] = random.choice([True, False])
        options["start_from_epoch"] = random.choice([0, 0, 3])
        if random.random() < 0.5:
            options["baseline"] = round(values[0] + random.choice([-0.5, 0.5]), 2)
    else:
        name = "ReduceLROnPlateau"
        options["factor"] = 0.5
        options["cooldown"] = random.choice([0, 0, 2])
        options["min_lr"] = random.choice([0.0, 0.02])
    callback = getattr(keras.callbacks, name)(**options)
    cases.append({"name": name, "options": options, "values": values, "result": drive(callback, values)})

target = Path(sys.argv[1] if len(sys.argv) > 1 else "tests/golden") / f"callbacks_keras{major}.json"
target.write_text(json.dumps({"keras": keras.__version__, "cases": cases}, separators=(",", ":")) + "\n")
print(f"{target}: {len(cases)} cases")
