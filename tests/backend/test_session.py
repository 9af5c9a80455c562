from __future__ import annotations

import numpy as np
import pytest
import torch

from keras_torch import backend as K
from keras_torch import config, layers, optimizers


def test_values_of_variables_are_read_and_set():
    dense = layers.Dense(2)
    dense.build((None, 3))
    K.set_value(dense.bias, np.array([1.0, 2.0], "float32"))
    value = K.get_value(dense.bias)
    assert value.tolist() == [1.0, 2.0]
    value[:] = 0
    assert K.get_value(dense.bias).tolist() == [1.0, 2.0]
    K.batch_set_value([(dense.bias, np.zeros(2, "float32"))])
    assert K.batch_get_value([dense.bias])[0].tolist() == [0.0, 0.0]


def test_the_learning_rate_is_read_and_set():
    optimizer = optimizers.SGD(learning_rate=0.1)
    assert float(K.get_value(optimizer.lr)) == pytest.approx(0.1)
    K.set_value(optimizer.lr, 0.05)
    assert float(optimizer.learning_rate) == pytest.approx(0.05)


def test_a_value_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"\(2,\).*Received: \(3,\)"):
        K.set_value(torch.zeros(2), np.zeros(3))
    with pytest.raises(TypeError, match="expects a variable"):
        K.set_value(3, 4)


def test_clear_session_starts_the_names_again():
    K.clear_session()
    first = layers.Dense(1).name
    layers.Dense(1)
    K.clear_session()
    assert layers.Dense(1).name == first


def test_keras_1s_ordering_is_the_data_format():
    before = config.image_data_format()
    try:
        K.set_image_dim_ordering("th")
        assert (K.image_data_format(), K.image_dim_ordering()) == ("channels_first", "th")
        with pytest.raises(ValueError, match="'tf' or 'th'"):
            K.set_image_dim_ordering("nchw")
    finally:
        config.set_image_data_format(before)
