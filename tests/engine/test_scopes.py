"""Names of Keras 3 around layers: Operation, Function, StatelessScope, RematScope, remat, device."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import keras_torch as keras


class Scale(keras.Operation):
    def __init__(self, factor, *, name=None):
        super().__init__(name=name)
        self.factor = factor

    def call(self, x):
        return x * self.factor


def test_an_operation_of_ones_own_is_a_node_of_models():
    scale = Scale(3, name="triple")
    x = keras.Input((2,))
    y = scale(x)
    assert y.shape == (None, 2) and scale.output is y and scale.input is x
    assert keras.Model(x, y)(torch.ones(1, 2)).tolist() == [[3.0, 3.0]]
    assert scale(torch.ones(2)).tolist() == [3.0, 3.0]
    assert Scale.from_config(scale.get_config()).factor == 3
    assert isinstance(keras.layers.Dense(1), keras.Operation)


def test_operations_describe_themselves_by_all_arguments_that_have_names():
    class Line(keras.Operation):
        def __init__(self, slope, *more, offset=1.0):
            super().__init__()

    class Described(Scale):
        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    assert Line(0.5).get_config() == {"slope": 0.5, "offset": 1.0}
    assert Line.from_config(Line(0.5).get_config()).get_config() == {"slope": 0.5, "offset": 1.0}
    assert Described(2, name="double").get_config() == {"name": "double", "factor": 2}
    with pytest.raises(NotImplementedError, match="made with arguments that have no names: `more`"):
        Line(0.5, 3).get_config()
    with pytest.raises(ValueError, match="must not contain '/'"):
        Scale(2, name="a/b")


def test_an_operation_without_call_says_so():
    class Empty(keras.Operation):
        pass

    with pytest.raises(NotImplementedError, match="defines no `call`"):
        Empty()(torch.ones(1))


def test_a_function_leads_from_tensors_to_tensors():
    x = keras.Input((2,), name="x")
    middle = keras.layers.Dense(3, kernel_initializer="ones")(x)
    function = keras.Function({"x": x}, [middle, middle + 1])
    first, second = function({"x": np.ones((1, 2), "float32")})
    assert first.tolist() == [[2.0] * 3] and second.tolist() == [[3.0] * 3]
    assert [tuple(item.shape) for item in function.compute_output_spec({"x": keras.Input((2,))})] == [(None, 3)] * 2
    assert function.input == {"x": x} and isinstance(keras.Model(x, middle), keras.Function)


def test_a_stateless_scope_takes_its_values_back():
    first, second = keras.Variable([1.0, 1.0]), keras.Variable(1.0)
    with keras.StatelessScope(state_mapping=[(first, np.zeros(2))]) as scope:
        assert first.numpy().tolist() == [0.0, 0.0]
        first.assign([5.0, 5.0])
        second.assign_add(1.0)
    assert (first.numpy().tolist(), float(second)) == ([1.0, 1.0], 1.0)
    assert scope.get_current_value(first).tolist() == [5.0, 5.0]
    assert float(scope.get_current_value(second)) == 2.0
    assert scope.get_current_value(keras.Variable(0.0)) is None


@pytest.mark.parametrize(
    ("options", "times"),
    [
        ({}, 2),
        ({"mode": None}, 1),
        ({"mode": "list_of_layers", "layer_names": ["counted"]}, 2),
        ({"mode": "list_of_layers", "layer_names": ["other"]}, 1),
        ({"mode": "larger_than", "output_size_threshold": 5}, 2),
        ({"mode": "larger_than", "output_size_threshold": 50}, 1),
        ({"mode": "activations"}, 1),
    ],
    ids=str,
)
def test_layers_of_a_remat_scope_are_computed_again_for_gradients(options, times):
    calls = []

    class Counted(keras.layers.Layer):
        def call(self, x):
            calls.append(1)
            return torch.sin(x)

    with keras.RematScope(**options):
        layer = Counted(name="counted")
    layer.build((2, 3))
    x = torch.ones(2, 3, requires_grad=True)
    expected = torch.cos(x.detach())
    calls.clear()
    layer(x, training=True).sum().backward()
    assert torch.equal(x.grad, expected)
    assert len(calls) == times + (options.get("mode") == "larger_than")


def test_remat_computes_a_function_again_for_its_gradient():
    calls = []

    def square(x):
        calls.append(1)
        return x * x

    x = torch.ones(2, requires_grad=True)
    keras.remat(square)(x).sum().backward()
    assert len(calls) == 2 and x.grad.tolist() == [2.0, 2.0]


def test_a_device_is_a_context():
    with keras.device("cpu:0"):
        assert torch.ones(1).device.type == "cpu"
    with pytest.raises(ValueError, match="`device_name`"):
        keras.device(0)
