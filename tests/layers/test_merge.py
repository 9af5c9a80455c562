"""Merging layers: shapes, masks, messages and Keras 1's merge."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keras_torch import config, layers
from keras_torch.models import Model


def masked(steps: list[list[float]]) -> torch.Tensor:
    return layers.Masking()(torch.tensor(steps).unsqueeze(-1))


def test_shapes_broadcast_and_unknown_sizes_stay_unknown() -> None:
    shape = layers.Add().compute_output_shape
    assert shape([(None, 3), (None, 3)]) == (None, 3)
    assert shape([(None, 4), (None, 5, 4)]) == (None, 5, 4)
    assert shape([(None, None, 4), (None, 1, 4)]) == (None, None, 4)
    assert shape([(None, None, 4), (None, 6, 1)]) == (None, 6, 4)
    assert layers.Concatenate().compute_output_shape([(None, None, 4), (None, 3, 5)]) == (None, 3, 9)
    assert layers.Concatenate(1).compute_output_shape([(None, None, 4), (None, 3, 4)]) == (None, None, 4)
    assert layers.Dot((2, 1)).compute_output_shape([(None, 4, 3), (None, 3, 2)]) == (None, 4, 2)


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (layers.Add(), (None, 3), "call it on a list"),
        (layers.Add(), [(None, 3), (None, 4)], "incompatible shapes"),
        (layers.Add(), [(2, 3), (3, 3)], "batch sizes"),
        (layers.Subtract(), [(None, 3)] * 3, "exactly 2"),
        (layers.Concatenate(), [(None, 3, 2), (None, 4, 2)], "sizes differ along"),
        (layers.Concatenate(axis=4), [(None, 3), (None, 3)], "sizes differ along"),
        (layers.Dot(1), [(None, 3), (None, 4)], "must be equal"),
        (layers.Dot(0), [(None, 3), (None, 3)], "batch axis"),
    ],
)
def test_inputs_that_do_not_fit_are_named(layer: layers.Layer, shapes: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer.build(shapes)


def test_masks_are_joined_as_in_each_generation() -> None:
    inputs = [masked([[1, 1, 0]]), masked([[1, 0, 0]])]
    for dialect in ("1", "2", "tf"):
        with config.dialect_scope(dialect):
            np.testing.assert_array_equal(layers.add(inputs)._keras_mask, [[True, False, False]])
            np.testing.assert_array_equal(layers.add([inputs[0], inputs[1] * 1])._keras_mask, [[True, True, False]])
    for dialect in ("3", None):
        with config.dialect_scope(dialect):
            np.testing.assert_array_equal(layers.add(inputs)._keras_mask, [[True, True, False]])
            assert not hasattr(layers.add([inputs[0], inputs[1] * 1]), "_keras_mask")


@pytest.mark.parametrize(("name", "expected"), [("Multiply", [2.0, 1.0]), ("Maximum", [2.0, 1.0])])
def test_masked_steps_do_not_count_inside_a_model_either(name: str, expected: list[float]) -> None:
    inputs = [layers.Input((2, 1)), layers.Input((2, 1))]
    outputs = getattr(layers, name)()([layers.Masking(5.0)(inputs[0]), layers.Masking(5.0)(inputs[1])])
    model = Model(inputs, outputs)
    pair = [torch.tensor([[[2.0], [1.0]]]), torch.tensor([[[1.0], [5.0]]])]
    np.testing.assert_array_equal(model(pair).flatten().tolist(), expected)


def test_concatenation_takes_different_batch_sizes_along_the_batch_axis_only() -> None:
    assert layers.Concatenate(axis=0)([torch.ones(2, 3), torch.ones(1, 3)]).shape == (3, 3)
    with pytest.raises(ValueError, match="sizes differ along"):
        layers.Concatenate(axis=1)([torch.ones(2, 3), torch.ones(1, 3)])
    with pytest.raises(ValueError, match="`axis` must be an integer"):
        layers.Concatenate(axis="last")


def test_concatenation_along_time_concatenates_masks() -> None:
    output = layers.concatenate([masked([[1, 0]]), torch.ones(1, 1, 1)], axis=1)
    np.testing.assert_array_equal(output._keras_mask, [[True, False, True]])


def test_dot_makes_no_mask() -> None:
    assert not hasattr(layers.dot([masked([[1, 0]]), masked([[1, 0]])], axes=1), "_keras_mask")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("sum", [4.0, 6.0]), ("mul", [3.0, 8.0]), ("ave", [2.0, 3.0]), ("max", [3.0, 4.0]), ("dot", [11.0])],
)
def test_merge_modes_of_keras_1(mode: str, expected: list[float]) -> None:
    pair = [torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])]
    np.testing.assert_allclose(layers.merge(pair, mode=mode), [expected])


def test_merge_takes_functions_and_axes() -> None:
    pair = [torch.ones(2, 3, 4), torch.ones(2, 5, 4)]
    assert layers.merge(pair, mode="concat", concat_axis=1).shape == (2, 8, 4)
    assert layers.merge(pair, mode="dot", dot_axes=[2, 2]).shape == (2, 3, 5)
    vectors = [layers.Input((3,)), layers.Input((3,))]
    assert layers.merge(vectors, mode="cos").shape == (None, 1, 1)
    assert layers.merge(vectors, mode=lambda items: items[0] - items[1], output_shape=(3,)).shape == (None, 3)
    assert layers.merge(vectors, mode=lambda items, by: items[0] * by, arguments={"by": 2}).shape == (None, 3)


def test_a_function_with_a_mask_parameter_gets_the_masks() -> None:
    pair = [masked([[1, 0]]), masked([[1, 1]])]
    found = layers.merge(pair, mode=lambda items, mask: items[0] + mask[1].unsqueeze(-1), output_mask=lambda m: m[1])
    assert found.flatten().tolist() == [2.0, 1.0] and found._keras_mask.tolist() == [[True, True]]


def test_merge_joins_masks_as_keras_1_did_in_every_dialect() -> None:
    for dialect in ("1", None, "3"):
        with config.dialect_scope(dialect):
            found = layers.merge([masked([[1, 1, 0]]), masked([[1, 0, 0]])], mode="sum")
        assert found._keras_mask.tolist() == [[True, False, False]]


def test_cosines_of_merge_are_cosines() -> None:
    pair = [torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.tensor([[4.0, 3.0], [1.0, 1.0]])]
    np.testing.assert_allclose(layers.merge(pair, mode="cos").flatten(), [0.96, 0.0], rtol=1e-6)


def test_branches_with_several_outputs_are_chosen_by_index() -> None:
    inputs = layers.Input((2,))
    branch = Model(inputs, [inputs * 2, inputs * 3])
    plain = layers.Identity(input_shape=(2,))
    layer = layers.Merge([branch, plain], mode="sum", node_indices=[0, 0], tensor_indices=[1, None])
    np.testing.assert_array_equal(layer([torch.ones(1, 2), torch.ones(1, 2)]), [[4.0, 4.0]])
    with pytest.raises(ValueError, match="`node_indices`"):
        layers.Merge([branch, plain], node_indices=[1, 0])


def test_an_unknown_mode_is_an_error() -> None:
    with pytest.raises(ValueError, match="mode"):
        layers.merge([torch.ones(1, 2)] * 2, mode="median")


def test_a_merge_layer_runs_its_branches_on_the_inputs() -> None:
    left, right = layers.Dense(3, input_shape=(2,)), layers.Dense(4, input_shape=(5,))
    layer = layers.Merge([left, right], mode="concat")
    assert layer([torch.zeros(6, 2), torch.zeros(6, 5)]).shape == (6, 7)
    assert len(layer.trainable_weights) == 4


@pytest.mark.parametrize("layer", [layers.Add(), layers.Concatenate()])
def test_masks_must_be_a_list_with_one_for_each_input(layer) -> None:
    x = torch.ones(2, 3, 4)
    assert layer.compute_mask([x, x], [None, None]) is None
    with pytest.raises(ValueError, match="`mask` of `compute_mask` must be a list"):
        layer.compute_mask([x, x], x)
    with pytest.raises(ValueError, match="`inputs` of `compute_mask` must be a list"):
        layer.compute_mask(x, [None, None])
    with pytest.raises(ValueError, match="2 inputs. Received: 1 masks"):
        layer.compute_mask([x, x], [None])


def test_one_input_is_not_enough_in_keras_2() -> None:
    with config.dialect_scope("2"), pytest.raises(ValueError, match="at least 2"):
        layers.Add()([torch.ones(2, 3)])
    assert layers.Add()([torch.ones(2, 3)]).shape == (2, 3)


def test_a_list_of_inputs_may_grow_after_the_call() -> None:
    x = layers.Input(shape=(2,))
    tensors = [x, x]
    for _ in range(2):
        tensors.append(layers.concatenate(tensors))
    model = Model(x, tensors[-1])
    assert model.predict(np.ones((1, 2)), verbose=0).shape == (1, 8)


@pytest.mark.parametrize("make", [layers.Add, layers.Average, layers.Maximum, layers.Concatenate])
def test_masks_of_arrays_are_joined_by_hand(make):
    inputs = [np.ones((2, 3, 4), "float32")] * 2
    masks = np.array([[True, False, False]] * 2), np.array([[True, True, False]] * 2)
    assert make().compute_mask(inputs, list(masks)).tolist() == [[True, True, False]] * 2
    assert make().compute_mask(inputs, [None, None]) is None
