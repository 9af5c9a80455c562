from __future__ import annotations

import numpy as np
import torch

from keras_torch import layers, ops


class ByHand(layers.MultiHeadAttention):
    """Attention whose `call` is written out from the parts of the layer, as packages do that cache keys."""

    def call(self, query, value, key=None, attention_mask=None, training=None):
        key = value if key is None else key
        query, key, value = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        query = ops.multiply(query, 1.0 / ops.sqrt(float(self._key_dim)))
        scores = ops.einsum(self._dot_product_equation, key, query)
        scores = self._dropout_layer(self._masked_softmax(scores, attention_mask), training=training)
        return self._output_dense(ops.einsum(self._combine_equation, scores, value))


def test_a_call_written_out_of_the_parts_gives_what_the_layer_gives():
    query, value = torch.randn(2, 4, 6), torch.randn(2, 5, 6)
    mask = torch.rand(2, 4, 5) > 0.3
    mask[:, :, 0] = True
    whole, by_hand = layers.MultiHeadAttention(3, 2), ByHand(3, 2)
    expected = whole(query, value, attention_mask=mask)
    by_hand.build(query.shape, value.shape)
    by_hand.set_weights(whole.get_weights())
    found = by_hand(query, value, attention_mask=mask)
    np.testing.assert_allclose(ops.convert_to_numpy(found), ops.convert_to_numpy(expected), atol=1e-6)
    assert len(by_hand.weights) == len(whole.weights) == 8
    assert (by_hand._num_heads, by_hand._value_dim, by_hand._query_shape) == (3, 2, (2, 4, 6))


def test_several_attention_axes_are_softmaxed_together():
    layer = layers.MultiHeadAttention(2, 3, attention_axes=(1, 2))
    layer.build((None, 4, 5, 6), (None, 4, 5, 6))
    scores = ops.einsum(layer._dot_product_equation, torch.randn(1, 4, 5, 2, 3), torch.randn(1, 4, 5, 2, 3))
    assert tuple(scores.shape) == (1, 2, 4, 5, 4, 5)
    np.testing.assert_allclose(layer._masked_softmax(scores).sum((-2, -1)).numpy(), np.ones((1, 2, 4, 5)), atol=1e-5)


def test_another_projection_takes_the_settings_of_the_layer():
    layer = layers.MultiHeadAttention(2, 3, kernel_initializer="ones", bias_constraint="non_neg")
    dense = layers.Dense(2, **layer._get_common_kwargs_for_sublayer())
    dense.build((None, 2))
    assert dense.get_weights()[0].tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert dense.bias_constraint is layer.bias_constraint
