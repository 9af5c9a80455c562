"""Embedding: lookup, masks, lengths, first values, errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

import keras_torch as keras
from keras_torch import config
from keras_torch.layers import Embedding

TABLE = np.arange(20, dtype="float32").reshape(10, 2)


def test_rows_are_looked_up_in_an_nn_embedding():
    layer = Embedding(10, 2, weights=[TABLE])
    output = layer(np.array([[1, 9], [0, 3]]))
    np.testing.assert_array_equal(output.detach().numpy(), TABLE[[[1, 9], [0, 3]]])
    assert type(layer.embedding) is nn.Embedding
    assert [w.name for w in layer.weights] == ["embeddings"]


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int16", "int64", "int32", "bool"])
def test_indices_may_have_any_dtype(dtype):
    layer = Embedding(10, 2, weights=[TABLE])
    np.testing.assert_array_equal(layer(np.array([[0, 1]], dtype)).detach().numpy(), TABLE[None, :2])


def test_first_values_are_uniform_between_minus_and_plus_a_twentieth():
    values = built(Embedding(1000, 8)).get_weights()[0]
    assert values.min() >= -0.05 and values.max() <= 0.05 and 0.025 < values.std() < 0.032


def built(layer):
    layer.build((None, 3))
    return layer


def test_gradients_reach_the_used_rows_only():
    layer = Embedding(10, 2, weights=[TABLE])
    layer(np.array([[1, 1, 4]])).sum().backward()
    np.testing.assert_array_equal(layer.embeddings.grad[:, 0], [0, 2, 0, 0, 1, 0, 0, 0, 0, 0])


def test_mask_zero_masks_zeros():
    inputs = keras.Input((None,), dtype="int32")
    output = Embedding(10, 2, mask_zero=True)(inputs)
    assert output.shape == (None, None, 2)
    model = keras.Model(inputs, output._keras_mask)
    assert model(np.array([[1, 0, 2]])).tolist() == [[True, False, True]]
    assert Embedding(10, 2)(inputs)._keras_mask is None


@pytest.mark.parametrize("indices", [[[1, 10]], [[-1, 0]]])
def test_an_index_out_of_range_is_named(indices, monkeypatch):
    # On a GPU the program stops.
    monkeypatch.setenv("KERAS_TORCH_DEVICE", "cpu")
    layer = Embedding(10, 2, name="words")
    with pytest.raises(ValueError, match=r"'words' takes integers from 0 to 9 .*Received: values from -?\d+ to \d+"):
        layer(np.array(indices))


@pytest.mark.parametrize("sizes", [(0, 2), (10, 0), (10, -1), (10, "2")])
def test_sizes_must_be_positive(sizes):
    with pytest.raises((ValueError, TypeError), match="input_dim|output_dim"):
        Embedding(*sizes)


def test_input_length_fixes_the_shape():
    assert keras.Sequential([Embedding(10, 2, input_length=7)]).output_shape == (None, 7, 2)
    assert keras.Sequential([Embedding(10, 2)]).output_shape == (None, None, 2)
    assert Embedding(10, 2, input_length=7).compute_output_shape((None, None)) == (None, 7, 2)
    with pytest.raises(ValueError, match=r"`input_length`=7. Received: input shape \(None, 5\)"):
        Embedding(10, 2, input_length=7).compute_output_shape((None, 5))


def test_keras_3_does_not_assume_an_input_rank():
    before = config.dialect()
    config.set_dialect("3")
    try:
        model = keras.Sequential([Embedding(10, 2)])
        assert model(np.array([1, 2, 3])).shape == (3, 2)
    finally:
        config.set_dialect(before)


def test_regularizer_constraint_and_config():
    layer = built(Embedding(10, 2, embeddings_regularizer="l2", embeddings_constraint="non_neg", mask_zero=True))
    expected = 0.01 * np.square(layer.get_weights()[0]).sum()
    assert float(layer.losses[0].detach()) == pytest.approx(expected, rel=1e-5)
    assert layer.weights[0].constraint is layer.embeddings_constraint
    again = keras.layers.deserialize(json.loads(json.dumps(keras.layers.serialize(layer))))
    assert json.dumps(again.get_config()) == json.dumps(layer.get_config())


def test_the_result_is_float_for_integer_inputs():
    assert Embedding(10, 2)(keras.Input((4,), dtype="int64")).dtype == "float32"
    assert Embedding(10, 2)(torch.tensor([[1]])).dtype is torch.float32


@pytest.mark.parametrize("wrap", [lambda table: table, lambda table: [table]])
def test_given_weights_are_there_at_construction(wrap):
    table = np.arange(12.0).reshape(3, 4)
    layer = Embedding(3, 4, weights=wrap(table))
    np.testing.assert_array_equal(layer.embeddings.numpy(), table)
    assert layer(np.array([[2]]))[0, 0].tolist() == table[2].tolist()
    with pytest.raises(ValueError, match=r"shape \(3, 4\).*Received: an array of shape \(4, 3\)"):
        Embedding(3, 4, weights=wrap(table.T))


def test_masks_of_arrays_are_computed_by_hand():
    mask = Embedding(10, 2, mask_zero=True).compute_mask(np.array([[1, 0], [2, 3]]))
    assert mask.tolist() == [[True, False], [True, True]]
