"""Symbolic tensors record torch functions, infer shapes and lower to torch.fx."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from keras_torch import Input, Model, config, layers
from keras_torch.symbolic import KerasTensor, infer


def test_torch_functions_and_operators_on_symbolic_tensors_become_a_model():
    a, b = Input((8,), name="a"), Input((8,), name="b")
    joined = torch.cat([a, b], dim=1)
    x = F.relu(1 - joined * 2)[:, 1:]
    y = torch.where(x > 0.5, x, torch.zeros_like(x)).sum(-1, keepdim=True) + np.ones((1, 4))
    assert tuple(joined.shape) == (None, 16)
    assert tuple(x.shape) == (None, 15)
    assert tuple(y.shape) == (None, 4)
    assert y.dtype == "float32"
    model = Model([a, b], y)
    left, right = torch.rand(3, 8), torch.rand(3, 8)
    expected = F.relu(1 - torch.cat([left, right], 1) * 2)[:, 1:]
    expected = torch.where(expected > 0.5, expected, 0.0).sum(-1, keepdim=True) + torch.ones(1, 4)
    torch.testing.assert_close(model([left, right]), expected)


def test_functions_with_several_results_can_be_unpacked():
    a = Input((6,))
    first, second = torch.split(a, 2, dim=1)[:2]
    values, indices = torch.max(a, dim=1)
    assert tuple(first.shape) == (None, 2)
    assert tuple(values.shape) == (None,)
    assert indices.dtype == "int64"
    model = Model(a, [second, values, indices])
    x = torch.rand(5, 6)
    out = model(x)
    torch.testing.assert_close(out[0], x[:, 2:4])
    torch.testing.assert_close(out[1], x.max(1).values)
    torch.testing.assert_close(out[2], x.max(1).indices)


def test_unknown_sizes_survive_reshapes_and_known_ones_stay_known():
    a = Input((None, 6))
    assert tuple(a.reshape(-1, 3).shape) == (None, 3)
    assert tuple(a.transpose(1, 2).shape) == (None, 6, None)
    assert tuple(a.mean(dim=1).shape) == (None, 6)
    # Where another size has to fit, how many samples there are stays open.
    assert tuple(torch.cat([Input((6,)), Input((None,))]).shape) == (None, None)


def test_a_symbolic_tensor_refuses_what_needs_values_and_says_why():
    a = Input((3,))
    with pytest.raises(TypeError, match="no value to branch on"):
        bool(a)
    with pytest.raises(TypeError, match="cannot become a numpy array"):
        np.asarray(a)
    with pytest.raises(AttributeError, match="it has no values"):
        a.numpy()
    with pytest.raises(TypeError, match="size of its first axis is unknown"):
        len(a)


def test_functions_that_need_values_are_inferred_on_small_tensors():
    shape = infer(lambda x: x * float(x.sum()), (KerasTensor((None, 4)),), {})
    assert tuple(shape.shape) == (None, 4)


def test_a_graph_that_misses_an_input_names_the_layer_and_the_inputs():
    a, b = Input((4,), name="a"), Input((4,), name="left_out")
    with pytest.raises(ValueError, match=r"Graph disconnected.*left_out.*\['a'\]"):
        Model(a, a + b)


def test_unknown_sizes_can_be_filled_in_and_known_ones_stay():
    x = KerasTensor((None, None, 4))
    x.set_shape((None, 3, None))
    assert tuple(x.shape) == (None, 3, 4)
    with pytest.raises(ValueError, match=r"shape \(None, 3, 4\).*Received: \(None, 5, 4\)"):
        x.set_shape((None, 5, 4))


def test_what_cannot_be_applied_is_named_with_the_shapes_it_was_given():
    a, b = Input((4,)), Input((5,))
    with pytest.raises(ValueError, match=r"`add` does not work.*\[\(None, 4\), \(None, 5\)\]"):
        a + b


@pytest.mark.parametrize(("dialect", "has_length"), [("1", False), ("2", False), ("tf", True), ("3", True)])
def test_a_tensor_without_a_length_is_no_list_to_scripts_for_keras_1_and_2(dialect, has_length):
    with config.dialect_scope(dialect):
        x = Input((3,))
        assert hasattr(x, "__len__") == has_length
        with pytest.raises(TypeError, match="the size of its first axis is unknown"):
            len(x)
        assert len(Input(batch_shape=(2, 3))) == 2


class _AddPositions(layers.Layer):
    """Adds to each pixel of a flattened image its number, of as many as the image has."""

    def call(self, image, pixels):
        height, width = image.shape[1:3]
        return pixels + torch.arange(float(height) * width)[None, :, None]


def test_sizes_that_belong_together_fit_each_other_in_layers_of_several_inputs():
    image = Input((None, None, 1))
    x = layers.BatchNormalization(activity_regularizer="l2")(image)
    before = x._keras_history[0].get_weights()
    pixels = layers.Reshape((-1, 1))(x)
    y = _AddPositions()(image, pixels)
    assert x._keras_history[0].losses == []
    assert tuple(pixels.shape) == tuple(y.shape) == (None, None, 1)
    model = Model(image, y)
    assert np.array_equal(model.predict(np.zeros((1, 2, 3, 1)), verbose=0).ravel(), range(6))
    # The trial has left nothing behind.
    np.testing.assert_array_equal(before, x._keras_history[0].get_weights())
