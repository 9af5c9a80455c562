"""What layers refuse: every error names the layer, the argument in backticks, what was expected, what was received."""

import re

import numpy as np
import pytest
import torch

from keras_torch import Input, layers

# Layer, constructor arguments, the argument that the error must name, words of what is expected.
ARGUMENTS = [
    ("Dense", {"units": -1}, "units", "integer ≥ 1"),
    ("Dense", {"units": 0}, "units", "integer ≥ 1"),
    ("Dense", {"units": 2.5}, "units", "whole number"),
    ("Dense", {"units": "three"}, "units", "integer ≥ 1"),
    ("Dense", {"units": None}, "units", "integer ≥ 1"),
    ("Dense", {"units": 3, "name": 3}, "name", "text"),
    ("Dense", {"units": 3, "input_shape": "abc"}, "input_shape", "sizes"),
    ("Dense", {"units": 3, "input_shape": (2.5,)}, "input_shape", "whole number"),
    ("Dense", {"units": 3, "input_shape": (-1,)}, "input_shape", "sizes"),
    ("Dense", {"units": 3, "batch_input_shape": 7}, "batch_input_shape", "sizes"),
    ("Conv1D", {"filters": 0, "kernel_size": 2}, "filters", "integer ≥ 1"),
    ("Conv1D", {"filters": -3, "kernel_size": 2}, "filters", "integer ≥ 1"),
    ("Conv2D", {"filters": 2, "kernel_size": 0}, "kernel_size", "each ≥ 1"),
    ("Conv2D", {"filters": 2, "kernel_size": (2, 2, 2)}, "kernel_size", "2 integers"),
    ("Conv2D", {"filters": 2, "kernel_size": 2.5}, "kernel_size", "whole number"),
    ("Conv2D", {"filters": 2, "kernel_size": 2, "strides": 0}, "strides", "each ≥ 1"),
    ("Conv2D", {"filters": 2, "kernel_size": 2, "strides": -1}, "strides", "each ≥ 1"),
    ("Conv2D", {"filters": 2, "kernel_size": 2, "dilation_rate": 0}, "dilation_rate", "each ≥ 1"),
    ("Conv2D", {"filters": 2, "kernel_size": 2, "padding": "sam"}, "padding", "'same'"),
    ("Conv2D", {"filters": 2, "kernel_size": 2, "padding": "causal"}, "padding", "'same'"),
    ("Conv2D", {"filters": 2, "kernel_size": 2, "groups": 0}, "groups", "≥ 1"),
    ("Conv2D", {"filters": 3, "kernel_size": 2, "groups": 2}, "groups", "multiple"),
    ("Conv2D", {"filters": 3, "kernel_size": 2, "strides": 2, "dilation_rate": 2}, "dilation_rate", "combined"),
    ("MaxPooling2D", {"pool_size": 0}, "pool_size", "each ≥ 1"),
    ("MaxPooling2D", {"padding": "full"}, "padding", "'same'"),
    ("AveragePooling1D", {"strides": -1}, "strides", "≥ 1"),
    ("UpSampling2D", {"size": 0}, "size", "each ≥ 1"),
    ("UpSampling2D", {"interpolation": "linear"}, "interpolation", "'bilinear'"),
    ("ZeroPadding2D", {"padding": -1}, "padding", "≥ 0"),
    ("ZeroPadding2D", {"padding": (1, 2, 3)}, "padding", "2 pairs"),
    ("Cropping2D", {"cropping": (1, 2, 3)}, "cropping", "2 pairs"),
    ("Dropout", {"rate": -0.1}, "rate", "between 0 and 1"),
    ("Dropout", {"rate": 1.5}, "rate", "between 0 and 1"),
    ("Dropout", {"rate": "half"}, "rate", "between 0 and 1"),
    ("GaussianNoise", {"stddev": -1}, "stddev", "0"),
    ("Embedding", {"input_dim": 0, "output_dim": 2}, "input_dim", "≥ 1"),
    ("Embedding", {"input_dim": 3, "output_dim": -2}, "output_dim", "≥ 1"),
    ("LSTM", {"units": 0}, "units", "≥ 1"),
    ("GRU", {"units": 1.5}, "units", "whole number"),
    ("SimpleRNN", {"units": 2, "dropout": "a lot"}, "dropout", "number"),
    ("RNN", {"cell": 3}, "cell", "call"),
    ("Bidirectional", {"layer": layers.LSTM(2), "merge_mode": "add"}, "merge_mode", "'sum'"),
    ("Bidirectional", {"layer": 3}, "layer", "layer"),
    ("TimeDistributed", {"layer": 3}, "layer", "layer"),
    ("Reshape", {"target_shape": (-1, -1)}, "target_shape", "-1"),
    ("Reshape", {"target_shape": (2, -3)}, "target_shape", "-1"),
    ("Permute", {"dims": (0, 1)}, "dims", "1"),
    ("Permute", {"dims": (1, 3)}, "dims", "1"),
    ("RepeatVector", {"n": 0}, "n", "≥ 1"),
    ("RepeatVector", {"n": "2"}, "n", "≥ 1"),
    ("Lambda", {"function": 3}, "function", "function"),
    ("LeakyReLU", {"negative_slope": -1}, "negative_slope", "≥ 0"),
    ("LeakyReLU", {"negative_slope": None}, "negative_slope", "number"),
    ("ReLU", {"max_value": -1}, "max_value", "≥ 0"),
    ("ReLU", {"threshold": None}, "threshold", "number"),
    ("ThresholdedReLU", {"theta": -1}, "theta", "≥ 0"),
    ("BatchNormalization", {"axis": "last"}, "axis", "integer"),
    ("BatchNormalization", {"momentum": "high"}, "momentum", "number"),
    ("LayerNormalization", {"axis": 1.5}, "axis", "integer"),
    ("GroupNormalization", {"groups": 0}, "groups", "positive integer"),
    ("Softmax", {"axis": "last"}, "axis", "integer"),
    ("Concatenate", {"axis": "last"}, "axis", "integer"),
    ("Dot", {"axes": "first"}, "axes", "integer"),
    ("Dot", {"axes": (1, 2, 3)}, "axes", "two"),
    ("Masking", {"mask_value": "zero"}, "mask_value", "number"),
    ("InputLayer", {"shape": (2.5,)}, "shape", "whole number"),
]


