"""Losses in small trainings, run by real Keras (for the golden numbers) and by keras_torch (in the tests).

Each case takes the `keras` namespace and returns plain numbers: what `evaluate` gives, histories, changes of weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

EXTREMES = np.array(
    [[100, -100, 0], [-100, 100, 0], [20, 0, 0], [0, 17, 0], [5, 0, 0], [200, 100, 0], [1, -1, 0.5]], "float32"
)
LABELS = np.array([1, 1, 1, 1, 1, 2, 0])
ENTROPIES = {
    "categorical_crossentropy": np.eye(3, dtype="float32")[LABELS],
    "sparse_categorical_crossentropy": LABELS,
    "binary_crossentropy": np.eye(3, dtype="float32")[LABELS],
    "categorical_focal_crossentropy": np.eye(3, dtype="float32")[LABELS],
    "binary_focal_crossentropy": np.eye(3, dtype="float32")[LABELS],
    "kl_divergence": np.eye(3, dtype="float32")[LABELS],
}
random = np.random.RandomState(3)
X = random.normal(size=(10, 4)).astype("float32")
Y = random.normal(size=(10, 3)).astype("float32")
KINDS = random.randint(0, 3, 10)
ONE_HOT = np.eye(3, dtype="float32")[KINDS]
WEIGHTS = np.array([1, 0.5, 0, 2, 1, 3, 0, 0, 1, 0.25], "float32")
TOKENS = np.array([[1, 2, 3, 0], [2, 0, 0, 0], [4, 4, 1, 2], [3, 1, 0, 0], [0, 0, 0, 0], [1, 2, 3, 4]])
STEPS = random.randint(0, 3, (6, 4))
STEP_WEIGHTS = random.uniform(0, 2, (6, 4)).astype("float32")


def _ops(keras: Any) -> Any:
    return getattr(keras, "ops", None) or keras.backend


def _ending(keras: Any, activation: str, how: str) -> Any:
    """A model that adds a bias of 0 to its inputs and then applies the activation."""
    inputs = keras.layers.Input((3,))
    last = keras.layers.Dense(
        3, kernel_initializer="identity", activation=activation if how in ("dense", "reshape") else None
    )
    outputs = last(inputs)
    if how == "activation":
        outputs = keras.layers.Activation(activation)(outputs)
    elif how == "layer":
        outputs = keras.layers.Softmax()(outputs)
    elif how == "reshape":
        outputs = keras.layers.Reshape((3,))(outputs)
    return keras.models.Model(inputs, outputs)


def extremes(keras: Any) -> Any:
    """Predictions that are certain, right and wrong: the loss and the step that it causes, sample by sample."""
    found = {}
    for activation in ("softmax", "sigmoid"):
        for how in ("dense", "activation", "layer", "reshape"):
            if how == "layer" and activation == "sigmoid":
                continue
            model = _ending(keras, activation, how)
            start = model.get_weights()
            for loss, targets in ENTROPIES.items():
                # eagerly, as TensorFlow's graphs rewrite a logarithm of clipped probabilities
                model.compile(keras.optimizers.SGD(1.0), loss=loss, run_eagerly=True)
                rows = []
                for index in range(len(EXTREMES)):
                    x, y = EXTREMES[index : index + 1], targets[index : index + 1]
                    model.set_weights(start)
                    value = float(model.evaluate(x, y, verbose=0))
                    trained = float(model.train_on_batch(x, y))
                    rows.append([value, trained, *(model.get_weights()[1] - start[1]).tolist()])
                found[f"{activation} {how} {loss}"] = rows
    return found


def _model(keras: Any, activation: str | None = None, units: int = 3) -> Any:
    inputs = keras.layers.Input((4,))
    model = keras.models.Model(inputs, keras.layers.Dense(units, activation=activation)(inputs))
    return _fixed(model)


def _fixed(model: Any) -> Any:
    values = np.random.RandomState(5)
    model.set_weights([values.uniform(-0.6, 0.6, w.shape).astype("float32") for w in model.get_weights()])
    return model


def _train(model: Any, x: Any, y: Any, loss: Any, weight: Any = None, more: Any = None, **options: Any) -> Any:
    """Three epochs of batches of 4, the last one of 2; history, evaluation and the weights' sums."""
    model.compile("sgd", loss=loss, run_eagerly=True, **(more or {}))
    history = model.fit(x, y, sample_weight=weight, epochs=3, batch_size=4, shuffle=False, verbose=0, **options).history
    found = {name: [float(value) for value in values] for name, values in history.items()}
    value = model.evaluate(x, y, sample_weight=weight, batch_size=4, verbose=0)
    found["evaluate"] = np.ravel(value).astype(float).tolist()
    found["weights"] = [float(np.sum(w)) for w in model.get_weights()]
    return found


