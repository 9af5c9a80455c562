"""Configs in `.h5` files, in the form that the Keras of the dialect reads."""

import json
import zipfile

import h5py
import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config, layers, ops, saving
from keras_torch.saving.legacy_config import ConfigReader

TENSOR = "__keras_tensor__"


def layer_in(path, class_name):
    """Return the first layer of that class in a file's model config."""
    with h5py.File(path) as file:
        config = json.loads(file.attrs["model_config"])["config"]
    return next(layer for layer in config["layers"] if layer["class_name"] == class_name)


def attending(layer):
    """Return a model that calls a layer with query and value."""
    query, value = keras.Input((3, 4), name="query"), keras.Input((5, 4), name="value")
    return keras.Model([query, value], layer(query, value), name="attending")


def assert_same_after_loading(model, path):
    arrays = [np.random.RandomState(0).randn(2, *tensor.shape[1:]).astype("float32") for tensor in model.inputs]
    again = saving.load_model(path, compile=False)
    arrays = arrays if len(arrays) > 1 else arrays[0]
    np.testing.assert_array_equal(again.predict(arrays, verbose=0), model.predict(arrays, verbose=0))


@pytest.mark.parametrize("dialect", [None, "tf"])
def test_attention_of_several_heads_is_written_for_keras_2(dialect, tmp_path):
    with keras.config.dialect_scope(dialect):
        model = attending(keras.layers.MultiHeadAttention(2, 3))
        model.save(tmp_path / "model.h5")
    layer = layer_in(tmp_path / "model.h5", "MultiHeadAttention")
    assert layer["inbound_nodes"] == [[["query", 0, 0, {"value": ["value", 0, 0]}]]]
    assert [layer["config"][key] for key in ("query_shape", "key_shape")] == [[None, 3, 4], [None, 5, 4]]
    assert_same_after_loading(model, tmp_path / "model.h5")


@pytest.mark.parametrize(
    ("dialect", "arguments"), [("3", {}), (None, {"use_gate": True}), (None, {"sliding_window": 2})]
)
def test_attention_of_several_heads_is_written_for_keras_3_in_its_dialect_or_if_only_it_has_the_argument(
    dialect, arguments, tmp_path
):
    with keras.config.dialect_scope(dialect):
        model = attending(keras.layers.MultiHeadAttention(2, 3, **arguments))
        model.save(tmp_path / "model.h5")
    layer = layer_in(tmp_path / "model.h5", "MultiHeadAttention")
    (node,) = layer["inbound_nodes"]
    assert [item["config"]["keras_history"] for item in node["args"]] == [["query", 0, 0]]
    assert node["kwargs"]["value"]["class_name"] == TENSOR
    assert "query_shape" not in layer["config"]
    assert_same_after_loading(model, tmp_path / "model.h5")


def test_a_layer_that_only_keras_3_has_is_written_under_the_name_of_its_class_there(tmp_path):
    model = attending(keras.layers.GroupQueryAttention(3, 4, 2))
    model.save(tmp_path / "model.h5")
    assert isinstance(layer_in(tmp_path / "model.h5", "GroupedQueryAttention")["inbound_nodes"][0], dict)
    assert_same_after_loading(model, tmp_path / "model.h5")


def test_one_group_is_kept_where_it_is_not_the_default(tmp_path):
    model = keras.Sequential([keras.Input((4, 6)), keras.layers.GroupNormalization(1), keras.layers.Conv1D(2, 3)])
    model.save(tmp_path / "model.h5")
    assert layer_in(tmp_path / "model.h5", "GroupNormalization")["config"]["groups"] == 1
    assert "groups" not in layer_in(tmp_path / "model.h5", "Conv1D")["config"]
    assert_same_after_loading(model, tmp_path / "model.h5")


