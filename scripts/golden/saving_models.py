"""Small models that use every layer family of the HDF5 tests; run by real Keras and by this project alike.

Each builder takes the `keras` namespace and returns (compiled model, inputs, targets). Everything is deterministic but
the weights, which the caller seeds.
"""

from __future__ import annotations

import numpy as np


def _data(seed, *shape):
    return np.random.RandomState(seed).uniform(-1.0, 1.0, shape).astype("float32")


def _classes(seed, count, classes):
    return np.eye(classes, dtype="float32")[np.random.RandomState(seed).randint(0, classes, count)]


def mlp(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input(shape=(6,)),
            layers.Dense(8, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01), name="first"),
            layers.BatchNormalization(momentum=0.9, name="norm"),
            layers.Dropout(0.0, name="drop"),
            layers.Dense(3, kernel_constraint=keras.constraints.MaxNorm(2.0), name="scores"),
            layers.Activation("softmax", name="probabilities"),
        ],
        name="mlp",
    )
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.01), loss="categorical_crossentropy", metrics=["accuracy"]
    )
    return model, [_data(1, 16, 6)], [_classes(2, 16, 3)]


def cnn(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input(shape=(8, 8, 1)),
            layers.Conv2D(4, 3, padding="same", activation="relu", name="conv_a"),
            layers.BatchNormalization(scale=False, name="norm"),
            layers.MaxPooling2D(2, name="pool"),
            layers.ZeroPadding2D(1, name="pad"),
            layers.Conv2D(5, (3, 2), strides=(2, 1), use_bias=False, name="conv_b"),
            layers.UpSampling2D(2, name="up"),
            layers.AveragePooling2D(2, name="average"),
            layers.Flatten(name="flat"),
            layers.Dense(3, activation="softmax", name="scores"),
        ],
        name="cnn",
    )
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate=0.05, momentum=0.9, nesterov=True),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        metrics=["accuracy"],
    )
    return model, [_data(3, 8, 8, 8, 1)], [_classes(4, 8, 3)]


def recurrent(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input(shape=(5,)),
            layers.Embedding(11, 4, mask_zero=True, name="words"),
            layers.LSTM(4, return_sequences=True, name="lstm"),
            layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both"),
            layers.TimeDistributed(layers.Dense(4, activation="tanh"), name="each"),
            layers.Bidirectional(layers.LSTM(2, return_sequences=True), merge_mode="sum", name="both_lstm"),
            layers.GRU(
                3, reset_after=False, return_sequences=True, recurrent_activation="hard_sigmoid", name="old_gru"
            ),
            layers.SimpleRNN(3, name="simple"),
            layers.Dense(1, activation="sigmoid", name="score"),
        ],
        name="recurrent",
    )
    model.compile(optimizer=keras.optimizers.RMSprop(learning_rate=0.01), loss="binary_crossentropy")
    words = np.random.RandomState(5).randint(1, 11, (8, 5)).astype("float32")
    words[::2, 3:] = 0
    return model, [words], [np.random.RandomState(6).randint(0, 2, (8, 1)).astype("float32")]


def frames(keras):
    layers = keras.layers
    frame = keras.Sequential(
        [
            keras.Input(shape=(5, 4, 4)),
            layers.Conv2D(3, 2, activation="tanh", name="frame_conv"),
            layers.AveragePooling2D(2, name="frame_pool"),
            layers.Flatten(name="frame_flat"),
        ],
        name="frame",
    )
    images = layers.ConvLSTM2D(2, (3, 2), padding="same", return_sequences=True, dropout=0.0, name="images")
    other = layers.LSTM(2, activation="softsign", go_backwards=True, name="other")
    model = keras.Sequential(
        [
            keras.Input(shape=(3, 5, 4, 1)),
            layers.ConvLSTM2D(2, 3, padding="same", return_sequences=True, unit_forget_bias=False, name="first"),
            layers.Bidirectional(images, name="both_images"),
            layers.TimeDistributed(frame, name="each_frame"),
            layers.Bidirectional(layers.LSTM(2, name="one"), backward_layer=other, name="ways"),
            layers.Dense(2, name="score"),
        ],
        name="frames",
    )
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.1), loss="mse")
    return model, [_data(13, 4, 3, 5, 4, 1)], [_data(14, 4, 2)]


def multi_io(keras):
    layers = keras.layers
    left, right = keras.Input(shape=(4,), name="left"), keras.Input(shape=(4,), name="right")
    shared = layers.Dense(5, activation="tanh", name="shared")
    a, b = shared(left), shared(right)
    joined = layers.Concatenate(name="joined")([a, b])
    summed = layers.Add(name="summed")([a, b])
    product = layers.Multiply(name="product")([a, summed])
    dot = layers.Dot(axes=1, name="dot")([a, b])
    difference = layers.Subtract(name="difference")([product, b])
    main = layers.Dense(2, name="main")(layers.Concatenate(name="all")([joined, difference, dot]))
    side = layers.Dense(1, activation="sigmoid", name="side")(layers.Maximum(name="largest")([a, b]))
    model = keras.Model(inputs=[left, right], outputs=[main, side], name="multi_io")
    model.compile(
        optimizer=keras.optimizers.AdamW(learning_rate=0.01, weight_decay=0.02),
        loss={"main": "mse", "side": "binary_crossentropy"},
        loss_weights={"main": 1.0, "side": 0.5},
        metrics={"main": ["mae"], "side": ["accuracy"]},
    )
    targets = [_data(9, 8, 2), np.random.RandomState(10).randint(0, 2, (8, 1)).astype("float32")]
    return model, [_data(7, 8, 4), _data(8, 8, 4)], targets


