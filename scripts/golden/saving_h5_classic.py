"""Write golden HDF5 files with real Keras 1.2.2 or 2.2.4 on Theano, seed 7.

They run on today's Python with `pip install theano-pymc==1.1.2 numpy==1.23.5 h5py pyyaml six keras_applications
keras_preprocessing` and the unpacked source distribution of Keras on the path:
`PYTHONPATH=Keras-2.2.4 python scripts/golden/saving_h5_classic.py`. old_python.py puts back what Python has removed.

Each model trains three steps before it is saved; see saving_h5.py for what is stored. Theano turns the kernels of
convolutions around. Keras 2 notes the backend in the file; Keras 1 does not, so the predictions stored with its
files are made with kernels turned around once more, as if TensorFlow had written them.
"""

from __future__ import annotations

import io
import sys
import tempfile
import zipfile
from pathlib import Path

from old_python import restore

restore()

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers  # noqa: E402
from keras.models import Model, Sequential  # noqa: E402

SEED = 7
FIRST = keras.__version__.startswith("1")
GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"


def _data(seed, *shape):
    return np.random.RandomState(seed).uniform(-1.0, 1.0, shape).astype("float32")


def _classes(seed, count, classes):
    return np.eye(classes, dtype="float32")[np.random.RandomState(seed).randint(0, classes, count)]


def mlp_1():
    model = Sequential(name="mlp")
    model.add(layers.Dense(8, input_dim=6, activation="relu", W_regularizer="l2", name="first"))
    model.add(layers.BatchNormalization(momentum=0.9, name="norm"))
    model.add(layers.Dropout(0.0, name="drop"))
    model.add(layers.Dense(3, init="he_normal", W_constraint=keras.constraints.maxnorm(2), name="scores"))
    model.add(layers.Activation("softmax", name="probabilities"))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model, [_data(1, 16, 6)], [_classes(2, 16, 3)]


def cnn_1(ordering="tf"):
    shape = (8, 8, 2) if ordering == "tf" else (2, 8, 8)
    model = Sequential(name="cnn")
    model.add(layers.ZeroPadding2D((1, 1), input_shape=shape, dim_ordering=ordering, name="pad"))
    model.add(layers.Convolution2D(4, 3, 2, activation="relu", dim_ordering=ordering, name="conv_a"))
    model.add(layers.MaxPooling2D((2, 2), dim_ordering=ordering, name="pool"))
    model.add(layers.Convolution2D(3, 2, 2, border_mode="valid", dim_ordering=ordering, name="conv_b"))
    model.add(layers.UpSampling2D((2, 2), dim_ordering=ordering, name="up"))
    model.add(layers.Flatten(name="flat"))
    model.add(layers.Dense(2, activation="sigmoid", name="scores"))
    model.compile(keras.optimizers.SGD(lr=0.05, momentum=0.9, decay=0.1), "binary_crossentropy")
    return model, [_data(3, 8, *shape)], [_classes(4, 8, 2)]


def cnn_th_1():
    return cnn_1("th")


def recurrent_1():
    model = Sequential(name="recurrent")
    model.add(layers.Embedding(11, 4, input_length=5, mask_zero=True, name="words"))
    model.add(layers.LSTM(4, return_sequences=True, name="lstm"))
    model.add(layers.GRU(3, return_sequences=True, name="gru"))
    model.add(layers.LSTM(3, return_sequences=True, consume_less="gpu", name="joined_lstm"))
    model.add(layers.Bidirectional(layers.LSTM(2, return_sequences=True), name="both"))
    model.add(layers.SimpleRNN(3, name="simple"))
    model.add(layers.Dense(1, activation="sigmoid", name="score"))
    model.compile("rmsprop", "binary_crossentropy")
    words = np.random.RandomState(5).randint(1, 11, (8, 5)).astype("float32")
    words[::2, 3:] = 0
    return model, [words], [np.random.RandomState(6).randint(0, 2, (8, 1)).astype("float32")]


def graph_1():
    left, right = layers.Input(shape=(4,), name="left"), layers.Input(shape=(4,), name="right")
    shared = layers.Dense(5, activation="tanh", name="shared")
    a, b = shared(left), shared(right)
    joined = layers.merge([a, b], mode="concat", name="joined")
    total = layers.merge([a, b], mode="sum", name="total")
    inner_in = layers.Input(shape=(5,), name="inner_in")
    inner = Model(input=inner_in, output=layers.Dense(5, name="inner_dense")(inner_in), name="inner")
    nested = inner(inner(total))
    main = layers.Dense(2, name="main")(layers.merge([joined, nested], mode="concat", name="all"))
    side = layers.Dense(1, name="side")(layers.merge([a, nested], mode="mul", name="product"))
    model = Model(input=[left, right], output=[main, side], name="graph")
    model.compile("adagrad", "mse", loss_weights=[1.0, 0.5])
    return model, [_data(7, 8, 4), _data(8, 8, 4)], [_data(9, 8, 2), _data(10, 8, 1)]


def mlp_2():
    model = Sequential(name="mlp")
    model.add(layers.Dense(8, input_dim=6, activation="relu", kernel_regularizer="l2", name="first"))
    model.add(layers.BatchNormalization(momentum=0.9, name="norm"))
    model.add(layers.Dropout(0.0, name="drop"))
    model.add(layers.Dense(3, kernel_constraint=keras.constraints.max_norm(2), name="scores"))
    model.add(layers.Activation("softmax", name="probabilities"))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model, [_data(1, 16, 6)], [_classes(2, 16, 3)]


