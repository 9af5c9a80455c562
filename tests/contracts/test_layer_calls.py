"""How every layer can be called: batch sizes, modes, arrays, keywords, wrong ranks; its losses and gradients."""

import numpy as np
import pytest
import torch

from keras_torch import regularizers

from .layer_making import FLOATING, NUMERIC, STACKED, bare, call, classes, construct, data_of, flat, reference, same


@pytest.mark.parametrize("name", NUMERIC)
def test_batches_of_one_and_of_none_run_forward_and_backward(name):
    layer, data = bare(name)
    full = flat(call(layer, data))
    for batch in (1, 0):
        inputs = data_of(name, batch)
        floats = [item.requires_grad_() for item in flat(inputs) if item.is_floating_point()]
        for training in (False, True):
            outputs = flat(call(layer, inputs, training=training))
            assert [item.shape[1:] for item in outputs] == [item.shape[1:] for item in full]
            assert all(item.shape[0] == batch for item in outputs)
            losses = [item.sum() for item in outputs if item.requires_grad]
            if losses:
                sum(losses).backward()
        for item in floats:
            assert item.grad is None or item.grad.shape == item.shape


@pytest.mark.parametrize("name", NUMERIC)
def test_a_batch_is_its_samples_one_by_one(name):
    layer, data = bare(name)
    first = tuple(item[:1] for item in data) if isinstance(data, tuple) else [item[:1] for item in flat(data)]
    first = first if isinstance(data, (tuple, list)) else first[0]
    same([item[:1] for item in flat(call(layer, data))], call(layer, first), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", STACKED)
def test_training_is_an_argument_of_every_call_and_does_not_stick(name):
    layer, data = bare(name)
    expected = reference(layer, data)
    same(reference(layer, data, training=False), expected)
    same(reference(layer, data, training=None), expected)
    trained = reference(layer, data, training=True)
    assert [item.shape for item in trained] == [item.shape for item in expected]
    assert not any(module.training for module in layer.modules())
    layer.train()
    weights = layer.get_weights()
    reference(layer, data)
    layer.eval()
    layer.set_weights(weights)
    again = flat(call(layer, data, training=False))
    assert [item.shape for item in again] == [item.shape for item in expected]


@pytest.mark.parametrize("name", STACKED)
def test_arrays_lists_and_the_keyword_inputs_are_taken(name):
    layer, data = bare(name)
    expected = call(layer, data)
    arrays = [item.numpy() if isinstance(item, torch.Tensor) else item for item in flat(data)]
    whole = arrays if isinstance(data, list) else tuple(arrays) if isinstance(data, tuple) else arrays[0]
    same(call(layer, whole), expected)
    if isinstance(data, tuple):
        return
    same(layer(inputs=data), expected)
    if not isinstance(data, list):
        same(layer(arrays[0].tolist()), expected)


@pytest.mark.parametrize("name", STACKED)
def test_calls_share_the_weights_and_leave_no_losses_behind(name):
    layer, data = bare(name, name="one")
    layer.activity_regularizer = regularizers.get("l2")
    call(layer, data)
    count, weights = len(layer.losses), [id(weight) for weight in layer.weights]
    parameters = len(list(layer.parameters()))
    assert count
    call(layer, data)
    assert len(layer.losses) == count
    assert [id(weight) for weight in layer.weights] == weights
    assert len(list(layer.parameters())) == parameters


# These count or round; the last one may do so.
NO_GRADIENT = {
    *("CategoryEncoding", "ContrastLimitedAdaptiveHistogramEqualization", "Discretization", "RandomPosterization"),
    "RandAugment",
}


@pytest.mark.parametrize("name", [name for name in FLOATING if name not in NO_GRADIENT])
def test_gradients_reach_inputs_and_every_trainable_weight(name):
    layer, data = bare(name)
    for training in (False, True):
        inputs = [item.requires_grad_() for item in flat(data)]
        layer.zero_grad()
        outputs = flat(call(layer, data, training=training))
        sum(item.square().sum() for item in outputs if item.is_floating_point()).backward()
        for item in inputs:
            assert item.grad is not None and item.grad.abs().sum() > 0
            assert item.grad.isfinite().all()
            item.grad = None
        for weight in layer.trainable_weights:
            assert all(storage.grad is not None for storage in weight.storages), weight.path


def test_a_layer_must_be_given_inputs():
    for name in STACKED:
        layer, _ = bare(name)
        with pytest.raises((TypeError, ValueError)):
            layer()
        with pytest.raises((TypeError, ValueError)):
            construct(name)(no_such_argument=np.zeros((2, 3)))
    assert classes()
