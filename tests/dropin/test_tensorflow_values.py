"""Functions under `tensorflow` give what TensorFlow 2.15 gave (`scripts/golden/tensorflow_values.py`)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import dropin
from keras_torch.backend.string_array import StringArray

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tensorflow_215.json").read_text(encoding="utf-8"))
CASES = GOLDEN["cases"]


@pytest.fixture(scope="module")
def tf():
    with dropin.install("tf"):
        import tensorflow

        yield tensorflow


def resolve(tf, path):
    for part in path.split("."):
        tf = getattr(tf, part)
    return tf


def read(item):
    if isinstance(item, dict) and "data" in item:
        if item["dtype"] == "string":
            return np.array(item["data"], object)
        if item["dtype"].startswith("complex"):
            real, imaginary = (np.asarray(part) for part in item["data"])
            return (real + 1j * imaginary).astype(item["dtype"])
        return np.array(item["data"], item["dtype"])
    if isinstance(item, dict):
        return {key: read(part) for key, part in item.items()}
    return [read(part) for part in item] if isinstance(item, list) else item


def check(found, expected, path):
    if isinstance(expected, list):
        found = list(found)
        assert len(found) == len(expected), path
        for one, other in zip(found, expected, strict=True):
            check(one, other, path)
        return
    if isinstance(found, StringArray):
        np.testing.assert_array_equal(np.asarray(found), expected)
        return
    array = found.numpy() if isinstance(found, torch.Tensor) else np.asarray(found)
    assert np.shape(array) == expected.shape, path
    if isinstance(found, torch.Tensor):
        assert str(array.dtype) == str(expected.dtype), path
    if expected.dtype.kind in "fc":
        np.testing.assert_allclose(array, expected, rtol=2e-5, atol=2e-6)
    else:
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: f"{number}-{CASES[number][0]}")
def test_a_function_gives_the_values_of_tensorflow(tf, number: int):
    path, args, kwargs, expected = CASES[number]
    check(resolve(tf, path)(*read(args), **read(kwargs)), read(expected), path)


SYMBOLIC = set(
    """
    abs add argmax broadcast_to cast clip_by_value concat cos cumsum divide einsum equal exp expand_dims gather identity
    math.l2_normalize math.log math.reduce_std math.sigmoid matmul maximum multiply nn.avg_pool nn.bias_add nn.conv2d
    nn.depthwise_conv2d nn.gelu nn.leaky_relu nn.max_pool nn.moments nn.relu nn.softmax nn.top_k norm one_hot ones_like
    pad pow reduce_max reduce_mean reduce_sum repeat reverse roll sigmoid slice split sqrt square squeeze stack subtract
    tanh tensordot tile transpose unstack where zeros_like image.adjust_brightness image.adjust_contrast
    image.adjust_hue image.central_crop image.convert_image_dtype image.crop_to_bounding_box image.extract_patches
    image.flip_left_right image.per_image_standardization image.resize image.rgb_to_grayscale linalg.set_diag
    signal.stft nn.sigmoid_cross_entropy_with_logits
    """.split()
)
ON_INPUTS = [
    number
    for number, (path, args, _, _) in enumerate(CASES)
    if path in SYMBOLIC
    and (path != "where" or len(args) > 1)
    and args
    and isinstance(args[0], dict)
    and np.ndim(args[0]["data"]) > 1
]


@pytest.mark.parametrize("number", ON_INPUTS, ids=lambda number: f"{number}-{CASES[number][0]}")
def test_a_function_of_a_symbolic_tensor_computes_the_same_in_a_model(tf, number: int):
    path, args, kwargs, expected = CASES[number]
    first, *others = read(args)
    inputs = keras.Input(batch_shape=first.shape, dtype=str(first.dtype))
    outputs = resolve(tf, path)(inputs, *others, **read(kwargs))
    leaves = [item for item in torch.utils._pytree.tree_leaves(outputs) if isinstance(item, keras.KerasTensor)]
    model = keras.Model(inputs, leaves)
    found = model(torch.from_numpy(first))
    found = found if isinstance(found, (list, tuple)) else [found]
    expected = read(expected)
    expected = expected if isinstance(expected, list) else [expected]
    assert len(found) == len(expected) == len(leaves)
    for leaf, one, other in zip(leaves, found, expected, strict=True):
        assert tuple(leaf.shape) == other.shape
        check(one, other, path)


def test_zeros_may_be_put_around_what_is_convolved(tf):
    x, ones = tf.reshape(tf.range(4, dtype="float32"), (1, 4, 1, 1)), tf.ones((2, 1, 1, 1))
    padding = [[0, 0], [1, 0], [0, 0], [0, 0]]
    for found in (
        tf.nn.conv2d(x, ones, 1, padding),
        tf.nn.depthwise_conv2d(x, ones, [1, 1, 1, 1], padding),
        tf.nn.conv2d(x, ones, 1, "EXPLICIT", explicit_paddings=[0, 0, 1, 0, 0, 0, 0, 0]),
    ):
        assert found.numpy().ravel().tolist() == [0.0, 1.0, 3.0, 5.0]


def test_whole_numbers_without_bounds_are_of_the_whole_range(tf):
    found = tf.random.stateless_uniform([200], seed=[1, 2], minval=None, maxval=None, dtype=tf.int32)
    assert found.dtype == tf.int32 and int(found.min()) < -(2**30) and int(found.max()) > 2**30
    again = tf.random.stateless_uniform([200], seed=[1, 2], minval=None, maxval=None, dtype=tf.int32)
    assert found.tolist() == again.tolist()


def test_an_axis_may_stand_in_a_list(tf):
    assert tf.expand_dims(tf.ones((2, 3)), [-1]).shape == (2, 3, 1)


def test_the_test_case_compares_types_and_what_must_differ(tf):
    class Case(tf.test.TestCase):
        def runTest(self):  # noqa: N802 - unittest's name
            self.assertNotAllClose([1.0], [1.1])
            self.assertNotAllEqual([1], [2])
            self.assertDTypeEqual(tf.ones(1), np.float32)
            with open(f"{self.get_temp_dir()}/file", "w", encoding="utf-8") as file:
                file.write("text")
            self.assertRaises(AssertionError, self.assertNotAllEqual, [1], [1])

    result = Case().run()
    assert result.wasSuccessful(), result.errors + result.failures


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_sparse_matrices_are_multiplied_alone_and_in_batches(tf):
    from tensorflow.python.ops.gen_sparse_ops import sparse_reorder
    from tensorflow.python.ops.linalg.sparse import sparse

    draw = np.random.RandomState(0)
    for shape in ((3, 4), (2, 3, 4)):
        a, b = draw.randint(0, 3, shape).astype("float32"), draw.randint(0, 3, shape).astype("float32").swapaxes(-1, -2)
        one, other = (sparse.CSRSparseMatrix(tf.sparse.from_dense(item)) for item in (a, b))
        both = sparse.matmul(one, other)
        np.testing.assert_array_equal(both.to_dense().numpy(), a @ b)
        np.testing.assert_array_equal(tf.sparse.to_dense(both.to_sparse_tensor()).numpy(), a @ b)
        np.testing.assert_array_equal(sparse.matmul(one, b).numpy(), a @ b)
        np.testing.assert_array_equal(sparse.matmul(a, other).numpy(), a @ b)
    places, values = sparse_reorder([[1, 0], [0, 1]], [5.0, 6.0], [2, 2])
    assert places.tolist() == [[0, 1], [1, 0]] and values.tolist() == [6.0, 5.0]


def test_the_backend_of_keras_takes_sparse_tensors(tf):
    a = tf.sparse.from_dense(tf.constant([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]]))
    backend = tf.keras.backend
    assert backend.is_sparse(a) and not backend.is_sparse(3) and backend.ndim(a) == 2
    np.testing.assert_array_equal(backend.dot(a, tf.ones((3, 1))).numpy(), [[2.0], [1.0]])
