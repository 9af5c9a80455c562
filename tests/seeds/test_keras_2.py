"""What handbooks of Keras 2 and answers to frequent questions showed."""

from __future__ import annotations

import importlib
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import h5py
import numpy as np
import pytest

DIALECT = "2"


def small(**kwargs):
    from keras.layers import Activation, Dense
    from keras.models import Sequential

    model = Sequential()
    model.add(Dense(3, input_dim=6, kernel_initializer="uniform"))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop", **kwargs)
    return model


def data(count=20):
    return np.random.rand(count, 6), np.eye(3)[np.random.randint(0, 3, count)]


def test_one_network_in_both_styles():
    import keras
    from keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
    from keras.models import Sequential

    chain = [
        Conv2D(4, (3, 3), padding="same", activation="relu", input_shape=(12, 12, 3)),
        Conv2D(4, (3, 3), activation="relu"),
        MaxPooling2D(pool_size=(2, 2)),
        Dropout(0.25),
        Flatten(),
        Dense(5, activation="softmax"),
    ]
    sequential = Sequential()
    for layer in chain:
        sequential.add(layer)
    x = inputs = keras.layers.Input(shape=(12, 12, 3))
    for layer in chain:
        x = layer(x)
    functional = keras.Model(inputs=inputs, outputs=x)
    assert sequential.output_shape == functional.output_shape == (None, 5)
    images = np.random.rand(2, 12, 12, 3)
    assert np.allclose(sequential.predict(images), functional.predict(images), atol=1e-6)


LOSSES = {
    "mse": "mean_squared_error", "mae": "mean_absolute_error", "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error", "squared_hinge": "squared_hinge", "hinge": "hinge",
    "categorical_hinge": "categorical_hinge", "binary_crossentropy": "binary_crossentropy", "logcosh": "logcosh",
    "categorical_crossentropy": "categorical_crossentropy",
    "kullback_leibler_divergence": "kullback_leibler_divergence", "poisson": "poisson",
    "cosine_proximity": "cosine_proximity",
}  # fmt: skip


def test_losses_by_name_and_function_are_the_same():
    from keras import losses

    x, y = data()
    for short, name in LOSSES.items():
        model = small()
        values = []
        for loss in (short, name, getattr(losses, name)):
            model.compile(loss=loss, optimizer="sgd")
            values.append(model.evaluate(x, y, verbose=0))
        assert values[0] == values[1] == values[2]
        assert (values[0] < 0) == (name == "cosine_proximity")


def test_sparse_targets_and_one_hot_targets_give_one_loss():
    from keras.utils.np_utils import to_categorical

    x, y = data()
    ids = y.argmax(1)
    assert np.array_equal(to_categorical(ids, num_classes=None), y)
    model = small()
    expected = model.evaluate(x, y, verbose=0)
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd")
    assert model.evaluate(x, np.expand_dims(ids, -1), verbose=0) == pytest.approx(expected, rel=1e-6)


def test_optimizers_take_the_arguments_of_the_handbook():
    from keras import optimizers

    made = [
        optimizers.SGD(lr=0.01, clipnorm=1.0),
        optimizers.SGD(lr=0.01, clipvalue=0.5),
        optimizers.SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True, clipnorm=5),
        optimizers.RMSprop(lr=0.001, rho=0.9, epsilon=1e-06),
        optimizers.Adam(lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-08),
    ]
    x, y = data()
    for optimizer in made:
        model = small()
        model.compile(loss="mse", optimizer=optimizer)
        assert np.isfinite(model.train_on_batch(x, y))
    weight = small().layers[0]
    before = [np.array(item) for item in weight.get_weights()]
    model = small()
    model.layers[0].set_weights(before)
    model.compile(loss=lambda t, p: 1e3 * (t - p) ** 2, optimizer=optimizers.SGD(lr=1.0, clipvalue=0.5))
    model.train_on_batch(x, y)
    assert np.abs(model.get_weights()[0] - before[0]).max() == pytest.approx(0.5, abs=1e-5)


