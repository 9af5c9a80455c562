from __future__ import annotations

import numpy as np
import pytest
import torch

from keras_torch import constraints, registry


@pytest.mark.parametrize("name", ["max_norm", "maxnorm", "MaxNorm", "nonneg", "non_neg", "unitnorm", "unit_norm",
                                  "min_max_norm", "radial_constraint"])  # fmt: skip
def test_names_of_all_generations_are_known(name):
    assert isinstance(constraints.get(name), constraints.Constraint)
    assert callable(getattr(constraints, name))


@pytest.mark.parametrize("name", sorted(registry.constraints.objects))
def test_configs_make_an_equal_constraint(name):
    constraint = registry.constraints.objects[name]()
    again = constraints.deserialize(constraints.serialize(constraint))
    w = torch.randn(3, 3, 2, 2)
    torch.testing.assert_close(again(w), constraint(w))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_radial_constraint_gives_each_ring_one_value(size):
    w = constraints.RadialConstraint()(torch.arange(size * size, dtype=torch.float32).reshape(size, size, 1, 1))
    rings = w[:, :, 0, 0]
    assert torch.equal(rings, rings.flip(0)) and torch.equal(rings, rings.t())
    assert len(rings.unique()) == (size + 1) // 2


def test_radial_constraint_names_the_shape_it_cannot_use():
    with pytest.raises(ValueError, match=r"Received: \(2, 3, 1, 1\)"):
        constraints.RadialConstraint()(torch.zeros(2, 3, 1, 1))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("MaxNorm", {"max_value": -1}, "`max_value` of MaxNorm"),
        ("MaxNorm", {"axis": "rows"}, "`axis` of MaxNorm"),
        ("UnitNorm", {"axis": None}, "`axis` of UnitNorm"),
        ("MinMaxNorm", {"min_value": "low"}, "`min_value` of MinMaxNorm"),
        ("MinMaxNorm", {"rate": -0.5}, "`rate` of MinMaxNorm"),
    ],
)
def test_impossible_arguments_are_named(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(constraints, name)(**arguments)


def test_an_axis_that_the_weight_lacks_is_named():
    with pytest.raises(ValueError, match=r"`axis` .*\(2, 3\).*Received: 2"):
        constraints.MaxNorm(axis=2)(torch.ones(2, 3))


@pytest.mark.parametrize("name", ["MaxNorm", "NonNeg", "UnitNorm", "MinMaxNorm", "RadialConstraint"])
def test_arrays_and_lists_are_taken_as_weights(name):
    constraint = getattr(constraints, name)()
    w = np.random.default_rng(0).standard_normal((3, 3, 1, 2)).astype("float32")
    expected = constraint(torch.as_tensor(w))
    torch.testing.assert_close(constraint(w), expected)
    torch.testing.assert_close(constraint(w.tolist()), expected)
