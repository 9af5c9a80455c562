"""Compile arguments: every optimizer with its slots, schedules, losses and metrics of all kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from model_set import BOTH, KERAS_3, TF, Entry, integers, numbers, one_hot

# In a graph, Nadam of 2.15 multiplies its product of momenta once per variable instead of once per step.
EAGER = ("nadam",)
# Names of its slots stand twice in the file.
UNABLE = {"adafactor": (("3.15", "h5"),)}


def _schedules(keras):
    return keras.optimizers.schedules


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "adam": lambda k: k.optimizers.Adam(0.01, beta_1=0.8, epsilon=1e-6),
    "amsgrad": lambda k: k.optimizers.Adam(0.01, amsgrad=True, clipvalue=0.5),
    "adamw": lambda k: k.optimizers.AdamW(0.01, weight_decay=0.03, global_clipnorm=0.7),
    "sgd": lambda k: k.optimizers.SGD(0.05),
    "sgd-nesterov": lambda k: k.optimizers.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "rmsprop": lambda k: k.optimizers.RMSprop(0.01, rho=0.8, momentum=0.3, centered=True),
    "nadam": lambda k: k.optimizers.Nadam(0.01),
    "adagrad": lambda k: k.optimizers.Adagrad(0.05, initial_accumulator_value=0.2),
    "adadelta": lambda k: k.optimizers.Adadelta(0.5, rho=0.9),
    "adamax": lambda k: k.optimizers.Adamax(0.01, clipnorm=0.4),
    "ftrl": lambda k: k.optimizers.Ftrl(0.05, l1_regularization_strength=0.001, l2_regularization_strength=0.002),
    "lion": lambda k: k.optimizers.Lion(0.01),
    "adafactor": lambda k: k.optimizers.Adafactor(0.02),
    "ema": lambda k: k.optimizers.SGD(0.05, momentum=0.5, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=4),
    "exponential": lambda k: k.optimizers.SGD(_schedules(k).ExponentialDecay(0.1, 4, 0.5, staircase=True)),
    "polynomial": lambda k: k.optimizers.Adam(_schedules(k).PolynomialDecay(0.05, 8, 0.001, power=2.0, cycle=True)),
    "piecewise": lambda k: k.optimizers.RMSprop(_schedules(k).PiecewiseConstantDecay([2, 6], [0.03, 0.01, 0.002])),
    "inverse": lambda k: k.optimizers.Adagrad(_schedules(k).InverseTimeDecay(0.1, 3, 0.5)),
    "cosine": lambda k: k.optimizers.SGD(_schedules(k).CosineDecay(0.01, 9, 0.1, warmup_target=0.1, warmup_steps=5)),
    "restarts": lambda k: k.optimizers.SGD(_schedules(k).CosineDecayRestarts(0.1, 4, 1.5, 0.8, 0.1), momentum=0.3),
}
NEWER: dict[str, Callable[[Any], Any]] = {
    "lamb": lambda k: k.optimizers.Lamb(0.01),
    "muon": lambda k: k.optimizers.Muon(0.02, exclude_layers=["score"]),
    "schedule-free": lambda k: k.optimizers.ScheduleFreeAdamW(0.01, warmup_steps=4),
    "accumulating": lambda k: k.optimizers.Adam(0.01, gradient_accumulation_steps=3),
    "loss-scale": lambda k: k.optimizers.LossScaleOptimizer(k.optimizers.SGD(0.05, momentum=0.9), 64.0, 5),
}
OLDER: dict[str, Callable[[Any], Any]] = {
    "legacy-sgd": lambda k: k.optimizers.legacy.SGD(0.05, momentum=0.9, nesterov=True, decay=0.1),
    "legacy-adam": lambda k: k.optimizers.legacy.Adam(0.01, amsgrad=True, decay=0.05),
    "legacy-rmsprop": lambda k: k.optimizers.legacy.RMSprop(0.01, momentum=0.3, centered=True),
    "legacy-adagrad": lambda k: k.optimizers.legacy.Adagrad(0.05),
    "legacy-adadelta": lambda k: k.optimizers.legacy.Adadelta(0.5),
    "legacy-adamax": lambda k: k.optimizers.legacy.Adamax(0.01),
    "legacy-nadam": lambda k: k.optimizers.legacy.Nadam(0.01),
    "legacy-ftrl": lambda k: k.optimizers.legacy.Ftrl(0.05),
}


def _optimized(name, make):
    def build(keras, version):
        layers = keras.layers
        model = keras.Sequential(
            [
                keras.Input((3,)),
                layers.Dense(3, activation="tanh", name="hidden"),
                layers.BatchNormalization(name="norm"),
                layers.Dense(2, name="still", trainable=False),
                layers.Dense(1, name="score"),
            ],
            name="optimized",
        )
        model.compile(make(keras), "mse", run_eagerly=name in EAGER or None)
        return model, numbers(1, 6, 3), numbers(2, 6, 1)

    return build


def _optimizers(makers, versions):
    return {
        f"optimizer-{name}": Entry(_optimized(name, make), keras=versions, unable=UNABLE.get(name, ()))
        for name, make in makers.items()
    }


def _scores(keras, name, outputs, activation):
    source = keras.Input((4,), name="source")
    made = [keras.layers.Dense(size, activation=activation, name=f"out_{key}")(source) for key, size in outputs.items()]
    return keras.Model(source, made, name=name)


def regression(keras, version):
    """Losses and metrics of numbers: names, functions and objects, per output."""
    losses, metrics = keras.losses, keras.metrics
    chosen = {
        "a": "mean_squared_error",
        "b": losses.Huber(delta=0.7),
        "c": losses.LogCosh(name="lc"),
        "d": "mape",
        "e": losses.mean_absolute_error,
        "f": losses.CosineSimilarity(axis=-1, reduction="sum_over_batch_size"),
        "g": losses.MeanSquaredLogarithmicError(),
        "h": losses.Poisson(),
    }
    model = _scores(keras, "regression", dict.fromkeys(chosen, 3), "softplus")
    measured = [
        ["mae", metrics.RootMeanSquaredError(name="rmse")],
        [metrics.MeanSquaredError()],
        [metrics.MeanAbsolutePercentageError(name="mape"), "mse"],
        [metrics.CosineSimilarity(axis=1)],
        ["mean_squared_logarithmic_error"],
        [metrics.LogCoshError()],
        [metrics.Poisson()],
        [metrics.MeanRelativeError([0.5, 1.0, 2.0])] if version == "2.15" else [metrics.R2Score()],
    ]
    model.compile(
        keras.optimizers.SGD(0.01),
        loss=list(chosen.values()),
        metrics=measured,
        loss_weights=[1.0, 2.0, 0.5, 0.01, 1.0, 1.0, 1.0, 0.3],
    )
    return model, numbers(3, 6, 4), [abs(numbers(4 + index, 6, 3)) + 0.1 for index in range(8)]


def classification(keras, version):
    """Losses and metrics of classes, some of them weighted."""
    losses, metrics = keras.losses, keras.metrics
    model = _scores(keras, "classification", {"one": 3, "index": 3, "two": 1, "hinge": 1, "focal": 3}, "sigmoid")
    model.compile(
        keras.optimizers.SGD(0.05),
        loss=[
            losses.CategoricalCrossentropy(label_smoothing=0.1),
            losses.SparseCategoricalCrossentropy(from_logits=True),
            "binary_crossentropy",
            losses.SquaredHinge(),
            losses.CategoricalFocalCrossentropy(alpha=0.3, gamma=1.5),
        ],
        metrics=[
            ["accuracy", metrics.TopKCategoricalAccuracy(k=2, name="top"), metrics.Precision(thresholds=[0.3, 0.6])],
            ["accuracy", metrics.SparseTopKCategoricalAccuracy(k=1), "sparse_categorical_crossentropy"],
            ["acc", metrics.AUC(num_thresholds=7, name="auc"), metrics.Recall(), metrics.FalsePositives()],
            [metrics.BinaryAccuracy(threshold=0.4), metrics.Hinge()],
            [metrics.F1Score(average="macro"), metrics.KLDivergence()],
        ],
        weighted_metrics=[["mse"], [], [metrics.BinaryCrossentropy(name="weighted_bce")], [], []],
    )
    targets = [
        one_hot(12, 6, 3),
        integers(13, 3, 6, 1),
        integers(14, 2, 6, 1, dtype="float32"),
        2 * integers(15, 2, 6, 1, dtype="float32") - 1,
        one_hot(16, 6, 3),
    ]
    return model, numbers(11, 6, 4), targets


def shared_metrics(keras, version):
    """One loss and one list of metrics for every output, and no output named."""
    source = keras.Input((4,), name="source")
    made = [keras.layers.Dense(2, name=name)(source) for name in ("left", "right")]
    model = keras.Model(source, made, name="shared_metrics")
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=None if version == "3.15" else ["mae"])
    return model, numbers(17, 6, 4), [numbers(18, 6, 2), numbers(19, 6, 2)]


def uncompiled_state(keras, version):
    """Compiled, but never trained: there is no state of an optimizer but its iteration."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="score")], name="fresh")
    model.compile("rmsprop", "mse", metrics=["mae"])
    return model, numbers(20, 4, 3), numbers(21, 4, 2)


MODELS = {
    **_optimizers(OPTIMIZERS, BOTH),
    **_optimizers(NEWER, KERAS_3),
    **_optimizers(OLDER, TF),
    "regression": Entry(regression),
    "classification": Entry(classification),
    "shared-metrics": Entry(shared_metrics),
    "fresh": Entry(uncompiled_state, steps=0),
}