def test_metrics_by_name_and_function():
    import keras
    from keras import backend as K
    from keras import metrics

    x, y = data()
    model = small(metrics=["mae", "acc"])
    assert model.metrics_names == ["loss", "mean_absolute_error", "acc"]
    model = small(metrics=[metrics.mae, metrics.categorical_accuracy])
    loss, mae, accuracy = model.evaluate(x, y, verbose=0)
    predicted = model.predict(x)
    assert mae == pytest.approx(np.abs(predicted - y).mean(), rel=1e-5)
    assert accuracy == pytest.approx(np.mean(predicted.argmax(1) == y.argmax(1)), abs=1e-6)
    half = K.eval(keras.metrics.binary_accuracy(K.variable([[1.0, 0.0]]), K.variable([[0.9, 0.8]])))
    assert np.mean(half) == 0.5
    ids = K.variable([[2.0], [0.0]])
    scores = K.variable([[0.1, 0.5, 0.4], [0.1, 0.5, 0.4]])
    assert K.eval(metrics.sparse_top_k_categorical_accuracy(ids, scores, k=2)).mean() == 0.5
    assert K.eval(metrics.top_k_categorical_accuracy(K.one_hot(K.cast(ids[:, 0], "int32"), 3), scores, k=2)) == 0.5


def test_callbacks_of_the_handbook_work_together(tmp_path, capsys):
    import keras
    from keras.callbacks import LambdaCallback, ModelCheckpoint

    class LossHistory(keras.callbacks.Callback):
        def on_train_begin(self, logs={}):  # noqa: B006
            self.losses = []
            assert self.params["epochs"] == 3
            assert self.model is model

        def on_batch_begin(self, batch, logs={}):  # noqa: B006
            assert logs["size"] in (8, 4)

        def on_batch_end(self, batch, logs={}):  # noqa: B006
            self.losses.append(logs.get("loss"))

    model = small(metrics=["accuracy"])
    x, y = data()
    losses, seen, ended = LossHistory(), [], []
    pattern = str(tmp_path / "weights.{epoch:02d}-{val_loss:.2f}.hdf5")
    keras.backend.set_value(model.optimizer.lr, 0.5)
    result = model.fit(x, y, batch_size=8, epochs=3, verbose=0, validation_data=(x, y), callbacks=[
        losses,
        keras.callbacks.BaseLogger(),
        keras.callbacks.ProgbarLogger(),
        keras.callbacks.History(),
        ModelCheckpoint(pattern, monitor="val_loss", verbose=0, save_best_only=False, save_weights_only=False,
                        mode="auto", period=1),
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=9, verbose=0, mode="auto"),
        keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1)),
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.1, patience=10, verbose=0, mode="auto",
                                          epsilon=0.0001, cooldown=0, min_lr=0),
        keras.callbacks.CSVLogger(str(tmp_path / "log.csv"), separator=",", append=False),
        keras.callbacks.TerminateOnNaN(),
        LambdaCallback(on_epoch_begin=None, on_epoch_end=lambda epoch, logs: seen.append(logs["loss"]),
                       on_batch_begin=lambda batch, logs: print("batch", batch), on_batch_end=None, on_train_begin=None,
                       on_train_end=lambda logs: ended.append(True)),
    ])  # fmt: skip
    assert len(losses.losses) == 9
    assert np.allclose(seen, result.history["loss"])
    assert ended == [True]
    assert capsys.readouterr().out.count("batch 2") == 3
    assert len(list(tmp_path.glob("weights.0*.hdf5"))) == 3
    assert float(keras.backend.get_value(model.optimizer.lr)) == pytest.approx(0.1 / 3)
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert rows[0] == "epoch,acc,loss,val_acc,val_loss,lr" or set(rows[0].split(",")) >= {"epoch", "acc", "val_loss"}
    assert len(rows) == 4