# What is looked up by name, whichever layer asks for it; the argument's kind and the nearest name.
LOOKED_UP = [
    ("Dense", {"units": 3, "activation": "rellu"}, "activation function", '"relu"'),
    ("Dense", {"units": 3, "activation": 3}, "activation function", "a name"),
    ("Dense", {"units": 3, "kernel_initializer": "glorot_unifrom"}, "initializer", '"GlorotUniform"'),
    ("Dense", {"units": 3, "kernel_regularizer": "l3"}, "regularizer", "custom_objects"),
    ("Dense", {"units": 3, "kernel_constraint": "maxnorm_"}, "constraint", '"MaxNorm"'),
    ("Dense", {"units": 3, "dtype": "float31"}, "`dtype`", "'float32'"),
    ("Activation", {"activation": "rellu"}, "activation function", '"relu"'),
    ("GRU", {"units": 2, "activation": "tanj"}, "activation function", '"tanh"'),
    ("Conv2D", {"filters": 2, "kernel_size": 2, "data_format": "last"}, "`data_format`", "'channels_last'"),
    ("GlobalMaxPooling2D", {"data_format": "last"}, "`data_format`", "'channels_last'"),
    ("ActivityRegularization", {"l1": "much"}, "`l1`", "number"),
]


def identity(row):
    name, arguments, *_ = row
    return f"{name}-{'-'.join(f'{key}={value!r:.20}' for key, value in arguments.items())}"


@pytest.mark.parametrize("row", ARGUMENTS, ids=identity)
def test_an_argument_out_of_range_is_refused_with_words(row):
    name, arguments, argument, words = row
    with pytest.raises((ValueError, TypeError)) as caught:
        getattr(layers, name)(**arguments)
    message = str(caught.value)
    assert f"`{argument}`" in message
    assert words in message
    assert "Received" in message
    assert name.lower() in message.lower().replace("_", "")


@pytest.mark.parametrize("row", LOOKED_UP, ids=identity)
def test_an_unknown_name_is_refused_with_the_nearest_or_the_known_ones(row):
    name, arguments, *words = row
    with pytest.raises((ValueError, TypeError)) as caught:
        getattr(layers, name)(**arguments)
    assert all(word in str(caught.value) for word in (*words, "Received"))


