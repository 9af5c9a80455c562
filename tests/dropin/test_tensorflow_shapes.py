"""Shapes and dtypes of tensors, which TensorFlow compares with lists and names."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keras_torch import dropin


@pytest.fixture
def tf():
    with dropin.install("tf"):
        import tensorflow

        yield tensorflow


def test_a_shape_is_equal_to_a_list_of_its_sizes(tf):
    shape = tf.ones((2, 3)).shape
    sizes = [2, 3]
    assert shape == sizes and sizes == shape and shape != [3, 2] and (shape != sizes) is False
    assert shape == (2, 3) == shape and shape == tf.TensorShape([2, 3]) and shape != 2
    assert {shape: 1}[2, 3] == 1


def test_a_dtype_is_equal_to_what_names_it(tf):
    dtype = tf.ones(1).dtype
    for name in ("float32", np.float32, np.dtype("float32"), float):
        assert dtype == name and name == dtype and (dtype != name) is False
    assert dtype != "float16" and dtype != tf.float16 and dtype != "no type" and dtype is not None
    assert dtype in ("float16", "float32")


def test_comparisons_are_those_of_torch_again_without_the_hook():
    with dropin.install("tf"):
        import tensorflow

        assert tensorflow.ones(1).shape == [1]
    assert torch.ones(1).shape != [1] and torch.ones(1).shape == (1,) and torch.float32 != "float32"


def test_shapes_of_tensors_and_layers_are_tensor_shapes(tf):
    class Seen(tf.keras.layers.Layer):
        def build(self, input_shape):
            self.kinds = isinstance(input_shape, tf.TensorShape), input_shape.is_compatible_with([5, 3])

        def call(self, inputs):
            return inputs

    layer = Seen()
    layer(tf.keras.Input((3,)))
    assert layer.kinds == (True, True)
    assert isinstance(tf.ones(2).shape, tf.TensorShape) and not isinstance((2,), tf.TensorShape)


def test_shapes_are_joined_where_one_knows_a_size(tf):
    shape = tf.TensorShape([None, 3])
    assert shape.merge_with([2, None]) == [2, 3] and shape.concatenate(4) == [None, 3, 4]
    assert shape.with_rank_at_least(2) is shape and not shape.is_compatible_with([2, 4])
    for call in (
        lambda: shape.merge_with([2, 4]),
        lambda: shape.with_rank(3),
        shape.assert_is_fully_defined,
        lambda: tf.ones(2).shape.with_rank_at_least(2),
    ):
        with pytest.raises(ValueError, match="Shape"):
            call()
