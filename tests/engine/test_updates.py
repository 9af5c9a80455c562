"""What Keras 2 asks a layer about: updates and losses, by input and of the layers inside."""

from __future__ import annotations

import pytest

from keras_torch import config, layers


@pytest.fixture(autouse=True)
def keras_2():
    with config.dialect_scope("2"):
        yield


def test_updates_and_losses_of_layers_inside_count() -> None:
    x = layers.Input((3, 2))
    layer = layers.Bidirectional(layers.SimpleRNN(3, kernel_regularizer="l1"))
    layer(x)
    for inner in (layer.forward_layer, layer.backward_layer):
        inner.add_update(0, inputs=x)
        inner.add_update(1)
        inner.add_loss(2.0, inputs=x)
        inner.add_loss(3.0)
    assert layer.get_updates_for(x) == [0, 0] and layer.get_updates_for(None) == [1, 1]
    assert layer.get_losses_for(x) == [2.0, 2.0]
    assert len(layer.get_losses_for(None)) == 4 and len(layer.losses) == 6


@pytest.mark.parametrize(("phases", "count"), [((), 2), ((None,), 2), ((True,), 2), ((False,), 0), ((False, None), 2)])
def test_a_normalization_that_only_infers_has_no_updates(phases, count: int) -> None:
    x = layers.Input((3,))
    layer = layers.BatchNormalization()
    layer.build((None, 3))
    for phase in phases:
        layer(x, training=phase)
    assert len(layer.updates) == count
    layer.trainable = False
    assert layer.updates == []
