"""Dtype policies as objects, the global one, maps of them, and the small settings of `keras.config`."""

from __future__ import annotations

import io
import unittest

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config, dtype_policies, layers


@pytest.mark.parametrize(
    ("name", "compute", "variable"),
    [
        ("mixed_float16", "float16", "float32"),
        ("mixed_bfloat16", "bfloat16", "float32"),
        ("float64", "float64", "float64"),
        ("int32", "int32", "int32"),
    ],
)
def test_a_policy_knows_the_types_of_computation_and_weights(name: str, compute: str, variable: str) -> None:
    policy = keras.DTypePolicy(name)
    assert (policy.name, policy.compute_dtype, policy.variable_dtype) == (name, compute, variable)
    assert policy.quantization_mode is None
    assert repr(policy) == f'<DTypePolicy "{name}">'
    assert keras.FloatDTypePolicy(name) == policy == dtype_policies.get(name)
    assert hash(policy) == hash(keras.DTypePolicy(name))
    assert policy != keras.DTypePolicy("float16") and policy != name


def test_policies_come_from_names_dtypes_configs_and_themselves() -> None:
    policy = keras.DTypePolicy("mixed_float16")
    assert dtype_policies.get(policy) is policy
    assert dtype_policies.get(torch.float64).name == dtype_policies.get(np.float64).name == "float64"
    saved = dtype_policies.serialize(policy)
    assert saved == {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": "mixed_float16"},
        "registered_name": None,
    }
    assert dtype_policies.deserialize(saved) == policy
    # As tf.keras wrote it, and before 2.4 with a loss scale.
    old = {"class_name": "PolicyV1", "config": {"name": "mixed_float16", "loss_scale": {"class_name": "X"}}}
    assert dtype_policies.get(old) == dtype_policies.get({**old, "class_name": "Policy"}) == policy


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        ("mixed_float8", ValueError, "`dtype` must be a DTypePolicy.*'float32'.*Received: 'mixed_float8'"),
        (3, ValueError, "`dtype` must be a DTypePolicy.*Received: 3"),
        ({"class_name": "Dense", "config": {}}, ValueError, "Unknown dtype policy: 'Dense'"),
        ("int8_from_float32", NotImplementedError, "quantized.*torchao.*Received: 'int8_from_float32'"),
        ({"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8"}}, NotImplementedError, "Received: 'int8'"),
    ],
)
def test_what_is_no_policy_is_refused(value: object, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        dtype_policies.get(value)
    with pytest.raises(error, match=text):
        layers.Dense(2, dtype=value)


def test_a_policy_is_named_by_text() -> None:
    with pytest.raises(TypeError, match="`name` of DTypePolicy must be a text.*Received: 3 of type int"):
        keras.DTypePolicy(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`name` of DTypePolicy must be 'mixed_float16'.*Received: 'mixed_float8'"):
        keras.DTypePolicy("mixed_float8")
    with pytest.raises(ValueError, match="`config` must be the serialized form.*Received: 'float32'|Unknown dtype"):
        dtype_policies.deserialize("float32")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`dtype_policy` must be a DTypePolicy. Received: 'float32'"):
        dtype_policies.serialize("float32")


@pytest.mark.parametrize("name", ["AWQDTypePolicy", "GPTQDTypePolicy", "Int4DTypePolicy", "QuantizedFloat8DTypePolicy"])
def test_policies_of_quantized_layers_name_the_alternative(name: str) -> None:
    with pytest.raises(NotImplementedError, match="quantize the torch modules.*torchao"):
        getattr(dtype_policies, name)("int8", "float32")


def test_the_global_policy_is_what_layers_made_without_dtype_take() -> None:
    assert config.dtype_policy() == keras.DTypePolicy("float32")
    config.set_dtype_policy("mixed_bfloat16")
    assert config.dtype_policy().name == keras.DTypePolicy().name == "mixed_bfloat16"
    dense, own = layers.Dense(2), layers.Dense(2, dtype="float32")
    assert (dense.dtype_policy.name, dense.dtype, dense.compute_dtype) == ("mixed_bfloat16", "float32", "bfloat16")
    assert (own.dtype_policy.name, own.compute_dtype) == ("float32", "float32")
    assert keras.Input((3,)).dtype == "float32"
    config.set_dtype_policy(None)
    config.set_floatx("float64")
    assert config.dtype_policy().name == layers.Dense(2).dtype == "float64"


def test_the_global_policy_computes_in_floats() -> None:
    with pytest.raises(ValueError, match="must compute in a float type.*Received: 'int32'"):
        config.set_dtype_policy("int32")


def test_a_policy_of_ones_own_goes_through_configs() -> None:
    @keras.utils.register_keras_serializable("mine")
    class Half(keras.DTypePolicy):
        pass

    policy = Half("mixed_float16")
    assert policy != keras.DTypePolicy("mixed_float16") and policy == Half("mixed_float16")
    twin = layers.Dense.from_config(layers.Dense(2, dtype=policy).get_config())
    assert type(twin.dtype_policy) is Half and twin.compute_dtype == "float16"


def test_a_map_gives_policies_by_path() -> None:
    policies = dtype_policies.DTypePolicyMap("float32", {"encoder/dense": "mixed_bfloat16"})
    policies["encoder/.*"] = "mixed_float16"
    assert policies["encoder/dense"].name == "mixed_bfloat16"
    assert policies["encoder/other"].name == "mixed_float16"
    assert policies["encoder"].name == policies["decoder"].name == "float32"
    assert (policies.name, policies.compute_dtype, policies.variable_dtype) == ("map_float32", "float32", "float32")
    assert list(policies) == ["encoder/dense", "encoder/.*"] and len(policies) == 2 and "encoder/.*" in policies
    assert "mixed_float16" in repr(policies)
    assert dtype_policies.deserialize(dtype_policies.serialize(policies)) == policies
    assert layers.Dense(2, name="encoder/dense", dtype=policies).compute_dtype == "bfloat16"
    policies["encoder/o.*"] = "float64"
    with pytest.raises(ValueError, match="match one key.*Received: 'encoder/other', matched by"):
        policies["encoder/other"]
    with pytest.raises(ValueError, match=r"'encoder/\.\*' is set already"):
        policies["encoder/.*"] = "float32"
    del policies["encoder/o.*"]
    assert policies["encoder/other"].name == "mixed_float16"


def test_a_map_refuses_what_it_cannot_hold() -> None:
    with pytest.raises(ValueError, match="`default_policy` of DTypePolicyMap must be no map"):
        dtype_policies.DTypePolicyMap(dtype_policies.DTypePolicyMap())
    with pytest.raises(TypeError, match="`policy_map` must be a dict.*Received: 3"):
        dtype_policies.DTypePolicyMap(policy_map=3)  # type: ignore[arg-type]
    config.set_dtype_policy("mixed_float16")
    assert dtype_policies.DTypePolicyMap()["any"].name == "mixed_float16"


def test_epochs_and_steps_can_be_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.zeros((12, 1), "float32")
    batches: list[int] = []
    count = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: batches.append(batch),
        on_test_batch_end=lambda batch, logs: batches.append(-batch - 1),
    )
    config.set_max_epochs(2)
    config.set_max_steps_per_epoch(3)
    assert (config.max_epochs(), config.max_steps_per_epoch()) == (2, 3)
    model.fit(x, x, batch_size=2, epochs=5, verbose=0, callbacks=[count])
    assert batches == [0, 1, 2] * 2
    model.fit(x, x, batch_size=6, epochs=1, verbose=0, callbacks=[count], validation_data=(x, x))
    assert batches[6:] == [0, 1, -1, -2]
    assert len(model.predict(x, batch_size=2, verbose=0)) == 6
    config.set_max_epochs(None)
    config.set_max_steps_per_epoch(None)
    assert len(model.fit(x, x, epochs=3, verbose=0).epoch) == 3
    config._settings.pop("max_epochs")
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "1")
    assert len(model.fit(x, x, epochs=3, verbose=0).epoch) == 1
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "few")
    with pytest.raises(ValueError, match="`KERAS_MAX_EPOCHS` must be a positive whole number.*Received: 'few'"):
        config.max_epochs()
    with pytest.raises(ValueError, match="`max_steps_per_epoch` must be a positive whole number.*Received: 0"):
        config.set_max_steps_per_epoch(0)


def test_progress_goes_to_the_log_when_interactive_logging_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    monkeypatch.setattr("sys.stdout", output)
    config.disable_interactive_logging()
    assert not keras.utils.is_interactive_logging_enabled()
    with unittest.TestCase().assertLogs("keras_torch", "INFO") as logged:
        keras.Sequential([keras.Input((1,)), layers.Dense(1)]).summary()
    assert output.getvalue() == "" and "Total params" in "".join(logged.output)
    keras.utils.enable_interactive_logging()
    assert config.is_interactive_logging_enabled()


def test_settings_of_other_backends_answer_truthfully() -> None:
    assert config.backend() == "torch" and not config.is_nnx_enabled()
    config.set_backend("torch")
    with pytest.raises(ValueError, match="`backend` must be 'torch'.*Received: 'jax'"):
        config.set_backend("jax")
    config.disable_traceback_filtering()
    assert not config.is_traceback_filtering_enabled()
    config.enable_traceback_filtering()
    assert config.is_traceback_filtering_enabled()
    with pytest.raises(NotImplementedError, match="Pass `safe_mode=False` to the `load_model` call"):
        config.enable_unsafe_deserialization()
