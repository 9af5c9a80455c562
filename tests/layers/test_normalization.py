"""Normalizations: BatchNormalization by mode, freezing, dialect, mask and process; what the others refuse and do."""

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
        ((6, 3), "1", 1.0),
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


def test_keras_1_normalized_samples_in_mode_1() -> None:
    layer = layers.BatchNormalization(mode=1, epsilon=0.1)
    x = np.array([[1.0, 2.0, 6.0], [0.0, 0.0, 0.0]], "float32")
    deviation = np.sqrt(x.var(-1, keepdims=True) + 0.1) + 0.1
    expected = 2 * (x - x.mean(-1, keepdims=True)) / deviation + 1
    layer.build((None, 3))
    layer.set_weights([np.full(3, 2.0), np.ones(3), np.zeros(3), np.ones(3)])
    np.testing.assert_allclose(layer(x).detach(), expected, rtol=1e-5)
    np.testing.assert_allclose(layer(x, training=True).detach(), expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 4), (2, 3, 4, 4)])
def test_keras_1_used_the_batch_in_mode_2_and_kept_no_average(shape: tuple[int, ...]) -> None:
    layer = layers.BatchNormalization(mode=2, axis=1)
    x = torch.randn(shape) * 3 + 1
    output = layer(x).detach()
    others = [axis for axis in range(len(shape)) if axis != 1]
    torch.testing.assert_close(output.mean(others), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(layer(x, training=True).detach(), output)
    np.testing.assert_array_equal(layer.running_mean.numpy(), np.zeros(3))
    np.testing.assert_array_equal(layer.running_std.numpy(), np.ones(3))
    assert layers.BatchNormalization.from_config(layer.get_config()).mode == 2


def test_masked_steps_do_not_count_in_training() -> None:
    inputs = layers.Input((4, 3))
    model = models.Model(inputs, layers.BatchNormalization(momentum=0.0)(layers.Masking()(inputs)))
    x = np.random.default_rng(3).random((5, 4, 3)).astype("float32")
    x[:, 2:] = 0
    model(x, training=True)
    np.testing.assert_allclose(model.get_weights()[2], x[:, :2].mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[3], x[:, :2].var((0, 1)), rtol=1e-4)


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`mask` must have the shape.*Received: mask of shape \(5, 1\)"):
        layers.BatchNormalization()(torch.ones(5, 3), mask=torch.ones(5, 1), training=True)


def test_tensorflow_ignored_masks_of_images() -> None:
    x = torch.randn(2, 3, 4, 5)
    with config.dialect_scope("tf"), pytest.warns(UserWarning, match="no influence"):
        layer = layers.BatchNormalization(momentum=0.0)
        layer(x, mask=torch.zeros(2, 3, 4), training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), x.mean((0, 1, 2)), atol=1e-6)


def test_half_precision_inputs_have_float32_statistics_in_tensorflow() -> None:
    with config.dialect_scope("tf"):
        layer = layers.BatchNormalization(dtype="float16")
        output = layer(torch.randn(4, 3), training=True)
    assert output.dtype == torch.float16
    assert {weight.dtype for weight in layer.weights} == {torch.float32}


@pytest.mark.parametrize("options", [{}, {"axis": 1}, {"axis": [1, 2]}, {"renorm": True}, {"mode": 2}])
def test_an_empty_batch_changes_nothing(options: dict) -> None:
    layer = layers.BatchNormalization(**options)
    layer.build((None, 2, 3))
    before = layer.get_weights()
    for training in (True, False):
        assert layer(torch.ones(0, 2, 3), training=training).shape == (0, 2, 3)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_statistics_of_several_axes_come_in_a_shape_that_broadcasts() -> None:
    layer = layers.BatchNormalization(axis=[1, -1])
    layer.build((None, 2, 5, 3))
    assert [tuple(w.shape) for w in layer.weights] == [(1, 2, 1, 3)] * 4
    assert layer.norm.weight.shape == (6,)


