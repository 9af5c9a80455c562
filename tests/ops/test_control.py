"""Corners of `keras.ops` that tables of values do not show."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import ops


def test_the_values_of_i0_are_numpys():
    values = np.array([0.0, 0.5, 3.0], "float32")
    np.testing.assert_allclose(ops.i0(values).numpy(), np.i0(values), rtol=1e-6)


def test_partitions_put_smaller_values_first():
    values = np.random.default_rng(0).normal(size=9).astype("float32")
    order = ops.argpartition(values, 4).numpy()
    assert values[order][4] == np.sort(values)[4] and values[order][:4].max() < values[order][4]


def test_vectors_whose_size_depends_on_values_have_an_unknown_one():
    x = keras.Input((4,))
    assert [tuple(item.shape) for item in ops.nonzero(x)] == [(None,), (None,)]
    assert ops.unique(x).shape == (None,)
    assert [tuple(item.shape) for item in ops.where(x > 0)] == [(None,), (None,)]
    assert ops.where(x > 0, x, 0.0).shape == (None, 4)


def test_functions_over_entries_are_nodes_of_models():
    x = keras.Input((4,))
    model = keras.Model(
        x,
        [
            ops.map(lambda row: row * 2, x),
            ops.vectorized_map(elements=x, function=ops.sum),
            ops.associative_scan(ops.add, x, axis=1),
        ],
    )
    double, total, sums = model(torch.arange(8.0).reshape(2, 4))
    assert double[1].tolist() == [8, 10, 12, 14] and total.tolist() == [6, 22] and sums[0].tolist() == [0, 1, 3, 6]


def test_half_precision():
    half = torch.ones(1, 2, 1, 4, dtype=torch.float16)
    assert ops.dot_product_attention(half, half.float(), half).dtype is torch.float32
    assert ops.moments(torch.full((1, 2), 300.0).half() * torch.tensor([1, -1]).half(), [1])[1].tolist() == [65504.0]
    assert ops.ctc_loss([[1]], torch.ones(1, 2, 3).half(), [1], [2]).dtype is torch.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.rearrange(torch.ones(2, 3), "a b c -> a b c"), "names 3 axes of a tensor of 2"),
        (lambda: ops.rearrange(torch.ones(2, 3), "a b -> a c"), "the same names"),
        (lambda: ops.rearrange(torch.ones(2, 3), "a (b c) -> a b c", b=2), "cannot be split"),
        (lambda: ops.rearrange(torch.ones(2, 3), "a b"), "one '->'"),
        (lambda: ops.ctc_decode(torch.ones(1, 2, 3), [2], strategy="best"), "`strategy` must be"),
        (lambda: ops.depth_to_space(torch.ones(1, 2, 2, 4), 1), "`block_size` must be at least 2"),
        (lambda: ops.image.map_coordinates(torch.ones(3), [[0.5]], 1, fill_mode="edge"), "`fill_mode` must be one of"),
        (lambda: ops.image.map_coordinates(torch.ones(3, 3), [[0.5]], 1), "one row for each of the 2 axes"),
        (lambda: ops.image.extract_patches_3d(torch.ones(3, 3), 2), "need 4 axes"),
        (lambda: ops.image.extract_patches(torch.ones(3, 3, 1), (2,)), "one for each of the 2 axes"),
        (lambda: ops.image.crop_images(torch.ones(4, 4, 1), 0, 0, target_height=-1, target_width=2), "not be negative"),
        (lambda: ops.image.rgb_to_hsv(torch.ones(2, 2, 3, dtype=torch.uint8)), "floats between 0 and 1"),
        (lambda: ops.image.scale_and_translate(torch.ones(3, 3), (3, 3), [1.0], [0.0], (0,), "sinc"), "`method`"),
    ],
)
def test_what_does_not_fit_is_an_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_seed_generators_in_layers_and_random_numbers_in_graphs():
    class Noise(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seeds = keras.random.SeedGenerator(3)

        def call(self, x):
            return x + keras.random.normal(ops.shape(x), seed=self.seeds)

    x = keras.Input((4,))
    drawn = x + keras.random.uniform(ops.shape(x), seed=7)
    model = keras.Model(x, [Noise()(x), drawn])
    zeros = torch.zeros(2, 4)
    first, second = model(zeros), model(zeros)
    assert not torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1]) and first[1].shape == (2, 4)
    assert torch.equal(first[0], keras.random.normal((2, 4), seed=keras.random.SeedGenerator(3)))


def test_patches_of_volumes_come_from_three_sizes():
    volumes = torch.rand(2, 4, 4, 4, 3)
    assert torch.equal(ops.image.extract_patches(volumes, (2, 2, 2)), ops.image.extract_patches_3d(volumes, 2))


def test_an_inverse_transform_of_windows_that_hardly_overlap_is_exact_where_it_can_be():
    signal = torch.rand(1, 64)
    found = ops.istft(ops.stft(signal, 8, 8, 16), 8, 8, 16)[0]
    known = ~found.isnan()
    torch.testing.assert_close(found[known], signal[0, : len(found)][known])
    assert known.float().mean() > 0.8
    # Without a window there is nothing to divide by: four windows lie over each value.
    torch.testing.assert_close(ops.istft(ops.stft(signal, 8, 2, 8, window=None), 8, 2, 8, window=None)[0, 4:-4],
                               4 * signal[0, 4:-4])  # fmt: skip


def test_slices_of_an_unknown_size_are_as_many_as_asked_for():
    x = keras.Input((None, 3))
    model = keras.Model(x, ops.unstack(x, num=2, axis=1))
    first, second = model(torch.arange(6.0).reshape(1, 2, 3))
    assert first.tolist() == [[0, 1, 2]] and second.tolist() == [[3, 4, 5]]
    with pytest.raises(ValueError, match="found 4 slices"):
        ops.unstack(torch.ones(4, 3), num=2)


def test_arrays_of_bfloat16_become_tensors_wherever_arrays_do():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.ones((4, 3), ml_dtypes.bfloat16)
    assert ops.convert_to_tensor(array).dtype is torch.bfloat16
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(array, array[:, 0], verbose=0)
    model.set_weights([array[0][:, None], array[0, :1]])
    assert model.predict(array, verbose=0).tolist() == [[4.0]] * 4


def test_numbers_that_no_signed_type_holds_are_refused():
    assert keras.ops.add(np.array([1 << 63], "uint64") - np.uint64(1), 0).tolist() == [(1 << 63) - 1]
    with pytest.raises(ValueError, match=r"below 2\*\*63.*Received: 9223372036854775808"):
        keras.ops.add(np.array([1 << 63], "uint64"), 0)


@pytest.mark.parametrize(("given", "wide"), [("uint16", torch.int32), ("uint32", torch.int64)])
def test_arrays_of_wide_unsigned_numbers_are_computed_with_as_signed_ones(given, wide):
    array = np.array([[[[3], [60000]], [[7], [1]]]], given)
    assert ops.max(array).dtype is wide and int(ops.max(array)) == 60000
    assert ops.subtract(array, 4).min() == -3
    assert keras.layers.MaxPooling2D()(array).flatten().tolist() == [60000]


def test_one_distance_rolls_along_several_axes():
    x = torch.arange(6.0).reshape(2, 3)
    assert ops.roll(x, 1, axis=(0, 1)).tolist() == np.roll(x.numpy(), 1, axis=(0, 1)).tolist()
