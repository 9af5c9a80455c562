"""Dense, Activation, Masking, the reshaping layers: shapes, views, masks and messages."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keras_torch import config, layers, registry, regularizers
from keras_torch.models import Sequential


def test_dense_holds_an_nn_linear_and_its_kernel_is_a_view_of_it() -> None:
    layer = layers.Dense(3)
    layer.build((None, 5))
    assert isinstance(layer.linear, torch.nn.Linear)
    assert tuple(layer.kernel.shape) == (5, 3)
    layer.kernel.assign(np.arange(15.0).reshape(5, 3))
    np.testing.assert_array_equal(layer.linear.weight.detach(), np.arange(15.0).reshape(5, 3).T)
    assert layer.kernel.value.data_ptr() == layer.linear.weight.data_ptr()
    assert [w.name for w in layer.weights] == ["kernel", "bias"]


def test_dense_without_bias_has_one_weight() -> None:
    layer = layers.Dense(3, use_bias=False)
    layer.build((None, 5))
    assert len(layer.weights) == 1 and layer.bias is None


def test_a_listener_on_the_inner_module_sees_the_value_before_the_activation() -> None:
    layer = layers.Dense(4, activation="relu", bias_initializer="random_normal")
    inputs = torch.randn(3, 5)
    expected = layer(inputs)
    seen = []
    layer.linear.register_forward_hook(lambda module, args, output: seen.append(output))
    torch.testing.assert_close(layer(inputs), expected)
    assert (seen[0] < 0).any()


def test_an_activation_can_be_exchanged_after_building() -> None:
    layer = layers.Dense(4, activation="relu")
    inputs = torch.randn(8, 5)
    assert (layer(inputs) >= 0).all()
    layer.activation = registry.activations.find("linear")
    assert (layer(inputs) < 0).any()


@pytest.mark.parametrize("units", [0, -1, 2.5, "3", None])
def test_dense_refuses_impossible_units(units: object) -> None:
    with pytest.raises((ValueError, TypeError), match="units"):
        layers.Dense(units)


def test_dense_needs_a_known_last_dimension() -> None:
    with pytest.raises(ValueError, match="known size of the last axis"):
        layers.Dense(2).build((None, None))


def test_a_wrong_input_is_named() -> None:
    layer = layers.Dense(2, name="head")
    layer.build((None, 5))
    with pytest.raises(ValueError, match="head.*size 5 on axis -1"):
        layer(torch.zeros(3, 4))


def test_flatten_after_a_convolution_is_a_view() -> None:
    output = layers.Conv2D(4, 3, padding="same", activation="relu")(torch.randn(2, 6, 5, 3))
    flat = layers.Flatten()(output)
    assert flat.data_ptr() == output.data_ptr()
    np.testing.assert_array_equal(flat.detach(), output.detach().numpy().reshape(2, -1))


def test_flatten_reads_channels_first_in_channels_last_order() -> None:
    inputs = torch.randn(2, 3, 4, 5)
    flat = layers.Flatten(data_format="channels_first")(inputs)
    np.testing.assert_array_equal(flat, inputs.permute(0, 2, 3, 1).reshape(2, -1))


def test_flatten_gives_single_numbers_an_axis() -> None:
    assert layers.Flatten()(torch.zeros(4)).shape == (4, 1)
    assert layers.Flatten().compute_output_shape((None,)) == (None, 1)
    assert layers.Flatten().compute_output_shape((None, 3, None)) == (None, None)


def test_reshape_works_out_one_size() -> None:
    layer = layers.Reshape((2, -1))
    assert layer.compute_output_shape((None, 3, 4)) == (None, 2, 6)
    assert layer.compute_output_shape((None, None, 4)) == (None, 2, None)
    assert layer(torch.zeros(5, 3, 4)).shape == (5, 2, 6)


def test_reshape_refuses_another_size() -> None:
    with pytest.raises(ValueError, match="total size.*target_shape"):
        layers.Reshape((5, 3)).compute_output_shape((None, 4))
    with pytest.raises(ValueError, match="at most one"):
        layers.Reshape((-1, -1))


def test_permute_refuses_what_is_no_permutation() -> None:
    with pytest.raises(ValueError, match="permutation"):
        layers.Permute((0, 1))


def test_masking_masks_steps_that_equal_the_value() -> None:
    inputs = torch.tensor([[[1.0, 2.0], [9.0, 9.0], [9.0, 1.0]]])
    output = layers.Masking(9.0)(inputs)
    np.testing.assert_array_equal(output._keras_mask, [[True, False, True]])
    np.testing.assert_array_equal(output[0, 1], [0.0, 0.0])


def test_masks_pass_through_dense_and_stop_at_flatten() -> None:
    masked = layers.Masking()(torch.tensor([[[1.0], [0.0]]]))
    assert layers.Dense(2)(masked)._keras_mask is masked._keras_mask
    assert not hasattr(layers.Flatten()(masked), "_keras_mask")


def test_activity_regularization_adds_its_loss_per_sample() -> None:
    layer = layers.ActivityRegularization(l1=0.1, l2=0.01)
    layer(torch.full((4, 3), 2.0))
    torch.testing.assert_close(sum(layer.losses), torch.tensor((0.1 * 24 + 0.01 * 48) / 4))


@pytest.mark.parametrize(("dialect", "samples"), [("1", 1), ("2", 1), ("tf", 8), ("3", 8), (None, 8)])
def test_activities_count_per_sample_since_tf_keras_and_summed_before(dialect: str | None, samples: int) -> None:
    x = np.random.RandomState(0).standard_normal((8, 3)).astype("float32")
    with config.dialect_scope(dialect):
        model = Sequential([layers.Dense(2, input_shape=(3,), activity_regularizer=regularizers.L2(0.1))])
        model.compile("sgd", "mse")
    output = model.predict(x, verbose=0)
    loss = model.evaluate(x, 0 * output, verbose=0)
    assert loss == pytest.approx((output**2).mean() + 0.1 * (output**2).sum() / samples, rel=1e-5)
    history = model.fit(x, 0 * output, verbose=0, batch_size=8, epochs=1)
    assert history.history["loss"][0] == pytest.approx(loss, rel=1e-5)


def test_any_layer_takes_an_activity_regularizer_and_writes_it() -> None:
    layer = layers.Activation("relu", activity_regularizer="l1")
    twin = layers.Activation.from_config(layer.get_config())
    twin(torch.full((2, 3), 2.0))
    torch.testing.assert_close(sum(twin.losses), torch.tensor(0.01 * 12 / 2))
    twin(torch.zeros(0, 3))
    assert float(sum(twin.losses)) == 0.0


def test_repeat_vector_needs_a_whole_number() -> None:
    with pytest.raises((TypeError, ValueError), match="`n`"):
        layers.RepeatVector(2.5)


def test_old_names_answer_and_unknown_ones_suggest() -> None:
    assert layers.Convolution2D is layers.Conv2D and layers.MaxPool2D is layers.MaxPooling2D
    with pytest.raises(AttributeError, match="Conv2D"):
        layers.Conv2d  # noqa: B018
    assert layers.deserialize({"class_name": "Convolution2D", "config": {"filters": 2, "kernel_size": 3}}).filters == 2


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("Permute", {"dims": 1}, "`dims`"),
        ("Permute", {"dims": (1, 1)}, "`dims`"),
        ("RepeatVector", {"n": True}, "`n`"),
        ("RepeatVector", {"n": 0}, "`n`"),
        ("Reshape", {"target_shape": None}, "`target_shape`"),
        ("Reshape", {"target_shape": "ab"}, "`target_shape`"),
        ("Flatten", {"data_format": "last"}, "`data_format`"),
        ("Masking", {"mask_value": "zero"}, "`mask_value`"),
        ("ActivityRegularization", {"l1": -1}, "`l1`"),
        ("Activation", {"activation": "relo"}, 'Did you mean "relu"'),
        ("Softmax", {"axis": "last"}, "`axis`"),
        ("Softmax", {"axis": []}, "`axis`"),
        ("ELU", {"alpha": None}, "`alpha`"),
        ("LeakyReLU", {"negative_slope": None}, "`negative_slope`"),
        ("LeakyReLU", {"negative_slope": -0.1}, "`negative_slope`"),
        ("ReLU", {"max_value": -1}, "`max_value`"),
        ("ReLU", {"negative_slope": None}, "`negative_slope`"),
        ("ReLU", {"threshold": -1.0}, "`threshold`"),
        ("ThresholdedReLU", {"theta": None}, "`theta`"),
        ("GaussianNoise", {"stddev": -1}, "`stddev`"),
        ("Dot", {"axes": 1.5}, "`axes`"),
        ("Dot", {"axes": None}, "`axes`"),
        ("Dot", {"axes": (1, 1, 1)}, "`axes`"),
        ("Embedding", {"input_dim": True, "output_dim": 2}, "`input_dim`"),
        ("Embedding", {"input_dim": 2, "output_dim": 0}, "`output_dim`"),
    ],
)
def test_impossible_arguments_are_named(name: str, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(layers, name)(**arguments)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (layers.Softmax(2), (4, 3), "`axis` must name axes"),
        (layers.Reshape((5,)), (4, 3), "total size"),
        (layers.Permute((1, 2)), (4, 3), "ndim=3"),
        (layers.RepeatVector(2), (4, 3, 2), "ndim=2"),
    ],
)
def test_inputs_of_the_wrong_shape_are_named_in_both_ways_of_calling(layer, shape, message) -> None:
    with pytest.raises(ValueError, match=message):
        layer(torch.zeros(shape))
    with pytest.raises(ValueError, match=message):
        type(layer).from_config(layer.get_config())(layers.Input(batch_shape=(None, *shape[1:])))


def test_dense_needs_floating_point_weights() -> None:
    with pytest.raises(TypeError, match="floating-point `dtype`.*int32"):
        layers.Dense(2, dtype="int32")(torch.ones(2, 3))


def test_a_mask_of_a_softmax_must_broadcast_to_its_inputs() -> None:
    for shape in ((3, 3), (1, 1, 3, 4), (2,)):
        with pytest.raises(ValueError, match="`mask` must broadcast"):
            layers.Softmax()(torch.zeros(3, 4), mask=torch.ones(shape, dtype=torch.bool))


def test_the_activation_of_a_finished_layer_can_be_taken_away() -> None:
    layer = layers.Dense(2, activation="relu", kernel_initializer="ones")
    layer.build((None, 3))
    layer.activation = None
    assert layer(-torch.ones(1, 3)).tolist() == [[-3.0, -3.0]]
    assert layers.Dense.from_config(layer.get_config()).activation(torch.tensor(-1.0)) == -1.0


def test_masking_computes_the_mask_of_arrays_and_lists() -> None:
    inputs = [[[0.0, 0.0], [1.0, 0.0]]]
    assert layers.Masking().compute_mask(inputs).tolist() == [[False, True]]
    assert layers.Masking(1.0).compute_mask(np.ones((1, 2, 3))).tolist() == [[False, False]]


@pytest.mark.parametrize("make", [layers.Cropping1D, layers.ZeroPadding1D])
@pytest.mark.parametrize("value", [(1,), (1, 2, 3), "1"])
def test_margins_of_a_sequence_are_one_number_or_two(make, value) -> None:
    with pytest.raises(ValueError, match="must be an integer"):
        make(value)
