"""Forms of `compile(metrics=...)`, written once for real Keras of four generations and for keras_torch.

A case compiles a model, trains it for an epoch with a learning rate of 0 and validation data, and says what the logs
are called, what `metrics_names` says before and after, and the values of `evaluate`. Forms that Keras refuses give
the type of the error instead.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

SAMPLES = 12


def distance(y_true: Any, y_pred: Any) -> Any:
    """A metric of one's own; plain operators, so that it runs on any backend."""
    return abs(y_true - y_pred)


def scaled(y_true: Any, y_pred: Any, factor: float = 1.0) -> Any:
    """A metric with an argument."""
    return factor * abs(y_true - y_pred)


def largest(y_true: Any, y_pred: Any) -> Any:
    """A metric that is one number for a batch, which Keras 1 wants; for Theano and torch."""
    return abs(y_true - y_pred).max()


class Distance:
    """A callable object that is no Metric."""

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        return abs(y_true - y_pred)


def _fixed(model: Any) -> Any:
    random = np.random.RandomState(5)
    model.set_weights([random.uniform(-1, 1, w.shape).astype("float32") for w in model.get_weights()])
    return model


def _make(keras: Any, inputs: Any, outputs: Any) -> Any:
    if keras.__version__.startswith("1."):
        return keras.models.Model(input=inputs, output=outputs)
    return keras.models.Model(inputs, outputs)


def one(keras: Any, units: int, activation: str) -> Any:
    """A model with one output."""
    inputs = keras.layers.Input((4,))
    return _make(keras, inputs, keras.layers.Dense(units, activation=activation, name="out")(inputs))


def two(keras: Any) -> Any:
    """A model with the outputs `a`, three classes, and `b`, a probability."""
    inputs = keras.layers.Input((4,))
    first = keras.layers.Dense(3, activation="softmax", name="a")(inputs)
    return _make(keras, inputs, [first, keras.layers.Dense(1, activation="sigmoid", name="b")(inputs)])


def named(keras: Any) -> Any:
    """A model whose outputs are a dict with keys that are no layer names."""
    inputs = keras.layers.Input((4,))
    first = keras.layers.Dense(3, activation="softmax", name="a")(inputs)
    second = keras.layers.Dense(1, activation="sigmoid", name="b")(inputs)
    return keras.models.Model(inputs, {"x": first, "y": second})


