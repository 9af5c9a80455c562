"""Every layer in other float types, by argument, by policy and by torch's `.to()`; on other devices."""

import pytest
import torch

import keras_torch as keras

from .layer_making import NUMERIC, arguments_of, bare, call, classes, construct, data_of, flat, same

TOLERANCE = {"float16": 2e-2, "bfloat16": 1e-1, "float64": 1e-4}


def floats(items):
    return [item for item in items if item.is_floating_point()]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", NUMERIC)
def test_a_layer_of_a_dtype_has_weights_and_outputs_of_it_near_those_of_float32(name, dtype):
    base, data = bare(name)
    expected = flat(call(base, data))
    layer = construct(name, dtype)
    call(layer, data)
    layer.set_weights(base.get_weights())
    assert (layer.dtype, layer.variable_dtype, layer.compute_dtype) == (dtype, dtype, dtype)
    wanted = keras.config.torch_dtype(dtype)
    assert {
        storage.dtype for weight in layer.weights for storage in weight.storages if storage.is_floating_point()
    } <= {wanted}
    for training in (False, True):
        outputs = flat(call(layer, data, training=training))
        assert all(item.dtype == wanted for item in floats(outputs))
        assert all(item.isfinite().all() for item in floats(outputs))
        if any(item.requires_grad for item in outputs):
            sum(item.sum() for item in floats(outputs)).backward()
            assert all(p.grad is None or p.grad.isfinite().all() for p in layer.parameters())
        if not training:
            limit = TOLERANCE[dtype]
            for found, real in zip(outputs, expected, strict=True):
                if real.is_floating_point():
                    torch.testing.assert_close(found.double(), real.double(), rtol=limit, atol=limit)


@pytest.mark.parametrize("name", NUMERIC)
def test_a_layer_moves_with_to_double_and_meta(name):
    layer, data = bare(name)
    expected = flat(call(layer, data))
    layer.double()
    doubled = flat(call(layer, data))
    assert all(item.dtype == torch.float64 for item in floats(doubled))
    same([item.to(real.dtype) for item, real in zip(doubled, expected, strict=True)], expected)
    layer.to(torch.float32)
    same(call(layer, data), expected)
    layer.to("meta")
    moved = tuple(item.to("meta") for item in data) if isinstance(data, tuple) else None
    moved = moved or ([item.to("meta") for item in data] if isinstance(data, list) else data.to("meta"))
    outputs = flat(call(layer, moved))
    assert [(item.device.type, item.shape) for item in outputs] == [("meta", item.shape) for item in expected]


@pytest.mark.gpu
@pytest.mark.parametrize("name", NUMERIC)
def test_a_layer_computes_the_same_on_a_gpu(name):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    layer, data = bare(name)
    layer.cpu()
    expected = flat(call(layer, data))
    layer.cuda()
    moved = tuple(item.cuda() for item in data) if isinstance(data, tuple) else None
    moved = moved or ([item.cuda() for item in data] if isinstance(data, list) else data.cuda())
    same([item.cpu() for item in flat(call(layer, moved))], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", NUMERIC)
def test_a_state_dict_is_taken_by_a_twin(name):
    layer, data = bare(name)
    twin, _ = bare(name)
    twin.load_state_dict(layer.state_dict())
    same(call(twin, data), call(layer, data))


@pytest.mark.parametrize(
    "form", [lambda name: name, lambda name: {"class_name": "DTypePolicy", "config": {"name": name}}]
)
def test_dtypes_are_given_by_name_or_as_the_config_of_a_policy(form):
    for name in NUMERIC:
        layer = classes()[name](**{**arguments_of(name, "float64"), "dtype": form("float64")})
        assert layer.dtype == "float64", name
        assert layer.get_config()["dtype"] == "float64", name
        call(layer, data_of(name))