def nested(keras):
    layers = keras.layers
    inner_in = keras.Input(shape=(4,), name="inner_in")
    inner_out = layers.BatchNormalization(name="inner_norm")(layers.Dense(4, name="inner_dense")(inner_in))
    inner = keras.Model(inner_in, inner_out, name="inner")
    stack = keras.Sequential(
        [keras.Input(shape=(4,)), layers.Dense(3, activation="relu", name="stack_a"), layers.Dense(3, name="stack_b")],
        name="stack",
    )
    stack.layers[0].trainable = False
    source = keras.Input(shape=(4,), name="source")
    twice = inner(inner(source))
    model = keras.Model(source, layers.Dense(1, name="score")(stack(twice)), name="nested")
    model.compile(optimizer=keras.optimizers.Adagrad(learning_rate=0.05), loss="mse", metrics=["mae"])
    return model, [_data(11, 8, 4)], [_data(12, 8, 1)]


def assorted(keras):
    layers = keras.layers
    source = keras.Input(shape=(6, 2), name="source")
    x = layers.Masking(0.0, name="masking")(source)
    x = layers.Conv1D(4, 3, padding="causal", dilation_rate=2, name="conv")(x)
    x = layers.LayerNormalization(name="layer_norm")(x)
    x = layers.PReLU(shared_axes=[1], name="prelu")(x)
    x = layers.MaxPooling1D(2, name="pool")(x)
    x = layers.Permute((2, 1), name="permute")(x)
    x = layers.LeakyReLU(0.2, name="leaky")(x)
    flat = layers.Reshape((12,), name="reshape")(x)
    x = layers.ELU(alpha=0.5, name="elu")(flat)
    x = layers.Dense(4, name="hidden")(x)
    x = layers.ReLU(max_value=2.0, name="relu")(x)
    x = layers.RepeatVector(3, name="repeat")(x)
    x = layers.GlobalAveragePooling1D(name="mean")(x)
    x = layers.Average(name="average")([x, layers.Minimum(name="smallest")([x, layers.Dense(4, name="other")(flat)])])
    model = keras.Model(source, layers.Softmax(name="softmax")(x), name="assorted")
    model.compile(
        optimizer=keras.optimizers.Adamax(learning_rate=0.01, clipnorm=1.0),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model, [_data(13, 8, 6, 2)], [np.random.RandomState(14).randint(0, 4, (8, 1)).astype("float32")]


def attention(keras):
    layers = keras.layers
    source = keras.Input(shape=(5,), dtype="int32", name="source")
    x = layers.Embedding(7, 6, name="table")(source)
    heads = layers.MultiHeadAttention(2, 3, name="heads")(x, x, use_causal_mask=True)
    x = layers.LayerNormalization(name="layer_norm")(layers.Add(name="sum")([x, heads]))
    x = layers.Attention(use_scale=True, name="dot")([x, heads])
    x = layers.AdditiveAttention(name="additive")([x, heads])
    x = layers.GroupNormalization(2, name="group_norm")(x)
    x = layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", name="einsum")(x)
    x = layers.UnitNormalization(name="unit_norm")(layers.Reshape((5, 6), name="reshape")(x))
    x = layers.BatchNormalization(renorm=True, name="renorm")(x)
    score = layers.Dense(1, name="score")(layers.GlobalAveragePooling1D(name="mean")(x))
    model = keras.Model(source, score, name="attention")
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.01), loss="mse", metrics=["mae"])
    return model, [np.random.RandomState(15).randint(0, 7, (8, 5)).astype("int32")], [_data(16, 8, 1)]


BUILDERS = {
    "mlp": mlp,
    "cnn": cnn,
    "recurrent": recurrent,
    "frames": frames,
    "multi_io": multi_io,
    "nested": nested,
    "assorted": assorted,
    "attention": attention,
}


def train(model, inputs, targets, steps):
    """Return the total loss of each of `steps` calls of train_on_batch."""
    losses = []
    for _ in range(steps):
        model.reset_metrics()
        data = [part if len(part) > 1 else part[0] for part in (inputs, targets)]
        result = model.train_on_batch(*data)
        losses.append(float(np.ravel(result)[0]))
    return losses


def predict(model, inputs):
    """Return the list of the model's outputs."""
    result = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    return [np.asarray(item) for item in result] if isinstance(result, (list, tuple)) else [np.asarray(result)]
