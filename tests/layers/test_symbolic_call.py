"""`call` of a built-in layer on symbolic tensors: the same numbers as the layer itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keras_torch import backend as K
from keras_torch import layers

CASES = [
    (lambda: layers.Dense(3), (4,)),
    (lambda: layers.Reshape((2, -1)), (4,)),
    (lambda: layers.Reshape((-1,)), (None, 4)),
    (lambda: layers.Flatten(), (4, 3)),
    (lambda: layers.RepeatVector(3), (4,)),
    (lambda: layers.Embedding(5, 3), (4,)),
    (lambda: layers.Conv2D(3, 2, padding="same", strides=2), (6, 6, 3)),
    (lambda: layers.AveragePooling1D(padding="same"), (5, 3)),
    (lambda: layers.UpSampling2D(), (3, 3, 2)),
    (lambda: layers.BatchNormalization(axis=1), (4, 4, 3)),
    (lambda: layers.PReLU(), (4, 3)),
    (lambda: layers.SpatialDropout1D(0.5), (4, 3)),
    (lambda: layers.GRU(3, return_sequences=True), (5, 4)),
    (lambda: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)]), (5, 4)),
    (lambda: layers.TimeDistributed(layers.Dense(3)), (None, 4)),
    (lambda: layers.Bidirectional(layers.LSTM(3)), (None, 4)),
]


@pytest.mark.parametrize(("make", "shape"), CASES)
def test_call_on_a_symbolic_tensor(make, shape) -> None:
    layer, inputs = make(), layers.Input(shape)
    expected_shape = tuple(layer(inputs).shape)
    outputs = layer.call(inputs)
    x = np.random.default_rng(0).random((2, *(size or 5 for size in shape))).astype("float32")
    found = K.function([inputs], [outputs])([x])[0]
    np.testing.assert_allclose(found, layer(torch.tensor(x)).detach().numpy(), atol=1e-6)
    assert len(outputs.shape) == len(expected_shape)
