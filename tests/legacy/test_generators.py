from __future__ import annotations

import numpy as np
import pytest

from keras_torch import legacy


class Source:
    batch_size = 32

    def __next__(self):
        return np.zeros((32, 2)), np.zeros(32)


@legacy.translated("Model.fit_generator")
def fit_generator(self, generator, steps_per_epoch=None, epochs=1, validation_data=None, validation_steps=None):
    return generator, steps_per_epoch, epochs, validation_data, validation_steps


@legacy.translated("Model.evaluate_generator")
def evaluate_generator(self, generator, steps=None, workers=1):
    return generator, steps


def test_samples_per_epoch_become_steps_by_the_generators_batch_size():
    assert fit_generator(None, Source(), samples_per_epoch=100, nb_epoch=3)[1:3] == (4, 3)


def test_the_batch_size_of_a_plain_generator_is_that_of_its_first_batch_which_is_not_lost():
    batches = [(np.full((8, 2), index), np.zeros(8)) for index in range(3)]
    generator, steps, *_ = fit_generator(None, iter(batches), samples_per_epoch=24)
    assert steps == 3
    assert [int(x[0, 0]) for x, _ in generator] == [0, 1, 2]


def test_inputs_may_be_a_list_or_a_dict():
    for x in ([np.zeros((4, 2)), np.zeros((4, 3))], {"a": np.zeros((4, 2))}):
        assert evaluate_generator(None, iter([(x, np.zeros(4))]), val_samples=8)[1] == 2


def test_validation_samples_become_validation_steps():
    result = fit_generator(None, Source(), samples_per_epoch=64, validation_data=Source(), nb_val_samples=96)
    assert result[4] == 3


def test_validation_samples_beside_validation_arrays_are_not_needed():
    arrays = (np.zeros((4, 2)), np.zeros(4))
    result = fit_generator(None, Source(), samples_per_epoch=64, validation_data=arrays, nb_val_samples=4)
    assert result[3:] == (arrays, None)


def test_samples_and_steps_together_are_an_error():
    with pytest.raises(TypeError, match="`steps_per_epoch`.*`samples_per_epoch`"):
        fit_generator(None, Source(), samples_per_epoch=64, steps_per_epoch=2)
