"""Generators never end in Keras 1 and 2, so that the number of batches must be given."""

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config


def endless():
    while True:
        yield np.ones((2, 3)), np.ones((2, 1))


@pytest.mark.parametrize(
    ("run", "argument"),
    [
        (lambda model: model.fit_generator(endless()), "steps_per_epoch"),
        (lambda model: model.fit_generator(endless(), 2, validation_data=endless()), "validation_steps"),
        (lambda model: model.evaluate_generator(endless()), "steps"),
        (lambda model: model.predict_generator(endless()), "steps"),
    ],
)
def test_a_generator_without_its_number_of_batches_is_refused(run, argument):
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse")
    with config.dialect_scope("2"), pytest.raises(ValueError, match=f"`{argument}` must be given"):
        run(model)


def test_processes_for_a_generator_give_a_warning():
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="Sequence"):
        model.fit_generator(endless(), 2, workers=2, use_multiprocessing=True, verbose=0)
    model.fit_generator(endless(), 2, workers=2, verbose=0)