def test_outputs_of_keras_3_count_the_calls_of_nested_models_from_1_and_its_calls_from_0():
    with keras.config.dialect_scope("3"):
        source = keras.Input((4,), name="source")
        inner = _inner()
        twice = inner(inner(source))
        model = keras.Model(source, [keras.layers.Add(name="sum")([source, twice]), twice], name="model")
        config = model.get_config()
        config["output_layers"] = [["sum", 0, 0], ["inner", 2, 0]]
        again = keras.Model.from_config(config)
    again.set_weights(model.get_weights())
    data = np.ones((2, 4), "float32")
    for one, other in zip(again.predict(data, verbose=0), model.predict(data, verbose=0), strict=True):
        np.testing.assert_array_equal(one, other)


def _inner():
    source = keras.Input((4,), name="in")
    return keras.Model(source, keras.layers.Dense(4, name="dense")(source), name="inner")


@pytest.mark.parametrize("dialect", ["1", "2"])
def test_classic_dialects_write_the_optimizer_and_its_state_as_keras_2_2_4_did(dialect, tmp_path):
    data, targets = np.ones((4, 3), "float32"), np.zeros((4, 2), "float32")
    with keras.config.dialect_scope(dialect):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")])
        model.compile(keras.optimizers.Adam(0.5, decay=0.25, clipnorm=2.0), "mse", metrics=["mae"])
        model.train_on_batch(data, targets)
        model.save(tmp_path / "model.h5")
        again = saving.load_model(tmp_path / "model.h5")
        for one, other in [(again, model)] * 2:
            assert one.train_on_batch(data, targets) == other.train_on_batch(data, targets)
    with h5py.File(tmp_path / "model.h5") as file:
        assert file.attrs["keras_version"] == b"2.2.4"
        training = json.loads(file.attrs["training_config"])
        shapes = [file["optimizer_weights"][name].shape for name in file["optimizer_weights"].attrs["weight_names"]]
    optimizer = training.pop("optimizer_config")
    assert optimizer["class_name"] == "Adam"
    assert optimizer["config"].pop("epsilon") == pytest.approx(1e-8 if dialect == "1" else 1e-7)
    assert optimizer["config"] == {
        "lr": 0.5,
        "decay": 0.25,
        "clipnorm": 2.0,
        "beta_1": pytest.approx(0.9),
        "beta_2": pytest.approx(0.999),
        "amsgrad": False,
    }
    assert shapes == [(), (3, 2), (2,), (3, 2), (2,), (1,), (1,)]
    assert training == {
        "loss": "mean_squared_error",
        "metrics": ["mae"],
        "weighted_metrics": None,
        "loss_weights": None,
        "sample_weight_mode": None,
    }


def test_an_optimizer_that_keras_2_2_4_had_not_is_written_for_keras_2_15(tmp_path):
    with keras.config.dialect_scope("2"):
        for optimizer in (keras.optimizers.AdamW(), keras.optimizers.RMSprop(momentum=0.5), keras.optimizers.Ftrl()):
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")])
            model.compile(optimizer, "mse")
            model.save(tmp_path / "model.h5")
            with h5py.File(tmp_path / "model.h5") as file:
                training = json.loads(file.attrs["training_config"])
                assert file.attrs["keras_version"] == b"2.15.0"
            assert training["optimizer_config"]["class_name"] == f"Custom>{type(optimizer).__name__}"
            assert saving.load_model(tmp_path / "model.h5").optimizer.get_config() == optimizer.get_config()


def test_classic_dialects_write_initial_states_among_the_inputs(tmp_path):
    with keras.config.dialect_scope("2"):
        inputs = [keras.Input(shape, name=name) for shape, name in (((5, 3), "x"), ((4,), "h"), ((4,), "c"))]
        outputs = keras.layers.LSTM(4, name="lstm")(inputs[0], initial_state=inputs[1:])
        model = keras.Model(inputs, outputs)
        model.save(tmp_path / "model.h5")
    expected = [[[name, 0, 0, {}] for name in ("x", "h", "c")]]
    assert layer_in(tmp_path / "model.h5", "LSTM")["inbound_nodes"] == expected
    assert_same_after_loading(model, tmp_path / "model.h5")


