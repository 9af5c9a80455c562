"""What introductions to tf.keras showed."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

DIALECT = "tf"


@pytest.fixture
def digits():
    """Return random images and labels of the shapes of MNIST's."""
    return np.random.randint(0, 256, (60, 14, 14)).astype("uint8"), np.random.randint(0, 10, 60).astype("uint8")


def test_a_network_for_digits_is_trained_saved_and_read(digits, tmp_path):
    import tensorflow as tf

    x, y = digits
    x = tf.keras.utils.normalize(x, axis=1)
    assert np.allclose(np.linalg.norm(x, axis=1), 1)
    relu, softmax = tf.keras.activations.relu, tf.keras.activations.softmax
    listed = tf.keras.models.Sequential([
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(units=16, activation=relu),
        tf.keras.layers.Dense(units=10, activation=softmax),
    ])  # fmt: skip
    added = tf.keras.models.Sequential()
    added.add(tf.keras.layers.Flatten())
    added.add(tf.keras.layers.Dense(16, activation=tf.nn.relu))
    added.add(tf.keras.layers.Dense(10, activation=tf.nn.softmax))
    for model in (listed, added):
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, epochs=2, verbose=0)
        path = str(tmp_path / f"{model.name}.keras")
        model.save(path)
        again = tf.keras.models.load_model(path)
        assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_activations_have_the_values_of_the_formulas():
    from tensorflow import keras

    x = np.linspace(-3, 9, 13).astype("float32")
    call = lambda name, **kwargs: np.asarray(getattr(keras.activations, name)(keras.backend.constant(x), **kwargs))  # noqa: E731
    relu = np.maximum(x, 0)
    assert np.allclose(call("elu", alpha=1.0), np.where(x > 0, x, np.expm1(x)))
    assert np.allclose(call("selu"), 1.05070098 * np.where(x > 0, x, 1.67326324 * np.expm1(x)), rtol=1e-5)
    assert np.allclose(call("softplus"), np.log1p(np.exp(x)), rtol=1e-5)
    assert np.allclose(call("softsign"), x / (1 + abs(x)))
    bounded = np.where(x > 1, np.minimum(x, 6), 0.1 * (x - 1))
    assert np.allclose(call("relu", alpha=0.1, max_value=6.0, threshold=1.0), bounded, atol=1e-6)
    assert np.allclose(call("tanh"), np.tanh(x), atol=1e-6)
    assert np.allclose(call("sigmoid"), 1 / (1 + np.exp(-x)), rtol=1e-5)
    assert np.allclose(call("hard_sigmoid"), np.clip(0.2 * x + 0.5, 0, 1))
    assert np.allclose(call("exponential"), np.exp(x), rtol=1e-5)
    assert np.allclose(call("linear"), x)
    rows = np.asarray(keras.activations.softmax(keras.backend.constant(x[None]), axis=-1))
    assert np.allclose(rows, np.exp(x) / np.exp(x).sum(), atol=1e-6)
    layers = {
        keras.layers.LeakyReLU(alpha=0.3): np.where(x > 0, x, 0.3 * x),
        keras.layers.ELU(alpha=1.0): np.where(x > 0, x, np.expm1(x)),
        keras.layers.ThresholdedReLU(theta=1.0): np.where(x > 1, x, 0),
        keras.layers.PReLU(alpha_initializer="zeros", alpha_regularizer=None, alpha_constraint=None, shared_axes=None):
            relu,
    }  # fmt: skip
    for layer, expected in layers.items():
        assert np.allclose(np.asarray(layer(x[None]).detach())[0], expected, atol=1e-6)


