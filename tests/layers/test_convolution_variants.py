"""Transposed, depthwise, separable and local convolutions: modules, memory, old calls, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from keras_torch import Sequential, config, layers

TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
SPACE = {1: (5,), 2: (5, 4), 3: (3, 4, 3)}


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_kernel_of_a_transposed_convolution_is_a_view_of_torchs(rank: int) -> None:
    layer = getattr(layers, f"Conv{rank}DTranspose")(4, 3, strides=2, padding="same")
    layer.build((None, *SPACE[rank], 2))
    assert isinstance(layer.conv, TRANSPOSED[rank])
    assert tuple(layer.kernel.shape) == (*(3,) * rank, 4, 2)
    assert layer.kernel.value.data_ptr() == layer.conv.weight.data_ptr()


def test_a_symmetric_transposed_convolution_is_torchs_own_class() -> None:
    layer = layers.Conv2DTranspose(4, 4, strides=2, padding="same")
    layer.build((None, 5, 5, 2))
    assert type(layer.conv) is nn.ConvTranspose2d
    assert layer.conv.padding == (1, 1)


@pytest.mark.parametrize("kind", ["Depthwise", "Separable"])
def test_the_depthwise_kernel_is_a_view_of_torchs(kind: str) -> None:
    arguments: dict[str, Any] = {"kernel_size": (2, 3), "depth_multiplier": 2}
    layer = getattr(layers, f"{kind}Conv2D")(**arguments, **({"filters": 5} if kind == "Separable" else {}))
    layer.build((None, 5, 5, 4))
    module = layer.depthwise if kind == "Separable" else layer.conv
    assert type(module) is nn.Conv2d and module.groups == 4
    assert tuple(layer.depthwise_kernel.shape) == (2, 3, 4, 2)
    assert layer.depthwise_kernel.value.data_ptr() == module.weight.data_ptr()
    layer.depthwise_kernel.assign(np.arange(48, dtype="float32").reshape(2, 3, 4, 2))
    assert module.weight[2 * 2 + 1, 0, 1, 2].item() == float(layer.depthwise_kernel.numpy()[1, 2, 2, 1])


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv1DTranspose(4, 4, strides=2, padding="same"),
        layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu"),
        layers.Conv3DTranspose(4, 2),
        layers.DepthwiseConv1D(2),
        layers.DepthwiseConv2D(3, strides=2, padding="same"),
        layers.SeparableConv1D(4, 3, padding="causal"),
        layers.SeparableConv2D(4, 3, padding="same"),
        layers.AdaptiveAveragePooling2D(2),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_outputs_stay_in_channels_last_memory(layer: Any) -> None:
    rank = int(type(layer).__name__.split("D")[-2][-1])
    assert layer(torch.randn(2, *SPACE[rank], 3)).is_contiguous()


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize(("kernel", "strides"), [(3, 2), (4, 2), (2, 3)])
def test_a_transposed_convolution_is_the_gradient_of_the_convolution(
    kernel: int, strides: int, activation: str | None
) -> None:
    forward = layers.Conv2D(3, kernel, strides=strides, padding="same", use_bias=False)
    back = layers.Conv2DTranspose(2, kernel, strides=strides, padding="same", use_bias=False, activation=activation)
    images = torch.randn(2, 4 * strides, 5 * strides, 2, requires_grad=True)
    outputs = forward(images)
    upstream = torch.randn_like(outputs)
    back.build((None, *outputs.shape[1:]))
    back.set_weights(forward.get_weights())
    (expected,) = torch.autograd.grad(outputs, images, upstream)
    result = back(upstream)
    torch.testing.assert_close(result, expected.relu() if activation else expected)


def test_deconvolution_of_keras_1_goes_to_its_output_shape() -> None:
    inputs = torch.randn(2, 3, 9, 10)
    layer = layers.Deconvolution2D(5, 3, 3, (None, 5, 20, 21), subsample=(2, 2), dim_ordering="th")
    assert layer.compute_output_shape((None, 3, 9, 10)) == (None, 5, 20, 21)
    assert layer(inputs).shape == (2, 5, 20, 21)
    twin = layers.Conv2DTranspose.from_config(layer.get_config())
    assert twin.output_padding == (1, 0)
    twin.build((None, 3, 9, 10))
    twin.set_weights(layer.get_weights())
    torch.testing.assert_close(twin(inputs), layer(inputs))
    with pytest.raises(ValueError, match=r"`output_shape`.*no convolution|no convolution.*`output_shape`"):
        layers.Deconvolution2D(5, 3, 3, (None, 5, 23, 21), subsample=(2, 2), dim_ordering="th")(inputs)


def test_separable_convolution_of_keras_1_has_one_init_for_both_kernels() -> None:
    with config.dialect_scope("1"):
        layer = layers.SeparableConvolution2D(4, 3, 2, "he_normal", "relu", None, "same", (1, 1), 2, "tf")
    assert (layer.kernel_size, layer.padding, layer.depth_multiplier) == ((3, 2), "same", 2)
    assert type(layer.depthwise_initializer) is type(layer.pointwise_initializer)
    assert layer.data_format == "channels_last"


def test_conv3dtranspose_of_tf_keras_has_output_padding_before_data_format() -> None:
    with config.dialect_scope("tf"):
        layer = layers.Conv3DTranspose(2, 3, 2, "same", (1, 0, 1), "channels_first")
    assert (layer.output_padding, layer.data_format) == ((1, 0, 1), "channels_first")


@pytest.mark.parametrize("name", ["DepthwiseConv2D", "SeparableConv2D"])
def test_strides_with_dilation_are_an_error_before_keras_3(name: str) -> None:
    arguments: dict[str, Any] = {"kernel_size": 3, "strides": 2, "dilation_rate": 2}
    arguments |= {"filters": 2} if name == "SeparableConv2D" else {}
    getattr(layers, name)(**arguments)
    with config.dialect_scope("tf"), pytest.raises(ValueError, match="`dilation_rate`"):
        getattr(layers, name)(**arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("Conv2DTranspose", {"filters": -1, "kernel_size": 3}, "`filters`"),
        ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "padding": "causal"}, "`padding`"),
        ("Conv1DTranspose", {"filters": 2, "kernel_size": 3, "padding": "causal"}, "`padding`"),
        ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 2}, "`output_padding`"),
        ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "output_padding": (0, 0, 0)}, "`output_padding`"),
        ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "dilation_rate": 2}, "`dilation_rate`"),
        ("DepthwiseConv1D", {"kernel_size": 3, "padding": "causal"}, "`padding`"),
        ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 0}, "`depth_multiplier`"),
        ("SeparableConv2D", {"filters": 2, "kernel_size": 3, "padding": "causal"}, "`padding`"),
        ("LocallyConnected1D", {"filters": 2, "kernel_size": 3, "padding": "same"}, "`padding`"),
        ("LocallyConnected2D", {"filters": 2, "kernel_size": 3, "implementation": 4}, "`implementation`"),
        ("AdaptiveMaxPooling2D", {"output_size": 0}, "`output_size`"),
        ("AdaptiveMaxPooling2D", {"output_size": (2,)}, "`output_size`"),
    ],
)
def test_impossible_arguments_are_named(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"{message}(.|\n)*Received: "):
        getattr(layers, name)(**arguments)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (layers.Conv2DTranspose(2, 3), (1, 4, 4), "min_ndim=4"),
        (layers.DepthwiseConv2D(5), (1, 4, 4, 2), "smaller than the window"),
        (layers.SeparableConv1D(2, 5), (1, 4, 2), "smaller than the window"),
        (layers.LocallyConnected1D(2, 5), (1, 4, 2), "smaller than the window"),
        (layers.LocallyConnected2D(2, 2), (1, 4, 2), "ndim=4"),
        (layers.AdaptiveMaxPooling2D(2), (1, 4, 2), "ndim=4"),
    ],
)
def test_inputs_that_do_not_fit_are_errors(layer: Any, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer(torch.zeros(shape))


def test_a_transposed_convolution_needs_known_channels() -> None:
    with pytest.raises(ValueError, match="channel dimension.*Received"):
        layers.Conv2DTranspose(2, 3).build((None, 4, 4, None))


def test_a_local_layer_needs_known_sizes() -> None:
    with pytest.raises(ValueError, match="sizes of the inputs must be known"):
        layers.LocallyConnected1D(2, 2).build((None, None, 3))
    layer = layers.LocallyConnected1D(2, 2)
    layer(torch.zeros(1, 5, 3))
    with pytest.raises(ValueError, match="shape"):
        layer(torch.zeros(1, 6, 3))


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_the_stored_forms_of_a_local_kernel_compute_the_same(padding: str) -> None:
    inputs = torch.randn(2, 6, 3)
    sparse = layers.LocallyConnected1D(2, 3, padding=padding, implementation=3)
    full = layers.LocallyConnected1D(2, 3, padding=padding, implementation=2)
    expected = sparse(inputs)
    full.build((None, 6, 3))
    values, kernel = iter(sparse.get_weights()[0]), np.zeros(full.kernel.shape, "float32")
    before = 1 if padding == "same" else 0
    for place in range(kernel.shape[2]):
        for filters in range(2):
            for step in range(max(place - before, 0), min(place - before + 3, 6)):
                for channel in range(3):
                    kernel[step, channel, place, filters] = next(values)
    full.set_weights([kernel, sparse.get_weights()[1]])
    torch.testing.assert_close(full(inputs), expected)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv1D(2, 3, padding="causal"),
        layers.Conv2D(2, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2DTranspose(2, 3, strides=2, padding="same", activation="relu"),
        layers.SeparableConv2D(2, 3, strides=2, padding="same"),
        layers.LocallyConnected2D(2, 2, padding="same", implementation=3),
        layers.UpSampling2D((2, 3), interpolation="lanczos3"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_the_batch_may_be_empty_or_single(layer: Any) -> None:
    inputs = torch.randn(2, *SPACE[1 if "1D" in type(layer).__name__ else 2], 3)
    both = layer(inputs)
    torch.testing.assert_close(layer(inputs[:1]), both[:1])
    assert layer(inputs[:0]).shape == (0, *both.shape[1:])


def test_area_interpolation_of_whole_factors_repeats() -> None:
    images = torch.randn(1, 3, 2, 2)
    torch.testing.assert_close(
        layers.UpSampling2D((2, 3), interpolation="area")(images), layers.UpSampling2D((2, 3))(images)
    )


def test_a_stack_of_variants_learns() -> None:
    model = Sequential(
        [
            layers.SeparableConv2D(4, 3, padding="same", activation="relu"),
            layers.Conv2DTranspose(3, 3, strides=2, padding="same"),
            layers.DepthwiseConv2D(2),
            layers.LocallyConnected2D(1, 3),
        ]
    )
    images = np.random.RandomState(0).rand(8, 4, 4, 2).astype("float32")
    model.compile("adam", "mse")
    history = model.fit(images, images.sum((1, 2, 3))[:, None, None, None] * np.ones((1, 5, 5, 1)), 4, 8, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
