"""Shapes of tensors and of what layers are built for."""

from __future__ import annotations

import pytest

from keras_torch import dropin


@pytest.fixture
def tf():
    with dropin.install("tf"):
        import tensorflow

        yield tensorflow


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
