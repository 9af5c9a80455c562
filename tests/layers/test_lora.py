"""Low-rank adaptation of layers with one large matrix."""

from __future__ import annotations

import copy
import json
import zipfile

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import layers

X = np.random.RandomState(0).rand(8, 3).astype("float32")


def adapted() -> keras.Model:
    """A model with both ways to adapt a layer, trained for two steps."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(5, lora_rank=2, lora_alpha=4, kernel_regularizer="l2", name="a"),
            layers.EinsumDense("ab,bcd->acd", (2, 2), bias_axes="d", name="b"),
        ]
    )
    model.layers[1].enable_lora(1)
    model.compile(keras.optimizers.Adam(0.1), "mse")
    model.fit(X, np.ones((8, 2, 2)), epochs=2, verbose=0)
    return model


def test_the_matrix_rests_and_two_thin_ones_learn():
    model = adapted()
    dense = model.layers[0]
    names = ["bias", "lora_kernel_a", "lora_kernel_b"]
    assert [weight.path.removeprefix("sequential/") for weight in model.trainable_weights] == [
        f"{layer}/{name}" for layer in "ab" for name in names
    ]
    assert [weight.path for weight in model.non_trainable_weights] == ["sequential/a/kernel", "sequential/b/kernel"]
    assert [tuple(w.shape) for w in model.layers[1].weights] == [(2,), (5, 2, 1), (1, 2), (5, 2, 2)]
    a, b, frozen = (np.array(weight) for weight in (dense.lora_kernel_a, dense.lora_kernel_b, dense._kernel))
    assert np.abs(b).min() > 0
    assert np.allclose(np.array(dense.kernel), frozen + 2 * a @ b, atol=1e-6)
    assert np.allclose(dense(X).detach(), X @ np.array(dense.kernel) + np.array(dense.bias), atol=1e-6)
    assert len(model.losses) == 2


def test_an_embedding_is_adapted():
    layer = layers.Embedding(6, 4)
    layer.build(None)
    before = layer(np.arange(6)).detach().numpy()
    layer.enable_lora(2, b_initializer="ones")
    assert [tuple(w.shape) for w in layer.trainable_weights] == [(6, 2), (2, 4)]
    added = layer(np.arange(6)).detach().numpy() - before
    assert np.allclose(added, np.array(layer.lora_embeddings_a) @ np.ones((2, 4)), atol=1e-6)


def test_a_convolution_is_adapted(tmp_path):
    images = np.random.RandomState(1).rand(2, 5, 5, 2).astype("float32")
    layer = layers.Conv2D(4, 3, lora_rank=2, lora_alpha=3)
    model = keras.Sequential([keras.Input((5, 5, 2)), layer])
    layer.lora_kernel_b.assign(np.ones((2, 4)))
    a, frozen = np.array(layer.lora_kernel_a), np.array(layer._kernel)
    assert (a.shape, [weight.name for weight in layer.trainable_weights][1:]) == (
        (3, 3, 2, 2),
        ["lora_kernel_a", "lora_kernel_b"],
    )
    np.testing.assert_allclose(np.array(layer.kernel), frozen + 1.5 * a @ np.ones((2, 4)), atol=1e-6)
    plain = layers.Conv2D(4, 3)
    plain.build((None, 5, 5, 2))
    plain.set_weights([np.array(layer.kernel), np.array(layer.bias)])
    np.testing.assert_allclose(layer(images).detach(), plain(images).detach(), atol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(images), model.predict(images), atol=1e-6)


def test_an_alpha_equal_to_the_rank_is_left_out_of_files_which_keras_3_before_3_10_reads_so(tmp_path):
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4, lora_rank=2), layers.Dense(4, lora_rank=2, lora_alpha=1)]
    )
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        written = json.loads(file.read("config.json"))["config"]["layers"][1:]
    assert [layer["config"].get("lora_alpha") for layer in written] == [None, 1]
    assert [layer.lora_alpha for layer in keras.models.load_model(tmp_path / "model.keras").layers] == [2, 1]


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_files_hold_the_sum(ending, tmp_path):
    model = adapted()
    path = tmp_path / f"model{ending}"
    model.save(path)
    again = keras.models.load_model(path)
    expected = model.predict(X, verbose=0)
    assert np.allclose(again.predict(X, verbose=0), expected, atol=1e-6)
    assert again.layers[0].get_config()["lora_alpha"] == 4
    model.save_weights(tmp_path / "model.weights.h5")
    plain = keras.Sequential(
        [keras.Input((3,)), layers.Dense(5, name="a"), layers.EinsumDense("ab,bcd->acd", (2, 2), bias_axes="d")]
    )
    plain.load_weights(tmp_path / "model.weights.h5")
    assert np.allclose(plain.predict(X, verbose=0), expected, atol=1e-6)
    copied = copy.deepcopy(model)
    copied.layers[0].kernel.assign(np.zeros((3, 5)))
    assert np.abs(np.array(copied.layers[0].kernel)).max() == 0
    assert np.allclose(model.predict(X, verbose=0), expected, atol=1e-6)


def test_what_cannot_be_adapted_says_so():
    dense = layers.Dense(2)
    with pytest.raises(ValueError, match="needs a layer that is built"):
        dense.enable_lora(2)
    with pytest.raises(ValueError, match="`lora_rank` must be a positive integer. Received: 0"):
        layers.Dense(2, lora_rank=0)
    with pytest.raises(ValueError, match="cannot keep the constraint of the kernel"):
        layers.Dense(2, lora_rank=1, kernel_constraint="non_neg").build((None, 2))
    with pytest.raises(ValueError, match="was called before"):
        adapted().layers[0].enable_lora(2)
    with pytest.raises(ValueError, match="which this equation has none of"):
        layers.EinsumDense("ab,b->ab", 3, lora_rank=1).build((None, 3))
