"""Layers with a `data_format`: channels first is channels last, transposed."""

import inspect
import re

import pytest
import torch

from keras_torch import config

from .layer_making import NUMERIC, call, classes, construct, data_of, flat, symbols

# The kernels of locally connected layers follow the memory of the inputs, and differ with it.
FORMATTED = [
    name
    for name in NUMERIC
    if "data_format" in inspect.signature(classes()[name]).parameters and not name.startswith("LocallyConnected")
]


def channel_axis(name, rank):
    """The axis of the channels in front of the spatial ones."""
    found = re.search(r"([123])D", name)
    return rank - 1 - (int(found[1]) if found else max(rank - 2, 1))


def to_first(name, tensor):
    axis = channel_axis(name, tensor.dim())
    return tensor.movedim(-1, axis) if axis > 0 else tensor


@pytest.mark.parametrize("name", FORMATTED)
def test_channels_first_is_channels_last_transposed_with_the_same_weights(name):
    last, first = construct(name, data_format="channels_last"), construct(name, data_format="channels_first")
    assert first.get_config()["data_format"] == "channels_first"
    data = data_of(name)
    expected = call(last, data)
    moved = to_first(name, data)
    call(first, moved)
    first.set_weights(last.get_weights())
    wanted = [to_first(name, item) if item.dim() == data.dim() or "Conv" in name else item for item in flat(expected)]
    found = flat(call(first, moved))
    torch.testing.assert_close(found, wanted)
    with config_scope("channels_first"):
        default = construct(name)
        assert default.get_config()["data_format"] == "channels_first"
        assert [tuple(i.shape)[1:] for i in flat(call(default, moved))] == [tuple(i.shape)[1:] for i in found]
    gradients = []
    for layer, inputs, move in ((last, data, lambda g: to_first(name, g)), (first, moved, lambda g: g)):
        inputs = inputs.detach().requires_grad_()
        outputs = [item for item in flat(call(layer, inputs)) if item.requires_grad]
        if outputs:
            sum(item.square().sum() for item in outputs).backward()
            gradients.append(move(inputs.grad))
    torch.testing.assert_close(gradients[:1], gradients[1:], rtol=1e-4, atol=1e-5)
    assert symbols(name) is not None


class config_scope:
    """The default data format inside a `with` block."""

    def __init__(self, data_format):
        self.data_format = data_format

    def __enter__(self):
        self.before = config.image_data_format()
        config.set_image_data_format(self.data_format)

    def __exit__(self, *_):
        config.set_image_data_format(self.before)
