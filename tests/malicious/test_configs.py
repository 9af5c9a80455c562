"""Configs that ask for code, files or memory."""

import base64
import json
import marshal

import h5py
import pytest
import torch

import keras_torch as keras
from keras_torch.models import functional_config

from .conftest import change_config


def bytecode():
    return base64.b64encode(marshal.dumps((lambda x: exit(3) or x).__code__)).decode()


def lambda_layers():
    code = bytecode()
    return {
        "keras 2": {"name": "l", "function": [code, None, None], "function_type": "lambda"},
        "keras 3": {"name": "l", "function": {"class_name": "__lambda__", "config": {"code": code}}},
    }


def sequential(layer):
    return {"class_name": "Sequential", "config": {"name": "m", "layers": [layer]}}


def by_json(config):
    return keras.models.model_from_json(json.dumps(config))


def by_config(config):
    return keras.models.model_from_config(config)


@pytest.fixture(params=[by_json, by_config])
def build(request):
    return request.param


@pytest.mark.parametrize("form", list(lambda_layers()))
def test_bytecode_is_refused_and_the_way_out_is_named(build, form):
    layer = {"class_name": "Lambda", "config": lambda_layers()[form]}
    with pytest.raises(ValueError, match="custom_objects={'l': function}"):
        build(sequential(layer))


def test_bytecode_for_the_output_shape_is_not_run(build):
    config = {"name": "l", "function": "relu", "function_type": "function", "output_shape_type": "lambda"}
    layer = {"class_name": "Lambda", "config": {**config, "output_shape": [bytecode(), None, None]}}
    assert build(sequential(layer)).get_layer("l").compute_output_shape((None, 2)) == (None, 2)


def test_bytecode_in_a_file_is_refused_by_default_and_when_safe_mode_is_true(honest):
    def add(config):
        config["config"]["layers"].append({"class_name": "Lambda", "config": lambda_layers()["keras 2"]})

    change_config(honest, add)
    with pytest.raises(ValueError, match="bytecode"):
        keras.saving.load_model(honest)
    with pytest.raises(ValueError, match="bytecode"):
        keras.saving.load_model(honest, safe_mode=True)


@pytest.mark.parametrize("module", ["os", "subprocess", "keras_torch.saving.files", "builtins"])
@pytest.mark.parametrize("name", ["system", "Popen", "replacing", "eval", "exec"])
def test_modules_and_functions_named_by_a_config_are_not_imported(build, module, name):
    layer = {"module": module, "class_name": name, "config": {"command": "true"}, "registered_name": name}
    with pytest.raises(ValueError, match="Unknown layer"):
        build(sequential(layer))
    function = {"class_name": "function", "module": module, "config": name, "registered_name": name}
    dense = {"class_name": "Dense", "config": {"units": 1, "activation": function}}
    with pytest.raises(ValueError, match="Unknown activation|not understood"):
        build(sequential(dense))


@pytest.mark.parametrize(
    "name",
    [
        "torch.load",
        "torch.save",
        "torch.from_file",
        "torch.compile",
        "torch.import_ir_module",
        "torch.set_default_device",
        "torch.hub.load",
        "operator.attrgetter",
        "operator.methodcaller",
        "Tensor.__reduce_ex__",
        "os.system",
        "builtins.eval",
    ],
)
def test_functions_that_are_no_tensor_operations_are_not_found_by_path(name):
    with pytest.raises(ValueError, match="not a torch operation"):
        functional_config.find_function(name)


def test_the_config_of_a_file_may_not_ask_for_more_weights_than_it_holds(honest):
    change_config(honest, lambda config: config["config"]["layers"][1]["config"].update(units=10**12))
    before = torch.cuda.memory_allocated() if torch.cuda.is_available() else 0
    with pytest.raises(ValueError, match=r"has shape .* but the saved array"):
        keras.saving.load_model(honest)
    assert not torch.cuda.is_available() or torch.cuda.memory_allocated() == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1, 2",
        "null",
        '"Sequential"',
        "[]",
        '{"class_name": 3, "config": {}}',
        '{"class_name": "Sequential"}',
        '{"class_name": "Sequential", "config": {"layers": [3]}}',
        '{"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense"}]}}',
        "[" * 100_000,
        '{"a":' * 150_000,
        '{"class_name": "Sequential", "config": ' + "[" * 300 + "]" * 300 + "}",
        '{"class_name": "Dense", "config": {"units": ' + "9" * 5000 + "}}",
    ],
)
def test_bad_json_is_an_error_with_a_reason(honest, text):
    with pytest.raises((ValueError, TypeError)) as caught:
        keras.models.model_from_json(text)
    assert str(caught.value)
    with h5py.File(honest, "r+") as file:
        file.attrs["model_config"] = text
    with pytest.raises((ValueError, TypeError)) as caught:
        keras.saving.load_model(honest)
    assert str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "class_name: !!python/object/new:os.system ['true']",
        "a: &a [*a]",
        "\n".join([f"x{i}: &x{i} [" + ", ".join([f"*x{i - 1}"] * 9) + "]" if i else "x0: &x0 [y]" for i in range(30)]),
        "a: &a [" + "1, " * 5_000 + "]\nb: [" + "*a, " * 5_000 + "]",
        # In base 60, of which each further digit takes longer.
        "class_name: Sequential\nconfig: 1" + ":59" * 10**5,
    ],
)
def test_yaml_is_plain_data_only(text):
    with pytest.raises((ValueError, TypeError)):
        keras.models.model_from_yaml(text)


def test_unknown_arguments_name_the_layer_and_the_version(honest):
    change_config(honest, lambda config: config["config"]["layers"][1]["config"].update(vocabulary="/etc/passwd"))
    with pytest.raises(ValueError, match="Dense 'first'.*Keras 2.15.0.*'vocabulary': '/etc/passwd'"):
        keras.saving.load_model(honest)


def test_a_graph_that_refers_to_what_it_does_not_contain(build):
    config = {
        "class_name": "Functional",
        "config": {
            "name": "m",
            "layers": [
                {"class_name": "InputLayer", "config": {"name": "a", "batch_input_shape": [None, 2]}, "name": "a"},
                {
                    "class_name": "Dense",
                    "config": {"name": "b", "units": 1},
                    "name": "b",
                    "inbound_nodes": [[["c", 0, 0, {}]]],
                },
            ],
            "input_layers": [["a", 0, 0]],
            "output_layers": [["b", 0, 0]],
        },
    }
    with pytest.raises(ValueError, match="does not contain"):
        build(config)