def subclassed(keras: Any, as_dict: bool) -> Any:
    """A model of a class of one's own with two outputs, as a list or a dict."""

    class Two(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first = keras.layers.Dense(3, activation="softmax")
            self.second = keras.layers.Dense(1, activation="sigmoid")

        def call(self, inputs: Any) -> Any:
            values = self.first(inputs), self.second(inputs)
            return dict(zip("ab", values, strict=True)) if as_dict else list(values)

    model = Two()
    model(np.zeros((1, 4), "float32"))
    return model


def _targets() -> dict[str, np.ndarray]:
    random = np.random.RandomState(3)
    labels = random.randint(0, 3, (SAMPLES, 1))
    return {
        "sparse": labels,
        "onehot": np.eye(3, dtype="float32")[labels[:, 0]],
        "binary": random.randint(0, 2, (SAMPLES, 1)).astype("float32"),
    }


_SOFTMAX = (3, "softmax")
_SIGMOID = (1, "sigmoid")
_SPARSE = {"loss": "sparse_categorical_crossentropy"}
_ONEHOT = {"loss": "categorical_crossentropy"}
_BINARY = {"loss": "binary_crossentropy"}
_BOTH = {"loss": ["sparse_categorical_crossentropy", "binary_crossentropy"]}
_NAMED = {"loss": {"a": "sparse_categorical_crossentropy", "b": "binary_crossentropy"}}
_KEYED = {"loss": {"x": "sparse_categorical_crossentropy", "y": "binary_crossentropy"}}

Case = Any
# name → (generations, model, targets, arguments of compile from `keras.metrics`)
ALL, SINCE_2, SINCE_TF = ("1", "2", "tf", "3"), ("2", "tf", "3"), ("tf", "3")


def _single(
    make: Any, *, targets: str = "sparse", base: Any = _SPARSE, output: Any = _SOFTMAX, dialects: Any = ALL
) -> Case:
    return dialects, lambda keras: one(keras, *output), targets, lambda metrics: {**base, **make(metrics)}


def _double(
    make: Any, base: Any = _BOTH, dialects: Any = ALL, model: Any = two, targets: Any = ("sparse", "binary")
) -> Case:
    return dialects, model, targets, lambda metrics: {**base, **make(metrics)}


def _given(*values: Any, **more: Any) -> Any:
    return lambda metrics: {"metrics": list(values), **more}


_onehot = functools.partial(_single, targets="onehot", base=_ONEHOT)
_binary = functools.partial(_single, targets="binary", base=_BINARY, output=_SIGMOID)
_tf = functools.partial(_single, dialects=SINCE_TF)
_dict_outputs = functools.partial(
    _double, base=_KEYED, dialects=SINCE_TF, model=named, targets={"x": "sparse", "y": "binary"}
)
_subclass_list = functools.partial(
    _double, dialects=SINCE_TF, model=lambda keras: subclassed(keras, False), targets=("sparse", "binary")
)
_subclass_dict = functools.partial(
    _double,
    base=_NAMED,
    dialects=SINCE_TF,
    model=lambda keras: subclassed(keras, True),
    targets={"a": "sparse", "b": "binary"},
)

CASES: dict[str, Case] = {
    "acc_sparse": _single(_given("acc")),
    "accuracy_sparse": _single(_given("accuracy")),
    "accuracy_capital": _tf(_given("Accuracy")),
    "acc_onehot": _onehot(_given("acc")),
    "accuracy_binary": _binary(_given("accuracy")),
    "accuracy_onehot_binary_loss": _onehot(_given("accuracy"), base=_BINARY),
    "acc_and_accuracy": _tf(_given("acc", "accuracy")),
    "ce": _onehot(_given("ce"), dialects=("2", "tf")),
    "crossentropy": _single(_given("crossentropy"), dialects=("2", "tf")),
    "short_names": _binary(_given("mse", "mae")),
    "short_capitals": _binary(_given("MSE", "MAPE")),
    "long_names": _binary(_given("mean_squared_error", "binary_accuracy")),
    "string_alone": _single(lambda metrics: {"metrics": "acc"}, dialects=("2", "tf")),
    "function": _binary(_given(distance), dialects=SINCE_2),
    "function_and_name": _binary(_given("acc", distance, "mse"), dialects=SINCE_2),
    "function_of_a_batch": _binary(_given("acc", largest), dialects=("1", "2")),
    "lambda": _binary(_given(lambda y_true, y_pred: abs(y_true - y_pred)), dialects=SINCE_2),
    "partial": _binary(_given(functools.partial(scaled, factor=2.0)), dialects=SINCE_TF),
    "callable_object": _binary(_given(Distance()), dialects=SINCE_TF),
    "by_output_name": _single(lambda metrics: {"metrics": {"out": "acc"}}),
    "lists_by_output_name": _binary(lambda metrics: {"metrics": {"out": ["acc", "mse"]}}),
    "nested_list": _binary(lambda metrics: {"metrics": [["acc", "mse"]]}, dialects=SINCE_TF),
    "weighted": _binary(lambda metrics: {"weighted_metrics": ["acc"]}, dialects=SINCE_2),
    "both_weighted_and_not": _binary(_given("acc", weighted_metrics=["acc", "mse"]), dialects=SINCE_2),
    "same_string_twice": _single(_given("acc", "acc"), dialects=SINCE_TF),
    "no_metrics": _single(lambda metrics: {}),
    "empty_list": _single(_given()),
    "objects": _binary(lambda m: {"metrics": [m.BinaryAccuracy(), m.AUC(name="area")]}, dialects=SINCE_TF),
    "object_named": _binary(lambda m: {"metrics": [m.BinaryAccuracy(name="hits")]}, dialects=SINCE_TF),
    "classes_by_name": _binary(_given("AUC", "Precision"), dialects=SINCE_TF),
    "objects_of_one_name": _binary(
        lambda m: {"metrics": [m.MeanSquaredError(), m.MeanSquaredError()]}, dialects=SINCE_TF
    ),
    "objects_numbered": _binary(lambda m: {"metrics": [m.Precision(), m.Precision(0.2)]}, dialects=SINCE_TF),
    "object_weighted_too": _binary(
        lambda m: {"metrics": [m.MeanSquaredError()], "weighted_metrics": [m.MeanSquaredError()]}, dialects=SINCE_TF
    ),
    "unknown": _single(_given("acuracy")),
    "unknown_output": _single(lambda metrics: {"metrics": {"oout": "acc"}}, dialects=SINCE_TF),
    "two_one_string": _double(_given("acc")),
    "two_string_alone": _double(lambda metrics: {"metrics": "acc"}, dialects=("2", "tf")),
    "two_strings": _double(_given("acc", "mse"), dialects=SINCE_TF),
    "two_strings_of_labels": _double(_given("acc", "sparse_categorical_accuracy")),
    "two_three_strings": _double(_given("acc", "mse", "mae"), dialects=SINCE_TF),
    "two_lists": _double(lambda metrics: {"metrics": [["acc"], ["mse", "mae"]]}, dialects=SINCE_2),
    "two_list_and_none": _double(lambda metrics: {"metrics": [["acc"], None]}, dialects=SINCE_TF),
    "two_string_and_none": _double(lambda metrics: {"metrics": ["acc", None]}, dialects=SINCE_TF),
    "two_list_and_empty": _double(lambda metrics: {"metrics": [["acc"], []]}, dialects=SINCE_2),
    "two_one_list": _double(lambda metrics: {"metrics": [["acc"]]}, dialects=SINCE_TF),
    "two_three_lists": _double(lambda metrics: {"metrics": [["acc"], ["acc"], ["acc"]]}, dialects=SINCE_TF),
    "two_named": _double(lambda metrics: {"metrics": {"a": "acc", "b": ["acc", "mse"]}}),
    "two_one_named": _double(lambda metrics: {"metrics": {"b": ["accuracy"]}}),
    "two_wrong_order": _double(lambda metrics: {"metrics": {"b": "mse", "a": "acc"}}),
    "two_named_losses": _double(lambda metrics: {"metrics": {"a": "accuracy", "b": "accuracy"}}, base=_NAMED),
    "two_unknown_output": _double(lambda metrics: {"metrics": {"a": "acc", "c": "acc"}}, dialects=SINCE_TF),
    "two_function": _double(lambda metrics: {"metrics": [[], [distance]]}, dialects=SINCE_TF),
    "two_weighted": _double(lambda metrics: {"weighted_metrics": [["acc"], ["acc"]]}, dialects=SINCE_TF),
    "two_weighted_and_not": _double(
        lambda metrics: {"metrics": {"a": "acc", "b": "acc"}, "weighted_metrics": {"b": ["acc", "mse"]}},
        dialects=SINCE_TF,
    ),
    "two_objects": _double(lambda m: {"metrics": [[m.SparseCategoricalAccuracy()], [m.AUC()]]}, dialects=SINCE_TF),
    "two_objects_named": _double(
        lambda m: {"metrics": {"a": m.SparseCategoricalAccuracy(name="hits"), "b": [m.AUC(name="area"), "mse"]}},
        dialects=SINCE_TF,
    ),
    "two_one_loss": _double(
        _given("acc", "mse"), base={"loss": ["sparse_categorical_crossentropy", None]}, dialects=("tf",)
    ),
    "dict_one_string": _dict_outputs(_given("acc"), dialects=("tf",)),
    "dict_named": _dict_outputs(lambda metrics: {"metrics": {"x": ["acc"], "y": ["acc", "mse"]}}),
    "dict_one_named": _dict_outputs(lambda metrics: {"metrics": {"y": ["mse"]}}),
    "dict_unknown_output": _dict_outputs(lambda metrics: {"metrics": {"z": ["mse"]}}),
    "dict_weighted": _dict_outputs(lambda metrics: {"weighted_metrics": {"x": ["acc"], "y": ["mse"]}}),
    "subclass_list": _subclass_list(lambda metrics: {"metrics": [["acc"], ["mse"]]}),
    "subclass_list_strings": _subclass_list(_given("acc", "mse")),
    "subclass_dict": _subclass_dict(lambda metrics: {"metrics": {"a": ["acc"], "b": ["mse"]}}),
    "subclass_dict_one": _subclass_dict(lambda metrics: {"metrics": {"b": ["mse", distance]}}),
}


def _select(names: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(names, str):
        return arrays[names]
    if isinstance(names, dict):
        return {key: arrays[name] for key, name in names.items()}
    return [arrays[name] for name in names]


def results(keras: Any, name: str, first: bool) -> dict[str, Any]:
    """Return what the logs of a case are called, and what `evaluate` says; `first` where Keras is Keras 1."""
    _, build, names, arguments = CASES[name]
    model = _fixed(build(keras))
    given = arguments(keras.metrics)
    model.compile(keras.optimizers.SGD(0.0), **given)
    before = list(model.metrics_names)
    x, y = np.random.RandomState(1).uniform(-1, 1, (SAMPLES, 4)).astype("float32"), _select(names, _targets())
    epochs = {"nb_epoch" if first else "epochs": 1}
    history = model.fit(x, y, batch_size=5, verbose=0, shuffle=False, validation_data=(x, y), **epochs).history
    values = model.evaluate(x, y, batch_size=5, verbose=0)
    values = [float(value) for value in (values if isinstance(values, (list, tuple)) else [values])]
    return {
        "history": list(history),
        "before": before,
        "metrics_names": list(model.metrics_names),
        "evaluate": [round(value, 6) for value in values],
    }


def result(keras: Any, name: str, dialect: str) -> dict[str, Any]:
    """Return `results`, or the name of the error."""
    try:
        return results(keras, name, dialect == "1")
    except Exception as error:
        return {"error": type(error).__name__}


def names(dialect: str) -> list[str]:
    """Return the cases that a generation can run."""
    return [name for name, case in CASES.items() if dialect in case[0]]
