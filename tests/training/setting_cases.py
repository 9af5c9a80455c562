"""Settings of `compile`, `fit`, `evaluate` and `*_on_batch`, written once for real Keras and for keras_torch.

They go beyond history_cases.py: which names there are and in which order, structures of outputs, masks and weights of
time steps, states from batch to batch, steps, and training steps of the user's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def _data(seed: int, samples: int = 43, features: int = 5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(seed)
    return random.uniform(-1, 1, (samples, features)).astype("float32"), random.randint(0, 3, samples)


def _fixed(model: Any, seed: int = 3) -> Any:
    random = np.random.RandomState(seed)
    model.set_weights([random.uniform(-0.6, 0.6, w.shape).astype("float32") for w in model.get_weights()])
    return model


def _fit(model: Any, *args: Any, **kwargs: Any) -> dict[str, list[float]]:
    options = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0, **kwargs}
    history = model.fit(*args, **options).history
    return {name: [float(value) for value in values] for name, values in history.items()}


def _numbers(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: float(value) for name, value in found.items()}
    return [float(value) for value in found] if isinstance(found, (list, tuple)) else float(found)


def _simple(keras: Any, units: int = 3, activation: str | None = "softmax", **head: Any) -> Any:
    inputs = keras.layers.Input((5,))
    hidden = keras.layers.Dense(6, activation="tanh")(inputs)
    return _fixed(keras.models.Model(inputs, keras.layers.Dense(units, activation=activation, **head)(hidden)))


def _uses_tapes(keras: Any) -> bool:
    return keras.__name__ == "keras" and keras.__version__.startswith("2.")


def _is_old(keras: Any) -> bool:
    """Whether the meaning is that of Keras 2.15."""
    return _uses_tapes(keras) or (keras.__name__ != "keras" and keras.config.dialect() == "tf")


def _descend(keras: Any, model: Any, loss_of: Any, optimizer: Any = None) -> Any:
    """Make one update that lowers `loss_of()`, in the way of the framework; return the loss."""
    optimizer = optimizer or model.optimizer
    weights = model.trainable_weights
    if _uses_tapes(keras):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = loss_of()
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss
    model.zero_grad()
    loss = loss_of()
    loss.backward()
    optimizer.apply_gradients([(weight.value.grad, weight) for weight in weights])
    return loss


def names_of_one_output(keras: Any) -> Any:
    x, y = _data(1)
    targets = np.eye(3, dtype="float32")[y]
    results = []
    for metrics, weighted in (
        (["acc"], None),
        (["accuracy", "mse", "MAE"], ["acc"]),
        (["categorical_accuracy", keras.metrics.CategoricalAccuracy()], None),
        ([keras.losses.mean_absolute_error, "mape"], [keras.metrics.MeanSquaredError(name="squares")]),
    ):
        model = _simple(keras)
        try:
            model.compile("sgd", "categorical_crossentropy", metrics=metrics, weighted_metrics=weighted)
            history = _fit(model, x, targets, validation_split=0.2, epochs=1)
        except ValueError:
            results.append("ValueError")
            continue
        evaluated = model.evaluate(x, targets, verbose=0)
        # Keras 3 lists metrics of one name several times.
        evaluated = [] if metrics[0] == "categorical_accuracy" else evaluated
        results.append({"history": history, "list": _numbers(evaluated)})
    return results


def _pair(keras: Any, names: tuple[Any, Any] = ("left", "right"), **head: Any) -> Any:
    inputs = keras.layers.Input((5,))
    hidden = keras.layers.Dense(6, activation="tanh")(inputs)
    outputs = [keras.layers.Dense(2, name=name, **head)(hidden) for name in names]
    return _fixed(keras.models.Model(inputs, outputs))


def names_of_several_outputs(keras: Any) -> Any:
    x, _ = _data(2)
    targets = [x[:, :2], x[:, 2:4]]
    results = []
    # Keras 3 wants every output in such a dict.
    partial = [{"loss": {"right": "mse"}, "metrics": {"right": ["mae"]}}] if _is_old(keras) else []
    for arguments in (
        *partial,
        {"loss": "mse"},
        {"loss": ["mse", None], "metrics": [["mae"], None]},
        {"loss": ["mse", "mae"], "loss_weights": [0.3, 2.0], "metrics": [["mae", "mse"], ["mse"]]},
        {"loss": {"right": "mse", "left": "mae"}, "loss_weights": {"left": 3.0, "right": 0.5}},
        {"loss": "mse", "metrics": {"right": "mae", "left": ["mse", "mae"]}, "weighted_metrics": {"left": ["mae"]}},
    ):
        model = _pair(keras)
        model.compile(keras.optimizers.SGD(0.1), **arguments)
        history = _fit(model, x, targets, validation_data=(x[:9], [targets[0][:9], targets[1][:9]]), epochs=2)
        results.append({"history": history, "evaluate": _numbers(model.evaluate(x, targets, verbose=0))})
    return results


def outputs_in_a_dict(keras: Any) -> Any:
    x, y = _data(3)
    inputs = keras.layers.Input((5,))
    hidden = keras.layers.Dense(6, activation="tanh")(inputs)
    outputs = {
        "size": keras.layers.Dense(1, name="first")(hidden),
        "kind": keras.layers.Dense(3, activation="softmax", name="second")(hidden),
    }
    model = _fixed(keras.models.Model(inputs, outputs))
    model.compile(
        keras.optimizers.SGD(0.1),
        loss={"size": "mse", "kind": "sparse_categorical_crossentropy"},
        metrics={"kind": ["accuracy"], "size": ["mae"]},
        loss_weights={"size": 0.2, "kind": 1.5},
    )
    targets = {"size": x.sum(1, keepdims=True), "kind": y}
    history = _fit(model, x, targets, validation_split=0.3)
    return {"history": history, "evaluate": _numbers(model.evaluate(x, targets, verbose=0))}


def subclassed_outputs(keras: Any) -> Any:
    x, y = _data(4)

    class Two(keras.Model):
        def __init__(self, as_dict: bool) -> None:
            super().__init__()
            self.as_dict = as_dict
            self.hidden = keras.layers.Dense(6, activation="tanh")
            self.heads = [keras.layers.Dense(2), keras.layers.Dense(3, activation="softmax")]

        def call(self, inputs: Any) -> Any:
            hidden = self.hidden(inputs)
            found = [head(hidden) for head in self.heads]
            return {"size": found[0], "kind": found[1]} if self.as_dict else tuple(found)

    results = []
    for as_dict in (True, False):
        model = Two(as_dict)
        model(x[:2])
        _fixed(model)
        loss = {"size": "mse", "kind": "sparse_categorical_crossentropy"}
        metrics = {"kind": ["accuracy"], "size": ["mae"]}
        targets = {"size": x[:, :2], "kind": y}
        if not as_dict:
            loss, metrics, targets = (tuple(item[key] for key in ("size", "kind")) for item in (loss, metrics, targets))
            loss, metrics = list(loss), list(metrics)
        model.compile(keras.optimizers.SGD(0.1), loss=loss, metrics=metrics)
        history = _fit(model, x, targets, epochs=2)
        results.append({"history": history, "evaluate": _numbers(model.evaluate(x, targets, verbose=0))})
    return results


def masked_time_steps(keras: Any) -> Any:
    random = np.random.RandomState(5)
    tokens = random.randint(1, 7, (27, 6)) * (np.arange(6) < random.randint(1, 7, (27, 1)))
    targets = random.randint(0, 3, (27, 6, 1))
    weights = random.rand(27, 6).astype("float32")
    results = []
    # Keras 3 does not spread one weight per sample over the time steps.
    for temporal in (None, weights, weights[:, 0].copy()) if _is_old(keras) else (None, weights):
        inputs = keras.layers.Input((6,))
        hidden = keras.layers.Embedding(7, 4, mask_zero=True)(inputs)
        hidden = keras.layers.LSTM(5, return_sequences=True)(hidden)
        outputs = keras.layers.Dense(3, activation="softmax")(hidden)
        model = _fixed(keras.models.Model(inputs, outputs))
        model.compile(
            keras.optimizers.SGD(0.2),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            # Keras 3 on torch changes the weights themselves when it computes the loss.
            weighted_metrics=["sparse_categorical_crossentropy"] if _is_old(keras) else None,
        )
        history = _fit(model, tokens, targets, sample_weight=temporal, validation_split=0.25, epochs=2)
        evaluated = model.evaluate(tokens, targets, sample_weight=temporal, verbose=0, batch_size=10)
        results.append({"history": history, "evaluate": _numbers(evaluated)})
    return results


def states_from_batch_to_batch(keras: Any) -> Any:
    random = np.random.RandomState(6)
    x = random.uniform(-1, 1, (24, 3, 2)).astype("float32")
    y = x.sum((1, 2)).reshape(-1, 1)
    inputs = keras.layers.Input(batch_shape=(4, 3, 2))
    recurrent = keras.layers.LSTM(3, stateful=True, recurrent_activation="sigmoid")
    model = _fixed(keras.models.Model(inputs, keras.layers.Dense(1)(recurrent(inputs))))
    model.compile(keras.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
    # Keras 3 on torch overwrites the states that its backward pass needs.
    kept = _fit(model, x, y, batch_size=4, epochs=2) if _is_old(keras) else {}
    predicted = [float(v) for v in model.predict(x, batch_size=4, verbose=0)[:, 0]]
    recurrent.reset_states() if _is_old(keras) else recurrent.reset_state()
    again = [float(v) for v in model.predict(x, batch_size=4, verbose=0)[:, 0]]
    return {"history": kept, "predicted": predicted, "after reset": again}


def numbers_of_steps(keras: Any) -> Any:
    x, y = _data(7)
    model = _simple(keras)
    model.compile(keras.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    some = {"validation_data": (x[:11], y[:11]), "validation_batch_size": 4}
    return [
        _fit(model, x, y, validation_freq=[1, 3, 4], epochs=4, **some),
        _fit(model, x, y, validation_freq=3, epochs=4, initial_epoch=1, **some),
        _fit(model, x, y, validation_steps=2, epochs=2, **some),
        _fit(model, x, y, steps_per_epoch=2, epochs=2, **some),
        _numbers(model.evaluate(x, y, batch_size=10, steps=2, verbose=0)),
        _numbers(model.evaluate(x, y, batch_size=10, verbose=0, return_dict=True)),
        len(model.predict(x, batch_size=10, steps=2, verbose=0)),
    ]


def several_steps_at_once(keras: Any) -> Any:
    x, y = _data(8, samples=48)
    model = _simple(keras)
    settings = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(keras.optimizers.SGD(0.1), steps_per_execution=3, **settings)
    history = _fit(model, x, y, validation_data=(x[:24], y[:24]))
    return {"history": history, "evaluate": _numbers(model.evaluate(x, y, batch_size=8, verbose=0))}


def single_batches(keras: Any) -> Any:
    x, y = _data(9)
    model = _simple(keras)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    weights = np.linspace(0, 2, 10).astype("float32")
    results = [_numbers(model.train_on_batch(x[:10], y[:10], sample_weight=weights))]
    if _is_old(keras):
        results.append(_numbers(model.train_on_batch(x[:10], y[:10], class_weight={0: 1.0, 1: 0.2, 2: 3.0})))
    else:
        by_class = np.array([1.0, 0.2, 3.0], "float32")[y[:10]]
        results.append(_numbers(model.train_on_batch(x[:10], y[:10], sample_weight=by_class)))
    results.append(_numbers(model.test_on_batch(x[:10], y[:10], sample_weight=weights, return_dict=True)))
    plain = _simple(keras, 1, None)
    plain.compile(keras.optimizers.SGD(0.1), "mse")
    results += [_numbers(plain.train_on_batch(x[:10], x[:10, :1])), _numbers(plain.test_on_batch(x[:10], x[:10, :1]))]
    return [*results, _numbers(plain.evaluate(x, x[:, :1], verbose=0))]


def only_added_losses(keras: Any) -> Any:
    x, _ = _data(11)
    square = keras.regularizers.l2(0.01)

    class Latent(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(square(inputs))
            return inputs

    inputs = keras.layers.Input((5,))
    hidden = Latent()(keras.layers.Dense(3, kernel_regularizer="l1")(inputs))
    model = _fixed(keras.models.Model(inputs, keras.layers.Dense(2)(hidden)))
    model.compile(keras.optimizers.SGD(0.05))
    history = _fit(model, x, validation_data=(x[:10],) if _is_old(keras) else None)
    return {"history": history, "evaluate": _numbers(model.evaluate(x, batch_size=16, verbose=0))}


def own_steps_with_compiled_parts(keras: Any) -> Any:
    x, y = _data(12)

    class Own(keras.Model):
        def train_step(self, data: Any) -> Any:
            inputs, targets = data
            found: list[Any] = []

            def loss_of() -> Any:
                found[:] = [self(inputs, training=True)]
                return self.compute_loss(inputs, targets, found[0], None)

            _descend(keras, self, loss_of)
            return self.compute_metrics(inputs, targets, found[0], None)

        def test_step(self, data: Any) -> Any:
            inputs, targets = data
            outputs = self(inputs, training=False)
            self.compute_loss(inputs, targets, outputs, None)
            return {**self.compute_metrics(inputs, targets, outputs, None), "seven": 7.0}

    inputs = keras.layers.Input((5,))
    hidden = keras.layers.Dense(6, activation="tanh", kernel_regularizer="l2")(inputs)
    model = _fixed(Own(inputs, keras.layers.Dense(3, activation="softmax")(hidden)))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = _fit(model, x, y, validation_split=0.25)
    if not _is_old(keras):
        # Keras 3 leaves counting the loss to the step.
        history = {name: values for name, values in history.items() if not name.endswith("loss")}
    return history


def own_trackers(keras: Any) -> Any:
    x, _ = _data(13)

    class Auto(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = keras.layers.Dense(3, activation="tanh")
            self.decoder = keras.layers.Dense(5)
            self.total = keras.metrics.Mean(name="total_loss")
            self.sparsity = keras.metrics.Mean(name="sparsity")

        @property
        def metrics(self) -> Any:
            return [self.total, self.sparsity]

        def call(self, inputs: Any) -> Any:
            return self.decoder(self.encoder(inputs))

        def measure(self, inputs: Any) -> Any:
            code = self.encoder(inputs)
            error = self.decoder(code) - inputs
            return (error * error)[:, 0] * 1.0, code * code

        def train_step(self, data: Any) -> Any:
            inputs = data[0] if isinstance(data, tuple) else data
            found: list[Any] = []

            def loss_of() -> Any:
                error, sparsity = self.measure(inputs)
                found[:] = [_mean(keras, sparsity)]
                return _mean(keras, error) + 0.1 * found[0]

            self.total.update_state(_descend(keras, self, loss_of))
            self.sparsity.update_state(found[0])
            return {metric.name: metric.result() for metric in self.metrics}

    model = Auto()
    model(x[:2])
    _fixed(model)
    model.compile(keras.optimizers.SGD(0.1))
    return _fit(model, x, epochs=4)


def _mean(keras: Any, value: Any) -> Any:
    if _uses_tapes(keras):
        import tensorflow as tf

        return tf.reduce_mean(value)
    return value.mean()


CASES = {
    case.__name__: case
    for case in (
        names_of_one_output,
        names_of_several_outputs,
        outputs_in_a_dict,
        subclassed_outputs,
        masked_time_steps,
        states_from_batch_to_batch,
        numbers_of_steps,
        several_steps_at_once,
        single_batches,
        only_added_losses,
        own_steps_with_compiled_parts,
        own_trackers,
    )
}
