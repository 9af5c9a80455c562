"""Layers that only Keras 1 had, against their formulas in numpy."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
import torch

from keras_torch import backend, config, layers, regularizers
from keras_torch.legacy import upgrade_config
from keras_torch.models import Sequential

RANDOM = np.random.RandomState(5)


def numbers(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype("float32")


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def softplus(x: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(x))


def test_highway_mixes_the_inputs_with_their_transformation() -> None:
    x, kernel, carry, bias, carry_bias = numbers(4, 3), numbers(3, 3), numbers(3, 3), numbers(3), numbers(3)
    with config.dialect_scope("1"):
        layer = layers.Highway(activation="tanh", input_dim=3)
    layer.build((None, 3))
    assert [weight.name for weight in layer.weights] == ["kernel", "carry_kernel", "bias", "carry_bias"]
    np.testing.assert_array_equal(layer.get_weights()[3], np.ones(3))
    layer.set_weights([kernel, carry, bias, carry_bias])
    gate = sigmoid(x @ carry + carry_bias)
    expected = gate * np.tanh(x @ kernel + bias) + (1 - gate) * x
    np.testing.assert_allclose(layer(x).detach(), expected, rtol=1e-5, atol=1e-6)


def test_highway_without_bias_has_two_weights() -> None:
    layer = layers.Highway(bias=False)
    x, kernel, carry = numbers(4, 3), numbers(3, 3), numbers(3, 3)
    layer.build((None, 3))
    layer.set_weights([kernel, carry])
    gate = sigmoid(x @ carry)
    np.testing.assert_allclose(layer(x).detach(), gate * (x @ kernel) + (1 - gate) * x, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bias", [True, False])
def test_maxout_takes_the_largest_of_its_linear_maps(bias: bool) -> None:
    layer = layers.MaxoutDense(2, nb_feature=4, bias=bias)
    x, kernel, offset = numbers(5, 3), numbers(4, 3, 2), numbers(4, 2)
    layer.build((None, 3))
    layer.set_weights([kernel, offset] if bias else [kernel])
    expected = (np.einsum("bi,fio->bfo", x, kernel) + offset * bias).max(1)
    np.testing.assert_allclose(layer(x).detach(), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(layer.get_weights()[0], kernel)
    assert layer.compute_output_shape((None, 3)) == (None, 2)
    assert layer.kernel.value.data_ptr() == layer.linear.weight.data_ptr()


def test_the_kernel_of_maxout_is_spread_by_the_root_of_its_size() -> None:
    for dialect in ("1", None):
        with config.dialect_scope(dialect):
            layer = layers.MaxoutDense(30, nb_feature=4)
            layer.build((None, 20))
        limit = math.sqrt(6 / (2 * math.sqrt(4 * 20 * 30)))
        assert 0.97 * limit < np.abs(layer.get_weights()[0]).max() <= limit


@pytest.mark.parametrize("shared", [None, [1]])
def test_parametric_softplus_scales_inside_and_outside(shared: list[int] | None) -> None:
    layer = layers.ParametricSoftplus(0.3, 4.0, shared_axes=shared)
    x, shape = numbers(2, 4, 3), (1, 3) if shared else (4, 3)
    alpha, beta = np.full(shape, 0.3, "float32"), np.full(shape, 4.0, "float32")
    np.testing.assert_allclose(layer(x).detach(), alpha * softplus(beta * x), rtol=1e-5, atol=1e-6)
    alpha, beta = numbers(*shape), numbers(*shape)
    layer.set_weights([alpha, beta])
    np.testing.assert_allclose(layer(x).detach(), alpha * softplus(beta * x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shared", [None, [1]])
def test_srelu_is_made_of_three_lines(shared: list[int] | None) -> None:
    layer = layers.SReLU(shared_axes=shared)
    x, shape = 3 * numbers(50, 4, 3), (1, 3) if shared else (4, 3)
    layer.build((None, 4, 3))
    left, left_slope, right, right_slope = (numbers(*shape) for _ in range(4))
    layer.set_weights([left, left_slope, right, right_slope])
    end = left + np.abs(right)
    expected = np.where(x < left, left + left_slope * (x - left), np.where(x > end, end + right_slope * (x - end), x))
    np.testing.assert_allclose(layer(x).detach(), expected, rtol=1e-5, atol=1e-5)


def test_srelu_starts_between_zero_and_a_random_point() -> None:
    layer = layers.SReLU()
    layer.build((None, 8))
    left, left_slope, right, right_slope = layer.get_weights()
    assert not left.any() and (right_slope == 1).all() and left_slope.any() and right.any()


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (layers.MaxoutDense, {"units": 0}, "`units`"),
        (layers.MaxoutDense, {"units": 2, "nb_feature": 1.5}, "`nb_feature`"),
        (layers.ParametricSoftplus, {"alpha_init": "one"}, "`alpha_init`"),
        (layers.SReLU, {"shared_axes": [0]}, "`shared_axes`"),
        (layers.PReLU, {"shared_axes": "all"}, "`shared_axes`"),
    ],
)
def test_arguments_that_cannot_be_are_named(cls: type, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cls(**arguments)


@pytest.mark.parametrize("cls", [layers.Highway, layers.MaxoutDense])
def test_the_features_must_be_known_and_the_inputs_flat(cls: type) -> None:
    layer = cls() if cls is layers.Highway else cls(2)
    with pytest.raises(ValueError, match="known number of features"):
        layer.build((None, None))
    with pytest.raises(ValueError, match="ndim=2"):
        layer(np.zeros((2, 3, 4), "float32"))
    with pytest.raises(ValueError, match="axes of the inputs"):
        layers.PReLU(shared_axes=[3]).build((None, 4))


def test_configs_of_keras_1_make_these_layers() -> None:
    penalty = {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5}
    old = {"init": "he_normal", "activation": "relu", "W_regularizer": penalty, "bias": True, "input_dim": 3}
    with config.dialect_scope("1"):
        layer = layers.Highway.from_config(upgrade_config("Highway", old, "1"))
        maxout = layers.MaxoutDense.from_config(
            upgrade_config("MaxoutDense", {"output_dim": 2, "nb_feature": 3, "init": "uniform", "bias": False}, "1")
        )
        by_position = layers.MaxoutDense(2, 3, "uniform", None, "l2")
    assert layer.kernel_regularizer.l2 == 0.5 and layer.activation.__name__ == "relu"
    assert (maxout.units, maxout.nb_feature, maxout.use_bias) == (2, 3, False)
    assert isinstance(by_position.kernel_regularizer, (regularizers.L1L2, regularizers.L2))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("cls", [layers.Highway, layers.MaxoutDense, layers.ParametricSoftplus, layers.SReLU])
def test_all_float_types_copies_pickles_and_empty_batches_work(cls: type, dtype: str) -> None:
    layer = cls(2, dtype=dtype) if cls is layers.MaxoutDense else cls(dtype=dtype)
    x = numbers(4, 3)
    output = layer(x)
    assert str(output.dtype) == f"torch.{dtype}"
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(twin(x), output)
    assert layer(x[:0]).shape == (0, output.shape[1])


def test_a_time_distributed_dense_layer_takes_sequences_of_any_length() -> None:
    with config.dialect_scope("1"):
        model = Sequential([layers.TimeDistributedDense(4, "uniform", "tanh", input_dim=3)])
    assert model.input_shape == (None, None, 3) and model.output_shape == (None, None, 4)
    x = numbers(2, 5, 3)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(model.predict(x, verbose=0), np.tanh(x @ kernel + bias), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="ndim=3"):
        layers.TimeDistributedDense(4)(x[0])
    twin = layers.TimeDistributedDense.from_config(model.layers[0].get_config())
    assert twin.get_config() == model.layers[0].get_config()


def test_time_distributed_dense_multiplies_each_step() -> None:
    x, w, b = torch.tensor(numbers(2, 4, 3)), torch.tensor(numbers(3, 5)), torch.tensor(numbers(5))
    found = layers.time_distributed_dense(x, w, b, input_dim=3, output_dim=5, timesteps=4)
    np.testing.assert_allclose(found, x.numpy() @ w.numpy() + b.numpy(), rtol=1e-5, atol=1e-6)
    assert layers.time_distributed_dense(layers.Input((4, 3)), w).shape == (None, 4, 5)
    with pytest.raises(ValueError, match="`timesteps`"):
        layers.time_distributed_dense(x, w, timesteps=3)


def test_time_distributed_dense_drops_the_same_features_at_all_steps() -> None:
    backend.set_learning_phase(1)
    try:
        found = layers.time_distributed_dense(torch.ones(50, 4, 1), torch.ones(1, 1), dropout=0.5)
    finally:
        backend.set_learning_phase(0)
        backend.clear_session()
    assert torch.equal(found, found[:, :1].expand(50, 4, 1)) and set(found.unique().tolist()) == {0.0, 2.0}


def test_an_embedding_drops_words_wherever_they_occur() -> None:
    with config.dialect_scope("1"):
        np.random.seed(3)
        layer = layers.Embedding(40, 3, input_length=80, dropout=0.5)
        words = torch.arange(80).remainder(40).unsqueeze(0)
        plain = layer(words)
        model = Sequential([layer])
    dropped = layer(words, training=True)
    kept = (dropped != 0).any(-1)[0]
    torch.testing.assert_close(dropped[0][kept], 2 * plain[0][kept])
    assert torch.equal(kept[:40], kept[40:]) and 5 < kept[:40].sum() < 35
    assert layers.Embedding.from_config(layer.get_config()).dropout == 0.5
    assert "dropout" not in layers.Embedding(4, 2).get_config() and len(model.weights) == 1
    with pytest.raises(ValueError, match="`dropout`"):
        layers.Embedding(4, 2, dropout=1.0)


def test_weights_and_settings_have_their_old_names_also() -> None:
    with config.dialect_scope("1"):
        convolution = layers.Convolution2D(4, 3, 2, border_mode="same", dim_ordering="tf", input_shape=(8, 8, 3))
        dense = layers.Dense(output_dim=5, input_dim=3, W_regularizer="l2")
        memory = layers.LSTM(6, inner_activation="sigmoid")
        model = Sequential([convolution, layers.Flatten(), layers.Dropout(p=0.3), dense, layers.BatchNormalization()])
        found = (convolution.nb_filter, convolution.nb_row, convolution.nb_col, convolution.dim_ordering)
        assert found == (4, 3, 2, "tf") and convolution.border_mode == "same"
        assert dense.W.get_value().shape == (256, 5) and dense.b.get_value().shape == (5,)
        assert (dense.output_dim, dense.W_regularizer.l2, model.layers[2].p) == (5, 0.01, 0.3)
        assert model.layers[4].running_std.get_value().shape == (5,)
        assert memory.output_dim == 6 and memory.inner_activation.__name__ == "sigmoid"
        assert not hasattr(memory, "nb_filter")
    assert not hasattr(dense, "W")
