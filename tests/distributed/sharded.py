"""What processes compute that keep parts of the weights: cases again, and what only they can show."""

import contextlib
import os
import tempfile
from pathlib import Path

import alone
import cases
import numpy as np
import torch

import keras_torch as keras
from keras_torch import distributed, layers, symbolic
from keras_torch.dropin.tensorflow.tape import GradientTape

CHECKS = {}
# Those that two processes compute again; three, whose tests are slow, compute all of them.
AGAIN = [
    "dense_in_float64",
    "lstm_over_masked_words",
    "embedding_with_clipping_and_averages",
    "gan_with_a_train_step_of_its_own",
    "parameters_without_gradients_and_added_losses",
]
PAIRS = [("weights", name) for name in AGAIN] + [("optimizer", name) for name in AGAIN[::2]]
NOT_SHARDED = ["stateful_layers_are_not_split"]
ALL = [(kind, name) for kind in ("weights", "optimizer") for name in cases.CASES if name not in NOT_SHARDED]


# FSDP2 takes another way to sum gradients since then.
SUPPORTED = torch.__version__ >= (2, 9)


def check(function):
    CHECKS[function.__name__] = function
    return function


def names():
    if not SUPPORTED:
        return []
    pairs = PAIRS if distributed.world_size() == 2 else ALL
    return [f"{kind}: {name}" for kind, name in pairs] + list(CHECKS)


def run(name):
    kind, _, case = name.rpartition(": ")
    distributed.set_sharding(kind or "weights")
    try:
        if kind:
            return cases.run(case)
        symbolic.reset_names()
        keras.utils.set_random_seed(7)
        return CHECKS[name]()
    finally:
        distributed.set_sharding(None)


