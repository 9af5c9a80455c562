"""ConvLSTM layers and ConvRNN2D beyond their golden numbers: layouts, states, dropout, user cells, errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch.backend import conv2d
from keras_torch.layers import ConvLSTM1D, ConvLSTM2D, ConvLSTM2DCell, ConvLSTM3D, ConvRNN2D

SHAPES = {1: (2, 3, 6, 2), 2: (2, 3, 6, 5, 2), 3: (2, 3, 6, 5, 4, 2)}
LAYERS = {1: ConvLSTM1D, 2: ConvLSTM2D, 3: ConvLSTM3D}


def data(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("kernel_size", [2, 3])
def test_channels_first_is_the_transposed_channels_last(rank, padding, kernel_size):
    x = data(*SHAPES[rank])
    options = {"padding": padding, "return_sequences": True, "return_state": True, "strides": 2}
    last = LAYERS[rank](3, kernel_size, data_format="channels_last", **options)
    first = LAYERS[rank](3, kernel_size, data_format="channels_first", **options)
    expected = last(x)
    first.build((None, 3, 2, *x.shape[2:-1]))
    first.set_weights(last.get_weights())
    for one, other, axis in zip(first(x.movedim(-1, 2)), expected, (2, 1, 1), strict=True):
        torch.testing.assert_close(one, other.movedim(-1, axis))


def test_all_steps_are_convolved_with_the_input_kernel_in_one_call():
    layer = ConvLSTM2D(3, 3)
    layer.build((None, None, 6, 5, 2))
    calls = []
    layer.cell.conv.register_forward_hook(lambda module, args, output: calls.append(tuple(output.shape)))
    layer(data(2, 7, 6, 5, 2))
    assert calls == [(14, 12, 4, 3)]


def test_symbolic_images_of_unknown_size_are_taken():
    inputs = keras.Input((None, None, None, 2))
    outputs = ConvLSTM2D(3, 3, return_sequences=True, return_state=True)(inputs)
    assert [tuple(t.shape) for t in outputs] == [(None, None, None, None, 3), *[(None, None, None, 3)] * 2]
    model = keras.Model(inputs, outputs)
    assert tuple(model(data(2, 4, 6, 5, 2))[0].shape) == (2, 4, 4, 3, 3)
    assert tuple(model(data(1, 2, 9, 9, 2))[1].shape) == (1, 7, 7, 3)


def test_a_stateful_layer_goes_on_where_the_batch_before_ended():
    x = data(2, 6, 5, 4, 2)
    layer = ConvLSTM2D(3, 3, padding="same", stateful=True, return_sequences=True)
    first, second = layer(x[:, :4]), layer(x[:, 4:])
    layer.reset_states()
    torch.testing.assert_close(torch.cat((first, second), 1), layer(x))
    layer.reset_states([np.ones((2, 5, 4, 3)), np.zeros((2, 5, 4, 3))])
    assert not torch.allclose(layer(x)[:, :4], first)
    with pytest.raises(ValueError, match="state 0 must have the shape"):
        layer.reset_states([np.ones((2, 5, 4, 2)), np.zeros((2, 5, 4, 3))])


def test_dropout_keeps_one_mask_per_gate_for_all_steps():
    layer = ConvLSTM2D(2, 1, dropout=0.5, use_bias=False, recurrent_initializer="zeros", return_sequences=True, seed=3)
    x = torch.ones(2, 4, 3, 3, 4)
    layer(x)
    sums = layer.cell
    sums.train()
    found = sums._input_product(x)
    torch.testing.assert_close(found, found[:, :1].expand_as(found))
    masks = sums._masks["input"]
    assert masks.shape == (4, 2, 3, 3, 4)
    kernel = sums.kernel.value
    for gate, part in enumerate(found[:, 0].chunk(4, -1)):
        torch.testing.assert_close(part, conv2d(masks[gate], kernel[..., 2 * gate : 2 * gate + 2]))


def test_recurrent_dropout_changes_training_only():
    layer = ConvLSTM2D(2, 3, padding="same", recurrent_dropout=0.5)
    x = data(2, 4, 5, 5, 2)
    torch.testing.assert_close(layer(x), layer(x))
    assert not torch.allclose(layer(x, training=True), layer(x, training=True))


def test_the_dialects_differ_in_the_recurrent_activation():
    for dialect, name in (("1", "hard_sigmoid"), ("2", "hard_sigmoid"), ("tf", "hard_sigmoid"), ("3", "sigmoid")):
        with keras.config.dialect_scope(dialect):
            for cls in LAYERS.values():
                assert cls(2, 3).get_config()["recurrent_activation"] == name


def test_old_arguments_make_the_same_layer():
    with keras.config.dialect_scope("1"):
        old = ConvLSTM2D(
            nb_filter=4, nb_row=3, nb_col=2, border_mode="same", dim_ordering="tf", input_shape=(3, 5, 5, 2)
        )
    assert (old.filters, old.kernel_size, old.padding, old.data_format) == (4, (3, 2), "same", "channels_last")


class Blend(keras.layers.Layer):
    """A cell of a user: the mean of a convolution and of the state."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = self.state_size = filters
        self.kernel_size, self.strides, self.dilation_rate = (3, 3), (1, 1), (1, 1)
        self.padding, self.data_format = "same", "channels_last"

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(3, 3, input_shape[-1], self.filters))
        super().build(input_shape)

    def call(self, inputs, states):
        output = (conv2d(inputs, self.kernel, padding="same") + states[0]) / 2
        return output, [output]