def test_modules_and_arguments_of_the_last_versions(tmp_path, capsys):
    import keras
    from keras import metrics
    from keras.callbacks import callbacks, tensorboard_v1

    model = small()
    x, y = data()
    model.compile("sgd", "mse", metrics=["cosine_proximity", "top_k_categorical_accuracy"], loss_weights=None,
                  sample_weight_mode=None, weighted_metrics=["accuracy"], target_tensors=None)  # fmt: skip
    history = model.fit(x=x, y=y, batch_size=None, epochs=3, verbose=0, validation_data=(x, y), validation_freq=[1, 3],
                        max_queue_size=10, workers=1, use_multiprocessing=False, callbacks=[
        callbacks.BaseLogger(stateful_metrics=None),
        callbacks.TerminateOnNaN(),
        callbacks.ProgbarLogger(count_mode="samples", stateful_metrics=None),
        callbacks.History(),
        callbacks.EarlyStopping(monitor="loss", min_delta=0, patience=9, verbose=0, mode="auto", baseline=None,
                                restore_best_weights=False),
        callbacks.LearningRateScheduler(lambda epoch: 0.1, verbose=0),
        callbacks.ReduceLROnPlateau(monitor="loss", min_delta=0.0001, cooldown=0, min_lr=0),
        callbacks.CSVLogger(str(tmp_path / "log.csv"), separator=";", append=False),
    ]).history  # fmt: skip
    assert len(history["val_loss"]) == 2
    assert len(history["loss"]) == 3
    assert (tmp_path / "log.csv").read_text().startswith("epoch;")
    capsys.readouterr()
    remote = callbacks.RemoteMonitor(root="http://localhost:9000", path="/publish/epoch/end/", field="data",
                                     headers=None, send_as_json=False)  # fmt: skip
    board = tensorboard_v1.TensorBoard(log_dir=str(tmp_path), histogram_freq=0, batch_size=32, write_graph=True,
                                       write_grads=False, write_images=False, embeddings_freq=0,
                                       embeddings_layer_names=None, embeddings_metadata=None, embeddings_data=None,
                                       update_freq="epoch")  # fmt: skip
    assert isinstance(board, keras.callbacks.TensorBoard)
    assert remote.path == "/publish/epoch/end/"

    threshold = metrics.BinaryAccuracy(threshold=0.3)
    copy, same = metrics.clone_metrics([threshold, metrics.mae])
    assert copy is not threshold
    assert copy.threshold == 0.3
    assert same is metrics.mae
    assert metrics.clone_metric(threshold).get_config() == threshold.get_config()
    assert keras.losses.is_categorical_crossentropy("categorical_crossentropy")
    assert not keras.losses.is_categorical_crossentropy(keras.losses.mean_squared_error)
    lines = []
    keras.utils.print_summary(model, line_length=60, positions=[0.33, 0.55, 0.67, 1.0], print_fn=lines.append)
    assert any("activation" in line for line in lines)
    steps = keras.Sequential([keras.layers.Dense(2, input_shape=(5, 4))])
    steps.compile("sgd", "mse", sample_weight_mode="temporal")
    weights = np.zeros((3, 5))
    weights[:, 2] = 3
    inputs = np.random.rand(3, 5, 4)
    loss = steps.test_on_batch(inputs, np.ones((3, 5, 2)), sample_weight=weights)
    assert loss == pytest.approx(3 * np.square(steps.predict(inputs)[:, 2] - 1).mean(), rel=1e-5)


