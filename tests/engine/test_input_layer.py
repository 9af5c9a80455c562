"""InputLayer: the tensor it starts from, and arguments that contradict each other."""

from __future__ import annotations

import numpy as np
import pytest

from keras_torch import KerasTensor, Model, layers


def test_a_given_tensor_is_the_input_itself():
    tensor = KerasTensor((2, 3))
    layer = layers.InputLayer(input_tensor=tensor)
    assert layer.output is tensor
    assert (layer.batch_shape, layer.dtype) == ((2, 3), "float32")
    assert Model(tensor, layers.Dense(4)(tensor))(np.ones((2, 3), "float32")).shape == (2, 4)


def test_an_inner_tensor_as_input_cuts_the_model_there():
    inner = layers.Dense(3)(layers.Input((4,)))
    output = layers.Dense(2)(inner)
    model = Model(layers.Input(tensor=inner), output)
    assert len(model.layers) == 2
    assert model(np.ones((1, 3), "float32")).shape == (1, 2)


def test_arguments_that_agree_with_the_given_tensor_are_accepted():
    tensor = KerasTensor((2, 3))
    layer = layers.InputLayer(shape=(None,), batch_size=2, sparse=False, dtype="float32", input_tensor=tensor)
    assert layer.output is tensor


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (4,)}, r"`shape` of the given tensor is \(3,\). Received: shape=\(4,\)"),
        ({"batch_shape": (2, 4)}, "`batch_shape` of the given tensor"),
        ({"batch_size": 5}, "`batch_size` of the given tensor is 2"),
        ({"dtype": "float16"}, "`dtype` of the given tensor is float32"),
        ({"sparse": True}, "sparse"),
    ],
)
def test_arguments_that_contradict_the_given_tensor_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.InputLayer(input_tensor=KerasTensor((2, 3)), **arguments)


@pytest.mark.parametrize("arguments", [{"shape": (2, 3)}, {"batch_size": 4}])
def test_a_batch_shape_stands_alone(arguments):
    with pytest.raises(ValueError, match="`batch_shape` holds the batch size"):
        layers.InputLayer(batch_shape=(2, 3), **arguments)


def test_an_input_layer_is_dense_and_can_be_called_without_anything():
    layer = layers.InputLayer(shape=(3,))
    for item in (layer, layer.output):
        assert item.sparse is False and item.ragged is False
    assert layer.call() is None


def test_ragged_inputs_are_refused():
    with pytest.raises(ValueError, match="ragged inputs are not supported"):
        layers.InputLayer(shape=(3,), ragged=True)
