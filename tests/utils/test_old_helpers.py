"""Helpers that only old versions of Keras had: measures on arrays, tests of layers, names of the engine."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch

from keras_torch import backend as K
from keras_torch import config, dropin, layers, models
from keras_torch.dropin import test_utils
from keras_torch.utils import generic_utils, layer_utils, np_utils


def test_measures_of_keras_1() -> None:
    p = np.array([[0.2, 0.8], [0.9, 0.1]])
    assert np_utils.categorical_probas_to_classes(p).tolist() == np_utils.probas_to_classes(p).tolist() == [1, 0]
    assert np_utils.probas_to_classes(np.array([[0.7], [0.2]])).tolist() == [1, 0]
    assert np_utils.accuracy([1, 0, 2], [1, 1, 2]) == pytest.approx(2 / 3)
    assert np_utils.binary_logloss([0.8, 0.1], [1, 0]) == pytest.approx(-(np.log(0.8) + np.log(0.9)) / 2)
    assert np_utils.multiclass_logloss(p, [2, 1]) == pytest.approx(-(np.log(0.8) + np.log(0.9)) / 2)


def test_layers_are_counted_and_made_from_configs() -> None:
    frozen = layers.Dense(2, trainable=False)
    model = models.Sequential([layers.Input((3,)), layers.Dense(4), frozen])
    seen: set = set()
    assert layer_utils.count_total_params(model.layers, seen) == (16, 10)
    assert layer_utils.count_total_params(model.layers, seen) == (0, 0)
    made = layer_utils.layer_from_config({"class_name": "Dense", "config": layers.Dense(7).get_config()})
    assert made.units == 7


def test_names_are_looked_up_in_a_module() -> None:
    names = {"Dense": layers.Dense, "_hidden": 1}
    assert generic_utils.get_from_module("Dense", names, "layer") is layers.Dense
    assert generic_utils.get_from_module({"name": "Dense", "units": 3}, names, "layer").units == 3
    assert generic_utils.get_from_module(4, names, "layer") == 4 and generic_utils.make_tuple(1, 2) == (1, 2)
    with pytest.raises(ValueError, match="Unknown layer: 'Conv'. Known are .'Dense'."):
        generic_utils.get_from_module("Conv", names, "layer")


def test_labels_become_a_sparse_matrix() -> None:
    found = K.ctc_label_dense_to_sparse(np.array([[3, 1, 0], [2, 0, 0]]), [2, 1])
    assert found.is_sparse and found.shape == (2, 3)
    assert found.coalesce().values().tolist() == [3, 1, 2]
    assert torch.equal(found.to_dense(), torch.tensor([[3, 1, 0], [2, 0, 0]]))
    assert K.legacy_weight_ordering() is False
    with pytest.raises(ValueError, match="before 1.0"):
        K.set_legacy_weight_ordering(True)


def test_the_round_of_a_layer_through_models() -> None:
    with config.dialect_scope("2"):
        found = test_utils.layer_test(layers.Dense, {"units": 3, "kernel_initializer": "ones"}, (2, 4))
        assert found.shape == (2, 3)
        data = np.ones((2, 3), dtype="float32")
        test_utils.layer_test(layers.Activation, {"activation": "linear"}, input_data=data, expected_output=data)

    class Wrong(layers.Layer):
        def call(self, inputs):
            return inputs[:, :1]

        def compute_output_shape(self, input_shape):
            return input_shape

    with pytest.raises(AssertionError, match="compute_output_shape"):
        test_utils.layer_test(Wrong, input_shape=(2, 3))


def test_random_data_of_both_kinds() -> None:
    (x, y), (x_test, y_test) = test_utils.get_test_data(nb_train=6, nb_test=2, input_shape=(3, 2), nb_class=3)
    assert x.shape == (6, 3, 2) and x_test.shape == (2, 3, 2) and set(y) | set(y_test) <= {0, 1, 2}
    (x, y), _ = test_utils.get_test_data(5, 1, (4,), (2,), classification=False)
    assert x.shape == (5, 4) and y.shape == (5, 2)
    assert test_utils.keras_test(lambda value: value + 1)(2) == 3


def test_names_of_the_old_engine() -> None:
    with dropin.install("2"):
        assert importlib.import_module("keras.engine.network").Network is models.Model
        assert importlib.import_module("keras.engine.topology").Container is models.Model
        assert importlib.import_module("keras.legacy.models").Graph is models.Graph
        assert importlib.import_module("keras.utils.test_utils").layer_test is test_utils.layer_test
        collect = importlib.import_module("keras.engine.training").collect_trainable_weights
        assert len(collect(models.Sequential([layers.Dense(1, input_shape=(2,))]))) == 2