def test_the_outputs_in_files_of_keras_3_count_the_calls_of_a_functional_model_from_1():
    with keras.config.dialect_scope("3"):
        source = keras.Input((4,), name="source")
        inner = _inner()
        once = inner(source)
        model = keras.Model(source, [keras.layers.Add(name="sum")([once, inner(once)]), once], name="model")
        config = {"class_name": "Functional", "config": model.get_config()}
        config["config"]["output_layers"] = [["sum", 0, 0], ["inner", 1, 0]]
        read = ConfigReader("3", "3.15.1").model(config)
    assert read["config"]["output_layers"] == [["sum", 0, 0], ["inner", 0, 0]]


@pytest.mark.parametrize(("dialect", "listed"), [("2", True), ("tf", False), ("3", False), (None, False)])
def test_the_only_output_of_a_nested_model_stands_in_a_list_for_keras_2_2_4_alone(dialect, listed, tmp_path):
    with keras.config.dialect_scope(dialect):
        source = keras.Input((4,), name="in")
        inner = keras.Model(source, keras.layers.Dense(4, name="dense")(source), name="inner")
        model = keras.Sequential([inner, keras.layers.Dense(2, name="last")])
        model.save(tmp_path / "model.h5")
    config = layer_in(tmp_path / "model.h5", "Model" if listed else "Functional")["config"]
    assert config["output_layers"] == ([["dense", 0, 0]] if listed else ["dense", 0, 0])
    assert_same_after_loading(model, tmp_path / "model.h5")


@pytest.mark.parametrize("dialect", ["tf", "3"])
@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
def test_a_layer_inside_and_outside_of_a_nested_model_stays_one_layer(dialect, name, tmp_path):
    data, targets = np.ones((4, 3), "float32"), np.zeros((4, 3), "float32")
    with keras.config.dialect_scope(dialect):
        common = keras.layers.Dense(3, name="common")
        source, outer = keras.Input((3,), name="in"), keras.Input((3,), name="outer")
        tower = keras.Model(source, keras.layers.Dense(3, name="top")(common(source)), name="tower")
        model = keras.Model(outer, keras.layers.Add(name="sum")([tower(outer), common(outer)]), name="model")
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
        model.train_on_batch(data, targets)
        model.save(tmp_path / name)
        again = saving.load_model(tmp_path / name)
    assert again.get_layer("common") is again.get_layer("tower").get_layer("common")
    assert again.train_on_batch(data, targets) == model.train_on_batch(data, targets)


@pytest.mark.parametrize(("dialect", "names"), [("tf", ["left_gap", "right_gap", "right_mae"]), ("3", ["gap", "mae"])])
def test_metrics_of_several_outputs_have_the_names_that_each_generation_makes_those_of_its_logs_of(
    dialect, names, tmp_path
):
    data, targets = np.ones((4, 3), "float32"), [np.zeros((4, 1), "float32")] * 2
    with keras.config.dialect_scope(dialect):
        source = keras.Input((3,), name="in")
        outputs = [keras.layers.Dense(1, name=name)(source) for name in ("left", "right")]
        model = keras.Model(source, outputs)
        gaps = [keras.metrics.MeanSquaredError(name="gap") for _ in outputs]
        model.compile("sgd", ["mse", "mse"], metrics=[[gaps[0]], [gaps[1], "mae"]])
        model.train_on_batch(data, targets)
        model.save(tmp_path / "model.h5")
        again = saving.load_model(tmp_path / "model.h5")
        assert [
            metric["config"]["name"] for output in model.get_compile_config()["metrics"] for metric in output[:1]
        ] == ["gap", "gap"]
        logs = [item.train_on_batch(data, targets, return_dict=True) for item in (again, model)]
    with h5py.File(tmp_path / "model.h5") as file:
        metrics = json.loads(file.attrs["training_config"])["metrics"]
    assert sorted({metric["config"]["name"] for output in metrics for metric in output}) == names
    assert logs[0] == logs[1] and {"left_gap", "right_gap", "right_mae"} <= logs[0].keys()


