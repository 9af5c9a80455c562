from __future__ import annotations

import numpy as np
import pytest
import torch

from keras_torch import regularizers

X = torch.arange(6, dtype=torch.float32).reshape(2, 3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("l1", {"l1": 0.01}),
        ("l2", {"l2": 0.01}),
        ("L2", {"l2": 0.01}),
        ("l1_l2", {"l1": 0.01, "l2": 0.01}),
        ("L1L2", {"l1": 0.0, "l2": 0.0}),
        ("l1l2", {"l1": 0.01, "l2": 0.01}),
        ("activity_l2", {"l2": 0.01}),
        ("orthogonal_regularizer", {"factor": 0.01, "mode": "rows"}),
    ],
)
def test_names_of_all_generations_give_kerass_factors(name, expected):
    assert regularizers.get(name).get_config() == expected


@pytest.mark.parametrize(
    "regularizer",
    [
        regularizers.L1(0.5),
        regularizers.L2(0.5),
        regularizers.l1_l2(0.1, 0.2),
        regularizers.OrthogonalRegularizer(0.3, "columns"),
        regularizers.EigenvalueRegularizer(0.2),
    ],
)
def test_configs_make_an_equal_regularizer_and_gradients_flow(regularizer):
    config = regularizers.serialize(regularizer)
    again = regularizers.deserialize(config)
    x = X.clone().requires_grad_()
    penalty = again(x)
    assert penalty.shape == () and penalty.item() == pytest.approx(regularizer(X).item())
    penalty.backward()
    assert torch.isfinite(x.grad).all()


def test_eigenvalue_regularizer_finds_the_largest_singular_value():
    x = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    assert regularizers.EigenvalueRegularizer(1.0)(x).item() == pytest.approx(
        torch.linalg.svdvals(x)[0].item(), rel=1e-2
    )


def test_wrong_factors_are_refused_with_name_and_value():
    with pytest.raises(ValueError, match="`l1` of L1L2 .*Received: -1"):
        regularizers.L1L2(l1=-1)
    with pytest.raises(ValueError, match="Received: nan"):
        regularizers.L2(float("nan"))
    with pytest.raises(ValueError, match="works on matrices"):
        regularizers.OrthogonalRegularizer()(torch.zeros(2, 2, 2))


def test_none_stays_none():
    assert regularizers.get(None) is None


@pytest.mark.parametrize("name", ["L1", "L2", "L1L2", "OrthogonalRegularizer"])
def test_arrays_and_lists_have_a_penalty(name):
    penalty = getattr(regularizers, name)(0.5)
    x = np.random.default_rng(0).standard_normal((3, 4)).astype("float32")
    expected = penalty(torch.as_tensor(x))
    torch.testing.assert_close(penalty(x), expected)
    torch.testing.assert_close(penalty(x.tolist()), expected)
