"""Tensors on two devices: a GPU that is only pretended, by tensors without values."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import keras_torch as keras
from keras_torch.backend import devices
from keras_torch.dropin.tensorflow.adapt import adapted
from keras_torch.engine import placement
from keras_torch.engine.weights import WeightsMixin

GPU = torch.device("cuda", 0)


@pytest.fixture
def apart():
    """A tensor on the GPU and one that is not."""
    with FakeTensorMode():
        there, here = torch.ones(2, 3, device=GPU), torch.ones(2, 3)
        with pytest.raises(RuntimeError, match="device"):
            there + here
        yield there, here


@pytest.mark.parametrize(
    "function",
    [
        keras.ops.add,
        lambda x, y: keras.ops.matmul(x, keras.ops.transpose(y)),
        lambda x, y: keras.ops.concatenate([x, y]),
        lambda x, y: keras.ops.outer(keras.ops.outer(x, 2), y),
        lambda x, y: keras.ops.while_loop(lambda *values: False, keras.ops.add, (x, y))[0],
        lambda x, y: keras.ops.while_loop(lambda *values: False, keras.ops.add, (x, y))[1],
        keras.backend.maximum,
        lambda x, y: keras.backend.switch(x > 0, x, y),
        lambda x, y: keras.backend.categorical_crossentropy(x, keras.activations.softmax(y)),
        lambda x, y: keras.quantizers.quantize_and_dequantize(x, y, "float8_e4m3fn", "float32"),
        keras.losses.MeanSquaredError(),
        keras.losses.CategoricalCrossentropy(),
        adapted(lambda x, y: torch.maximum(x, y)),
    ],
)
def test_functions_take_tensors_of_two_devices_and_answer_on_the_gpu(function, apart):
    there, here = apart
    assert function(here, there).device == GPU
    # Targets go to the predictions.
    assert function(there, here).device == (here.device if isinstance(function, keras.losses.Loss) else GPU)


def test_a_mask_comes_along(apart):
    _, here = apart
    here._keras_mask = torch.ones(2)
    (found,) = devices.moved([here], GPU)
    assert found.device == found._keras_mask.device == GPU


def test_errors_of_other_reasons_are_raised_as_they_are(apart):
    there, here = apart
    with pytest.raises(RuntimeError, match="reduction dim"):
        keras.ops.matmul(here, here)
    with pytest.raises(RuntimeError, match="reduction dim"):
        keras.ops.matmul(there, here)


class Shifted(keras.layers.Layer):
    def call(self, inputs):
        return inputs + self.shift


def test_layers_fetch_inputs_once_there_are_weights_elsewhere(apart, monkeypatch):
    monkeypatch.setattr(WeightsMixin, "_call_impl", torch.nn.Module._call_impl, raising=False)
    monkeypatch.setattr(placement.Fetching, "active", False)
    there, here = apart
    layer = Shifted()
    layer.register_buffer("shift", there)
    with pytest.raises(RuntimeError, match="device"):
        layer(here)
    placement.fetch_inputs()
    assert layer(here).device == layer(there).device == GPU


def test_a_call_whose_arguments_fit_is_not_made_again(apart):
    there, here = apart
    with pytest.raises(RuntimeError, match="first"):
        devices.again(pytest.fail, (there,), {}, RuntimeError("first"), here)