@pytest.mark.parametrize("dialect", [None, "3", "tf"])
@pytest.mark.parametrize("trained", [False, True])
def test_the_accuracy_of_labels_is_written_as_its_class(dialect, trained, tmp_path):
    """Keras 2.4 to 2.15 would take "accuracy" in a file for that of one-hot targets, whatever the loss."""
    data, labels = np.ones((4, 3), "float32"), np.arange(4) % 2
    with config.dialect_scope(dialect):
        model = keras.Sequential([keras.Input((3,)), layers.Dense(2, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["ce"])
        if trained:
            model.train_on_batch(data, labels)
        model.save(tmp_path / "model.h5")
        again = saving.load_model(tmp_path / "model.h5")
        logs = [item.evaluate(data, labels, verbose=0, return_dict=True) for item in (again, model)]
        assert logs[0] == logs[1] and len(logs[0]) == 3
    with h5py.File(tmp_path / "model.h5") as file:
        training = json.loads(file.attrs["training_config"])
    written = [(item["class_name"], item["config"]["name"]) for key in _METRICS for item in training[key][:1]]
    assert written == [("SparseCategoricalAccuracy", "accuracy"), ("SparseCategoricalCrossentropy", "ce")]


_METRICS = ("metrics", "weighted_metrics")


def test_what_accuracy_means_is_written_for_each_output(tmp_path):
    data, labels = np.ones((4, 3), "float32"), np.arange(4) % 2
    source = keras.Input((3,))
    outputs = [layers.Dense(units, activation="sigmoid", name=name)(source) for name, units in (("a", 2), ("b", 1))]
    model = keras.Model(source, outputs)
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"], metrics={"a": "acc", "b": ["accuracy", "mae"]})
    model.train_on_batch(data, [labels, labels])
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        written = json.loads(file.attrs["training_config"])["metrics"]
    assert {
        key: [(item["class_name"], item["config"]["name"]) for item in value] for key, value in written.items()
    } == {
        "a": [("SparseCategoricalAccuracy", "acc")],
        "b": [("BinaryAccuracy", "accuracy"), ("MeanAbsoluteError", "mae")],
    }
    again = saving.load_model(tmp_path / "model.h5")
    assert again.train_on_batch(data, [labels, labels], return_dict=True).keys() >= {"a_acc", "b_accuracy", "b_mae"}


def test_operations_are_written_without_names_which_keras_3_knows_from_3_11_on(tmp_path):
    source = keras.Input((4, 3), name="source")
    x = ops.mean(source * 2.0, axis=1) + layers.Add(name="add_7")([source, source])[:, 0]
    model = keras.Model(source, [ops.relu(x), x], name="sums")
    with config.dialect_scope("3"):
        model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as file:
        written = json.loads(file.read("config.json"))["config"]["layers"]
    # Outputs keep their names, and so does what is called like a layer.
    assert {(item["class_name"], item["config"].get("name")) for item in written[1:]} == {
        ("Multiply", None),
        ("Mean", None),
        ("Add", "add_7"),
        ("GetItem", None),
        ("Add", "add"),
        ("Relu", "relu"),
    }
    found = keras.models.load_model(tmp_path / "m.keras")
    assert [item["name"] for item in found.get_config()["layers"]] == [item["name"] for item in written]


def test_an_initializer_has_the_name_that_all_of_keras_3_know(tmp_path):
    model = keras.Sequential([keras.Input((3, 2)), layers.GRU(2, name="gru")])
    for dialect, name in (("3", "OrthogonalInitializer"), ("tf", "Orthogonal")):
        with config.dialect_scope(dialect):
            model.save(tmp_path / "m.keras")
        with zipfile.ZipFile(tmp_path / "m.keras") as file:
            written = json.loads(file.read("config.json"))["config"]["layers"]
        assert written[-1]["config"]["recurrent_initializer"]["class_name"] == name
        found = keras.models.load_model(tmp_path / "m.keras").get_layer("gru").cell.recurrent_initializer
        assert isinstance(found, keras.initializers.Orthogonal)
