"""Operators between tensors and numpy arrays under the hook."""

from __future__ import annotations

import operator

import numpy as np
import pytest
import torch

from keras_torch import dropin, layers

OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lt", "le", "gt", "ge", "eq", "ne"]


@pytest.fixture(autouse=True)
def hook():
    with dropin.install("3"):
        yield


@pytest.mark.parametrize("name", OPERATORS)
def test_an_array_counts_as_a_tensor_on_both_sides(name):
    call = getattr(operator, name)
    tensor, array = torch.tensor([1.0, 2.0], requires_grad=True), np.array([2.0, 2.0])
    other = torch.tensor([2.0, 2.0])
    assert torch.equal(call(tensor, array), call(tensor, other))
    assert torch.equal(call(array, tensor), call(other, tensor))


def test_gradients_pass_through_products_with_arrays():
    tensor, matrix = torch.tensor([1.0, 2.0], requires_grad=True), np.array([[1.0, 2.0], [3.0, 4.0]])
    (tensor * np.array([2.0, 3.0]) + matrix @ tensor).sum().backward()
    assert tensor.grad.tolist() == [6.0, 9.0]
    layer = layers.Dense(2)
    layer.build((None, 2))
    (np.array([1.0, 5.0]) * layer.kernel * np.ones(2)).sum().backward()
    assert layer.kernel.grad.tolist() == [[1.0, 5.0], [1.0, 5.0]]


def test_the_tensor_decides_the_width_of_the_numbers():
    assert (torch.ones(2) * np.ones(2)).dtype is torch.float32
    assert (np.ones(2) * torch.ones(2, dtype=torch.float16)).dtype is torch.float16
    assert (np.ones(2) * torch.ones(2, dtype=torch.int32)).dtype is torch.float32
    assert (np.arange(2) + torch.ones(2, dtype=torch.int32)).dtype is torch.int32
    assert (torch.ones(2, device="meta") * np.ones(2)).device.type == "meta"


def test_other_functions_of_numpy_compute_as_before():
    array = np.zeros(2)
    array += torch.ones(2)
    assert isinstance(array, np.ndarray)
    assert array.tolist() == [1.0, 1.0]
    assert np.allclose(np.exp(torch.ones(2)), np.e)
    assert np.add.reduce(torch.ones(3)) == 3.0


def test_without_the_hook_numpy_is_left_alone():
    assert hasattr(torch.Tensor, "__array_ufunc__")
    dropin.install().uninstall()
    assert not hasattr(torch.Tensor, "__array_ufunc__")