def test_the_best_weights_are_kept_and_training_stops(tmp_path, capsys):
    from keras.callbacks import EarlyStopping, ModelCheckpoint
    from keras.models import load_model

    model = small()
    x, y = data()
    path = str(tmp_path / "weights.hdf5")
    checkpoint = ModelCheckpoint(filepath=path, verbose=1, save_best_only=True)
    model.fit(x, y, batch_size=10, epochs=2, verbose=0, validation_data=(x, y), callbacks=[checkpoint])
    assert "val_loss improved from inf" in capsys.readouterr().out
    assert load_model(path).evaluate(x, y, verbose=0) == pytest.approx(checkpoint.best, rel=1e-5)
    model.optimizer.lr = 0.0
    history = model.fit(x, y, epochs=9, validation_split=0.2, verbose=0,
                        callbacks=[EarlyStopping(monitor="val_loss", patience=2)])  # fmt: skip
    assert len(history.epoch) == 3


def test_events_are_sent_to_a_server():
    from keras.callbacks import RemoteMonitor

    pytest.importorskip("requests")
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("localhost", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monitor = RemoteMonitor(root=f"http://localhost:{server.server_port}")
    small().fit(*data(), epochs=1, verbose=0, callbacks=[monitor])
    server.shutdown()
    server.server_close()
    assert [path for path, _ in got] == ["/publish/epoch/end/"]


def test_tensorboard_takes_its_old_arguments(tmp_path):
    from keras.callbacks import TensorBoard

    pytest.importorskip("tensorboard")
    board = TensorBoard(log_dir=str(tmp_path), histogram_freq=0, write_graph=True, write_images=False,
                        embeddings_freq=0, embeddings_layer_names=None, embeddings_metadata=None)  # fmt: skip
    small().fit(*data(), epochs=1, verbose=0, callbacks=[board])
    assert any("tfevents" in path.name for path in tmp_path.rglob("*"))


def test_models_are_saved_whole_in_parts_and_by_name(tmp_path):
    from keras.layers import Dense
    from keras.models import Sequential, load_model, model_from_json, model_from_yaml

    model = small()
    x, y = data()
    model.fit(x, y, epochs=1, verbose=0)
    model.save(str(tmp_path / "my_model.h5"))
    again = load_model(str(tmp_path / "my_model.h5"))
    assert np.array_equal(again.predict(x), model.predict(x))
    assert again.train_on_batch(x, y) == pytest.approx(model.train_on_batch(x, y), rel=1e-6)
    model.save_weights(str(tmp_path / "my_model_weights.h5"))
    for other in (model_from_json(model.to_json()), model_from_yaml(model.to_yaml())):
        other.load_weights(str(tmp_path / "my_model_weights.h5"))
        assert np.allclose(other.predict(x), model.predict(x), atol=1e-6)

    first = Sequential([Dense(2, input_dim=3, name="dense_1"), Dense(3, name="dense_2")])
    first.save_weights(str(tmp_path / "named.h5"))
    second = Sequential([Dense(2, input_dim=3, name="dense_1"), Dense(10, name="new_dense")])
    kept = second.layers[1].get_weights()[0].copy()
    second.load_weights(str(tmp_path / "named.h5"), by_name=True)
    assert np.array_equal(second.layers[0].get_weights()[0], first.layers[0].get_weights()[0])
    assert np.array_equal(second.layers[1].get_weights()[0], kept)


@pytest.mark.filterwarnings("ignore:.*no training configuration")
def test_layers_of_ones_own_are_found_when_a_file_is_read(tmp_path):
    from keras import backend as K
    from keras.engine.topology import Layer
    from keras.layers import Input
    from keras.models import Model, load_model, model_from_json
    from keras.utils import CustomObjectScope

    class AttentionLayer(Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], 1), initializer="uniform")
            super().build(input_shape)

        def call(self, x):
            weights = K.softmax(K.squeeze(K.dot(x, self.kernel), -1))
            return K.sum(x * K.expand_dims(weights), axis=1)

        def compute_output_shape(self, input_shape):
            return (input_shape[0], input_shape[-1])

    inputs = Input(shape=(5, 4))
    model = Model(inputs, AttentionLayer()(inputs))
    path = str(tmp_path / "my_model.h5")
    model.save(path)
    x = np.random.rand(2, 5, 4)
    found = load_model(path, custom_objects={"AttentionLayer": AttentionLayer})
    with CustomObjectScope({"AttentionLayer": AttentionLayer}):
        scoped = load_model(path)
    assert np.array_equal(found.predict(x), scoped.predict(x))
    assert model_from_json(model.to_json(), custom_objects={"AttentionLayer": AttentionLayer}).count_params() == 4
    with pytest.raises(ValueError, match="AttentionLayer"):
        load_model(path)


