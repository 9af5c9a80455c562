import numpy as np
import pytest

import keras_torch as keras
from keras_torch.utils import conv_utils, layer_utils


def test_sizes_are_given_once_or_per_axis():
    assert conv_utils.normalize_tuple(5, 2, "strides") == (5, 5)
    assert conv_utils.normalize_tuple([1, np.int64(2), 3], 3, "strides") == (1, 2, 3)
    for wrong in (None, (1, 2), (2.1, 1, 1), "abc"):
        with pytest.raises(ValueError, match="`strides`.*3 integers"):
            conv_utils.normalize_tuple(wrong, 3, "strides")


def test_paddings_are_spelled_in_any_case():
    assert conv_utils.normalize_padding("SAME") == "same"
    with pytest.raises(ValueError, match="Received: 'diff'"):
        conv_utils.normalize_padding("diff")


@pytest.mark.parametrize("padding", ["same", "valid", "causal"])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (4, 2, 1), (3, 1, 2)])
def test_output_lengths_are_those_of_the_layer(padding, kernel, stride, dilation):
    layer = keras.layers.Conv1D(1, kernel, strides=stride, padding=padding, dilation_rate=dilation)
    length = conv_utils.conv_output_length(11, kernel, padding, stride, dilation)
    assert layer.compute_output_shape((None, 11, 1)) == (None, length, 1)


def test_lengths_of_convolutions():
    assert conv_utils.conv_output_length(4, 2, "full", 2) == 3
    assert conv_utils.conv_output_length(None, 7, "same", 1) is None
    assert conv_utils.conv_input_length(4, 2, "valid", 2) == 8
    assert conv_utils.conv_input_length(4, 3, "same", 2) == 7
    assert conv_utils.conv_input_length(None, 7, "same", 1) is None
    with pytest.raises(AssertionError, match="`padding`"):
        conv_utils.conv_output_length(4, 2, "diff", 1)


def test_lengths_of_transposed_convolutions():
    assert conv_utils.deconv_length(4, 2, 3, "valid", None) == 9
    assert conv_utils.deconv_length(4, 2, 3, "same", None) == 8
    assert conv_utils.deconv_length(4, 2, 3, "full", None) == 5
    assert conv_utils.deconv_length(4, 2, 3, "same", 1) == 8
    assert conv_utils.deconv_length(4, 2, 3, "valid", None, dilation=2) == 11
    assert conv_utils.deconv_length(None, 1, 7, "same", None) is None


def test_kernels_are_flipped_in_space_only():
    kernel = np.arange(24.0).reshape(2, 3, 2, 2)
    flipped = conv_utils.convert_kernel(kernel)
    np.testing.assert_array_equal(flipped, kernel[::-1, ::-1])
    np.testing.assert_array_equal(conv_utils.convert_kernel(flipped), kernel)
    with pytest.raises(ValueError, match="3, 4 or 5"):
        conv_utils.convert_kernel(np.ones((2, 2)))


def test_all_kernels_of_a_model_are_flipped():
    model = keras.Sequential([keras.layers.Conv2D(2, 3, input_shape=(5, 5, 1)), keras.layers.Flatten()])
    before = model.get_weights()[0]
    layer_utils.convert_all_kernels_in_model(model)
    np.testing.assert_array_equal(model.get_weights()[0], before[::-1, ::-1])


@pytest.mark.parametrize("target", ["channels_first", "channels_last"])
def test_a_dense_layer_follows_a_change_of_the_data_format(target):
    first, last = (2, 4, 3), (4, 3, 2)
    source = last if target == "channels_first" else first
    dense = keras.layers.Dense(5)
    image = np.random.default_rng(0).normal(size=(1, *source)).astype("float32")
    before = np.asarray(dense(image.reshape(1, -1)).detach())
    layer_utils.convert_dense_weights_data_format(dense, first if target == "channels_first" else last, target)
    moved = np.moveaxis(image, 3, 1) if target == "channels_first" else np.moveaxis(image, 1, 3)
    np.testing.assert_allclose(np.asarray(dense(moved.reshape(1, -1)).detach()), before, rtol=1e-4, atol=1e-5)