def function_per_sample(keras: Any) -> Any:
    def loss(y_true, y_pred):
        return _ops(keras).mean(abs(y_true - y_pred) ** 3, axis=-1)

    return [_train(_model(keras), X, Y, loss), _train(_model(keras), X, Y, loss, WEIGHTS)]


def function_of_a_batch(keras: Any) -> Any:
    def loss(y_true, y_pred):
        return _ops(keras).mean(abs(y_true - y_pred) ** 3)

    return [_train(_model(keras), X, Y, loss), _train(_model(keras), X, Y, loss, WEIGHTS)]


def function_per_element(keras: Any) -> Any:
    return _train(_model(keras), X, Y, lambda y_true, y_pred: (y_true - y_pred) ** 2)


def function_per_element_weighted(keras: Any) -> Any:
    return _train(_model(keras), X, Y, lambda y_true, y_pred: (y_true - y_pred) ** 2, WEIGHTS)


def class_weights(keras: Any) -> Any:
    chosen = {0: 1.0, 1: 3.0, 2: 0.25}
    return [
        _train(_model(keras, "softmax"), X, KINDS, "sparse_categorical_crossentropy", class_weight=chosen),
        _train(_model(keras, "softmax"), X, ONE_HOT, "categorical_crossentropy", class_weight=chosen),
    ]


def subclass(keras: Any) -> Any:
    class Cubic(keras.losses.Loss):
        def __init__(self, factor=2.0, **options):
            super().__init__(**options)
            self.factor = factor

        def call(self, y_true, y_pred):
            return self.factor * _ops(keras).mean(abs(y_true - y_pred) ** 3, axis=-1)

    return [
        _train(_model(keras), X, Y, Cubic()),
        _train(_model(keras), X, Y, Cubic(reduction="sum"), WEIGHTS),
        _train(_model(keras), X, Y, Cubic(factor=0.5, name="cubic"), WEIGHTS),
    ]


def sums(keras: Any) -> Any:
    return [
        _train(_model(keras), X, Y, keras.losses.MeanSquaredError(reduction="sum")),
        _train(_model(keras), X, Y, keras.losses.Huber(delta=0.3, reduction="sum"), WEIGHTS),
        _train(_model(keras), X, Y, keras.losses.MeanSquaredError(), np.zeros(10, "float32")),
    ]


def unreduced(keras: Any) -> Any:
    # batches of one size: in logs Keras 2.15 weights each with the square of its size
    return [
        _train(_model(keras), X[:8], Y[:8], keras.losses.MeanSquaredError(reduction="none")),
        _train(_model(keras), X[:8], Y[:8], keras.losses.MeanSquaredError(reduction="none"), WEIGHTS[:8]),
    ]


