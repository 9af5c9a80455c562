"""Structures that only Keras 1 wrote: models that begin with a merge, merging functions, numbers of numpy in YAML."""

import json

import h5py
import numpy as np
import pytest

import keras_torch as keras
from keras_torch import saving
from keras_torch.saving.legacy_config import parse_yaml


def dense(name, size=3, **more):
    return {"class_name": "Dense", "config": {"name": name, "output_dim": size, **more}}


def branch(name, size=3):
    return {"class_name": "Sequential", "config": [dense(name, size, batch_input_shape=[None, 4])]}


def merged(*branches, mode="sum", **more):
    merge = {"name": "merge_1", "mode": mode, "mode_type": "raw", "layers": list(branches), **more}
    return {
        "class_name": "Sequential",
        "config": [{"class_name": "Merge", "config": merge}, dense("last", 2)],
        "keras_version": "1.2.2",
    }


def read(config, **more):
    return saving.model_from_json(json.dumps(config), **more)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("sum", lambda a, b: a + b),
        ("mul", lambda a, b: a * b),
        ("ave", lambda a, b: (a + b) / 2),
        ("max", np.maximum),
        ("concat", lambda a, b: np.concatenate([a, b], -1)),
    ],
)
def test_a_sequential_model_may_begin_with_a_merge_of_others(mode, expected):
    model = read(merged(branch("left"), branch("right"), mode=mode))
    arrays = [np.random.RandomState(seed).rand(2, 4).astype("float32") for seed in (0, 1)]
    inner = expected(
        *(array @ model.get_layer(name).kernel.numpy() for array, name in zip(arrays, ("left", "right"), strict=True))
    )
    found = model.predict(arrays, verbose=0)
    np.testing.assert_allclose(found, inner @ model.get_layer("last").kernel.numpy(), rtol=1e-5)


def test_merges_may_stand_inside_merges_and_share_a_branch():
    inner = merged(branch("left"), branch("right"))
    inner["config"].append(dense("middle"))
    model = read(merged({"class_name": "Sequential", "config": inner["config"]}, branch("left")))
    assert [tensor.name for tensor in model.inputs] == ["left_input", "right_input"]


def test_a_branch_may_be_a_functional_model():
    source = {"class_name": "InputLayer", "name": "in", "inbound_nodes": []}
    source["config"] = {"name": "in", "batch_input_shape": [None, 4], "input_dtype": "float32"}
    inner = {**dense("inside"), "name": "inside", "inbound_nodes": [[["in", 0, 0]]]}
    config = {"name": "model_1", "layers": [source, inner]}
    config |= {"input_layers": [["in", 0, 0]], "output_layers": [["inside", 0, 0]]}
    model = read(merged({"class_name": "Model", "config": config}, branch("right")))
    assert [layer.name for layer in model.get_layer("model_1").layers] == ["in", "inside"]
    assert model.output_shape == (None, 2)


def test_weights_of_a_model_that_begins_with_a_merge_stand_flat_in_its_file(tmp_path):
    arrays = {"left": (4, 3), "right": (4, 3), "last": (3, 2)}
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["keras_version"] = b"1.2.2"
        file.attrs["model_config"] = json.dumps(merged(branch("left"), branch("right"))).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array([b"left", b"right", b"merge_1", b"last"])
        for name in (*arrays, "merge_1"):
            inner = group.create_group(name)
            shape = arrays.get(name)
            values = {f"{name}_W": np.random.rand(*shape), f"{name}_b": np.ones(shape[1])} if shape else {}
            inner.attrs["weight_names"] = np.array([key.encode() for key in values])
            for key, value in values.items():
                inner.create_dataset(key, data=value.astype("float32"))
        model = saving.load_model(tmp_path / "model.h5", compile=False)
        for name in arrays:
            np.testing.assert_array_equal(model.get_layer(name).get_weights()[0], group[name][f"{name}_W"][()])


def test_a_merge_by_a_function_asks_for_it_by_the_layers_name():
    config = merged(branch("left"), branch("right"), mode=["\u00e3code", None, None], mode_type="lambda")
    config["config"][0]["config"].update(output_shape=[3], output_shape_type="raw")
    with pytest.raises(ValueError, match="'merge_1' holds Python bytecode"):
        read(config)
    model = read(config, custom_objects={"merge_1": lambda tensors: tensors[0] - tensors[1]})
    arrays = [np.ones((2, 4), "float32")] * 2
    kernels = [model.get_layer(name).kernel.numpy() for name in ("left", "right")]
    expected = arrays[0] @ (kernels[0] - kernels[1]) @ model.get_layer("last").kernel.numpy()
    np.testing.assert_allclose(model.predict(arrays, verbose=0), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"class_name": "Sequential", "config": [dense("d")]}], "states no input shape"),
        ([{"class_name": "Sequential", "config": []}], "must hold layers"),
        ([{"class_name": "Sequential", "config": [3]}], "must be an object"),
        ([{"class_name": "Dense", "config": {"output_dim": 3}}], "has no name"),
    ],
)
def test_broken_branches_are_errors_that_say_what_is_wrong(layers, message):
    with pytest.raises(ValueError, match=message):
        read(merged(*layers))


def numpy_number(code, data, function="numpy.core.multiarray.scalar"):
    return (
        f"value: !!python/object/apply:{function}\n- !!python/object/apply:numpy.dtype\n"
        f"  args: [{code}, false, true]\n  state: !!python/tuple [3, <, null, null, null, -1, -1, 0]\n"
        f"- !!binary |\n  {data}\n"
    )


def test_numpys_numbers_in_yaml_are_plain_numbers():
    assert parse_yaml(numpy_number("i8", "gAcAAAAAAAA="), "x") == {"value": 1920}
    assert parse_yaml(numpy_number("f4", "AACAPw=="), "x") == {"value": 1.0}


@pytest.mark.parametrize(
    "text",
    [
        numpy_number("i8", "gAcAAA=="),
        numpy_number("O8", "gAcAAAAAAAA="),
        numpy_number("i8", "gAcAAAAAAAA=", "os.system"),
        numpy_number("i8", "gAcAAAAAAAA=", "numpy.load"),
        "value: !!python/object/apply:numpy.core.multiarray.scalar [1]",
        "value: !!python/object/apply:numpy.core.multiarray.scalar {a: 1}",
    ],
)
def test_other_calls_in_yaml_are_refused(text):
    with pytest.raises(ValueError, match="not plain YAML"):
        parse_yaml(text, "x")


def test_words_may_drop_out_in_a_model_of_a_file():
    layer = {"name": "words", "input_dim": 9, "output_dim": 4, "dropout": 0.1, "batch_input_shape": [None, 5]}
    config = {"class_name": "Sequential", "config": [{"class_name": "Embedding", "config": layer}]}
    model = read({**config, "keras_version": "1.2.2"})
    assert keras.models.clone_model(model).get_layer("words").dropout == 0.1
