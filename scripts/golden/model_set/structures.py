"""Models in models, shared parts, several inputs and outputs, frozen parts, and the older set of small models."""

from __future__ import annotations

from typing import Any

import saving_models

from model_set import BOTH, KERAS_3, TF, Entry, integers, numbers, one_hot


def _sgd(keras, model, loss="mse", **more):
    model.compile(keras.optimizers.SGD(learning_rate=0.05, momentum=0.9), loss, **more)
    return model


def deep(keras, version):
    """Models three deep, one of them used twice."""
    layers = keras.layers
    core_in = keras.Input((3,), name="core_in")
    core = keras.Model(core_in, layers.Dense(3, activation="tanh", name="core_dense")(core_in), name="core")
    middle_in = keras.Input((3,), name="middle_in")
    x = layers.BatchNormalization(name="middle_norm")(core(layers.Dense(3, name="middle_dense")(middle_in)))
    middle = keras.Model(middle_in, core(x), name="middle")
    outer_in = keras.Input((3,), name="outer_in")
    tail = keras.Sequential([keras.Input((3,)), middle, layers.Dense(2, name="tail_dense")], name="tail")
    model = keras.Model(outer_in, layers.Dense(1, name="score")(tail(layers.Dense(3, name="head")(outer_in))))
    return _sgd(keras, model), numbers(1, 6, 3), numbers(2, 6, 1)


def functional_in_sequential(keras, version):
    layers = keras.layers
    source = keras.Input((4,), name="source")
    a = layers.Dense(3, activation="relu", name="a")(source)
    inner = keras.Model(source, layers.Add(name="sum")([a, layers.Dense(3, name="b")(source)]), name="inner")
    model = keras.Sequential([inner, layers.Dense(2, activation="softmax", name="scores")], name="stacked")
    return _sgd(keras, model, "categorical_crossentropy", metrics=["accuracy"]), numbers(3, 6, 4), one_hot(4, 6, 2)


def shared(keras, version):
    """A model on two inputs, and a layer of it that the outer model uses, too."""
    layers = keras.layers
    common = layers.Dense(3, activation="tanh", name="common")
    source = keras.Input((3,), name="tower_in")
    tower = keras.Model(source, layers.Dense(3, name="top")(common(source)), name="tower")
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    x = layers.Concatenate(name="both")([tower(left), tower(right), common(left)])
    model = keras.Model([left, right], layers.Dense(1, activation="sigmoid", name="score")(x), name="siamese")
    _sgd(keras, model, "binary_crossentropy", metrics=["accuracy"])
    return model, [numbers(5, 6, 3), numbers(6, 6, 3)], integers(7, 2, 6, 1, dtype="float32")


def frames(keras, version):
    """Models in TimeDistributed, and in Bidirectional's neighbour."""
    layers = keras.layers
    source = keras.Input((4, 4, 1), name="image")
    x = layers.Flatten(name="flat")(layers.Conv2D(2, 3, activation="relu", name="conv")(source))
    image = keras.Model(source, layers.Dense(3, name="code")(x), name="coder")
    video = keras.Input((3, 4, 4, 1), name="video")
    x = layers.TimeDistributed(image, name="each")(video)
    x = layers.Bidirectional(layers.LSTM(2), name="both")(x)
    model = keras.Model(video, layers.Dense(1, name="score")(x), name="video_model")
    return _sgd(keras, model), numbers(8, 4, 3, 4, 4, 1), numbers(9, 4, 1)


def dicts(keras, version):
    """Inputs and outputs in dicts."""
    layers = keras.layers
    inputs = {"width": keras.Input((2,), name="width"), "height": keras.Input((3,), name="height")}
    x = layers.Concatenate(name="joined")([inputs["width"], inputs["height"]])
    x = layers.Dense(4, activation="relu", name="hidden")(x)
    outputs = {"area": layers.Dense(1, name="area")(x), "kind": layers.Dense(3, activation="softmax", name="kind")(x)}
    model = keras.Model(inputs, outputs, name="dicts")
    model.compile(
        keras.optimizers.Adam(learning_rate=0.01),
        loss={"area": "mse", "kind": "categorical_crossentropy"},
        loss_weights={"area": 0.5, "kind": 1.0},
        metrics={"area": ["mae"], "kind": ["accuracy"]},
    )
    return (
        model,
        {"width": numbers(10, 6, 2), "height": numbers(11, 6, 3)},
        {"area": numbers(12, 6, 1), "kind": one_hot(13, 6, 3)},
    )