def masked(keras: Any) -> Any:
    def model():
        inputs = keras.layers.Input((4,))
        hidden = keras.layers.Embedding(5, 3, mask_zero=True)(inputs)
        return _fixed(keras.models.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden)))

    sparse, dense = "sparse_categorical_crossentropy", np.eye(3, dtype="float32")[STEPS]
    return [
        _train(model(), TOKENS[:4], STEPS[:4], sparse),
        _train(model(), TOKENS, STEPS, sparse, STEP_WEIGHTS),
        _train(model(), TOKENS, dense, "mse", STEP_WEIGHTS),
        _train(model(), TOKENS, dense, keras.losses.CategoricalCrossentropy(reduction="sum")),
    ]


def masked_by_sample(keras: Any) -> Any:
    inputs = keras.layers.Input((4,))
    hidden = keras.layers.Embedding(5, 3, mask_zero=True)(inputs)
    model = _fixed(keras.models.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden)))
    return _train(model, TOKENS, STEPS, "sparse_categorical_crossentropy", WEIGHTS[:6])


def several_outputs(keras: Any) -> Any:
    def model():
        inputs = keras.layers.Input((4,))
        names = ("a", "b", "c")
        return _fixed(keras.models.Model(inputs, [keras.layers.Dense(3, name=name)(inputs) for name in names]))

    some = {"loss_weights": {"a": 0.5, "b": 1.0, "c": 2.0}}
    return [
        _train(model(), X, [Y, ONE_HOT, Y], ["mse", keras.losses.CategoricalCrossentropy(from_logits=True), "mae"]),
        _train(model(), X, {"a": Y, "b": Y, "c": Y}, {"a": "mse", "b": "mse", "c": "mae"}, None, some),
    ]


def added_losses(keras: Any) -> Any:
    class Busy(keras.layers.Layer):
        def call(self, inputs):
            self.add_loss(0.3 * _ops(keras).mean(inputs**2))
            return inputs

    def model():
        inputs = keras.layers.Input((4,))
        hidden = Busy()(keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.1))(inputs))
        return _fixed(keras.models.Model(inputs, keras.layers.Dense(3)(hidden)))

    return [_train(model(), X, Y, "mse"), _train(model(), X, Y, "mse", WEIGHTS)]


def targets_of_other_types(keras: Any) -> Any:
    whole = np.arange(30).reshape(10, 3) % 5
    return [
        _train(_model(keras), X, whole, "mse"),
        _train(_model(keras), X, whole.astype("float64"), "mae"),
        _train(_model(keras, "sigmoid"), X, ONE_HOT.astype(bool), "binary_crossentropy"),
        _train(_model(keras, "sigmoid", 1), X, KINDS > 0, "binary_crossentropy"),
        _train(_model(keras, None, 1), X, KINDS.astype("int32"), "mse", WEIGHTS),
    ]


def names(keras: Any) -> Any:
    """Every name by which both generations know a loss."""
    found = {}
    positive = abs(Y)
    for name in (
        *("mse", "MSE", "mae", "MAE", "mape", "MAPE", "msle", "MSLE", "bce", "BCE", "kld", "KLD", "huber", "log_cosh"),
        *("mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "kl_divergence", "poisson"),
        *("mean_squared_logarithmic_error", "cosine_similarity", "hinge", "squared_hinge", "categorical_hinge"),
        *("binary_crossentropy", "categorical_crossentropy", "binary_focal_crossentropy", "KLDivergence", "Huber"),
        *("MeanSquaredError", "CosineSimilarity", "LogCosh", "CategoricalCrossentropy", "CategoricalHinge"),
    ):
        model = _model(keras, "softmax")
        model.compile("sgd", loss=name, run_eagerly=True)
        found[name] = float(
            model.train_on_batch(X, ONE_HOT if "rossentropy" in name or name.lower() == "bce" else positive)
        )
    return found


CASES = {
    case.__name__: case
    for case in (
        *(extremes, function_per_sample, function_of_a_batch, function_per_element, function_per_element_weighted),
        *(class_weights, subclass, sums, unreduced, masked, masked_by_sample, several_outputs, added_losses),
        *(targets_of_other_types, names),
    )
}