@pytest.mark.parametrize(
    ("make", "shape", "error", "text"),
    [
        (lambda: layers.BatchNormalization(), (None, None), ValueError, "known size"),
        (lambda: layers.BatchNormalization(axis=[1, -1]), (None, 4), ValueError, "twice"),
        (lambda: layers.BatchNormalization(axis="last"), (None, 4), TypeError, "`axis` must be"),
        (lambda: layers.BatchNormalization(mode=3), (None, 4), ValueError, "`mode` must be"),
        (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"r": 1}), (1, 4), ValueError, "`rmin`"),
        (
            lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"rmin": 2, "rmax": 1}),
            *((1, 4), ValueError, "`rmin`"),
        ),
        (lambda: layers.LayerNormalization(axis=3), (None, 4), ValueError, "`axis`.*out of bounds"),
        (lambda: layers.LayerNormalization(axis="last"), (None, 4), TypeError, "`axis` must be"),
        (lambda: layers.LayerNormalization(axis=[]), (None, 4), TypeError, "`axis` must be"),
        (lambda: layers.GroupNormalization(groups=0), (None, 4), ValueError, "`groups` must be a positive"),
        (lambda: layers.GroupNormalization(groups=3), (None, 4), ValueError, "multiple of `groups`"),
        (lambda: layers.GroupNormalization(groups=8), (None, 4), ValueError, "multiple of `groups`"),
        (lambda: layers.GroupNormalization(1, axis=0), (2, 4), ValueError, "axis of channels"),
        (lambda: layers.GroupNormalization(1, axis=[1]), (2, 4), TypeError, "one integer"),
        (lambda: layers.RMSNormalization(axis=2), (None, 4), ValueError, "`axis`"),
        (lambda: layers.UnitNormalization(axis=-3), (None, 4), ValueError, "`axis`"),
        (lambda: layers.UnitNormalization(axis=1.5), (None, 4), TypeError, "`axis` must be"),
        (lambda: layers.SpectralNormalization(layers.Dense(2), 0), (2, 4), ValueError, "`power_iterations`"),
        (lambda: layers.SpectralNormalization("dense"), (2, 4), ValueError, "`layer` must be"),
        (lambda: layers.SpectralNormalization(layers.Flatten()), (2, 4), ValueError, "`kernel` or `embeddings`"),
    ],
)
def test_bad_arguments_are_refused(make, shape: tuple, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make().build(shape)


def test_a_group_of_a_single_value_becomes_the_offset() -> None:
    layer = layers.GroupNormalization(groups=-1, beta_initializer="ones")
    torch.testing.assert_close(layer(torch.randn(1, 4)).detach(), torch.ones(1, 4))
    assert layer(torch.ones(0, 4)).shape == (0, 4)


def test_groups_of_images_keep_channels_last_memory() -> None:
    output = layers.GroupNormalization(groups=2)(torch.randn(2, 4, 4, 6, requires_grad=True))
    assert output.is_contiguous()


def test_a_scaled_layer_normalization_has_no_mean_and_no_offset() -> None:
    layer = layers.LayerNormalization(rms_scaling=True, epsilon=0.0)
    x = torch.tensor([[1.0, 3.0]])
    torch.testing.assert_close(layer(x).detach(), x)
    assert [w.name for w in layer.weights] == ["gamma"]


@pytest.mark.parametrize("kind", ["LayerNormalization", "GroupNormalization", "RMSNormalization", "UnitNormalization"])
def test_half_precision_stays_half_and_near(kind: str) -> None:
    options = {"groups": 2} if kind == "GroupNormalization" else {}
    x = torch.randn(3, 4) * 50
    expected = getattr(layers, kind)(**options)(x)
    output = getattr(layers, kind)(**options, dtype="float16")(x)
    assert output.dtype == torch.float16
    torch.testing.assert_close(output.float(), expected, atol=5e-3, rtol=5e-3)


def test_spectral_normalization_makes_the_largest_singular_value_one() -> None:
    layer = layers.SpectralNormalization(layers.Dense(5), power_iterations=50)
    x = torch.randn(3, 7)
    layer(x)
    before = layer.get_weights()
    layer(x)
    np.testing.assert_array_equal(before[0], layer.get_weights()[0])
    layer(x, training=True)
    assert np.linalg.norm(layer.kernel.numpy(), 2) == pytest.approx(1.0, rel=1e-3)


def test_spectral_normalization_allows_two_calls_before_one_backward_and_leaves_a_kernel_of_zeros() -> None:
    layer = layers.SpectralNormalization(layers.Dense(2, kernel_initializer="zeros"))
    inputs = torch.randn(3, 4, requires_grad=True)
    (layer(inputs, training=True) + layer(inputs * 2, training=True)).sum().backward()
    np.testing.assert_array_equal(layer.kernel.numpy(), np.zeros((4, 2)))
    assert layer.layer.linear.weight.grad is not None


def _statistics_of_half_a_batch(rank: int, address: str, queue) -> None:
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    x = torch.arange(12.0).reshape(4, 3).square()
    layer = layers.BatchNormalization(synchronized=True, momentum=0.0)
    inputs = x[2 * rank : 2 * rank + 2].requires_grad_()
    output = layer(inputs, training=True)
    (output * torch.arange(6.0).reshape(2, 3) * (rank + 1)).sum().backward()
    queue.put((rank, output.detach().numpy(), inputs.grad.numpy(), layer.moving_variance.numpy()))
    # None may leave while the other still talks to it.
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def test_synchronized_statistics_are_those_of_the_whole_batch(tmp_path) -> None:
    context = torch.multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    address = f"file://{tmp_path}/rendezvous"
    torch.multiprocessing.spawn(_statistics_of_half_a_batch, (address, queue), nprocs=2)
    found = sorted([queue.get(), queue.get()], key=lambda item: item[0])
    inputs = torch.arange(12.0).reshape(4, 3).square().requires_grad_()
    layer = layers.BatchNormalization(momentum=0.0)
    output = layer(inputs, training=True)
    weights = torch.cat([torch.arange(6.0).reshape(2, 3) * number for number in (1, 2)])
    (output * weights).sum().backward()
    np.testing.assert_allclose(np.concatenate([item[1] for item in found]), output.detach(), atol=1e-5)
    np.testing.assert_allclose(np.concatenate([item[2] for item in found]), inputs.grad, atol=1e-5)
    np.testing.assert_allclose(found[1][3], layer.moving_variance.numpy(), rtol=1e-5)


@pytest.mark.parametrize("name", ["LayerNormalization", "RMSNormalization"])
@pytest.mark.parametrize("axis", [-1, -2, 1, 2, [-2, -1], [1, -1]])
def test_inputs_of_other_ranks_are_normalized_over_the_axes_of_the_same_numbers(
    name: str, axis: int | list[int]
) -> None:
    layer = getattr(layers, name)(axis=axis)
    layer.build((2, 4, 4))
    layer.set_weights([np.random.default_rng(0).normal(size=weight.shape) for weight in layer.weights])
    inputs = torch.randn(2, 4, 4, 4)
    again = getattr(layers, name)(axis=axis)
    again.build(tuple(inputs.shape))
    again.set_weights(layer.get_weights())
    torch.testing.assert_close(layer(inputs), again(inputs))


def test_a_shared_layer_normalizes_the_last_axis_of_inputs_of_several_ranks() -> None:
    layer = layers.LayerNormalization(epsilon=1e-6)
    steps, images = layers.Input((3, 4)), layers.Input((2, 2, 4))
    model = models.Model([steps, images], [layer(steps), layer(images)])
    data = [torch.randn(2, 3, 4), torch.randn(2, 2, 2, 4)]
    for found, given in zip(model(data), data, strict=True):
        torch.testing.assert_close(found, torch.nn.functional.layer_norm(given, (4,), eps=1e-6))
    with pytest.raises(ValueError, match="expected size 4 on axis -1"):
        layer(torch.randn(2, 3, 5))
    pair = layers.LayerNormalization(axis=[-2, -1])
    pair.build((2, 3, 4))
    with pytest.raises(ValueError, match="expected min_ndim=2"):
        pair(torch.randn(4))


@pytest.mark.parametrize(("name", "arguments"), [("BatchNormalization", {}), ("GroupNormalization", {"groups": 2})])
def test_these_take_only_the_rank_that_they_were_built_for(name: str, arguments: dict[str, int]) -> None:
    layer = getattr(layers, name)(**arguments)
    layer.build((2, 3, 4))
    with pytest.raises(ValueError, match="ndim=3"):
        layer(torch.randn(2, 3, 3, 4))


def test_a_mask_weights_groups_in_the_dialect_of_tensorflow_only() -> None:
    inputs, mask = torch.randn(2, 3, 4), torch.tensor([[1, 1, 0], [1, 0, 0]]).bool()
    plain = layers.GroupNormalization(2)
    torch.testing.assert_close(plain(inputs, mask=mask), plain(inputs))
    with config.dialect_scope("tf"):
        layer = layers.GroupNormalization(2)
        found = layer(inputs, mask=mask.unsqueeze(-1))
        shown = layer(inputs[:1, :2])
        torch.testing.assert_close(found[:1, :2], shown)
        with pytest.raises(ValueError, match=r"`mask` must have a shape that broadcasts.*\(2, 3\)"):
            layer(inputs, mask=mask)


def test_a_mask_may_hold_for_all_samples_and_steps() -> None:
    inputs = torch.randn(3, 2, 3, 4)
    small = torch.tensor([True, False]).reshape(1, 2, 1)
    found = layers.BatchNormalization()(inputs, mask=small, training=True)
    torch.testing.assert_close(found, layers.BatchNormalization()(inputs, mask=small.expand(3, 2, 3), training=True))
    with pytest.raises(ValueError, match="`mask` must have the shape"):
        layers.BatchNormalization()(inputs, mask=torch.ones(2, 1), training=True)


@pytest.mark.parametrize("layer", [layers.GroupNormalization(2), layers.LayerNormalization()])
def test_values_beyond_half_precision_are_normalized_in_mixed_policies(layer):
    mixed = type(layer).from_config({**layer.get_config(), "dtype": "mixed_float16"})
    inputs = torch.tensor([[70000.0, -70000.0, 3.0, 60000.0]])
    outputs = mixed(inputs)
    assert outputs.dtype == torch.float16
    torch.testing.assert_close(outputs.float(), layer(inputs), rtol=1e-3, atol=1e-3)