def lists(keras, version):
    """One output in a list, and an input that is an output."""
    layers = keras.layers
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    x = layers.Dense(2, name="dense")(layers.Average(name="mean")([a, b]))
    model = keras.Model(inputs=[a, b], outputs=[x, layers.Multiply(name="product")([x, b])], name="lists")
    _sgd(keras, model, ["mse", "mae"], loss_weights=[1.0, 0.25])
    return model, [numbers(14, 6, 2), numbers(15, 6, 2)], [numbers(16, 6, 2), numbers(17, 6, 2)]


def frozen(keras, version):
    """A frozen layer, a frozen model, a frozen BatchNormalization and weights of a wrapper that are."""
    layers = keras.layers
    base_in = keras.Input((4,), name="base_in")
    x = layers.BatchNormalization(name="base_norm")(layers.Dense(4, name="base_dense")(base_in))
    base = keras.Model(base_in, x, name="base")
    base.trainable = False
    source = keras.Input((4,), name="source")
    x = base(source)
    x = layers.Dense(3, activation="relu", trainable=False, name="stiff")(x)
    x = layers.BatchNormalization(trainable=False, name="norm")(x)
    x = layers.Reshape((3, 1), name="steps")(layers.Dense(3, name="free")(x))
    x = layers.Bidirectional(layers.GRU(2, trainable=False), name="both")(x)
    model = keras.Model(source, layers.Dense(1, name="score")(x), name="frozen")
    model.compile(keras.optimizers.Adam(learning_rate=0.01), "mse")
    return model, numbers(18, 6, 4), numbers(19, 6, 1)


def deferred(keras, version):
    """A Sequential without an Input, built by its first data."""
    layers = keras.layers
    model = keras.Sequential(
        [layers.Dense(3, activation="relu", name="first"), layers.BatchNormalization(name="norm"), layers.Dense(1)],
        name="deferred",
    )
    model.build((None, 4))
    return _sgd(keras, model), numbers(20, 6, 4), numbers(21, 6, 1)


def stateful(keras, version):
    """Recurrent layers that go on where the last batch ended."""
    layers = keras.layers
    source = keras.Input(batch_shape=(4, 3, 2), name="source")
    x = layers.LSTM(3, stateful=True, return_sequences=True, name="lstm")(source)
    x = layers.GRU(2, stateful=True, name="gru")(x)
    model = keras.Model(source, layers.Dense(1, name="score")(x), name="stateful")
    return model, numbers(22, 4, 3, 2), numbers(23, 4, 1)


def quiet(keras, version):
    """Layers that draw at random, at rate 0: Keras 3 stores the states of their generators."""
    layers = keras.layers
    source = keras.Input((4, 4, 2), name="source")
    x = layers.SpatialDropout2D(0.0, name="spatial")(layers.GaussianNoise(0.0, name="noise")(source))
    x = layers.Conv2D(2, 3, name="conv")(x)
    x = layers.Flatten(name="flat")(layers.AlphaDropout(0.0, name="alpha")(x))
    x = layers.Dropout(0.0, seed=3, name="drop")(layers.GaussianDropout(0.0, name="gaussian")(x))
    x = layers.Reshape((4, 2), name="steps")(x)
    x = layers.SpatialDropout1D(0.0, name="channels")(x)
    x = layers.MultiHeadAttention(2, 2, dropout=0.0, name="heads")(x, x)
    x = layers.LSTM(2, dropout=0.0, recurrent_dropout=0.0, return_sequences=True, name="lstm")(x)
    x = layers.Bidirectional(layers.GRU(2, dropout=0.0, seed=4), name="both")(x)
    model = keras.Model(source, layers.Dense(1, name="score")(x), name="quiet")
    return _sgd(keras, model), numbers(24, 4, 4, 4, 2), numbers(25, 4, 1)