def test_conv_rnn_2d_runs_a_cell_of_the_user():
    x = data(2, 3, 5, 4, 2)
    layer = ConvRNN2D(Blend(3), return_sequences=True, return_state=True)
    outputs, state = layer(x)
    images = [conv2d(x[:, t], layer.cell.kernel, padding="same") for t in range(3)]
    torch.testing.assert_close(state, images[2] / 2 + images[1] / 4 + images[0] / 8)
    torch.testing.assert_close(outputs[:, -1], state)
    assert layer.compute_output_shape((None, 3, 5, 4, 2)) == [(None, 3, 5, 4, 3), (None, 5, 4, 3)]


def test_conv_rnn_2d_of_the_cell_is_conv_lstm_2d():
    x = data(2, 3, 5, 4, 2)
    whole, parts = ConvLSTM2D(3, 2), ConvRNN2D(ConvLSTM2DCell(3, 2))
    expected = whole(x)
    parts(x)
    parts.set_weights(whole.get_weights())
    torch.testing.assert_close(parts(x), expected)
    again = ConvRNN2D.from_config(parts.get_config())
    again(x)
    again.set_weights(whole.get_weights())
    torch.testing.assert_close(again(x), expected)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ConvLSTM2D(-1, 3), ValueError, "must be an integer"),
        (lambda: ConvLSTM2D(2, (3, 3, 3)), ValueError, "`kernel_size`"),
        (lambda: ConvLSTM2D(2, 3, padding="causal"), ValueError, "`padding` must be one of"),
        (lambda: ConvLSTM2D(2, 3, strides=2, dilation_rate=2), ValueError, "cannot be combined"),
        (lambda: ConvLSTM2D(2, 7)(data(1, 2, 5, 5, 1)), ValueError, "smaller than the window"),
        (lambda: ConvLSTM2D(2, 3)(data(1, 5, 5, 1)), ValueError, "incompatible"),
        (lambda: ConvLSTM2D(2, 3)(keras.Input((2, 5, 5, None))), ValueError, "channel dimension"),
        (lambda: ConvRNN2D([ConvLSTM2DCell(2, 3)]), TypeError, "must be one cell"),
        (lambda: ConvRNN2D(ConvLSTM2DCell(2, 3), unroll=True), TypeError, "`unroll` must be False"),
        (
            lambda: ConvLSTM2D(2, 3)(data(1, 2, 5, 5, 1), initial_state=[data(1, 3, 3, 1)] * 2),
            ValueError,
            "state 0 must have the shape",
        ),
        (
            lambda: ConvLSTM2D(2, 3)(data(1, 2, 5, 5, 1), mask=torch.ones(1, 3, dtype=torch.bool)),
            ValueError,
            "expects a `mask` of shape",
        ),
    ],
)
def test_bad_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