def test_losses_have_the_values_of_the_formulas():
    from tensorflow.keras import losses

    t = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], "float32")
    p = np.array([[0.2, 0.7, 0.1], [0.5, 0.3, 0.2]], "float32")
    expected = {
        "mean_squared_error": np.square(t - p).mean(1),
        "mean_absolute_error": abs(t - p).mean(1),
        "mean_squared_logarithmic_error": np.square(np.log1p(t) - np.log1p(p)).mean(1),
        "squared_hinge": np.square(np.maximum(1 - (2 * t - 1) * p, 0)).mean(1),
        "hinge": np.maximum(1 - (2 * t - 1) * p, 0).mean(1),
        "categorical_hinge": np.maximum(((1 - t) * p).max(1) - (t * p).sum(1) + 1, 0),
        "logcosh": np.log(np.cosh(p - t)).mean(1),
        "huber": np.where(abs(t - p) <= 1, np.square(t - p) / 2, abs(t - p) - 0.5).mean(1),
        "categorical_crossentropy": -np.log((t * p).sum(1)),
        "binary_crossentropy": -np.log(np.where(t == 1, p, 1 - p)).mean(1),
        "kullback_leibler_divergence": (np.clip(t, 1e-7, 1) * np.log(np.clip(t, 1e-7, 1) / p)).sum(1),
        "poisson": (p - t * np.log(p + 1e-7)).mean(1),
        "cosine_similarity": -(t * p).sum(1) / np.linalg.norm(p, axis=1),
    }
    for name, values in expected.items():
        assert np.allclose(np.asarray(getattr(losses, name)(t, p)), values, atol=1e-4), name
    sparse = losses.sparse_categorical_crossentropy(np.array([1, 0]), p, from_logits=False, axis=-1)
    assert np.allclose(np.asarray(sparse), -np.log([0.7, 0.5]), atol=1e-5)
    smooth = losses.categorical_crossentropy(t, p, from_logits=False, label_smoothing=0.3)
    assert np.allclose(np.asarray(smooth), -(np.log(p) * (t * 0.7 + 0.1)).sum(1), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("SGD", dict(learning_rate=0.01, momentum=0.0, nesterov=False)),
        ("RMSprop", dict(learning_rate=0.001, rho=0.9)),
        ("Adagrad", dict(learning_rate=0.01)),
        ("Adadelta", dict(learning_rate=1.0, rho=0.95)),
        ("Adam", dict(learning_rate=0.001, beta_1=0.9, beta_2=0.999, amsgrad=False)),
        ("Adamax", dict(learning_rate=0.002, beta_1=0.9, beta_2=0.999)),
        ("Nadam", dict(learning_rate=0.002, beta_1=0.9, beta_2=0.999)),
    ],
)
def test_optimizers_lower_the_loss(name, kwargs):
    from tensorflow import keras

    model = keras.Sequential([keras.layers.Dense(1, input_shape=(4,))])
    optimizer = getattr(keras.optimizers, name)(**kwargs)
    model.compile(optimizer=optimizer, loss=keras.losses.MeanSquaredError(), metrics=[keras.metrics.BinaryAccuracy()])
    assert float(optimizer.learning_rate) == pytest.approx(kwargs["learning_rate"])
    x = np.random.rand(64, 4)
    history = model.fit(x, x.sum(1, keepdims=True), epochs=4, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_fit_and_evaluate_take_the_arguments_of_the_handbook():
    from tensorflow import keras

    names = """x y batch_size epochs verbose callbacks validation_split validation_data shuffle class_weight
    sample_weight initial_epoch steps_per_epoch validation_steps validation_freq""".split()
    assert set(names) <= set(inspect.signature(keras.Model.fit).parameters)
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,), activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    x, y = np.random.rand(20, 3), np.random.randint(0, 2, 20)
    history = model.fit(x, y, batch_size=5, initial_epoch=1, epochs=5, verbose=0, validation_data=(x, y),
                        validation_freq=2, class_weight={0: 1.0, 1: 2.0}, max_queue_size=10, workers=1,
                        use_multiprocessing=False)  # fmt: skip
    assert history.epoch == [1, 2, 3, 4]
    assert len(history.history["val_loss"]) == 2
    weights = np.ones(20)
    weights[y == 1] = 0
    loss, accuracy = model.evaluate(x, y, batch_size=4, verbose=0, sample_weight=weights, steps=None)
    assert accuracy == pytest.approx(np.mean(model.predict(x, verbose=0).argmax(1)[y == 0] == 0), abs=1e-6)
    assert loss > 0


def test_layers_of_ones_own_are_built_on_first_use():
    import tensorflow as tf
    from tensorflow import keras

    class Simple(keras.layers.Layer):
        def __init__(self, units, activation=None):
            super().__init__()
            self.units = units
            self.activation = activation

        def build(self, input_shape):
            self.W = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal")
            self.b = self.add_weight(shape=(self.units,), initializer="zeros")

        def call(self, inputs):
            y = tf.matmul(inputs, self.W) + self.b
            return y if self.activation is None else self.activation(y)

    layer = Simple(units=5, activation=tf.nn.relu)
    assert layer(tf.ones((2, 7))).shape == (2, 5)
    assert [tuple(weight.shape) for weight in layer.weights] == [(7, 5), (5,)]
    model = keras.Sequential([Simple(4, tf.nn.relu), Simple(2)])
    assert model(tf.ones((3, 6))).shape == (3, 2)
    assert len(model.trainable_weights) == 4


