"""Arrays of older generations, made up here with known contents."""

import json

import h5py
import numpy as np
import pytest

import keras_torch as keras


def write(path, arrays, layer, version=None, backend=None):
    """Write a file of weights of one layer, flat as in Keras 1."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.encode()]
        if version:
            file.attrs["keras_version"] = version.encode()
        if backend:
            file.attrs["backend"] = backend.encode()
        group = file.create_group(layer)
        group.attrs["weight_names"] = [f"{layer}_{i}".encode() for i in range(len(arrays))]
        for i, array in enumerate(arrays):
            group[f"{layer}_{i}"] = array


def load(path, layer, input_shape):
    model = keras.Sequential([keras.Input(input_shape), layer])
    model.load_weights(path)
    return layer.get_weights()


def numbers(*shape):
    return np.random.RandomState(sum(shape)).rand(*shape).astype("float32")


def test_keras_1_stored_the_gates_of_an_lstm_apart_in_another_order(tmp_path):
    gates = {name: [numbers(3, 2) + i, numbers(2, 2) + i, numbers(2) + i] for i, name in enumerate("icfo")}
    write(tmp_path / "w.h5", [array for name in "icfo" for array in gates[name]], "lstm")
    kernel, recurrent, bias = load(tmp_path / "w.h5", keras.layers.LSTM(2), (4, 3))
    np.testing.assert_allclose(kernel, np.concatenate([gates[name][0] for name in "ifco"], -1))
    np.testing.assert_allclose(recurrent, np.concatenate([gates[name][1] for name in "ifco"], -1))
    np.testing.assert_allclose(bias, np.concatenate([gates[name][2] for name in "ifco"], -1))


def test_keras_1_stored_the_gates_of_a_gru_apart(tmp_path):
    arrays = [array + i for i in range(3) for array in (numbers(3, 2), numbers(2, 2), numbers(2))]
    write(tmp_path / "w.h5", arrays, "gru")
    kernel, _, bias = load(tmp_path / "w.h5", keras.layers.GRU(2, reset_after=False), (4, 3))
    np.testing.assert_allclose(kernel, np.concatenate(arrays[0::3], -1))
    np.testing.assert_allclose(bias, np.concatenate(arrays[2::3], -1))


@pytest.mark.parametrize("ordering", ["tf", "th"])
@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
def test_keras_1_stored_the_gates_of_a_convolutional_lstm_apart(tmp_path, ordering, backend):
    gates = {name: [numbers(3, 2, 1, 5) + i, numbers(3, 2, 5, 5) + i, numbers(5) + i] for i, name in enumerate("icfo")}
    expected = [np.concatenate([gates[name][kind] for name in "ifco"], -1) for kind in range(3)]
    stored = [array for name in "icfo" for array in gates[name]]
    if ordering == "th":
        stored = [array.transpose(3, 2, 0, 1) if array.ndim == 4 else array for array in stored]
    if backend == "theano":
        expected[:2] = [array[::-1, ::-1] for array in expected[:2]]
    write(tmp_path / "w.h5", stored, "images", backend=backend)
    found = load(tmp_path / "w.h5", keras.layers.ConvLSTM2D(5, (3, 2)), (2, 6, 6, 1))
    for mine, real in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, real)


@pytest.mark.parametrize("wrapped", ["Bidirectional", "TimeDistributed", "Model"])
def test_conversions_reach_into_wrappers_and_nested_models(tmp_path, wrapped):
    def arrays(offset):
        return [array + i + offset for i in range(4) for array in (numbers(3, 2), numbers(2, 2), numbers(2))]

    if wrapped == "Bidirectional":
        layer, shape, stored = keras.layers.Bidirectional(keras.layers.LSTM(2)), (4, 3), arrays(0) + arrays(10)
    elif wrapped == "TimeDistributed":
        layer, shape, stored = keras.layers.TimeDistributed(keras.layers.LSTM(2)), (5, 4, 3), arrays(0)
    else:
        inner = keras.Sequential([keras.Input((4, 3)), keras.layers.LSTM(2)], name="inner")
        layer, shape, stored = inner, (4, 3), arrays(0)
    write(tmp_path / "w.h5", stored, "layer")
    found = load(tmp_path / "w.h5", layer, shape)
    np.testing.assert_allclose(found[0], np.concatenate([stored[i] for i in (0, 6, 3, 9)], -1))
    if wrapped == "Bidirectional":
        np.testing.assert_allclose(found[3], np.concatenate([stored[12 + i] for i in (0, 6, 3, 9)], -1))


def test_keras_1_kernels_of_either_dim_ordering(tmp_path):
    kernel = numbers(3, 2, 4, 5)
    write(tmp_path / "tf.h5", [kernel, numbers(5)], "conv")
    np.testing.assert_array_equal(load(tmp_path / "tf.h5", keras.layers.Conv2D(5, (3, 2)), (8, 8, 4))[0], kernel)
    write(tmp_path / "th.h5", [kernel.transpose(3, 2, 0, 1), numbers(5)], "conv")
    np.testing.assert_array_equal(load(tmp_path / "th.h5", keras.layers.Conv2D(5, (3, 2)), (8, 8, 4))[0], kernel)


def test_keras_1_kernels_of_conv1d_have_a_second_axis(tmp_path):
    kernel = numbers(3, 4, 5)
    for name, stored in (("new", kernel[:, None]), ("old", kernel[:, None].transpose(3, 2, 0, 1))):
        write(tmp_path / f"{name}.h5", [stored, numbers(5)], "conv")
        found = load(tmp_path / f"{name}.h5", keras.layers.Conv1D(5, 3), (8, 4))
        np.testing.assert_array_equal(found[0], kernel)


def test_kernels_that_theano_wrote_are_turned_around(tmp_path):
    kernel = numbers(3, 2, 4, 5)
    write(tmp_path / "w.h5", [kernel, numbers(5)], "conv", "2.2.4", "theano")
    found = load(tmp_path / "w.h5", keras.layers.Conv2D(5, (3, 2)), (8, 8, 4))
    np.testing.assert_array_equal(found[0], kernel[::-1, ::-1])
    write(tmp_path / "w.h5", [kernel, numbers(5)], "conv", "2.2.4", "tensorflow")
    np.testing.assert_array_equal(load(tmp_path / "w.h5", keras.layers.Conv2D(5, (3, 2)), (8, 8, 4))[0], kernel)


def test_the_json_of_keras_1_with_merge_layers_and_old_names_is_read():
    dense = {"output_dim": 2, "init": "glorot_uniform", "activation": "linear", "bias": True, "W_regularizer": None}
    layers = [
        {
            "class_name": "InputLayer",
            "config": {"batch_input_shape": [None, 3], "input_dtype": "float32", "sparse": False, "name": "a"},
            "name": "a",
            "inbound_nodes": [],
        },
        {"class_name": "Dense", "config": {**dense, "name": "b"}, "name": "b", "inbound_nodes": [[["a", 0, 0]]]},
        {
            "class_name": "Merge",
            "config": {"name": "c", "mode": "concat", "concat_axis": -1, "dot_axes": -1, "mode_type": "raw"},
            "name": "c",
            "inbound_nodes": [[["a", 0, 0], ["b", 0, 0]]],
        },
    ]
    config = {"name": "m", "layers": layers, "input_layers": [["a", 0, 0]], "output_layers": [["c", 0, 0]]}
    model = keras.models.model_from_json(
        json.dumps({"class_name": "Model", "config": config, "keras_version": "1.2.2"})
    )
    assert model.output_shape == (None, 5)
    assert type(model.get_layer("c")).__name__ == "Concatenate"


def test_yaml_with_python_tuples_is_read():
    text = """
class_name: Sequential
config:
  - class_name: Dense
    config: {units: 2, batch_input_shape: !!python/tuple [null, 3], name: d}
keras_version: 2.1.2
backend: tensorflow
"""
    assert keras.models.model_from_yaml(text).output_shape == (None, 2)


def test_to_json_and_to_yaml_come_back():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="d")], name="m")
    for again in (
        keras.models.model_from_json(model.to_json()),
        keras.models.model_from_yaml(model.to_yaml()),
        keras.models.model_from_config(json.loads(model.to_json())),
    ):
        assert json.loads(again.to_json()) == json.loads(model.to_json())
