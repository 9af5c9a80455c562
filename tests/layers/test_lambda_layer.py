"""Lambda: shapes, options, configs, and that stored bytecode is not run."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
import torch

from keras_torch import config, layers
from keras_torch.layers.lambda_layer import allow_bytecode
from keras_torch.registry import bytecode


def double(inputs: torch.Tensor) -> torch.Tensor:
    return inputs * 2


def test_shapes_and_dtypes_are_found_by_a_trial_run() -> None:
    tokens = layers.Input((7,), dtype="int32")
    output = layers.Lambda(lambda t: torch.nn.functional.one_hot(t.long(), 5).float())(tokens)
    assert output.shape == (None, 7, 5) and output.dtype == "float32"


def test_a_given_shape_leaves_out_the_batch_and_a_function_gets_the_whole() -> None:
    inputs = layers.Input((7, 3))
    assert layers.Lambda(lambda t: t[:, 0], output_shape=(3,))(inputs).shape == (None, 3)
    assert layers.Lambda(lambda t: t[:, 0], output_shape=lambda s: (s[0], s[2]))(inputs).shape == (None, 3)


def test_arguments_mask_and_training_reach_the_function() -> None:
    assert layers.Lambda(lambda t, by: t * by, arguments={"by": 3})(torch.ones(1)).item() == 3
    layer = layers.Lambda(lambda t, training: t + float(training))
    assert layer(torch.zeros(1), training=True).item() == 1 and layer(torch.zeros(1)).item() == 0
    seen = []
    layers.Lambda(lambda t, mask=None: (seen.append(mask), t)[1])(layers.Masking()(torch.ones(1, 2, 3)))
    np.testing.assert_array_equal(seen[0], [[True, True]])


@pytest.mark.parametrize("dialect", ["2", "tf", "3", None])
def test_a_stored_lambda_is_refused_and_can_be_given_by_layer_name(dialect: str | None) -> None:
    with config.dialect_scope(dialect):
        stored = json.loads(json.dumps(layers.Lambda(lambda t: t * 2, name="twice").get_config()))
        bytecode._dumped.clear()
        with pytest.raises(ValueError, match="twice.*custom_objects"):
            layers.Lambda.from_config(stored)
        assert layers.Lambda.from_config(stored, {"twice": double}).function is double
        with allow_bytecode():
            assert layers.Lambda.from_config(stored)(torch.ones(1)).item() == 2


def test_a_stored_shape_function_is_refused_too_unless_the_function_is_given() -> None:
    layer = layers.Lambda(double, output_shape=lambda s: s, name="twice")
    with config.dialect_scope("tf"):
        stored = json.loads(json.dumps(layer.get_config()))
    assert stored["function"] == "double" and stored["function_type"] == "function"
    with pytest.raises(ValueError, match="double.*custom_objects"):
        layers.Lambda.from_config(stored)
    assert layers.Lambda.from_config(stored, {"double": double})(torch.ones(1)).item() == 2


def test_closures_and_defaults_are_kept_in_bytecode() -> None:
    factor = 3.0
    layer = layers.Lambda(lambda t, plus=1.0: t * factor + plus)
    with allow_bytecode():
        again = layers.Lambda.from_config(json.loads(json.dumps(layer.get_config())))
    assert again(torch.ones(1)).item() == 4.0


@pytest.mark.parametrize(
    ("dialect", "value", "stored"),
    [
        ("2", np.arange(3), {"type": "ndarray", "value": [0, 1, 2]}),
        ("2", torch.arange(3), {"type": "ndarray", "value": [0, 1, 2]}),
        ("3", np.arange(3), {"class_name": "__numpy__", "config": {"value": [0, 1, 2], "dtype": "int64"}}),
        ("3", torch.arange(3), {"class_name": "__tensor__", "config": {"value": [0, 1, 2], "dtype": "int64"}}),
    ],
)
def test_arrays_and_tensors_among_the_arguments_are_stored_as_each_keras_did(dialect, value, stored) -> None:
    with config.dialect_scope(dialect):
        described = json.loads(json.dumps(layers.Lambda(double, arguments={"a": value}).get_config()))
        assert described["arguments"] == {"a": stored}
        again = layers.Lambda.from_config(described, {"double": double})
    assert isinstance(again.arguments["a"], torch.Tensor if stored.get("class_name") == "__tensor__" else np.ndarray)
    assert again.arguments["a"].tolist() == [0, 1, 2]


def test_a_function_is_required() -> None:
    with pytest.raises(TypeError, match="callable"):
        layers.Lambda(3)


@pytest.mark.parametrize("dialect", ["2", "tf", "3", None])
@pytest.mark.parametrize("function", [lambda t: t * 2, double])
def test_a_config_inside_the_program_gives_the_function_itself_back(dialect: str | None, function) -> None:
    with config.dialect_scope(dialect):
        layer = layers.Lambda(function, output_shape=lambda s: s)
        stored = copy.deepcopy(layer.get_config())
        again = layers.Lambda.from_config(stored)
        assert again.function is layer.function and again._output_shape is layer._output_shape
        from_file = pickle.loads(pickle.dumps(stored))
        if dialect == "2" and function is not double:
            # Keras 2 loaded any bytecode; here the bytecode of the program's own lambdas stands for them.
            assert layers.Lambda.from_config(from_file).function is function
            bytecode._dumped.clear()
        with pytest.raises(ValueError, match="custom_objects"):
            layers.Lambda.from_config(from_file)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"function": 3}, TypeError, "`function` must be callable"),
        ({"function": abs, "arguments": [1]}, TypeError, "`arguments` must be a dict"),
        ({"function": abs, "output_shape": "abc"}, ValueError, "`output_shape` must be a tuple"),
        ({"function": abs, "output_shape": (2.5,)}, ValueError, "`output_shape` must be a tuple"),
    ],
)
def test_arguments_that_cannot_be_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        layers.Lambda(**arguments)


def test_several_outputs_have_the_given_shapes():
    pair = layers.Lambda(lambda x: [x, x[:, :1]], output_shape=[(3,), (1,)])(layers.Input((3,)))
    assert [tuple(item.shape) for item in pair] == [(None, 3), (None, 1)]
    named = layers.Lambda(lambda x: {"a": x}, output_shape={"a": (3,)})(layers.Input((3,)))
    assert named["a"].shape == (None, 3)


def test_stored_bytecode_runs_only_with_safe_mode_false() -> None:
    stored = json.loads(json.dumps(layers.Lambda(lambda t: t * 2, name="twice").get_config()))
    assert layers.Lambda.from_config(stored, safe_mode=False)(torch.ones(1)).item() == 2
    for safe_mode in (None, True):
        with pytest.raises(ValueError, match="twice.*custom_objects"):
            layers.Lambda.from_config(stored, safe_mode=safe_mode)
    with allow_bytecode(), pytest.raises(ValueError, match="twice.*custom_objects"):
        layers.Lambda.from_config(stored, safe_mode=True)
