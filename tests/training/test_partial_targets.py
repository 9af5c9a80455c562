"""Targets of models of which only some outputs have a loss."""

import numpy as np
import pytest

import keras_torch as keras


@pytest.mark.parametrize("wrap", [lambda y: y, lambda y: [y], lambda y: {"b": y}])
def test_one_target_goes_to_the_one_output_with_a_loss(wrap):
    x = keras.Input((3,))
    a = keras.layers.Dense(4, name="a")(x)
    b = keras.layers.Dense(2, name="b", kernel_initializer="zeros")(a)
    model = keras.Model(x, [a, b])
    model.compile("sgd", {"b": "mse"})
    data, target = np.ones((6, 3)), wrap(np.full((6, 2), 2.0))
    loss = model.test_on_batch(data, target)
    np.testing.assert_allclose(np.ravel(loss)[0], 4.0)
    model.train_on_batch(data, target)
    model.fit(data, target, batch_size=3, verbose=0)
    assert np.ravel(model.evaluate(data, target, verbose=0))[0] < 4.0
