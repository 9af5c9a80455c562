from __future__ import annotations

import numpy as np
import pytest
import torch

from keras_torch import utils


def test_to_categorical_makes_one_hot_rows():
    assert utils.to_categorical([0, 2]).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert utils.to_categorical(np.array([[1], [0]]), 2).tolist() == [[0, 1], [1, 0]]
    assert utils.to_categorical(np.zeros((2, 3), "uint8"), 4).shape == (2, 3, 4)
    assert utils.to_categorical([0.0, 1.0], dtype="int32").dtype == np.int32
    assert utils.to_categorical(1, 3).tolist() == [0, 1, 0]


def test_to_categorical_takes_the_old_argument_name_and_tensors():
    assert utils.np_utils.to_categorical(np.array([1]), nb_classes=3).tolist() == [[0, 1, 0]]
    result = utils.to_categorical(torch.tensor([1, 0]), 2)
    assert isinstance(result, torch.Tensor) and result.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_labels_outside_the_classes_are_refused(labels):
    with pytest.raises(ValueError, match=r"from 0 to 2 \(`num_classes=3`\). Received: (3|-1)"):
        utils.to_categorical(labels, 3)


def test_labels_that_are_no_whole_numbers_are_refused():
    with pytest.raises(ValueError, match="whole numbers"):
        utils.to_categorical([0.5])


@pytest.mark.parametrize("make", [np.array, torch.tensor])
def test_normalize_divides_by_the_norm_and_keeps_zeros(make):
    assert utils.normalize(make([[3.0, 4.0], [0.0, 0.0]])).tolist() == [pytest.approx([0.6, 0.8]), [0, 0]]
    assert utils.normalize(make([[1.0, 3.0]]), order=1).tolist() == [[0.25, 0.75]]


def test_set_random_seed_seeds_python_numpy_and_torch():
    import random

    results = []
    for _ in range(2):
        utils.set_random_seed(5)
        results.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert results[0] == results[1]
    with pytest.raises(ValueError, match="`seed`"):
        utils.set_random_seed("5")
