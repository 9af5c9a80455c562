"""Convolution, pooling and resizing: memory, sizes and messages; the numbers are in test_golden.py."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from keras_torch import config, layers

SPACE = {1: (9,), 2: (9, 8), 3: (5, 6, 7)}


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("padding", "strides", "kernel"), list(itertools.product(("valid", "same"), (1, 2), (2, 3))))
def test_convolutions_keep_channels_last_memory(rank: int, padding: str, strides: int, kernel: int) -> None:
    layer = getattr(layers, f"Conv{rank}D")(4, kernel, strides=strides, padding=padding, activation="relu")
    assert layer(torch.randn(2, *SPACE[rank], 3)).is_contiguous()


@pytest.mark.parametrize(("kind", "rank"), [("Max", 1), ("Max", 2), ("Max", 3), ("Average", 1), ("Average", 2)])
def test_poolings_keep_channels_last_memory(kind: str, rank: int) -> None:
    inputs = torch.randn(2, *SPACE[rank], 3)
    assert getattr(layers, f"{kind}Pooling{rank}D")(2)(inputs).is_contiguous()
    assert getattr(layers, f"{kind}Pooling{rank}D")(3, 2, "same")(inputs).is_contiguous()


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_kernel_is_a_view_in_keras_layout(rank: int) -> None:
    layer = getattr(layers, f"Conv{rank}D")(4, (3,) * rank)
    layer.build((None, *SPACE[rank], 2))
    assert isinstance(layer.conv, (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d))
    assert tuple(layer.kernel.shape) == (*(3,) * rank, 2, 4)
    assert layer.kernel.value.data_ptr() == layer.conv.weight.data_ptr()


@pytest.mark.parametrize("name", ["Conv2D", "MaxPooling2D", "AveragePooling2D"])
@pytest.mark.parametrize(("kernel", "strides"), [(2, 1), (3, 2), (2, 3)])
def test_both_layouts_give_the_same_numbers(name: str, kernel: int, strides: int) -> None:
    inputs = torch.randn(2, 7, 6, 4)
    arguments = {"filters": 4, "kernel_size": kernel} if name == "Conv2D" else {"pool_size": kernel}
    last = getattr(layers, name)(**arguments, strides=strides, padding="same")
    first = getattr(layers, name)(**arguments, strides=strides, padding="same", data_format="channels_first")
    expected = last(inputs)
    first.build((None, 4, 7, 6))
    first.set_weights(last.get_weights())
    torch.testing.assert_close(first(inputs.permute(0, 3, 1, 2)).permute(0, 2, 3, 1), expected)


def test_a_built_convolution_takes_other_image_sizes() -> None:
    layer = layers.Conv2D(2, 3, strides=2, padding="same")
    assert layer(torch.zeros(1, 8, 8, 3)).shape == (1, 4, 4, 2)
    assert layer(torch.zeros(1, 9, 7, 3)).shape == (1, 5, 4, 2)
    assert layer.compute_output_shape((None, None, 7, 3)) == (None, None, 4, 2)


def test_a_causal_convolution_sees_no_later_step() -> None:
    layer = layers.Conv1D(2, 3, padding="causal", dilation_rate=2)
    inputs = torch.randn(1, 8, 3)
    before = layer(inputs).detach().clone()
    inputs[:, 5:] += 1.0
    torch.testing.assert_close(layer(inputs)[:, :5], before[:, :5])


def test_relu_inside_a_convolution_leaves_the_inputs_alone() -> None:
    inputs = torch.randn(2, 5, 5, 3)
    before = inputs.clone()
    layers.Conv2D(3, 1, activation="relu")(inputs)
    torch.testing.assert_close(inputs, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0, "kernel_size": 3}, "`filters`"),
        ({"filters": 2, "kernel_size": (3, 3, 3)}, "`kernel_size`"),
        ({"filters": 2, "kernel_size": 0}, "`kernel_size`"),
        ({"filters": 2, "kernel_size": 3, "strides": 0}, "`strides`"),
        ({"filters": 2, "kernel_size": 3, "padding": "causal"}, "`padding`"),
        ({"filters": 2, "kernel_size": 3, "padding": "full"}, "`padding`"),
        ({"filters": 2, "kernel_size": 3, "data_format": "nhwc"}, "`data_format`"),
        ({"filters": 3, "kernel_size": 3, "groups": 2}, "`groups`"),
        ({"filters": 2, "kernel_size": 3, "strides": 2, "dilation_rate": 2}, "`dilation_rate`"),
    ],
)
def test_impossible_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layers.Conv2D(**arguments)


def test_an_input_smaller_than_the_window_is_an_error() -> None:
    with pytest.raises(ValueError, match="smaller than the window"):
        layers.Conv2D(2, 5)(torch.zeros(1, 4, 4, 3))
    with pytest.raises(ValueError, match="smaller than the window"):
        layers.MaxPooling2D(5).compute_output_shape((None, 4, 4, 3))


def test_wrong_channels_and_ranks_are_errors() -> None:
    layer = layers.Conv2D(2, 3, name="stem")
    layer(torch.zeros(1, 4, 4, 3))
    with pytest.raises(ValueError, match="stem.*axis -1"):
        layer(torch.zeros(1, 4, 4, 2))
    with pytest.raises(ValueError, match="stem.*ndim"):
        layer(torch.zeros(1, 4, 4))
    with pytest.raises(ValueError, match="channel dimension"):
        layers.Conv2D(2, 3, groups=2).build((None, 4, 4, 3))


def test_masked_steps_are_left_out_of_the_mean() -> None:
    inputs = torch.tensor([[[1.0], [3.0], [0.0]]])
    output = layers.GlobalAveragePooling1D()(layers.Masking()(inputs))
    np.testing.assert_allclose(output, [[2.0]])
    assert not hasattr(output, "_keras_mask")


def test_upsampling_refuses_unknown_interpolations() -> None:
    with pytest.raises(ValueError, match="interpolation"):
        layers.UpSampling2D(interpolation="cubic")


def test_bilinear_upsampling_of_keras_2_interpolates_between_points() -> None:
    layer = layers.UpSampling2D((2, 1), interpolation="bilinear")
    with config.dialect_scope("2"):
        output = layer(torch.tensor([1.0, 3.0, 7.0]).view(1, 3, 1, 1))
    np.testing.assert_allclose(output.flatten(), [1, 2, 3, 5, 7, 7])


def test_cropping_everything_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing would be left"):
        layers.Cropping1D((2, 2)).compute_output_shape((None, 4, 1))


def test_cropping_may_leave_nothing_in_keras_2_only() -> None:
    x = torch.ones(2, 4, 3)
    with pytest.raises(ValueError, match="nothing would be left"):
        layers.Cropping1D((2, 2)).compute_output_shape((2, 4, 3))
    with config.dialect_scope("2"):
        assert layers.Cropping1D((2, 2)).compute_output_shape((2, 4, 3)) == (2, 0, 3)
        assert layers.Cropping1D((2, 2))(x).shape == (2, 0, 3)
        with pytest.raises(ValueError, match="nothing would be left"):
            layers.Cropping1D((2, 3)).compute_output_shape((2, 4, 3))