def test_models_in_three_styles(capsys):
    from tensorflow import keras
    from tensorflow.keras import layers

    model = keras.Sequential(name="my_sequential_model")
    model.add(layers.Dense(8, activation="relu", name="hidden_layer"))
    model.add(layers.Dense(3, activation="softmax", name="output_layer"))
    assert not model.built
    model.build(input_shape=(None, 4))
    model.summary()
    assert "my_sequential_model" in capsys.readouterr().out
    assert len(model.weights) == 4
    inputs = keras.Input(shape=(3,), name="my_input")
    features = layers.Dense(64, activation="relu")(inputs)
    assert (tuple(inputs.shape), str(inputs.dtype), tuple(features.shape)) == ((None, 3), "float32", (None, 64))
    early = keras.Sequential([keras.Input(shape=(3,)), layers.Dense(6)])
    assert early.output_shape == (None, 6)


@pytest.fixture
def tickets():
    """Return titles, texts and tags, and priorities and departments."""
    x = [np.random.randint(0, 2, size=(40, size)) for size in (12, 12, 5)]
    return x, [np.random.random((40, 1)), np.random.randint(0, 2, size=(40, 4))]


def compiled(model):
    model.compile(optimizer="rmsprop", loss=["mean_squared_error", "categorical_crossentropy"],
                  metrics=[["mean_absolute_error"], ["accuracy"]])  # fmt: skip
    return model


def test_a_model_of_three_inputs_and_two_outputs_is_extended(tickets):
    from tensorflow import keras
    from tensorflow.keras import layers

    x, y = tickets
    names = ("title", "content", "tags")
    inputs = [keras.Input(shape=(part.shape[1],), name=name) for part, name in zip(x, names, strict=True)]
    features = layers.Concatenate()(inputs)
    features = layers.Dense(8, activation="relu")(features)
    outputs = [
        layers.Dense(1, activation="sigmoid", name="priority")(features),
        layers.Dense(4, activation="softmax", name="department")(features),
    ]
    model = compiled(keras.Model(inputs=inputs, outputs=outputs))
    model.fit(x, y, epochs=1, verbose=0)
    by_order = model.evaluate(x, y, verbose=0)
    model.compile(
        optimizer="rmsprop",
        loss={"priority": "mean_squared_error", "department": "categorical_crossentropy"},
        metrics={"priority": ["mean_absolute_error"], "department": ["accuracy"]},
    )
    named = dict(zip(names, x, strict=True)), {"priority": y[0], "department": y[1]}
    model.fit(*named, epochs=1, verbose=0)
    assert len(model.evaluate(*named, verbose=0)) == len(by_order) == 5
    priority, department = model.predict(named[0], verbose=0)
    assert (priority.shape, department.shape) == ((40, 1), (40, 4))
    potential = layers.Dense(3, activation="softmax", name="potential")(model.layers[4].output)
    wider = keras.Model(inputs, [*outputs, potential])
    assert [part.shape for part in wider.predict(x, verbose=0)] == [(40, 1), (40, 4), (40, 3)]
    assert np.allclose(wider.predict(x, verbose=0)[0], priority)


def test_subclassed_models_take_dicts_and_mix_with_the_other_styles(tickets):
    from tensorflow import keras
    from tensorflow.keras import layers

    class Tickets(keras.Model):
        def __init__(self, n):
            super().__init__()
            self.concat_layer = layers.Concatenate()
            self.mixing_layer = layers.Dense(8, activation="relu")
            self.priority_scorer = layers.Dense(1, activation="sigmoid")
            self.department_classifier = layers.Dense(n, activation="softmax")

        def call(self, inputs):
            features = self.concat_layer([inputs["title"], inputs["content"], inputs["tags"]])
            features = self.mixing_layer(features)
            return self.priority_scorer(features), self.department_classifier(features)

    x, y = tickets
    named = dict(zip(("title", "content", "tags"), x, strict=True))
    model = Tickets(n=4)
    priority, department = model({key: part.astype("float32") for key, part in named.items()})
    assert (tuple(priority.shape), tuple(department.shape)) == ((40, 1), (40, 4))
    compiled(model).fit(named, y, epochs=1, verbose=0)
    assert len(model.evaluate(named, y, verbose=0)) == 5
    assert [part.shape for part in model.predict(named, verbose=0)] == [(40, 1), (40, 4)]

    class Classifier(keras.Model):
        def __init__(self, n):
            super().__init__()
            units, activation = (1, "sigmoid") if n == 2 else (n, "softmax")
            self.dense = layers.Dense(units, activation=activation)

        def call(self, inputs):
            return self.dense(inputs)

    inputs = keras.Input(shape=(3,))
    outer = keras.Model(inputs=inputs, outputs=Classifier(n=10)(layers.Dense(6, activation="relu")(inputs)))
    assert outer.predict(np.ones((2, 3)), verbose=0).shape == (2, 10)

    class Around(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3, activation="relu")
            self.classifier = outer

        def call(self, inputs):
            return self.classifier(self.dense(inputs))

    assert Around().predict(np.ones((2, 5)), verbose=0).shape == (2, 10)


