"""CuDNNLSTM and CuDNNGRU: numbers and weights against files by Keras 2.15, files between them and LSTM and GRU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import layers
from keras_torch.saving.legacy_weights import preprocess_weights_for_loading

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "cudnn_keras215.npz")
KINDS = ["LSTM", "GRU"]


def arrays(kind, name):
    return [GOLDEN[f"{kind}/{name}{index}"] for index in range(3 if name != "output" or kind == "LSTM" else 2)]


def make(kind, **options):
    return getattr(layers, kind)(3, return_sequences=True, return_state=True, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cudnn_layer_computes_what_keras_makes_of_its_weights(kind):
    layer = make(f"CuDNN{kind}")
    x = torch.tensor(GOLDEN[f"{kind}/x"])
    layer(x)
    layer.set_weights(arrays(kind, "stored"))
    for mine, real in zip(layer(x), arrays(kind, "output"), strict=True):
        np.testing.assert_allclose(mine.detach(), real, atol=1e-6)
    for mine, real in zip(layer.get_weights(), arrays(kind, "stored"), strict=True):
        np.testing.assert_array_equal(mine, real)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", ["", "CuDNN"])
@pytest.mark.parametrize("target", ["", "CuDNN"])
def test_weights_are_converted_as_keras_converts_them(kind, source, target):
    with keras.config.dialect_scope("tf"):
        layer = make(target + kind)
    layer.build((None, None, 5))
    stored = arrays(kind, "stored" if source else "converted")
    found = preprocess_weights_for_loading(layer, stored, "2.2.4", "tensorflow")
    expected = stored if source == target else arrays(kind, "back" if target else "converted")
    for mine, real in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, real, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("source", "target"), [("", "CuDNN"), ("CuDNN", ""), ("CuDNN", "CuDNN")])
@pytest.mark.parametrize("wrapped", [False, True])
def test_weight_files_go_from_one_to_the_other(kind, source, target, wrapped, tmp_path):
    def model(cls):
        layer = make(cls) if not wrapped else layers.Bidirectional(make(cls))
        inputs = keras.Input((4, 5))
        return keras.Model(inputs, layer(inputs))

    first, second = model(source + kind), model(target + kind)
    first.save_weights(tmp_path / "weights.h5")
    second.load_weights(tmp_path / "weights.h5")
    x = GOLDEN[f"{kind}/x"]
    for one, other in zip(first(x), second(x), strict=True):
        torch.testing.assert_close(one, other)


def test_a_gru_that_resets_before_the_product_takes_no_cudnn_weights(tmp_path):
    models = [keras.Sequential([keras.Input((4, 5)), layer]) for layer in (layers.CuDNNGRU(3), layers.GRU(3))]
    models.append(keras.Sequential([keras.Input((4, 5)), layers.GRU(3, reset_after=False)]))
    models[0].save_weights(tmp_path / "weights.h5")
    models[1].load_weights(tmp_path / "weights.h5")
    with pytest.raises(ValueError, match="has shape"):
        models[2].load_weights(tmp_path / "weights.h5")


@pytest.mark.parametrize("kind", KINDS)
def test_the_config_has_the_keys_of_keras_2(kind):
    layer = make(f"CuDNN{kind}", go_backwards=True, kernel_regularizer="l2")
    configuration = layer.get_config()
    own = {"unit_forget_bias"} if kind == "LSTM" else set()
    parts = {f"{a}_{b}" for a in ("kernel", "recurrent", "bias") for b in ("initializer", "regularizer", "constraint")}
    flags = {"return_sequences", "return_state", "go_backwards", "stateful"}
    assert set(configuration) == own | parts | flags | {"name", "trainable", "dtype", "units", "activity_regularizer"}
    assert type(layer).from_config(configuration).get_config() == configuration


def test_the_forget_gate_starts_with_ones_in_the_recurrent_half():
    layer = layers.CuDNNLSTM(2)
    layer.build((None, None, 5))
    assert layer.get_weights()[2].tolist() == [0.0] * 10 + [1.0] * 2 + [0.0] * 4


@pytest.mark.parametrize("dialect", ["1", "2", "tf", None])
def test_the_dialect_does_not_change_what_cudnn_computes(dialect):
    x = torch.tensor(GOLDEN["GRU/x"])
    with keras.config.dialect_scope(dialect):
        layer = make("CuDNNGRU")
        layer(x)
    layer.set_weights(arrays("GRU", "stored"))
    np.testing.assert_allclose(layer(x)[0].detach(), arrays("GRU", "output")[0], atol=1e-6)


def test_masks_and_foreign_arguments_are_refused():
    x = torch.ones(2, 4, 5)
    with pytest.raises(ValueError, match="takes no masked inputs"):
        layers.CuDNNLSTM(3)(x, mask=torch.ones(2, 4, dtype=torch.bool))
    words = layers.Embedding(9, 5, mask_zero=True)(keras.Input((4,), dtype="int32"))
    with pytest.raises(ValueError, match="takes no masked inputs"):
        layers.CuDNNGRU(3)(words)
    with pytest.raises(TypeError, match="activation"):
        layers.CuDNNLSTM(3, activation="tanh")
    with pytest.raises(ValueError, match="`units`"):
        layers.CuDNNGRU(0)