def recipes(keras, version):
    """Every initializer, regularizer and constraint that both generations have, as objects with arguments."""
    make, rules, limits = keras.initializers, keras.regularizers, keras.constraints
    initializers = [
        make.Constant(0.3), make.GlorotNormal(seed=1), make.GlorotUniform(seed=2), make.HeNormal(seed=3),
        make.HeUniform(seed=4), make.Identity(gain=0.5), make.LecunNormal(seed=5), make.LecunUniform(seed=6),
        make.Ones(), make.Orthogonal(gain=0.7, seed=7), make.RandomNormal(0.1, 0.2, seed=8),
        make.RandomUniform(-0.2, 0.3, seed=9), make.TruncatedNormal(0.1, 0.2, seed=10),
        make.VarianceScaling(0.5, "fan_avg", "uniform", seed=11), make.Zeros(), "he_normal",
    ]  # fmt: skip
    regularizers = [
        rules.L1(0.01), rules.L2(0.02), rules.L1L2(0.01, 0.02), rules.OrthogonalRegularizer(0.01, "columns"),
        "l2", None,
    ]  # fmt: skip
    constraints = [
        limits.MaxNorm(0.8, axis=0), limits.MinMaxNorm(0.1, 0.9, 0.5, axis=1), limits.NonNeg(), limits.UnitNorm(axis=0),
        "non_neg", None,
    ]  # fmt: skip
    source = keras.Input((3,), name="source")
    x = source
    for index, initializer in enumerate(initializers):
        x = keras.layers.Dense(
            3,
            kernel_initializer=initializer,
            kernel_regularizer=regularizers[index % 6],
            bias_regularizer=regularizers[index % 3],
            kernel_constraint=constraints[(index + index // 6) % 6],
            activity_regularizer=regularizers[index % 3] if index % 4 == 0 else None,
            activation="tanh",
            name=f"dense_{chr(97 + index)}",
        )(x)
    model = keras.Model(source, x, name="recipes")
    return _sgd(keras, model), numbers(26, 4, 3), numbers(27, 4, 3)


def order(keras, version):
    """Twelve layers of a class: `dense_10` sorts before `dense_2`. Branches, so that depth is not the order either."""
    layers = keras.layers
    source = keras.Input((2,), name="source")
    late = layers.Dense(2, name="late")
    parts = [layers.Dense(2, activation="tanh")(source) for _ in range(11)]
    parts.insert(0, late(layers.Dense(2, name="early")(parts[5])))
    model = keras.Model(source, layers.Dense(1)(layers.Concatenate()(parts)), name="order")
    return _sgd(keras, model), numbers(28, 4, 2), numbers(29, 4, 1)


def double(keras, version):
    """Weights of other sizes than 32 bits."""
    layers = keras.layers
    source = keras.Input((3,), dtype="float64", name="source")
    x = layers.BatchNormalization(dtype="float64", name="norm")(source)
    x = layers.LSTM(2, dtype="float64", name="lstm")(layers.Reshape((3, 1), dtype="float64", name="steps")(x))
    x = layers.Dense(1, dtype="float64", name="score")(x)
    model = keras.Model(source, x, name="double")
    return _sgd(keras, model), numbers(30, 4, 3).astype("float64"), numbers(31, 4, 1).astype("float64")


def slashes(keras, version):
    """Names with a slash, which Keras 2 allows, and one that begins another."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(2, name="block/dense"),
            layers.BatchNormalization(name="block"),
            layers.Dense(2, name="block/dense/kernel"),
            layers.Dense(1, name="dense.1"),
        ],
        name="slashes",
    )
    return _sgd(keras, model), numbers(32, 4, 3), numbers(33, 4, 1)


def plain(keras, version):
    """No weights at all, and no training."""
    source = keras.Input((3, 2), name="source")
    model = keras.Model(source, keras.layers.Flatten(name="flat")(source), name="plain")
    return model, numbers(34, 2, 3, 2), None


def _older(build):
    def made(keras, version):
        model, inputs, targets = build(keras)
        return model, *(part if len(part) > 1 else part[0] for part in (inputs, targets))

    return Entry(made, rough=False)


def _entries(*builders: Any, **options: Any) -> dict[str, Entry]:
    return {build.__name__.replace("_", "-"): Entry(build, **options) for build in builders}


MODELS = {
    **{f"small-{name}": _older(build) for name, build in saving_models.BUILDERS.items()},
    **_entries(
        deep, functional_in_sequential, shared, frames, dicts, lists, frozen, deferred, quiet, recipes, order,
        double, keras=BOTH,
    ),
    # Keras 3 on torch cannot train it: it writes the state in place. The state of others is in no file.
    "stateful-untrained": Entry(stateful, keras=KERAS_3, steps=0),
    **_entries(slashes, keras=TF),
    **_entries(plain, steps=0, rough=False),
}  # fmt: skip