def test_metrics_and_callbacks_of_ones_own(digits, tmp_path):
    import tensorflow as tf
    from tensorflow import keras

    class RootMeanSquaredError(tf.keras.metrics.Metric):
        def __init__(self, name="rmse", **kwargs):
            super().__init__(name=name, **kwargs)
            self.mse_sum = self.add_weight(name="mse_sum", initializer="zeros")
            self.total_samples = self.add_weight(name="total_samples", initializer="zeros", dtype="int32")

        def update_state(self, y_true, y_pred, sample_weight=None):
            y_true = tf.one_hot(tf.reshape(tf.cast(y_true, "int32"), (-1,)), depth=tf.shape(y_pred)[1])
            self.mse_sum.assign_add(tf.reduce_sum(tf.square(y_true - y_pred)))
            self.total_samples.assign_add(tf.shape(y_pred)[0])

        def result(self):
            return tf.sqrt(self.mse_sum / tf.cast(self.total_samples, tf.float32))

        def reset_state(self):
            self.mse_sum.assign(0.0)
            self.total_samples.assign(0)

    class LossHistory(keras.callbacks.Callback):
        def on_train_begin(self, logs):
            self.per_batch_losses = []

        def on_batch_end(self, batch, logs):
            self.per_batch_losses.append(logs.get("loss"))

    images, labels = digits
    images = images.reshape((60, 196)).astype("float32") / 255
    inputs = keras.Input(shape=(196,))
    features = keras.layers.Dropout(0.5)(keras.layers.Dense(16, activation="relu")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(features))
    model.compile(
        optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy", RootMeanSquaredError()]
    )
    history = LossHistory()
    path = str(tmp_path / "checkpoint_path.keras")
    stopping = keras.callbacks.EarlyStopping(monitor="val_accuracy", patience=2)
    keeping = keras.callbacks.ModelCheckpoint(filepath=path, monitor="val_loss", save_best_only=True)
    logs = model.fit(images[20:], labels[20:], epochs=3, verbose=0, callbacks=[history, stopping, keeping],
                     validation_data=(images[:20], labels[:20])).history  # fmt: skip
    assert set(logs) == {"loss", "accuracy", "rmse", "val_loss", "val_accuracy", "val_rmse"}
    assert len(history.per_batch_losses) == 2 * len(logs["loss"])
    _, accuracy, rmse = model.evaluate(images, labels, verbose=0)
    predicted = model.predict(images, verbose=0)
    assert accuracy == pytest.approx(np.mean(predicted.argmax(1) == labels), abs=1e-6)
    assert rmse == pytest.approx(np.sqrt(np.square(np.eye(10)[labels] - predicted).sum(1).mean()), rel=1e-5)
    assert (tmp_path / "checkpoint_path.keras").exists()
    direct = np.asarray(model(images[:4], training=False).detach())
    assert np.allclose(direct, predicted[:4], atol=1e-6)


def test_helpers_of_utils(tmp_path, capsys):
    from tensorflow import keras

    assert keras.utils.to_categorical([0, 1, 2], num_classes=None, dtype="float32").tolist() == np.eye(3).tolist()
    x = np.random.rand(3, 4)
    assert np.allclose(keras.utils.normalize(x, axis=-1, order=1).sum(1), 1)
    assert np.allclose(np.square(keras.utils.normalize(x, axis=0, order=2)).sum(0), 1)

    def triple(value):
        return 3 * value

    with keras.utils.CustomObjectScope({"triple": triple}):
        layer = keras.layers.Dense(2, activation="triple")
    assert layer.activation is triple
    with pytest.raises(ValueError, match="triple"):
        keras.layers.Dense(2, activation="triple")

    class Batches(keras.utils.Sequence):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return np.full((2, 4), index), np.full((2, 1), index)

    model = keras.Sequential([keras.layers.Dense(1, input_shape=(4,))])
    model.compile("sgd", "mse")
    model.fit(Batches(), epochs=1, verbose=0)
    assert model.predict(Batches(), verbose=0).shape == (6, 1)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "here.txt").write_text("words")
    path = keras.utils.get_file("here.txt", origin="http://localhost/none", cache_dir=str(tmp_path))
    assert path.endswith("here.txt")
