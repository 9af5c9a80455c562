"""What scripts take from inside Keras 2's training, `keras.engine.training` and `keras.engine.training_utils`."""

from __future__ import annotations

import numpy as np
import pytest

from keras_torch import backend as K  # noqa: N812
from keras_torch import dropin


@pytest.fixture
def training():
    with dropin.install("2"):
        import keras.engine.training as training
        import keras.engine.training_utils as utils

        assert training._standardize_input_data is utils.standardize_input_data
        assert training._make_batches(5, 2) == [(0, 2), (2, 4), (4, 5)]
        assert [part.tolist() for part in training._slice_arrays([np.arange(4)], 1, 3)] == [[1, 2]]
        yield training


def test_data_become_arrays_in_the_order_of_names(training):
    standardize = training._standardize_input_data
    one, two = standardize({"b": np.ones((3, 2)), "a": np.zeros(3)}, ["a", "b"], [(None, 1), (3, 2)])
    assert (one.shape, two.shape) == ((3, 1), (3, 2))
    assert standardize(None, ["a", "b"]) == [None, None]
    assert standardize(np.ones((4, 2)), ["a"], [(9, 2)], check_batch_axis=False)[0].shape == (4, 2)
    with pytest.raises(ValueError, match=r"Error when checking input: expected a to have the shape \(None, 3\)"):
        standardize(np.ones((4, 2)), ["a"], [(None, 3)], exception_prefix="input")
    with pytest.raises(ValueError, match="expected a to have 3 dimensions"):
        standardize(np.ones((4, 2)), ["a"], [(None, 3, 1)])
    with pytest.raises(ValueError, match=r"no data for \['b'\]"):
        standardize({"a": np.ones(2)}, ["a", "b"])
    with pytest.raises(ValueError, match=r"expected 2 arrays, for \['a', 'b'\]. Received: 1"):
        standardize(np.ones(2), ["a", "b"])


def test_weights_belong_to_outputs_and_lengths_are_compared(training):
    assert training._standardize_class_weights({0: 1.0}, ["a"]) == [{0: 1.0}]
    assert training._standardize_sample_weights([1.0, 2.0, 3.0], ["a"]) == [[1.0, 2.0, 3.0]]
    assert training._standardize_sample_weights({"b": 5}, ["a", "b"]) == [None, 5]
    with pytest.raises(ValueError, match="`sample_weight` must have one entry for each of the outputs"):
        training._standardize_sample_weights([1, 2, 3], ["a", "b"])
    training._check_array_lengths([np.ones(3)], [np.ones(3), None], None)
    with pytest.raises(ValueError, match=r"\{'inputs': \[3\], 'targets': \[2\]\}"):
        training._check_array_lengths([np.ones(3)], [np.ones(2)])


def test_batches_are_shuffled_as_a_whole(training):
    found = training._batch_shuffle(np.arange(7), 2)
    assert found[-1] == 6 and sorted(found[:6:2]) == [0, 2, 4] and (found[1:6:2] == found[:6:2] + 1).all()


def test_weighted_losses_are_means_over_what_counts(training):
    weighted = training._weighted_masked_objective(lambda y, p: K.mean(K.square(y - p), axis=-1))
    y, p = K.constant([[1.0], [2.0], [3.0]]), K.constant([[0.0], [0.0], [0.0]])
    # (1 * 1 + 0 * 4 + 2 * 9) / 2, as one weight of three is 0; and (1 + 4) / 2 of what is not masked.
    assert float(weighted(y, p, K.constant([1.0, 0.0, 2.0]))) == pytest.approx(9.5)
    assert float(weighted(y, p, None, K.constant([1, 1, 0]))) == pytest.approx(2.5)
    assert training._weighted_masked_objective(None) is None


def test_layers_of_ones_own_collect_masks_and_shapes(training):
    from keras.engine.topology import _collect_input_shape, _collect_previous_mask, _is_all_none, _to_snake_case
    from keras.layers import Input, Masking
    from keras.layers.recurrent import _generate_dropout_ones

    steps = Input((3, 2))
    masked = Masking()(steps)
    assert _collect_input_shape(steps) == (None, 3, 2) and _collect_input_shape([steps, steps])[1] == (None, 3, 2)
    assert _collect_previous_mask(steps) is None and tuple(_collect_previous_mask(masked).shape) == (None, 3)
    assert _is_all_none(_collect_previous_mask([steps, steps])) and _to_snake_case("MyLayer") == "my_layer"
    assert K.get_value(_generate_dropout_ones(K.zeros((2, 3, 4)), 5)).tolist() == [[1.0] * 5] * 2
    assert tuple(_generate_dropout_ones(steps, 5).shape) == (None, 5)
