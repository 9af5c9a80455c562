"""What surrounds the computations: variables, dtypes, sessions, and the argument names of Keras 1."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import backend as K
from keras_torch import config


def test_variables_and_constants_have_the_float_type_and_the_value():
    assert K.dtype(K.variable(np.arange(3))) == "float32"
    assert K.dtype(K.variable(np.arange(3), dtype="int64")) == "int64"
    assert K.eval(K.constant([[1, 2], [3, 4]])).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert K.eval(K.constant([1, 2, 3, 4], shape=(2, 2))).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert K.count_params(K.zeros((2, 3))) == 6
    assert K.eval(K.eye((2, 3))).tolist() == [[1, 0, 0], [0, 1, 0]]
    source = torch.ones(2)
    K.update(K.variable(source), torch.zeros(2))
    assert source.tolist() == [1.0, 1.0]


def test_scalars_are_read_as_numbers():
    assert f"{K.get_value(K.variable(0.5)):.2f}" == "0.50"
    assert K.eval(torch.ones(2, dtype=torch.bfloat16)).tolist() == [1.0, 1.0]


def test_numbers_beside_a_tensor_take_its_type():
    half = torch.ones(2, dtype=torch.float16)
    assert K.dtype(K.maximum(half, 0.5)) == K.dtype(K.minimum(2.0, half)) == "float16"
    assert K.dtype(K.maximum(torch.ones(2, dtype=torch.int32), 0)) == "int32"
    assert K.dtype(K.mean(np.ones(3))) == "float32"
    assert K.eval(K.mean([1, 2])) == 1.5
    assert K.dtype(K.cast_to_floatx(torch.ones(2, dtype=torch.float64))) == "float32"
    assert isinstance(K.cast_to_floatx([1, 2]), np.ndarray)
    with pytest.raises(TypeError, match="Received: 'one'"):
        K.abs("one")


def test_a_moving_average_goes_towards_the_value():
    average = K.variable([0.0, 1.0])
    assert K.eval(K.moving_average_update(average, np.array([1.0, 1.0]), 0.9)).tolist() == pytest.approx([0.1, 1.0])
    K.update_sub(average, [0.1, 0.0])
    assert K.get_value(average).tolist() == pytest.approx([0.0, 1.0], abs=1e-6)


def test_tensors_are_told_apart():
    x = keras.Input((3,))
    assert K.is_keras_tensor(x) and not K.is_keras_tensor(K.zeros(2))
    assert K.is_tensor(x) and not K.is_tensor(np.zeros(2))
    assert K.is_placeholder(x) and K.is_placeholder(K.placeholder(ndim=2)) and not K.is_placeholder(x * 2)
    assert K.int_shape(K.placeholder(ndim=2)) == (None, None)
    assert K.ndim(np.zeros((2, 3))) == 2 and K.int_shape(None) is None
    with config.dialect_scope("2"), pytest.raises(ValueError, match="expects a tensor"):
        K.is_keras_tensor(np.zeros(2))
    with pytest.raises(ValueError, match="`shape` or `ndim`"):
        K.placeholder()


def test_sparse_tensors_become_dense():
    sparse = torch.eye(2).to_sparse()
    assert K.is_sparse(sparse) and not K.is_sparse(K.to_dense(sparse))


def test_questions_about_dtypes():
    assert K.is_float_dtype("float16") and not K.is_float_dtype("int8")
    assert K.is_int_dtype("uint8") and not K.is_int_dtype("bool")
    assert K.result_type("int32", "float16") == "float16"
    assert K.result_type("int32", float) == K.result_type("int32", "float32") == "float32"
    assert K.result_type("int8", int) == "int8"
    assert K.result_type(int) == "int32"


def test_the_backend_has_the_name_that_scripts_of_the_dialect_expect():
    for dialect, name in (
        ("1", "tensorflow"),
        ("2", "tensorflow"),
        ("tf", "tensorflow"),
        ("3", "torch"),
        (None, "torch"),
    ):
        with config.dialect_scope(dialect):
            assert K.backend() == name


def test_sessions_are_kept_and_give_values():
    session = K.get_session()
    assert session.run(None) is None
    x, count = K.placeholder((2,)), K.variable(1.0)
    found = session.run({"twice": x * 2, "all": [count, None]}, feed_dict={x: [1.0, 2.0]})
    assert found["twice"].tolist() == [2.0, 4.0] and found["all"] == [1.0, None]
    dropped = K.in_train_phase(x + 1, x)
    assert session.run(dropped, {x: [0.0, 1.0], K.learning_phase(): 1}).tolist() == [1.0, 2.0]
    with pytest.raises(TypeError, match="takes tensors, variables and updates"):
        session.run("init")
    K.set_session("mine")
    assert K.get_session() == "mine"
    K.set_session(session)
    K.manual_variable_initialization(True)
    with K.name_scope("block") as name:
        assert name == "block"


def test_printing_returns_the_tensor(capsys):
    assert K.print_tensor(torch.ones(2), "ones:").tolist() == [1.0, 1.0]
    assert capsys.readouterr().out == "ones: [1. 1.]\n"
    x = K.placeholder((None,))
    K.function([x], [K.print_tensor(x, "x:")])([np.zeros(1)])
    assert capsys.readouterr().out == "x: [0.]\n"


def test_keras_1_names_and_orders_are_understood():
    x = np.random.rand(2, 4, 4, 3).astype("float32")
    kernel = np.random.rand(2, 2, 3, 5).astype("float32")
    with config.dialect_scope("1"):
        old = K.conv2d(x, kernel, (1, 1), "same", "tf", None, None)
        assert K.resize_images(x, 2, 2, "th").shape == (2, 4, 8, 6)
        assert K.pool2d(x, (2, 2), border_mode="same", dim_ordering="tf").shape == (2, 4, 4, 3)
        assert K.spatial_2d_padding(x, (1, 2), dim_ordering="th").shape == (2, 4, 6, 7)
        assert K.temporal_padding(x[0], 2).shape == (4, 8, 3)
        assert K.asymmetric_spatial_2d_padding(x, 1, 0, 2, 0, dim_ordering="tf").shape == (2, 5, 6, 3)
        assert K.expand_dims(x, dim=1).shape == (2, 1, 4, 4, 3)
        assert K.one_hot([1, 2], nb_classes=3).shape == (2, 3)
        assert K.eval(K.random_normal((2,), std=0.0)).tolist() == [0.0, 0.0]
        probabilities, truth = np.array([[0.2, 0.8]]), np.array([[0.0, 1.0]])
        assert K.eval(K.categorical_crossentropy(probabilities, truth))[0] == pytest.approx(-np.log(0.8), rel=1e-5)
        atrous = K.atrous_conv2d(x, kernel, 2, dim_ordering="tf")
    torch.testing.assert_close(old, K.conv2d(x, kernel, padding="same", data_format="channels_last"))
    torch.testing.assert_close(atrous, K.conv2d(x, kernel, dilation_rate=2, data_format="channels_last"))


def test_logits_that_an_activation_remembers_are_used():
    logits = torch.tensor([[40.0, -40.0]])
    probabilities = keras.activations.softmax(logits)
    assert K.eval(K.categorical_crossentropy(np.array([[0.0, 1.0]]), probabilities))[0] == pytest.approx(80.0)
    assert K.eval(K.sparse_categorical_crossentropy(np.array([1]), probabilities))[0] == pytest.approx(80.0)


def test_targets_of_an_ignored_class_cost_nothing():
    found = K.sparse_categorical_crossentropy(np.array([1, 255]), np.full((2, 2), 0.5), ignore_class=255)
    assert K.eval(found).tolist() == pytest.approx([np.log(2), 0.0], rel=1e-5)


def test_separable_and_transposed_convolutions_of_other_ranks():
    x = np.random.rand(2, 6, 3).astype("float32")
    depthwise, pointwise = np.random.rand(2, 3, 2), np.random.rand(1, 6, 4)
    options = {"data_format": "channels_last"}
    flat = K.separable_conv1d(x, depthwise, pointwise, padding="same", **options)
    images = K.separable_conv2d(x[:, None], depthwise[None], pointwise[None], padding="same", **options)
    torch.testing.assert_close(flat, images[:, 0])
    volumes = np.random.rand(1, 2, 2, 2, 3)
    grown = K.conv3d_transpose(volumes, np.random.rand(2, 2, 2, 4, 3), (1, 4, 4, 4, 4), (2, 2, 2), "same", **options)
    assert grown.shape == (1, 4, 4, 4, 4)


def test_wrong_arguments_are_named():
    x = torch.zeros(2, 3)
    with pytest.raises(ValueError, match="`axis` must be in"):
        K.sum(x, axis=2)
    with pytest.raises(ValueError, match="axes of size 1"):
        K.squeeze(x, 1)
    with pytest.raises(ValueError, match="2 axes"):
        K.repeat(torch.zeros(2), 3)
    with pytest.raises(ValueError, match="'valid' or 'same'"):
        K.conv1d(torch.zeros(1, 4, 2), torch.zeros(2, 2, 2), padding="full")
    with pytest.raises(ValueError, match="`pool_mode`"):
        K.pool2d(torch.zeros(1, 4, 4, 2), 2, pool_mode="sum")
    with pytest.raises(ValueError, match="`strides` must be"):
        K.conv2d(torch.zeros(1, 4, 4, 2), torch.zeros(2, 2, 2, 2), strides=(1, 2, 3))
    with pytest.raises(ValueError, match="`interpolation`"):
        K.resize_images(torch.zeros(1, 4, 4, 2), 2, 2, "channels_last", "cubic")
    with pytest.raises(ValueError, match="`bias`"):
        K.bias_add(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4))
    with pytest.raises(ValueError, match="`output_shape`"):
        K.local_conv2d(torch.zeros(1, 3, 3, 1), torch.zeros(4, 4, 1), (2, 2), (1, 1), (2, 3))
    with pytest.raises(ValueError, match="padding"):
        K.spatial_2d_padding(torch.zeros(1, 2, 2, 1), (1, 2, 3))


def test_matrices_may_be_multiplied_along_the_batch_in_keras_2():
    x, y = torch.ones(4, 3), torch.ones(3, 4)
    with config.dialect_scope("2"):
        assert K.batch_dot(x, x, axes=0).tolist() == [[4.0]] * 3
        assert K.batch_dot(x, y, axes=(0, 1)).tolist() == [[4.0]] * 3
        assert K.batch_dot(x, y, axes=(1, 0)).tolist() == [[3.0]] * 4


def test_vectors_and_matrices_of_more_than_three_axes_are_multiplied_one_by_one_in_keras_2():
    # As networks of capsules multiply what each capsule predicts.
    weights, votes, outputs = torch.rand(2, 3, 4), torch.rand(2, 3, 4, 5), torch.rand(2, 3, 5)
    with config.dialect_scope("2"):
        assert torch.allclose(K.batch_dot(weights, votes, [2, 2]), torch.einsum("nij,nijd->nid", weights, votes))
        assert torch.allclose(K.batch_dot(outputs, votes, [2, 3]), torch.einsum("nid,nijd->nij", outputs, votes))
        assert torch.allclose(K.batch_dot(votes, outputs, [3, 2]), torch.einsum("nid,nijd->nij", outputs, votes))


def test_sparse_matrices_of_scipy_are_multiplied_and_joined():
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.csr_matrix(np.array([[0, 2.0, 0], [1.0, 0, 0]]))
    weights = np.arange(6.0).reshape(3, 2)
    found = K.variable(matrix)
    assert K.is_sparse(found) and K.int_shape(found) == (2, 3)
    np.testing.assert_allclose(K.eval(K.dot(found, K.variable(weights))), matrix @ weights)
    both = K.concatenate([found, K.variable(matrix)])
    assert K.is_sparse(both)
    np.testing.assert_array_equal(K.eval(both), np.hstack([matrix.toarray()] * 2))
    assert not K.is_sparse(K.to_dense(found))


def test_a_share_of_dropped_values_below_zero_is_an_error():
    with pytest.raises(ValueError, match="between 0 and 1. Received: level=-0.5"):
        K.dropout(torch.ones(2, 3), level=-0.5)


def test_decoded_labels_are_as_long_as_the_longest_in_keras_2():
    probabilities = np.eye(3, dtype="float32")[[[0, 2, 1, 1], [2, 2, 2, 2]]]
    with config.dialect_scope("2"):
        (labels,), _ = K.ctc_decode(probabilities, [4, 4])
        (found,), scores = K.ctc_decode(probabilities, [4, 4], greedy=False)
    assert labels.tolist() == found.tolist() == [[0, 1], [-1, -1]]
    assert scores.shape == (2, 1)


def test_a_placeholder_is_no_tensor_of_keras_in_keras_2():
    with config.dialect_scope("2"):
        assert not K.is_keras_tensor(K.placeholder((2, 3)))
        assert K.is_keras_tensor(keras.Input((3,)))
