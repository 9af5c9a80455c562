"""`model.losses` and the nodes of a graph as Keras 1 and 2 showed them."""

from __future__ import annotations

import numpy as np
import pytest

from keras_torch import backend as K
from keras_torch import config, layers, models


def test_losses_in_a_graph_are_listed_for_each_call_and_can_be_computed():
    with config.dialect_scope("2"):
        shared = layers.Dense(2, kernel_regularizer="l1", activity_regularizer="l2", kernel_initializer="ones")
        first, second = layers.Input((3,)), layers.Input((3,))
        one, two = shared(first), shared(second)
        model = models.Model([first, second], layers.Average()([one, two]))
        model.add_loss(K.mean(two))
        assert len(model.losses) == 4 and len(model.get_losses_for(None)) == 1
        symbolic = [loss for loss in model.losses if K.is_keras_tensor(loss)]
        assert len(symbolic) == 3 and model.losses[-1] is symbolic[-1]
        compute = K.function([first, second], symbolic)
        found = compute([np.ones((1, 3)), np.zeros((1, 3))])
        assert sorted(float(item) for item in found) == pytest.approx([0.0, 0.0, 0.01 * 18.0])
        outer_input = layers.Input((3,))
        outer = models.Model(outer_input, model([outer_input, outer_input]))
        assert len(outer.losses) == 4
        model.compile("sgd", "mse")
        model.train_on_batch([np.ones((1, 3)), np.zeros((1, 3))], np.zeros((1, 2)))
        assert len(model.losses) == 4 and not any(map(K.is_keras_tensor, model.losses))


def test_nodes_answer_the_questions_of_keras_2():
    with config.dialect_scope("2"):
        tokens = layers.Input((4,), name="tokens")
        embedding = layers.Embedding(5, 3, mask_zero=True, name="embedding")
        layers.LSTM(2, name="lstm")(embedding(tokens))
        source = tokens._keras_history[0]._inbound_nodes[0]
        node = embedding._outbound_nodes[0]
        assert source.input_tensors == [tokens] and source.input_shapes == [(None, 4)] and source.inbound_layers == []
        assert node.input_shapes == [(None, 4, 3)] and node.output_shapes == [(None, 2)]
        assert node.input_masks[0].shape == (None, 4) and node.output_masks == [None]
        config_of_node = {"inbound_layers": ["embedding"], "node_indices": [0], "tensor_indices": [0]}
        assert node.get_config() == {"outbound_layer": "lstm", **config_of_node}
    assert source.input_tensors == []


def test_a_layer_without_masks_refuses_one_as_keras_2_did():
    layer = layers.Conv1D(2, 2)
    with config.dialect_scope("2"), pytest.raises(TypeError, match="does not support masking"):
        layer.compute_mask(None, np.ones((1, 2)))
    assert layer.compute_mask(None, np.ones((1, 2))) is None
