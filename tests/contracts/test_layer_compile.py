"""Every layer under torch.compile: one graph, in both modes, and no new one for each size of batch."""

import re

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from .layer_making import NUMERIC, bare, call, data_of, flat, reference, same

# Made like one that is tested always.
SIBLINGS = (
    "ConvLSTM1D",
    "ConvLSTM3D",
    "ConvRNN2D",
    "CuDNNGRU",
    "CuDNNLSTM",
    "RandAugment",
    "CutMix",
    "MixUp",
    "AugMix",
)


def cases():
    """All layers; of those of one make, some are for long runs: most random ones of images and of 1 and 3 axes."""
    for name in NUMERIC:
        of_many = name.startswith("Random") and name not in ("RandomFlip", "RandomRotation")
        # An N-d family is one class; only Conv1D pads as Conv2D does not.
        of_other_rank = name != "Conv1D" and re.sub("[13]D", "2D", name) in {*NUMERIC} - {name}
        yield pytest.param(name, marks=pytest.mark.slow) if of_many or of_other_rank or name in SIBLINGS else name


@pytest.mark.parametrize("name", list(cases()))
def test_a_layer_compiles_without_graph_breaks_in_both_modes_and_for_all_batch_sizes(name):
    torch.compiler.reset()
    layer, data = bare(name)
    counter = CompileCounter()
    # torch still guards the tracing of nn.LSTM, nn.GRU and nn.RNN behind this switch.
    with torch._dynamo.config.patch(allow_rnn=True):
        compiled = torch.compile(layer, fullgraph=True, backend=counter)
        same(call(compiled, data), call(layer, data))
        # No size that occurs on another axis, which torch would take for the same one, and none above 16, from where
        # it computes convolutions in another way.
        for batch in (8, 9, 11):
            inputs = data_of(name, batch)
            same(call(compiled, inputs), call(layer, inputs))
        assert counter.frame_count <= 2
        layer.train()
        weights = layer.get_weights()
        found = reference(compiled, data)
        losses = [item.sum() for item in flat(found) if item.requires_grad]
        if losses:
            sum(losses).backward()
        layer.set_weights(weights)
        real = reference(layer, data)
        layer.set_weights(weights)
        is_random = any(not torch.equal(a, b) for a, b in zip(real, flat(call(layer, data)), strict=True))
        if is_random:
            # A compiled program may draw other random numbers.
            assert [item.shape for item in found] == [item.shape for item in real]
            assert all(item.isfinite().all() for item in found)
        else:
            same(found, real)
