"""Optimizers that look at whole variables, and what a variable's storage must not change about them."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from keras_torch import layers, optimizers
from keras_torch.backend.variable import Variable

WHOLE = [optimizers.Lamb, optimizers.Adafactor, optimizers.Muon]
NETS = {
    "gru": (functools.partial(layers.GRU, 3), (None, 4, 5)),
    "lstm": (functools.partial(layers.LSTM, 3), (None, 4, 5)),
    "conv": (functools.partial(layers.Conv2D, 3, 2), (None, 6, 6, 4)),
    "heads": (functools.partial(layers.MultiHeadAttention, 2, 3), None),
}


def weights_of(name):
    make, shape = NETS[name]
    layer = make(name="layer")
    if shape is None:
        layer(torch.zeros(1, 3, 4), torch.zeros(1, 3, 4))
    else:
        layer.build(shape)
    return layer.trainable_weights


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("cls", WHOLE)
def test_a_weight_in_torchs_layout_moves_as_the_same_weight_in_kerass(cls, name):
    stored = weights_of(name)
    plain = [Variable(weight.numpy().copy(), name=weight.path) for weight in stored]
    generator = torch.Generator().manual_seed(1)
    first, second = cls(0.05, weight_decay=0.1), cls(0.05, weight_decay=0.1)
    for _ in range(3):
        grads = [torch.randn(tuple(weight.shape), generator=generator) for weight in stored]
        first.apply_gradients(zip(grads, stored, strict=True))
        second.apply_gradients(zip(grads, plain, strict=True))
    for ours, theirs in zip(stored, plain, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6, err_msg=ours.path)
    for ours, theirs in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7)


def test_muon_leaves_embeddings_and_excluded_layers_to_adamw():
    names = ["embedding/embeddings", "hidden/kernel", "output/kernel", "hidden/bias"]
    variables = [Variable(np.eye(3), name=name) for name in names[:3]] + [Variable([1.0], name=names[3])]
    held = {}
    for settings in ({}, {"exclude_layers": ["output"]}, {"exclude_embeddings": False}):
        optimizer = optimizers.Muon(**settings)
        optimizer.build(variables)
        paths = [handle.path for handle in optimizer.variables if handle.path.endswith("_velocity")]
        held[str(settings)] = [path.removeprefix("muon/").removesuffix("_velocity") for path in paths]
    assert list(held.values()) == [
        ["embedding_embeddings", "hidden_bias"],
        ["embedding_embeddings", "output_kernel", "hidden_bias"],
        ["hidden_bias"],
    ]


def test_a_subclass_may_choose_what_muon_updates():
    class OnlyWide(optimizers.Muon):
        def _should_use_adamw(self, variable):
            return variable.shape[0] >= variable.shape[1]

    optimizer = OnlyWide()
    optimizer.build([Variable(np.ones((2, 3))), Variable(np.ones((3, 2)))])
    assert [tuple(handle.shape) for handle in optimizer.variables[2:]] == [(2, 3), (3, 2), (3, 2)]


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="`exclude_layers` of Muon must be a list"):
        optimizers.Muon(exclude_layers="output")
    with pytest.raises(ValueError, match="`beta_1` of ScheduleFreeAdamW"):
        optimizers.ScheduleFreeAdamW(beta_1=0.0)


def test_options_set_on_a_built_optimizer_take_effect():
    weight = Variable([0.0])
    optimizer = optimizers.SGD(1.0)
    optimizer.build([weight])
    optimizer.clipvalue = 0.5
    weight.grad = torch.tensor([-3.0])
    optimizer.step()
    assert float(weight[0].detach()) == 0.5
    optimizer.clipvalue, optimizer.momentum = None, 0.5
    for expected in (1.5, 3.0):
        weight.grad = torch.tensor([-1.0])
        optimizer.step()
        assert float(weight[0].detach()) == expected
