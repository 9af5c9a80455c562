"""`keras.Variable` with Keras 3's constructor, and variables and tensors in numpy's functions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import dropin


def test_initializers_are_objects_names_and_functions():
    assert keras.Variable("ones", (2, 3)).numpy().tolist() == [[1.0] * 3] * 2
    assert keras.Variable(keras.initializers.Constant(2), shape=(2,), dtype="int32").numpy().tolist() == [2, 2]
    made = keras.Variable(lambda shape, dtype: torch.full(shape, 3.0), shape=(1,), trainable=False, name="three")
    assert (made.name, made.trainable, float(made[0])) == ("three", False, 3.0)
    assert keras.Variable(initializer=np.ones((2, 2)), autocast=False).autocast is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ones",), "needs a `shape`"),
        ((np.ones(2), (3,)), r"not that of its values, \(2,\)"),
        ((1.0, None, None, True, True, "median"), "`aggregation` of a Variable must be one of"),
    ],
)
def test_arguments_that_do_not_fit_are_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        keras.Variable(*arguments)


@pytest.mark.parametrize("kind", ["variable", "weight of a layer"])
def test_functions_of_numpy_take_variables(kind):
    dense = keras.layers.Dense(3)
    dense.build((None, 2))
    variable = keras.Variable(np.arange(6.0).reshape(2, 3)) if kind == "variable" else dense.kernel
    values = variable.numpy()
    np.testing.assert_allclose(np.mean(variable, axis=0), values.mean(0))
    np.testing.assert_array_equal(np.concatenate([variable, values]), np.concatenate([values, values]))
    np.testing.assert_array_equal(np.array(variable), values)


def test_under_the_hook_results_of_models_are_read_by_numpy():
    with dropin.install("3"):
        model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(3, kernel_initializer="ones")])
        result = model(np.ones((1, 2), "float32"))
        assert result.requires_grad and result.numpy().tolist() == [[2.0] * 3]
        assert np.argmax(result, axis=-1).tolist() == [0]
        assert float(np.max(result)) == 2.0
        assert result.shape.as_list() == [1, 3] and not hasattr(torch.Tensor, "get_shape")
    assert not hasattr(torch.Size, "as_list")


def test_a_slice_of_a_variable_is_assigned_to_under_tensorflows_name():
    with dropin.install("tf"):
        variable = keras.Variable(np.zeros((2, 3)))
        variable[0].assign([1.0, 2, 3])
        variable[:, 1:].assign_add(np.ones((2, 2)))
        assert variable.numpy().tolist() == [[1, 3, 4], [0, 1, 1]]
        with pytest.raises(AttributeError, match="slices of them"):
            (variable + 1).assign(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("one", "other", "expected"), [("float16", "float32", "float32"), ("int32", "float16", "float16")]
)
def test_products_with_a_variable_promote_dtypes_as_keras_3_does(one, other, expected):
    left = keras.Variable([[1, 2], [3, 4]], dtype=one, trainable=False)
    right = keras.Variable([[1, 0], [1, 1]], dtype=other, trainable=False)
    product = left @ right
    assert keras.backend.standardize_dtype(product.dtype) == expected and product.tolist() == [[3, 2], [7, 4]]
    assert keras.backend.standardize_dtype((left @ torch.ones(2, 2, dtype=right.dtype)).dtype) == expected


def test_a_variable_shows_its_values_and_can_be_rounded():
    variable = keras.Variable([[1.5, 2.25]], name="scale")
    assert repr(variable) == "<Variable path=scale, shape=(1, 2), dtype=float32, value=[[1.5  2.25]]>"
    assert round(variable).tolist() == [[2.0, 2.0]]
    assert round(variable, 1)[0].tolist() == pytest.approx([1.5, 2.2])
    dense = keras.layers.Dense(1, kernel_initializer="ones", name="head")
    dense.build((None, 1))
    assert repr(dense.kernel) == "<Variable path=head/kernel, shape=(1, 1), dtype=float32, value=[[1.]]>"
