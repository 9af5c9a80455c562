"""`keras.ops` on real and symbolic tensors."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import ops
from keras_torch.ops import arguments


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (torch.int64, torch.float16, torch.float16),
        (torch.float16, torch.bfloat16, torch.float32),
        (torch.uint8, torch.int8, torch.int16),
        (torch.uint16, torch.int32, torch.int32),
        (torch.int32, torch.uint32, torch.int64),
        (torch.uint64, torch.int64, torch.float32),
        (torch.uint32, torch.bool, torch.uint32),
        (torch.uint8, torch.uint16, torch.uint16),
    ],
)
def test_dtypes_are_promoted_as_keras_3_does(first, second, expected):
    assert arguments.promoted(first, second) is expected
    assert arguments.promoted(second, first) is expected


def test_python_numbers_decide_the_kind_only():
    half = torch.ones(2, dtype=torch.float16)
    integers = torch.ones(2, dtype=torch.int8)
    assert ops.add(half, 1.5).dtype is torch.float16
    assert ops.add(integers, 1).dtype is torch.int8
    assert ops.add(integers, 1.5).dtype is torch.float32
    assert ops.multiply(torch.tensor([True]), 2).dtype is torch.int32


def test_float64_keeps_all_its_digits():
    array = np.array([0.1, 0.7])
    assert ops.convert_to_tensor(array).tolist() == [0.1, 0.7]
    assert ops.image.rgb_to_hsv(np.full((1, 1, 3), 0.1))[..., 2].item() == 0.1
    assert ops.cast(0.1, "float64").item() == 0.1
    assert ops.linspace(0, 0.3, 3, dtype="float64").tolist() == [0.0, 0.15, 0.3]
    assert ops.arange(0, 0.3, 0.1, dtype="float64").tolist() == [0.0, 0.1, 0.2]
    assert ops.geomspace(0.1, 0.4, 2, dtype="float64")[0].item() == pytest.approx(0.1, rel=1e-15)


def test_a_number_of_numpy_is_a_float_of_python():
    assert ops.multiply(torch.ones(2), np.float64(2.0)).dtype is torch.float32
    assert ops.add(torch.ones(2, dtype=torch.int32), np.sqrt(2.0)).dtype is torch.float32
    assert ops.convert_to_tensor(np.float64(0.5)).dtype is torch.float32


def test_numbers_of_python_get_a_type_that_holds_them():
    assert ops.convert_to_tensor(2**31 - 1).dtype is torch.int32
    assert ops.convert_to_tensor(2**40 + 1).item() == 2**40 + 1
    assert ops.convert_to_tensor([0, -(2**31) - 1]).tolist() == [0, -(2**31) - 1]
    assert ops.convert_to_tensor([1 + 2j]).dtype is torch.complex64


def test_a_class_that_there_is_not_is_not_in_the_top():
    scores = torch.tensor([[0.2, 0.5, 0.3]] * 3)
    assert ops.in_top_k(np.array([3, -1, 2]), scores, k=2).tolist() == [False, False, True]


def test_a_vectorized_function_keeps_its_name():
    def half(x):
        return x / 2

    assert ops.vectorize(half).__name__ == "half"


def test_a_call_on_symbolic_tensors_is_one_node_that_knows_its_name():
    x = keras.Input((4, 6))
    y = ops.mean(x, axis=(1, 2), keepdims=True)
    operation = y._keras_history[0]
    assert arguments.names[operation.target] == "mean"
    assert operation._inbound_nodes[0].input_tensors == [x]
    assert tuple(y.shape) == (None, 1, 1)


def test_a_model_computes_what_the_functions_do():
    x = keras.Input((4, 6))
    y = ops.where(ops.greater(x, 0.0), ops.exp(x), ops.get_item(x, (slice(None), slice(None, None, -1))))
    model = keras.Model(x, [y, *ops.top_k(ops.reshape(y, (None, 24)), 3)])
    values = np.random.default_rng(0).normal(size=(2, 4, 6)).astype("float32")
    first, largest, places = model.predict(values, verbose=0)
    expected = np.where(values > 0, np.exp(values), values[:, ::-1])
    np.testing.assert_allclose(first, expected, rtol=1e-6)
    np.testing.assert_allclose(largest, -np.sort(-expected.reshape(2, 24))[:, :3], rtol=1e-6)
    assert places.dtype == np.int32


@pytest.mark.parametrize(
    "key",
    [
        (slice(None), slice(None, None, -1)),
        (Ellipsis, slice(4, 1, -2), None),
        (0, slice(None, None, -1), 1),
        (slice(None), None, Ellipsis, slice(None, None, -3)),
        (slice(2, 2, -1),),
    ],
    ids=repr,
)
def test_slices_may_run_backwards(key):
    values = np.arange(60.0, dtype="float32").reshape(3, 4, 5)
    np.testing.assert_array_equal(ops.get_item(values, key).numpy(), values[key])


def test_an_unknown_size_is_symbolic_and_a_known_one_is_a_number():
    sizes = ops.shape(keras.Input((4, None)))
    assert sizes[1] == 4 and not isinstance(sizes[0], int)
    assert ops.shape(torch.ones(2, 3)) == (2, 3)


def test_how_many_segments_there_are_is_known_only_if_it_is_said():
    x, ids = keras.Input((4,)), keras.Input((), dtype="int32")
    assert tuple(ops.segment_sum(x, ids).shape) == (None, 4)
    assert tuple(ops.segment_max(x, ids, num_segments=3).shape) == (3, 4)


def test_argpartition_flattens_first_without_an_axis():
    assert ops.argpartition([[3.0, 1.0], [2.0, 0.0]], 1, axis=None).tolist() == [3, 1, 2, 0]


def test_errors_name_the_argument():
    x = keras.Input((4, 6))
    with pytest.raises(ValueError, match=r"`squeeze` removes axes of size 1. Received: axis=1"):
        ops.squeeze(x, 1)
    with pytest.raises(ValueError, match="cannot be cut into 4"):
        ops.split(torch.ones(6), 4)
    with pytest.raises(ValueError, match="sparse=True"):
        ops.one_hot(torch.ones(3), 4, sparse=True)
    with pytest.raises(ValueError, match="`axis` must be in"):
        ops.sum(torch.ones(3), axis=2)


def test_every_function_says_what_it_does():
    functions = [getattr(ops, name) for name in ops.__all__]
    undocumented = [f.__name__ for f in functions if callable(f) and not inspect.getdoc(f)]
    assert not undocumented


@pytest.mark.parametrize(
    "call",
    [
        lambda x: ops.expand_dims(x, 3),
        lambda x: ops.expand_dims(x, (0, 0)),
        lambda x: ops.take(x, [0], axis=2),
        lambda x: ops.softmax(x, axis=2),
        lambda x: ops.log_softmax(x, axis=-3),
        lambda x: ops.sort(x, axis=2),
        lambda x: ops.argsort(x, axis=-3),
        lambda x: ops.cross(x, x),
        lambda x: ops.det(x),
        lambda x: ops.fft(x),
        lambda x: ops.stft(x, 3, 1, 2),
        lambda x: ops.conv_transpose(ops.expand_dims(x, 0), ops.ones((2, 4, 5)), 2),
    ],
)
@pytest.mark.parametrize("make", [lambda shape: np.ones(shape, "float32"), keras.KerasTensor])
def test_axes_and_shapes_that_do_not_fit_are_errors_for_real_and_symbolic_tensors(call, make):
    with pytest.raises(ValueError, match="Received"):
        call(make((2, 4)))


def test_a_matrix_that_is_not_positive_definite_has_no_root():
    with pytest.raises(ValueError, match="positive definite"):
        ops.cholesky(np.array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(ValueError, match="axis"):
        keras.random.shuffle(np.ones((2, 3)), axis=2)