def test_outputs_of_inner_layers():
    from keras import backend as K
    from keras.layers import Dense, Dropout
    from keras.models import Model, Sequential

    model = Sequential([Dense(8, input_dim=6), Dense(5, name="my_layer"), Dropout(0.5), Dense(3)])
    x = np.random.rand(4, 6)
    inner = Model(inputs=model.input, outputs=model.get_layer("my_layer").output)
    by_function = K.function([model.layers[0].input], [model.layers[1].output])([x])[0]
    assert np.allclose(inner.predict(x), by_function, atol=1e-6)
    phased = K.function([model.layers[0].input, K.learning_phase()], [model.layers[2].output])
    assert np.allclose(phased([x, 0])[0], by_function, atol=1e-6)
    dropped = phased([x, 1])[0]
    assert np.any(dropped == 0)
    assert np.allclose(dropped[dropped != 0], 2 * by_function[dropped != 0], atol=1e-5)


def test_batches_generators_splits_and_history():
    model = small(metrics=["accuracy"])
    x, y = data(40)
    assert len(model.train_on_batch(x, y)) == len(model.test_on_batch(x, y)) == 2

    def batches():
        while True:
            for start in range(0, 40, 10):
                yield x[start : start + 10], y[start : start + 10]

    assert len(model.fit_generator(batches(), steps_per_epoch=4, epochs=2, verbose=0).epoch) == 2
    history = model.fit(x, y, validation_split=0.25, verbose=0).history
    assert set(history) == {"loss", "acc", "val_loss", "val_acc"}
    assert history["val_loss"][0] == pytest.approx(model.evaluate(x[30:], y[30:], verbose=0)[0], rel=1e-5)


@pytest.mark.filterwarnings("ignore:Discrepancy")
def test_frozen_layers_stay_as_they_are():
    from keras.layers import Dense, Input
    from keras.models import Model

    assert not Dense(32, trainable=False).trainable
    x = Input(shape=(6,))
    layer = Dense(3)
    layer.trainable = False
    y = layer(x)
    frozen = Model(x, y)
    frozen.compile(optimizer="rmsprop", loss="mse")
    layer.trainable = True
    trained = Model(x, y)
    trained.compile(optimizer="rmsprop", loss="mse")
    before = layer.get_weights()[0].copy()
    frozen.fit(*data(), verbose=0)
    assert np.array_equal(before, layer.get_weights()[0])
    trained.fit(*data(), verbose=0)
    assert not np.array_equal(before, layer.get_weights()[0])


def test_states_are_kept_between_batches_and_reset():
    from keras.layers import LSTM, Dense
    from keras.models import Sequential

    model = Sequential()
    model.add(LSTM(5, input_shape=(10, 4), batch_size=8, stateful=True))
    model.add(Dense(4, activation="softmax"))
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy")
    x = np.random.rand(8, 21, 4)
    model.train_on_batch(x[:, :10, :], np.reshape(x[:, 10, :], (8, 4)))
    model.train_on_batch(x[:, 10:20, :], np.reshape(x[:, 20, :], (8, 4)))
    model.reset_states()
    first = model.predict(x[:, :10])
    second = model.predict(x[:, :10])
    model.layers[0].reset_states()
    assert np.array_equal(model.predict(x[:, :10]), first)
    assert not np.allclose(first, second)
    model.reset_states()
    model.predict_classes(x[:, :10])
    assert np.array_equal(model.predict(x[:, :10]), second)


