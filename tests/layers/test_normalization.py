"""BatchNormalization by mode, freezing and dialect; LayerNormalization's messages."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keras_torch import backend, config, layers, models


def trained_once(layer: layers.BatchNormalization, inputs: torch.Tensor) -> torch.Tensor:
    layer.build(tuple(inputs.shape))
    return layer(inputs, training=True)


@pytest.mark.parametrize(
    ("shape", "dialect", "factor"),
    [
        ((6, 3), None, 1.0),
        ((6, 3), "3", 1.0),
        ((6, 3), "tf", 1.0),
        ((2, 2, 3, 3), "tf", 12 / 11),
        ((2, 2, 3, 3), "3", 1.0),
        ((6, 3), "2", 6 / (6 - 1.001)),
        ((6, 3), "1", 6 / (6 - 1.001)),
        ((2, 2, 3, 3), "2", 12 / 11 * 12 / (12 - 1.001)),
    ],
)
def test_the_average_takes_the_variance_of_its_dialect(
    shape: tuple[int, ...], dialect: str | None, factor: float
) -> None:
    inputs = torch.randn(shape, dtype=torch.float32)
    with config.dialect_scope(dialect):
        layer = layers.BatchNormalization(momentum=0.9)
        trained_once(layer, inputs)
    biased = inputs.reshape(-1, 3).numpy().astype("float64").var(0)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.9 + 0.1 * biased * factor, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.1 * inputs.reshape(-1, 3).numpy().mean(0), atol=1e-6)


def test_weights_come_in_keras_order() -> None:
    layer = layers.BatchNormalization()
    layer.build((None, 4))
    assert [w.name for w in layer.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [w.name for w in layer.trainable_weights] == ["gamma", "beta"]


@pytest.mark.parametrize("dialect", [None, "tf", "3"])
def test_a_frozen_layer_infers(dialect: str | None) -> None:
    with config.dialect_scope(dialect):
        layer = layers.BatchNormalization()
        inputs = torch.randn(8, 3) * 4 + 2
        layer.build((8, 3))
        layer.trainable = False
        torch.testing.assert_close(layer(inputs, training=True), layer(inputs, training=False))
    np.testing.assert_array_equal(layer.moving_mean.numpy(), np.zeros(3))


@pytest.mark.parametrize("dialect", ["1", "2"])
def test_a_frozen_layer_uses_the_batch_in_the_oldest_dialects_and_leaves_the_averages(dialect: str) -> None:
    with config.dialect_scope(dialect):
        layer = layers.BatchNormalization()
        inputs = torch.randn(8, 3) * 4 + 2
        layer.build((8, 3))
        layer.trainable = False
        output = layer(inputs, training=True)
    np.testing.assert_allclose(output.mean(0), np.zeros(3), atol=1e-5)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), np.zeros(3))
    np.testing.assert_array_equal(layer.moving_variance.numpy(), np.ones(3))


def test_two_calls_before_one_backward_are_fine() -> None:
    layer = layers.BatchNormalization()
    inputs = torch.randn(4, 3, requires_grad=True)
    trained_once(layer, inputs)
    (layer(inputs, training=True) + layer(inputs * 2, training=True)).sum().backward()
    assert torch.isfinite(inputs.grad).all()


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 2, 2, 3), (2, 3, 2, 2, 2, 3), (3, 4, 2)])
def test_any_axis_is_normalized(shape: tuple[int, ...]) -> None:
    inputs = torch.randn(shape) * 3 + 1
    for axis in range(1, len(shape)):
        output = trained_once(layers.BatchNormalization(axis=axis), inputs).detach()
        others = [a for a in range(len(shape)) if a != axis]
        torch.testing.assert_close(output.mean(others), torch.zeros(shape[axis]), atol=1e-5, rtol=0)


def test_images_keep_channels_last_memory() -> None:
    layer = layers.BatchNormalization()
    inputs = torch.randn(2, 4, 4, 3)
    assert trained_once(layer, inputs).is_contiguous()
    assert isinstance(layer.norm, torch.nn.BatchNorm2d)


def test_the_axis_must_be_one_and_known() -> None:
    with pytest.raises(ValueError, match="axis"):
        layers.BatchNormalization(axis=[1, 2])
    with pytest.raises(ValueError, match="known size"):
        layers.BatchNormalization().build((None, None))
    with pytest.raises(ValueError, match="known size"):
        layers.LayerNormalization(axis=3).build((None, 4))
    with pytest.raises(TypeError, match="axis"):
        layers.LayerNormalization(axis="last")


def test_files_of_keras_2_15_give_the_axis_as_a_list() -> None:
    assert layers.BatchNormalization.from_config({"axis": [3]}).axis == 3


@pytest.mark.parametrize("dialect", ["2", "tf"])
def test_layers_stay_in_the_phase_that_was_fixed_at_their_call_in_keras_2_only(dialect: str) -> None:
    x = np.arange(8.0).reshape(4, 2)
    with config.dialect_scope(dialect), backend.learning_phase_scope(1):
        inputs = layers.Input((2,))
        model = models.Model(inputs, layers.BatchNormalization()(inputs))
        stack = models.Sequential([layers.BatchNormalization(input_shape=(2,))])
    with config.dialect_scope(dialect):
        same = dialect == "tf"
        for item in (model, stack):
            assert np.allclose(item.predict(x, verbose=0), x, atol=0.1) is same
            again = type(item).from_config(item.get_config())
            assert np.allclose(again.predict(x, verbose=0), x, atol=0.1)
    with config.dialect_scope(dialect), backend.learning_phase_scope(0):
        frozen = models.Sequential([layers.BatchNormalization(input_shape=(2,))])
    with config.dialect_scope(dialect):
        frozen.compile("sgd", "mse")
        frozen.fit(x, x, verbose=0)
        assert np.array_equal(frozen.get_weights()[2], [0, 0]) is not same
