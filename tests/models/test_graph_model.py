"""Keras 1.0's `Graph`: named nodes, data in dicts. Shapes, names and errors are those of Keras 1.0.8."""

import json

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import layers
from keras_torch.models import Graph, model_from_json


@pytest.fixture(autouse=True)
def _dialect_1():
    with keras.config.dialect_scope("1"):
        yield


def data(rows: int = 12) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {"a": (rows, 5), "b": (rows, 5), "sum": (rows, 3), "product": (rows, 2)}
    return {name: rng.random(shape, dtype=np.float32) for name, shape in arrays.items()}


def two_outputs() -> Graph:
    graph = Graph()
    graph.add_input("a", input_shape=(5,))
    graph.add_input("b", input_shape=(5,))
    graph.add_node(layers.Dense(4, activation="tanh"), "hidden", input="a")
    graph.add_node(layers.Dense(3), "left", inputs=["hidden", "b"], merge_mode="concat")
    graph.add_node(layers.Dense(3), "right", input="b")
    graph.add_output("sum", inputs=["left", "right"], merge_mode="sum")
    graph.add_shared_node(layers.Dense(2), "twice", inputs=["a", "b"], outputs=["twice_a", "twice_b"])
    graph.add_output("product", inputs=["twice_a", "twice_b"], merge_mode="mul")
    return graph


def by_hand(graph: Graph, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    weights = {layer.name: layer.get_weights() for layer in graph.layers}

    def dense(name: str, x: np.ndarray) -> np.ndarray:
        return x @ weights[name][0] + weights[name][1]

    joined = np.concatenate([np.tanh(dense("hidden", given["a"])), given["b"]], axis=-1)
    return {
        "sum": dense("left", joined) + dense("right", given["b"]),
        "product": dense("twice", given["a"]) * dense("twice", given["b"]),
    }


def test_nodes_are_merged_and_shared_and_outputs_come_by_name():
    graph, given = two_outputs(), data()
    expected = by_hand(graph, given)
    for found in (graph.predict(given), graph.predict_on_batch(given)):
        assert list(found) == ["sum", "product"]
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6)
    graph.compile("sgd", {"sum": "mse", "product": "mse"}, loss_weights={"sum": 1.0, "product": 0.5})
    losses = [np.mean((given[name] - expected[name]) ** 2) for name in ("sum", "product")]
    np.testing.assert_allclose(graph.evaluate(given), [losses[0] + 0.5 * losses[1], *losses], rtol=1e-5)
    np.testing.assert_allclose(graph.test_on_batch(given), graph.evaluate(given), rtol=1e-6)


def test_training_takes_dicts_from_memory_and_from_generators():
    graph, given = two_outputs(), data()
    graph.compile("adam", {"sum": "mse", "product": "mae"}, metrics=["accuracy"])
    history = graph.fit(given, 4, nb_epoch=3, verbose=0, validation_data=given).history
    assert sorted(key for key in history if key.startswith("val_") and "acc" in key) == [
        "val_product_acc",
        "val_sum_acc",
    ]
    assert history["loss"][-1] < history["loss"][0]

    def batches():
        while True:
            yield given, {"sum": np.ones(12), "product": np.full(12, 2.0)}

    assert len(graph.fit_generator(batches(), samples_per_epoch=24, nb_epoch=2, verbose=0).history["loss"]) == 2
    graph.compile("sgd", {"sum": "mse", "product": "mae"})
    expected = by_hand(graph, given)
    losses = [
        np.mean((given["sum"] - expected["sum"]) ** 2),
        2 * np.mean(np.abs(given["product"] - expected["product"])),
    ]
    found = graph.evaluate_generator(batches(), val_samples=12)
    np.testing.assert_allclose(found, [sum(losses), *losses], rtol=1e-5)
    assert len(graph.train_on_batch(given)) == 3


