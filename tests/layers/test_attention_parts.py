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


class ScoresByQueries(layers.MultiHeadAttention):
    """One head of keys and values for all of the queries, by equations of its own, and softmax without the mask."""

    def _build_from_signature(self, query, value, key=None):
        super()._build_from_signature(query=query, value=value, key=key)
        common = self._get_common_kwargs_for_sublayer()
        self._key_dense = layers.EinsumDense("abc,cd->abd", (None, 2), name="key", **common)
        self._value_dense = layers.EinsumDense("abc,cd->abd", (None, 2), name="value", **common)
        self._dot_product_equation = "BSH,BTNH->BNTS"
        self._combine_equation = "BNTS,BSH->BTNH"
        self.extra = self._make_output_dense(2, common, "extra")

    def _masked_softmax(self, attention_scores, attention_mask=None):
        self.seen = None if attention_mask is None else tuple(attention_mask.shape)
        return self._softmax(attention_scores)


def test_equations_projections_and_softmax_of_a_subclass_are_those_that_are_used():
    layer = ScoresByQueries(3, 2, kernel_initializer="ones", use_bias=False)
    query, value = torch.randn(2, 4, 6), torch.randn(2, 5, 6)
    assert not layer._built_from_signature
    output, scores = layer(query, value, attention_mask=torch.ones(2, 4, 5).bool(), return_attention_scores=True)
    assert layer._built_from_signature and layer.seen == (2, 4, 5) and layer.key_dense.kernel.shape == (6, 2)
    # All kernels are of ones: each head sees the sums of the inputs, twice.
    sums = query.sum(-1)[:, :, None] * value.sum(-1)[:, None]
    weights = torch.softmax(sums * 2 / 2**0.5, -1)
    np.testing.assert_allclose(ops.convert_to_numpy(scores), weights[:, None].expand(2, 3, 4, 5).numpy(), atol=1e-5)
    expected = 6 * (weights @ value.sum(-1)[..., None])
    np.testing.assert_allclose(ops.convert_to_numpy(output), expected.expand(2, 4, 6).numpy(), atol=1e-4)
    assert layer.extra(torch.randn(2, 4, 3, 2)).shape == (2, 4, 6)


class OneStream(layers.MultiHeadAttention):
    """Attention to itself, whose `call` makes the projections."""

    def call(self, content, training=None):
        if not self._built_from_signature:
            self._build_from_signature(content, content)
        return super().call(content, content)


def test_a_call_of_one_input_makes_the_projections_itself():
    x = torch.randn(2, 4, 6)
    layer, whole = OneStream(3, 2), layers.MultiHeadAttention(3, 2)
    assert layer(x).shape == (2, 4, 6)
    whole.build(x.shape, x.shape)
    whole.set_weights(layer.get_weights())
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), ops.convert_to_numpy(whole(x, x)), atol=1e-6)
