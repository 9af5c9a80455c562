"""Random layers: rates, shapes, seeds and modes."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from keras_torch import config, layers


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_rate_and_scales_the_rest(rate: float, dtype: torch.dtype) -> None:
    layer = layers.Dropout(rate, seed=1, dtype=str(dtype).removeprefix("torch."))
    output = layer(torch.ones(400, 500, dtype=dtype), training=True)
    assert output.dtype == dtype
    kept = output != 0
    assert abs(kept.float().mean().item() - (1 - rate)) < 5e-3
    np.testing.assert_allclose(output[kept].float(), 1 / (1 - rate), rtol=2e-3 if dtype == torch.float16 else 1e-6)


def test_neighbouring_elements_are_independent() -> None:
    kept = layers.Dropout(0.5, seed=3)(torch.ones(200001), training=True) != 0
    assert abs((kept[1:] == kept[:-1]).float().mean().item() - 0.5) < 5e-3


def test_dropout_does_nothing_in_inference_or_at_rate_zero() -> None:
    inputs = torch.ones(10)
    assert layers.Dropout(0.5)(inputs) is inputs
    assert layers.Dropout(0.0)(inputs, training=True) is inputs
    np.testing.assert_array_equal(layers.Dropout(1.0)(inputs, training=True), np.zeros(10))


def test_noise_shape_shares_the_fate_of_elements() -> None:
    output = layers.Dropout(0.5, noise_shape=(None, 1, None), seed=2)(torch.ones(4, 5, 6), training=True)
    torch.testing.assert_close(output, output[:, :1].expand(4, 5, 6))
    with pytest.raises(ValueError, match="noise_shape"):
        layers.Dropout(0.5, noise_shape=(1, 2))(torch.ones(4, 5, 6), training=True)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_spatial_dropout_drops_whole_feature_maps(rank: int) -> None:
    layer = getattr(layers, f"SpatialDropout{rank}D")(0.5, seed=2)
    output = layer(torch.ones(8, *(3,) * rank, 6), training=True).reshape(8, -1, 6)
    assert ((output == 0).all(1) | (output == 2).all(1)).all()
    assert (output == 0).any() and (output == 2).any()


def test_a_seed_repeats_the_stream_and_does_not_touch_the_global_one() -> None:
    inputs = torch.ones(50)
    state = torch.get_rng_state()
    first, second = layers.Dropout(0.5, seed=5), layers.Dropout(0.5, seed=5)
    one, two = first(inputs, training=True), first(inputs, training=True)
    assert not torch.equal(one, two)
    torch.testing.assert_close(second(inputs, training=True), one)
    torch.testing.assert_close(second(inputs, training=True), two)
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_seed_torchs_seed_decides() -> None:
    layer = layers.Dropout(0.5)
    torch.manual_seed(1)
    one = layer(torch.ones(50), training=True)
    torch.manual_seed(1)
    torch.testing.assert_close(layer(torch.ones(50), training=True), one)


@pytest.mark.parametrize("dialect", ["1", "2"])
def test_in_the_oldest_dialects_numpys_seed_decides(dialect: str) -> None:
    found = []
    with config.dialect_scope(dialect):
        for _ in range(2):
            np.random.seed(1337)
            found.append(layers.Dropout(0.5)(torch.ones(50), training=True))
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize(
    ("layer", "mean", "deviation"),
    [
        (layers.GaussianNoise(0.3, seed=1), 1.0, 0.3),
        (layers.GaussianDropout(0.2, seed=1), 1.0, 0.5),
        (layers.AlphaDropout(0.2, seed=1), None, None),
    ],
)
def test_noise_has_its_moments(layer: layers.Layer, mean: float | None, deviation: float | None) -> None:
    if mean is None:
        output = layer(torch.randn(300, 400), training=True)
        assert abs(output.mean().item()) < 0.02 and abs(output.std().item() - 1.0) < 0.02
    else:
        output = layer(torch.ones(300, 400), training=True)
        assert abs(output.mean().item() - mean) < 0.01 and abs(output.std().item() - deviation) < 0.01
    inputs = torch.randn(3, 4)
    assert layer(inputs) is inputs


@pytest.mark.parametrize("rate", [-0.1, 1.1, "half", None])
def test_impossible_rates_are_refused(rate: object) -> None:
    for name in ("Dropout", "SpatialDropout2D", "GaussianDropout", "AlphaDropout"):
        with pytest.raises(ValueError, match="`rate`"):
            getattr(layers, name)(rate)


def test_a_used_seeded_layer_can_be_copied_and_pickled() -> None:
    layer = layers.Dropout(0.5, seed=5)
    layer(torch.ones(5), training=True)
    expected = copy.deepcopy(layer)(torch.ones(50), training=True)
    torch.testing.assert_close(pickle.loads(pickle.dumps(layer))(torch.ones(50), training=True), expected)


@pytest.mark.parametrize("shape", ["12", (0, 1), (1.5,), 3])
def test_impossible_noise_shapes_are_refused(shape: object) -> None:
    for cls in (layers.Dropout, layers.AlphaDropout):
        with pytest.raises(ValueError, match="`noise_shape` must be a tuple"):
            cls(0.5, noise_shape=shape)


@pytest.mark.parametrize("cls", [layers.Dropout, layers.AlphaDropout])
def test_a_noise_shape_must_fit_the_inputs(cls: type) -> None:
    for shape in ((1, 2), (None, 3, 1), (None, 1, 6, 1)):
        with pytest.raises(ValueError, match="`noise_shape` must have an entry for each axis"):
            cls(0.5, noise_shape=shape)(torch.ones(4, 5, 6), training=True)


def test_alpha_dropout_shares_the_fate_of_elements_along_its_noise_shape() -> None:
    output = layers.AlphaDropout(0.5, noise_shape=(None, 1, None), seed=2)(torch.ones(4, 5, 6), training=True)
    torch.testing.assert_close(output, output[:, :1].expand(4, 5, 6))
    assert len(output.unique()) == 2


@pytest.mark.parametrize("seed", [0.5, "one", True])
def test_seeds_must_be_integers(seed: object) -> None:
    for name in ("Dropout", "GaussianNoise", "SpatialDropout1D"):
        with pytest.raises(ValueError, match="`seed`"):
            getattr(layers, name)(0.5, seed=seed)


@pytest.mark.parametrize("name", ["Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise"])
def test_empty_batches_and_whole_numbers_pass(name: str) -> None:
    layer = getattr(layers, name)(0.5)
    assert layer(torch.ones(0, 3), training=True).shape == (0, 3)
    numbers = torch.arange(6).reshape(2, 3)
    assert torch.equal(layer(numbers), numbers)
    assert layer(numbers, training=True).is_floating_point()