@keras.saving.register_keras_serializable("tests")
class Scaled(keras.layers.Layer):
    """A layer of the user's own: variables, one of them shared by way of a list, and a layer inside."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale", regularizer="l2")
        self.shifts = [self.add_weight(shape=(shape[-1],), initializer="zeros", name="shift")]
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")
        self.inner = layers.Dense(shape[-1], kernel_constraint="max_norm")
        self.inner.build(shape)

    def call(self, x):
        self.calls.assign_add(1.0)
        return self.inner(x * self.scale.value + self.shifts[0])


def network():
    inputs = keras.Input((6,))
    x = layers.Dense(9, activation="relu")(inputs)
    x = layers.BatchNormalization(synchronized=True)(x)
    outputs = layers.Dense(3, activation="softmax")(Scaled()(x))
    return keras.Model(inputs, outputs)


def folder(name):
    """One folder for all processes, as they see one disk."""
    found = Path(tempfile.gettempdir(), f"keras_torch_{name}_{os.environ['MASTER_PORT']}")
    found.mkdir(exist_ok=True)
    return found


@check
def sharded_files():
    where = folder("sharded")
    model = network()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    alone.fit(model, callbacks=[keras.callbacks.ModelCheckpoint(str(where / "last.keras"))])
    model.save(where / "whole.h5")
    model.save_weights(where / "only.weights.h5")
    x, weights = cases.numbers(20, 6), model.get_weights()
    expected = model.predict(x, verbose=0)
    state = [np.array(item) for item in model.optimizer.get_weights()]
    found = []
    for name in ("last.keras", "whole.h5"):
        again = keras.models.load_model(where / name)
        found.append([again.get_weights(), again.optimizer.get_weights(), again.predict(x, verbose=0)])
    model.set_weights([np.zeros_like(item) for item in weights])
    zeros = [not item.any() for item in model.get_weights()]
    model.load_weights(where / "only.weights.h5")
    distributed.shared_object(None)
    return {
        "weights": weights,
        "state": state,
        "expected": expected,
        "found": found,
        "zeros": zeros,
        "again": model.predict(x, verbose=0),
        "numbers": [item.to_local().numel() for item in model.parameters() if hasattr(item, "to_local")],
        "whole": sorted(item.numel() for item in model.parameters() if not hasattr(item, "to_local")),
        "kept": sum(
            item.numel() for entry in model.optimizer.torch_optimizer.state.values() for item in entry.values()
        ),
        "classes": [type(layer).__name__ for layer in model.layers],
        "files": {name: (where / name).read_bytes() for name in ("last.keras", "whole.h5")},
    }


@check
def sharded_continued():
    steps = []

    def fail(batch):
        steps.append(batch)
        if len(steps) == 15:
            raise KeyError("killed")

    place = os.path.join(folder("sharded_backup"), "backup")
    with contextlib.suppress(KeyError):
        alone.survivor(place, fail)
    return {**alone.survivor(place), "steps": len(steps)}


def parts_path():
    """Where two processes leave a checkpoint for others."""
    return Path(os.environ.get("KERAS_TORCH_TEST_PARTS") or folder("parts"), "checkpoint")


@check
def checkpoint_in_parts():
    """Two processes train and save; they, and any other number, load it and train on."""
    x, y = cases.numbers(20, 6), cases.labels(66)
    model = network()
    model.compile("adam", "sparse_categorical_crossentropy")
    if distributed.world_size() == 2:
        alone.fit(model)
        keras.saving.save_checkpoint(model, parts_path())
    else:
        keras.saving.load_checkpoint(model, parts_path())
    found = [model.predict(x, verbose=0)]
    for kind in ("weights", None):
        distributed.set_sharding(kind)
        again = network()
        again.compile("adam", "sparse_categorical_crossentropy")
        keras.saving.load_checkpoint(again, parts_path())
        found.append(again.predict(x, verbose=0))
        again.fit(cases.numbers(66, 6), y, batch_size=11, verbose=0, shuffle=False)
        found.append(again.predict(x, verbose=0))
    return {"found": found, "path": str(parts_path())}


class Taped(keras.Model):
    """A train_step in the style of tf.keras."""

    def __init__(self):
        super().__init__()
        self.first, self.last = layers.Dense(8, activation="tanh"), layers.Dense(3)

    def call(self, x):
        return self.last(self.first(x))

    def train_step(self, data):
        x, y = data
        with GradientTape() as tape:
            loss = keras.ops.mean(keras.losses.mean_squared_error(y, self(x, training=True)))
        weights = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return {"loss": loss.detach()}


def taped_training():
    model = Taped()
    model.build((None, 6))
    model.compile(keras.optimizers.Adam(0.01, global_clipnorm=0.1))
    history = model.fit(cases.numbers(53, 6), cases.numbers(53, 3), batch_size=11, epochs=2, verbose=0)
    return cases.outcome(model, history)


@check
def taped():
    return taped_training()


def words(dtype="float64"):
    """A network with weights that are split in many ways."""
    keras.config.set_floatx(dtype)
    inputs = keras.Input((7,))
    x = layers.Embedding(12, 8, name="embedding")(inputs)
    x = x + layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = layers.LayerNormalization()(x)
    x = x + layers.Dense(8, name="down")(layers.Dense(10, activation="relu", name="up")(x))
    x = layers.Conv1D(6, 3, name="conv", kernel_regularizer="l2")(x)
    x = layers.LSTM(4, name="lstm")(x)
    model = keras.Model(inputs, layers.Dense(4, activation="softmax", name="last")(x))
    optimizer = keras.optimizers.Adam(0.01, global_clipnorm=0.5, use_ema=True)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


LAYOUTS = {
    "embedding": (None, "model"),
    "(query|key|value)/kernel": (None, "model", None),
    "(query|key|value)/bias": ("model", None),
    "attention_output/kernel": ("model", None, None),
    "up/kernel": (None, "model"),
    "up/bias": ("model",),
    "down/kernel": ("model", None),
    "conv/kernel": (None, None, "model"),
    "lstm_cell/kernel": (None, "model"),
    "last/kernel": (None, "model"),
}


def words_trained():
    found = words()
    x, y = cases.labels((53, 7), 12), cases.labels(53, 4)
    history = found.fit(x, y, batch_size=11, verbose=0, validation_split=0.2)
    evaluated = found.evaluate(x, y, batch_size=9, verbose=0)
    return found, cases.outcome(found, history, evaluated=evaluated, predicted=found.predict(x, verbose=0))


@check
def split_by_layouts():
    distributed.set_sharding(None)
    floatx = keras.config.floatx()
    world = distributed.world_size()
    mesh = keras.distribution.DeviceMesh((1, world) if world < 4 else (2, world // 2), ("batch", "model"))
    layouts = keras.distribution.LayoutMap(mesh)
    for path, axes in LAYOUTS.items():
        layouts[path] = axes
    parallel = keras.distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch")
    try:
        with parallel.scope():
            model, found = words_trained()
            model.save(folder("split") / "split.keras")
            again = keras.models.load_model(folder("split") / "split.keras")
        split = {w.path: [s.to_local().shape for s in w.storages if hasattr(s, "to_local")] for w in model.weights}
        return {**found, "split": {key: value for key, value in split.items() if value}, "again": again.get_weights()}
    finally:
        keras.config.set_floatx(floatx)


def refusal(model, optimizer="sgd", **options):
    model.compile(optimizer, "mse")
    try:
        model.fit(cases.numbers(8, 6), cases.numbers(8, 6), batch_size=4, verbose=0, **options)
    except (ValueError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"


@check
def refusals():
    def dense(**options):
        return keras.Sequential([keras.Input(**options), layers.Dense(6)])

    return {
        "lamb": refusal(dense(shape=(6,)), "lamb"),
        "torch": refusal(dense(shape=(6,)), keras.optimizers.Muon()),
        "batch": refusal(dense(batch_shape=(4, 6))),
        "continued": refusal(dense(shape=(6,))),
    }
