"""Activation layers: configs, old names and messages."""

from __future__ import annotations

import pytest
import torch

from keras_torch import config, layers


def test_leaky_relu_takes_and_gives_the_name_of_its_dialect() -> None:
    assert layers.LeakyReLU(alpha=0.1).negative_slope == 0.1
    assert layers.LeakyReLU(0.1).get_config()["negative_slope"] == 0.1
    with config.dialect_scope("tf"):
        assert layers.LeakyReLU(0.1).get_config()["alpha"] == 0.1
    assert layers.LeakyReLU.from_config({"alpha": 0.2}).negative_slope == 0.2


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("LeakyReLU", {"negative_slope": -1.0}),
        ("LeakyReLU", {"negative_slope": None}),
        ("ThresholdedReLU", {"theta": -1.0}),
        ("ReLU", {"max_value": -1.0}),
        ("ReLU", {"threshold": -1.0}),
    ],
)
def test_negative_arguments_are_refused(name: str, arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        getattr(layers, name)(**arguments)


def test_prelu_needs_known_sizes_or_shared_axes() -> None:
    with pytest.raises(ValueError, match="shared_axes"):
        layers.PReLU().build((None, None, 3))
    layer = layers.PReLU(shared_axes=1)
    layer.build((None, None, 3))
    assert tuple(layer.alpha.shape) == (1, 3)


def test_softmax_gives_masked_elements_no_weight() -> None:
    mask = torch.tensor([[True, False, True]])
    output = layers.Softmax()(torch.tensor([[1.0, 5.0, 1.0]]), mask=mask)
    torch.testing.assert_close(output, torch.tensor([[0.5, 0.0, 0.5]]))


def test_thresholded_relu_keeps_what_exceeds_theta() -> None:
    torch.testing.assert_close(
        layers.ThresholdedReLU(1.0)(torch.tensor([0.5, 1.0, 2.0])), torch.tensor([0.0, 0.0, 2.0])
    )


def test_slopes_may_be_negative_where_that_keras_took_them() -> None:
    x = torch.tensor([-2.0, 3.0])
    torch.testing.assert_close(layers.ELU(-1.0)(x), -layers.ELU(1.0)(x).clamp(max=0) + x.clamp(min=0))
    with config.dialect_scope("2"):
        torch.testing.assert_close(layers.LeakyReLU(-1.0)(x), x.abs())
