"""What logs are called, and `evaluate` lists, for many forms of `compile`, against four generations of real Keras.

`scripts/golden/compile_names_keras.py` writes the files.
"""

import json
import runpy
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config
from keras_torch.symbolic import reset_names

cases = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("compile_name_cases.py"))))
GOLDEN = Path(__file__).parents[1] / "golden"
FILES = {"1": "122", "2": "224", "tf": "215", "3": "315"}
EXPECTED = {
    (dialect, name): case
    for dialect, version in FILES.items()
    for name, case in json.loads((GOLDEN / f"compile_names_keras{version}.json").read_text())["cases"].items()
}
# Keras 2.2.4 knows neither one metric without a list nor a list for each output.
ALSO_ACCEPTED = {("2", name) for name in ("string_alone", "two_string_alone", "two_lists", "two_list_and_empty")}
# Keras 3 does not look at the key if there is one output; tf.keras reports an unknown name with a TypeError.
OTHERWISE_REFUSED = {("3", "unknown_output"), ("tf", "unknown")}
# Keras 3 lists the metric that has the name without `weighted_` or a number twice.
LISTED_ONCE = {"both_weighted_and_not", "object_weighted_too", "objects_of_one_name", "same_string_twice"}


def run(dialect, name):
    with config.dialect_scope(dialect), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reset_names()
        return cases.results(keras, name, False)


@pytest.mark.parametrize(("dialect", "name"), sorted(EXPECTED))
def test_a_form_of_compile_gives_the_names_that_keras_gives(dialect, name):
    expected = EXPECTED[dialect, name]
    if (dialect, name) in OTHERWISE_REFUSED or "error" in expected and (dialect, name) not in ALSO_ACCEPTED:
        with pytest.raises(ValueError, match="Received"):
            run(dialect, name)
        return
    got = run(dialect, name)
    if "error" in expected:
        return
    assert got["history"] == expected["history"]
    if dialect != "3":
        # Keras 3 hides the metrics behind one name
        assert got["metrics_names"] == expected["metrics_names"]
    values = expected["evaluate"]
    if dialect == "3" and name in LISTED_ONCE:
        np.testing.assert_allclose(sorted(set(got["evaluate"])), sorted(set(values)), rtol=1e-4)
    else:
        np.testing.assert_allclose(got["evaluate"], values, rtol=1e-4)
    assert len(got["metrics_names"]) == len(got["evaluate"])


def test_both_names_of_accuracy_stay_apart_where_both_are_logged():
    got = run("3", "acc_and_accuracy")
    assert got["history"] == ["acc", "accuracy", "loss", "val_acc", "val_accuracy", "val_loss"]


def test_short_and_long_names_answer_for_each_other():
    model = cases.one(keras, 1, "sigmoid")
    model.compile("sgd", "mse", metrics=["mse", "mean_absolute_error"])
    history = model.fit(np.zeros((4, 4), "float32"), np.zeros((4, 1), "float32"), verbose=0).history
    assert history["mean_squared_error"] == history["mse"] and history["mae"] == history["mean_absolute_error"]
    assert list(history) == ["loss", "mse", "mean_absolute_error"]


def test_a_metric_object_keeps_its_own_name_when_it_is_compiled_again():
    with config.dialect_scope("3"):
        model = cases.two(keras)
        metric = keras.metrics.BinaryAccuracy(name="hits")
        for _ in range(2):
            model.compile("sgd", ["sparse_categorical_crossentropy", "mse"], metrics=[[], [metric]])
            model.train_on_batch(np.zeros((4, 4), "float32"), [np.zeros((4, 1)), np.zeros((4, 1), "float32")])
            assert model.metrics_names[-1] == "b_hits"


def test_one_metric_object_given_twice_is_an_error():
    metric = keras.metrics.MeanSquaredError()
    with pytest.raises(ValueError, match="given twice.*Received"):
        cases.one(keras, 1, "sigmoid").compile("sgd", "mse", metrics=[metric, metric])


def test_unknown_metrics_say_the_nearest_names():
    model = cases.two(keras)
    losses = ["sparse_categorical_crossentropy", "mse"]
    with pytest.raises(ValueError, match='Unknown metric.*Did you mean "accuracy"'):
        model.compile("sgd", losses, metrics={"a": ["acuracy"]})
    with pytest.raises(ValueError, match=r"`metrics` has keys that are no output names: \['c'\]"):
        model.compile("sgd", losses, metrics={"c": "acc"})
    with pytest.raises(ValueError, match=r"`weighted_metrics` must have one entry for each of the 2 outputs"):
        model.compile("sgd", losses, weighted_metrics=[["acc"]])


def rates(y_true, y_pred):
    error = y_pred - y_true
    return {"above": (error > 0).float().mean(), "size": abs(error)}


@pytest.mark.parametrize("dialect", ["1", "tf", "3"])
def test_a_function_may_return_a_dict_of_metrics(dialect):
    with config.dialect_scope(dialect):
        model = cases.one(keras, 1, "sigmoid")
        model.compile("sgd", "mse", metrics=["mae", rates])
        x, y = np.ones((6, 4), "float32"), np.zeros((6, 1), "float32")
        history = model.fit(x, y, batch_size=4, verbose=0, epochs=2, validation_data=(x, y)).history
        assert {"above", "size", "val_above", "val_size"} <= set(history) and "rates" not in history
        assert len(history["size"]) == 2 and history["val_above"] == [1.0, 1.0]
        assert model.metrics_names == ["loss", "mae" if dialect != "1" else "mean_absolute_error", "above", "size"]
        values = model.evaluate(x, y, verbose=0)
    assert values[3] == pytest.approx(values[1]) and values[2] == 1.0


def test_a_dict_of_metrics_of_one_of_two_outputs_bears_its_name():
    model = cases.two(keras)
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"], metrics={"b": [rates]})
    y = [np.zeros((4, 1)), np.zeros((4, 1), "float32")]
    logs = model.train_on_batch(np.zeros((4, 4), "float32"), y, return_dict=True)
    assert list(logs)[-2:] == ["b_above", "b_size"]


@pytest.mark.parametrize(
    ("outputs", "loss", "expected"),
    [
        (1, ["mse", "mae"], {"loss": 4.0}),
        (1, [["mse", "mae"]], {"loss": 4.0}),
        (2, ["mse", ["mae", "mse"]], {"loss": 6.0, "a_loss": 4.0, "b_loss": 2.0}),
        (2, {"a": "mse", "b": ["mse", "mae"]}, {"loss": 8.0, "a_loss": 4.0, "b_loss": 4.0}),
        (2, ["mse", "mae", "mse"], {"loss": 6.0, "a_loss": 4.0, "b_loss": 2.0}),
        (2, ["mse"], {"loss": 4.0, "a_loss": 4.0}),
    ],
)
def test_tf_keras_heeds_one_loss_of_each_output(outputs, loss, expected):
    config.set_dialect("tf")
    start = keras.Input((2,))
    made = [keras.layers.Dense(1, kernel_initializer="ones", name=name)(start) for name in "ab"[:outputs]]
    model = keras.Model(start, made)
    x = np.ones((4, 2), "float32")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.compile("sgd", loss)
    assert bool([item for item in caught if "are left out" in str(item.message)]) == (loss != ["mse"])
    # The outputs are 2, the targets 4: the squared difference is 4, the absolute one 2.
    assert model.evaluate(x, [np.full((4, 1), 4.0)] * outputs, verbose=0, return_dict=True) == expected
