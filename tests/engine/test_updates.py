"""What Keras 2 asks a layer about: updates and losses, by input and of the layers inside."""

from __future__ import annotations

import numpy as np
import pytest

from keras_torch import backend as K
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


class Doubled(layers.Layer):
    """Lists weights as layers for Keras 2 do."""

    def build(self, input_shape) -> None:
        self.scale = K.variable(np.ones(3))
        self.offset = K.variable(np.zeros(3))
        self._trainable_weights.append(self.scale)
        self._non_trainable_weights = [self.offset]
        self.built = True

    def call(self, inputs):
        return self.scale * inputs + self.offset


def test_the_lists_of_its_own_weights_can_be_extended() -> None:
    layer = Doubled()
    layer.build((None, 3))
    assert [*map(id, layer.weights)] == [id(layer.scale), id(layer.offset)]
    layer._trainable_weights += layer._non_trainable_weights
    assert [tuple(w.shape) for w in layer.trainable_weights] == [(3,), (3,)] and not layer.non_trainable_weights
    del layer._trainable_weights[1]
    assert [weight is layer.scale for weight in layer.weights] == [True]


def test_losses_and_updates_of_the_layer_alone() -> None:
    layer = layers.Bidirectional(layers.SimpleRNN(3, kernel_regularizer="l1"))
    layer(layers.Input((3, 2)))
    layer.add_loss(2.0)
    layer.add_update(1)
    layer.forward_layer.add_update(2)
    assert layer._losses == [2.0] and layer._updates == [1] and len(layer.losses) == 3


def test_what_a_property_misses_is_named() -> None:
    class Wrapped(layers.Layer):
        @property
        def trainable_weights(self):
            return self.inner.weights

    with pytest.raises(AttributeError, match="no attribute 'inner'"):
        Wrapped().trainable_variables  # noqa: B018