# Layer, constructor arguments, shapes of the inputs (a list for several), words in the error.
INPUTS = [
    ("Dense", {"units": 3}, (4,), "min_ndim=2"),
    ("Conv2D", {"filters": 2, "kernel_size": 3}, (2, 5, 3), "min_ndim=4"),
    ("Conv2D", {"filters": 2, "kernel_size": 7}, (2, 5, 5, 3), "smaller than the window"),
    ("Conv1D", {"filters": 2, "kernel_size": 3, "dilation_rate": 4}, (2, 5, 3), "smaller than the window"),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2}, (2, 5, 5, 3), "`groups`"),
    ("MaxPooling2D", {"pool_size": 7}, (2, 5, 5, 3), "smaller than the window"),
    ("MaxPooling2D", {}, (2, 5, 5), "ndim=4"),
    ("Cropping2D", {"cropping": 3}, (2, 5, 5, 3), "nothing would be left"),
    ("GlobalAveragePooling1D", {}, (2, 5), "ndim=3"),
    ("LSTM", {"units": 2}, (2, 5), "ndim=3"),
    ("Bidirectional", {"layer": layers.LSTM(2)}, (2, 5), "ndim=3"),
    ("TimeDistributed", {"layer": layers.Dense(2)}, (2, 5), "3 axes"),
    ("Reshape", {"target_shape": (4, 2)}, (2, 7), "`target_shape`"),
    ("Reshape", {"target_shape": (4, -1)}, (2, 7), "`target_shape`"),
    ("Permute", {"dims": (2, 1)}, (2, 7), "ndim=3"),
    ("RepeatVector", {"n": 2}, (2, 7, 3), "ndim=2"),
    ("BatchNormalization", {"axis": 4}, (2, 7), "`axis`"),
    ("BatchNormalization", {"axis": -3}, (2, 7), "`axis`"),
    ("LayerNormalization", {"axis": 3}, (2, 7), "`axis`"),
    ("Softmax", {"axis": 3}, (2, 7), "`axis`"),
    ("PReLU", {"shared_axes": (5,)}, (2, 7, 3), "`shared_axes`"),
    ("Concatenate", {"axis": 5}, [(2, 7), (2, 7)], "axis=5"),
    ("Concatenate", {"axis": 1}, [(2, 7, 3), (2, 7, 4)], "axis"),
    ("Concatenate", {}, [(2, 7, 3), (2, 7)], "rank"),
    ("Add", {}, [(2, 7), (2, 6)], "shapes"),
    ("Add", {}, (2, 7), "list"),
    ("Subtract", {}, [(2, 7), (2, 7), (2, 7)], "2 inputs"),
    ("Dot", {"axes": 1}, [(2, 7), (2, 6)], "`axes`"),
    ("Dot", {"axes": 3}, [(2, 7), (2, 7)], "`axes`"),
    ("GroupNormalization", {"groups": 4}, (2, 6), "groups"),
]


@pytest.mark.parametrize("symbolic", [False, True], ids=["real", "symbolic"])
@pytest.mark.parametrize("row", INPUTS, ids=identity)
def test_inputs_that_do_not_fit_are_refused_with_words(row, symbolic):
    name, arguments, shape, words = row
    layer = getattr(layers, name)(**arguments)

    def tensor(sizes):
        return Input(batch_shape=sizes) if symbolic else torch.rand(sizes)

    inputs = [tensor(item) for item in shape] if isinstance(shape, list) else tensor(shape)
    with pytest.raises(ValueError) as caught:
        layer(inputs)
    message = str(caught.value)
    assert words in message
    assert "Received" in message
    assert layer.name in message or "forward_" in message


STEPS = torch.rand(2, 5, 3)
# Layer, constructor arguments, arguments of the call, words in the error.
CALLS = [
    ("LSTM", {"units": 2}, {"mask": torch.ones(2, 4, dtype=torch.bool)}, "`mask`"),
    ("GRU", {"units": 2}, {"mask": torch.ones(5, dtype=torch.bool)}, "`mask`"),
    ("Bidirectional", {"layer": layers.GRU(2)}, {"mask": torch.ones(2, 4, dtype=torch.bool)}, "`mask`"),
    ("GlobalAveragePooling1D", {}, {"mask": torch.ones(2, 4, dtype=torch.bool)}, "`mask`"),
    ("LSTM", {"units": 2}, {"initial_state": [torch.zeros(2, 2)]}, "2 states"),
    ("LSTM", {"units": 2}, {"initial_state": [torch.zeros(2, 2), torch.zeros(2, 3)]}, "state 1"),
    ("GRU", {"units": 2}, {"initial_state": torch.zeros(3, 2)}, "state 0"),
    ("Softmax", {}, {"mask": torch.ones(2, 4, dtype=torch.bool)}, "`mask`"),
    ("BatchNormalization", {}, {"mask": torch.ones(3, 4, dtype=torch.bool)}, "`mask`"),
]


@pytest.mark.parametrize("row", CALLS, ids=identity)
def test_arguments_of_a_call_that_do_not_fit_are_refused_with_words(row):
    name, arguments, options, words = row
    layer = getattr(layers, name)(**arguments)
    with pytest.raises(ValueError) as caught:
        layer(STEPS, training=True, **options)
    message = str(caught.value)
    assert words in message
    assert "Received" in message
    assert layer.name in message or "forward_" in message


def test_too_many_positional_arguments_are_refused():
    for name in ("Dense", "Conv2D", "LSTM", "Dropout", "Reshape"):
        with pytest.raises(TypeError, match=re.compile("positional|argument")):
            getattr(layers, name)(*range(1, 60))


def test_words_are_no_numbers_for_layers():
    with pytest.raises(ValueError, match=r"dense.*array of dtype"):
        layers.Dense(2)(np.array([["a", "b"]]))
    with pytest.raises((ValueError, TypeError)):
        layers.Dense(2)("text")
    with pytest.raises((ValueError, TypeError)):
        layers.Dense(2)(None)