def test_the_last_layer_is_taken_away():
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential()
    model.add(Dense(32, activation="relu", input_dim=7))
    model.add(Dense(16, activation="relu"))
    assert len(model.layers) == 2
    model.pop()
    assert len(model.layers) == 1
    assert model.output_shape == (None, 32)
    assert model.predict(np.zeros((1, 7))).shape == (1, 32)


APPLICATIONS = {
    "xception": "Xception", "vgg16": "VGG16", "vgg19": "VGG19", "resnet50": "ResNet50", "inception_v3": "InceptionV3",
    "inception_resnet_v2": "InceptionResNetV2", "mobilenet": "MobileNet",
    "densenet": "DenseNet121 DenseNet169 DenseNet201", "nasnet": "NASNetLarge NASNetMobile",
    "mobilenet_v2": "MobileNetV2",
}  # fmt: skip


@pytest.mark.parametrize("module", APPLICATIONS)
def test_networks_are_where_they_were(module):
    found = pytest.importorskip(f"keras.applications.{module}")
    assert all(callable(getattr(found, name)) for name in APPLICATIONS[module].split())


def test_weights_of_networks_are_asked_for_where_there_is_no_network(tmp_path, monkeypatch):
    from keras.applications.vgg16 import VGG16

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("urllib.request.OpenerDirector.open", _no_network)
    with pytest.raises(OSError, match="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"):
        VGG16(weights="imagenet", include_top=False)


def _no_network(*args, **kwargs):
    raise OSError("no network")


def test_arrays_in_hdf5_files_are_predicted_and_trained_on(tmp_path):
    from keras.utils.io_utils import HDF5Matrix

    x, y = data()
    path = str(tmp_path / "file.hdf5")
    with h5py.File(path, "w") as file:
        file["x_data"], file["y_data"] = x, y
    model = small()
    with h5py.File(path, "r") as file:
        assert np.allclose(model.predict(file["x_data"]), model.predict(x))
    part = HDF5Matrix(path, "x_data", start=5, end=15, normalizer=lambda rows: rows * 2)
    assert part.shape == (10, 6)
    assert np.allclose(part[0:2], 2 * x[5:7])
    model.fit(part, HDF5Matrix(path, "y_data", 5, 15), epochs=1, shuffle="batch", verbose=0)


def test_the_configuration_is_read_and_told(tmp_path, monkeypatch):
    from keras import backend as K

    from keras_torch import config

    settings = {"image_data_format": "channels_first", "epsilon": 1e-05, "floatx": "float64", "backend": "tensorflow"}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    config._settings.clear()
    assert (K.image_data_format(), K.epsilon(), K.floatx()) == ("channels_first", 1e-05, "float64")


def test_seeds_and_sessions_make_runs_repeatable():
    import random as rn

    import tensorflow as tf
    from keras import backend as K

    def run():
        np.random.seed(42)
        rn.seed(12345)
        session_conf = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
        tf.set_random_seed(1234)
        K.set_session(tf.Session(graph=tf.get_default_graph(), config=session_conf))
        model = small()
        model.fit(*data(), epochs=1, verbose=0)
        return model.get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(run(), run(), strict=True))


def test_parts_of_a_model_are_put_on_devices_and_joined():
    import keras
    import tensorflow as tf

    a, b = keras.Input(shape=(7, 4)), keras.Input(shape=(7, 4))
    shared = keras.layers.LSTM(3)
    with tf.device("/cpu:0"):
        left = shared(a)
    with tf.device("/cpu:0"):
        merged = keras.layers.concatenate([left, shared(b)], axis=-1)
    x = np.random.rand(2, 7, 4)
    both = keras.Model([a, b], merged).predict([x, x])
    assert np.array_equal(both[:, :3], both[:, 3:])


def test_a_model_for_several_devices_is_refused_or_runs():
    utils = importlib.import_module("keras.utils")
    with pytest.raises(ValueError, match="gpus"):
        utils.multi_gpu_model(small(), gpus=1)