def test_shared_nodes_may_be_merged_and_nodes_be_outputs_at_once():
    graph = Graph()
    graph.add_input("words", input_shape=(4,), dtype="int")
    graph.add_input("rest", batch_input_shape=(None, 4), dtype="int")
    graph.add_shared_node(layers.Embedding(9, 3), "vectors", ["words", "rest"], merge_mode="concat", create_output=True)
    graph.add_node(layers.Flatten(), "flat", input="vectors", create_output=True)
    found = graph.predict({"words": np.ones((2, 4)), "rest": np.zeros((2, 4))})
    table = graph.get_weights()[0]
    row = np.concatenate([table[1], table[0]])
    np.testing.assert_allclose(found["vectors"], np.broadcast_to(row, (2, 4, 6)))
    np.testing.assert_allclose(found["flat"], np.broadcast_to(np.tile(row, 4), (2, 24)))


@pytest.mark.parametrize("kind", ["json", "h5"])
def test_a_graph_comes_back_as_one(tmp_path, kind):
    graph, given = two_outputs(), data()
    if kind == "json":
        other = model_from_json(graph.to_json())
        other.set_weights(graph.get_weights())
    else:
        graph.compile("adam", {"sum": "mse", "product": "mae"})
        graph.save(tmp_path / "graph.h5")
        other = keras.models.load_model(tmp_path / "graph.h5")
        assert other.evaluate(given) == graph.evaluate(given)
    assert isinstance(other, Graph)
    for name, value in graph.predict(given).items():
        np.testing.assert_array_equal(other.predict(given)[name], value)


def test_the_config_of_keras_1_0_is_read():
    dense = {"class_name": "Dense", "config": {"output_dim": 3, "init": "glorot_uniform", "name": "d", "bias": True}}
    config = {
        "input_config": [{"name": "x", "dtype": "float32", "input_shape": [5]}],
        "node_config": [
            {"name": "d", "input": "x", "inputs": [], "merge_mode": "concat", "concat_axis": -1, "dot_axes": -1,
             "create_output": True},
            {"name": "s", "layer": dense, "inputs": ["d", "d"], "merge_mode": "sum", "concat_axis": -1, "dot_axes": -1,
             "outputs": [], "create_output": False},
        ],
        "output_config": [
            {"name": "d", "input": "d", "inputs": [], "merge_mode": "concat", "concat_axis": -1, "dot_axes": -1},
            {"name": "y", "input": "s", "inputs": [], "merge_mode": "concat", "concat_axis": -1, "dot_axes": -1},
        ],
        "nodes": {"d": dense, "s": {**dense, "shared": True}},
    }  # fmt: skip
    graph = model_from_json(json.dumps({"class_name": "Graph", "config": config, "keras_version": "1.0.8"}))
    x = np.random.default_rng(0).random((2, 5), dtype=np.float32)
    found = graph.predict({"x": x})
    first, bias, second, more = graph.get_weights()
    np.testing.assert_allclose(found["d"], x @ first + bias, rtol=1e-5)
    np.testing.assert_allclose(found["y"], 2 * (found["d"] @ second + more), rtol=1e-5)
    with pytest.raises(keras.errors.FileFormatError, match="Keras 0.x"):
        model_from_json(json.dumps({"class_name": "Graph", "config": {"nodes": {"d": {"name": "Dense"}}}}))


def test_errors_name_what_is_there_and_what_is_missing():
    graph = two_outputs()
    with pytest.raises(ValueError, match="'left' already"):
        graph.add_node(layers.Dense(2), "left", input="a")
    with pytest.raises(ValueError, match="no input or node called 'c'.*'hidden'"):
        graph.add_node(layers.Dense(2), "new", input="c")
    with pytest.raises(ValueError, match="one `input`"):
        graph.add_output("new")
    with pytest.raises(ValueError, match="as many names in `outputs`"):
        graph.add_shared_node(layers.Dense(2), "new", inputs=["a", "b"], outputs=["one"])
    with pytest.raises(ValueError, match="'int' or 'float'"):
        graph.add_input("c", input_shape=(2,), dtype="str")
    with pytest.raises(ValueError, match=r"Missing: \['b'\]"):
        graph.predict({"a": np.zeros((1, 5))})
