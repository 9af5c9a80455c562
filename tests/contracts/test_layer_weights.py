"""The weights of every layer: their order, setting them, freezing them."""

import numpy as np
import pytest

from .layer_making import STACKED, bare, call, construct, data_of


@pytest.mark.parametrize("name", STACKED)
def test_weights_are_got_and_set_in_one_order(name):
    layer, data = bare(name)
    parts = layer.trainable_weights + layer.non_trainable_weights
    assert len(parts) == len(layer.weights) and {id(w) for w in layer.weights} == {id(w) for w in parts}
    arrays = layer.get_weights()
    assert [array.shape for array in arrays] == [tuple(weight.shape) for weight in layer.weights]
    assert layer.count_params() == sum(array.size for array in arrays)
    random = np.random.default_rng(1)
    others = [random.random(array.shape).astype(array.dtype) for array in arrays]
    layer.set_weights(others)
    for found, wanted in zip(layer.get_weights(), others, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    with pytest.raises(ValueError, match=layer.name):
        layer.set_weights([*others, np.zeros(3)])
    names = [weight.path for weight in layer.weights]
    assert len(set(names)) == len(names)
    call(layer, data)


# It normalizes the weights of the layer inside in each call that trains, frozen or not, as in Keras.
CHANGED_BY_CALLS = {"SpectralNormalization"}


@pytest.mark.parametrize("name", STACKED)
def test_frozen_layers_train_nothing_whenever_they_were_frozen(name):
    early, late = construct(name, trainable=False), construct(name)
    late.trainable = False
    built, data = bare(name)
    built.trainable = False
    for layer in (early, late, built):
        call(layer, data)
        assert layer.trainable_weights == []
        assert len(layer.non_trainable_weights) == len(layer.weights)
        assert not any(parameter.requires_grad for parameter in layer.parameters())
        assert layer.get_config().get("trainable", False) is False
    if name in CHANGED_BY_CALLS:
        return
    before = built.get_weights()
    call(built, data, training=True)
    for old, new in zip(before, built.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    built.trainable = True
    assert all(parameter.requires_grad for w in built.trainable_weights for parameter in w.storages)


@pytest.mark.parametrize("name", STACKED)
def test_initial_weights_may_be_given_to_the_constructor(name):
    layer, _ = bare(name)
    arrays = [np.full(array.shape, 0.5, array.dtype) for array in layer.get_weights()]
    twin = construct(name, weights=arrays)
    call(twin, data_of(name))
    for found, wanted in zip(twin.get_weights(), arrays, strict=True):
        np.testing.assert_array_equal(found, wanted)
