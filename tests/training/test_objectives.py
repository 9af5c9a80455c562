from __future__ import annotations

import pytest
import torch

from keras_torch import config, losses
from keras_torch.training import weighted_masked_objective


def test_a_loss_function_becomes_a_weighted_mean_over_what_is_not_masked():
    y_true, y_pred = torch.zeros(2, 3, 1), torch.arange(6.0).reshape(2, 3, 1)
    weights, mask = torch.tensor([1.0, 2.0]), torch.tensor([[1, 1, 0], [1, 1, 0]])
    with config.dialect_scope("2"):
        objective = weighted_masked_objective(losses.mean_absolute_error)
        assert objective(y_true, y_pred, weights).item() == pytest.approx((1.0 + 2 * 4.0) / 2)
        assert objective(y_true, y_pred, weights, mask).item() == pytest.approx((0.5 + 2 * 3.5) / 2)
    assert weighted_masked_objective(None) is None