def cnn_2(data_format="channels_last"):
    shape = (8, 8, 2) if data_format == "channels_last" else (2, 8, 8)
    model = Sequential(name="cnn")
    model.add(layers.ZeroPadding2D(1, input_shape=shape, data_format=data_format, name="pad"))
    model.add(layers.Conv2D(4, (3, 2), activation="relu", data_format=data_format, name="conv_a"))
    model.add(layers.MaxPooling2D(2, data_format=data_format, name="pool"))
    model.add(layers.Conv2D(3, 2, use_bias=False, data_format=data_format, name="conv_b"))
    model.add(layers.UpSampling2D(2, data_format=data_format, name="up"))
    model.add(layers.Flatten(name="flat"))
    model.add(layers.Dense(2, activation="sigmoid", name="scores"))
    model.compile(keras.optimizers.SGD(lr=0.05, momentum=0.9, decay=0.1), "binary_crossentropy")
    return model, [_data(3, 8, *shape)], [_classes(4, 8, 2)]


def cnn_first_2():
    return cnn_2("channels_first")


def recurrent_2():
    model = Sequential(name="recurrent")
    model.add(layers.Embedding(11, 4, input_length=5, mask_zero=True, name="words"))
    model.add(layers.LSTM(4, return_sequences=True, name="lstm"))
    model.add(layers.GRU(3, return_sequences=True, reset_after=True, name="gru"))
    model.add(layers.TimeDistributed(layers.Dense(4, activation="tanh"), name="each"))
    model.add(layers.Bidirectional(layers.GRU(2, return_sequences=True), name="both"))
    model.add(layers.SimpleRNN(3, name="simple"))
    model.add(layers.Dense(1, activation="sigmoid", name="score"))
    model.compile("rmsprop", "binary_crossentropy")
    words = np.random.RandomState(5).randint(1, 11, (8, 5)).astype("float32")
    words[::2, 3:] = 0
    return model, [words], [np.random.RandomState(6).randint(0, 2, (8, 1)).astype("float32")]


def graph_2():
    left, right = layers.Input((4,), name="left"), layers.Input((4,), name="right")
    shared = layers.Dense(5, activation="tanh", name="shared")
    a, b = shared(left), shared(right)
    joined, total = layers.Concatenate(name="joined")([a, b]), layers.Add(name="total")([a, b])
    inner_in = layers.Input((5,), name="inner_in")
    inner = Model(inner_in, layers.BatchNormalization(name="inner_norm")(layers.Dense(5)(inner_in)), name="inner")
    nested = inner(inner(total))
    main = layers.Dense(2, name="main")(layers.Concatenate(name="all")([joined, nested]))
    side = layers.Dense(1, name="side")(layers.Multiply(name="product")([a, nested]))
    model = Model([left, right], [main, side], name="graph")
    model.compile("adagrad", "mse", loss_weights=[1.0, 0.5], metrics=["mae"])
    return model, [_data(7, 8, 4), _data(8, 8, 4)], [_data(9, 8, 2), _data(10, 8, 1)]


BUILDERS = (
    {"mlp": mlp_1, "cnn": cnn_1, "cnn_th": cnn_th_1, "recurrent": recurrent_1, "graph": graph_1}
    if FIRST
    else {"mlp": mlp_2, "cnn": cnn_2, "cnn_first": cnn_first_2, "recurrent": recurrent_2, "graph": graph_2}
)


def single(items):
    return items if len(items) > 1 else items[0]


def turn_kernels(model):
    """Rotate the kernels of the convolutions of a Keras 1 model by 180 degrees."""
    for layer in model.layers:
        if layer.__class__.__name__.startswith("Convolution"):
            kernel, *rest = layer.get_weights()
            axes = (2, 3) if layer.dim_ordering == "th" else (0, 1)
            layer.set_weights([np.flip(kernel, axes), *rest])


def train(model, inputs, targets, steps):
    """Return the total loss of each of `steps` calls of train_on_batch."""
    return [float(np.ravel(model.train_on_batch(single(inputs), single(targets)))[0]) for _ in range(steps)]


def write(name, archive, folder):
    """Train, save and describe one model."""
    np.random.seed(SEED)
    model, inputs, targets = BUILDERS[name]()
    train(model, inputs, targets, 3)
    path = Path(folder) / f"{name}.h5"
    model.save(str(path))
    if FIRST:
        turn_kernels(model)
    outputs = model.predict(single(inputs))
    outputs = outputs if isinstance(outputs, list) else [outputs]
    arrays = {f"input_{i}": value for i, value in enumerate(inputs)}
    arrays.update({f"target_{i}": value for i, value in enumerate(targets)})
    arrays.update({f"output_{i}": value for i, value in enumerate(outputs)})
    if not name.startswith("cnn"):
        arrays["losses"] = np.array(train(model, inputs, targets, 5))
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    archive.writestr(f"{name}.npz", buffer.getvalue())
    archive.write(path, f"{name}.h5")


def main():
    target = GOLDEN / f"saving_h5_keras{keras.__version__}.zip"
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in BUILDERS:
            write(name, archive, folder)
            print(name)
    print(target, target.stat().st_size)


if __name__ == "__main__":
    sys.exit(main())
