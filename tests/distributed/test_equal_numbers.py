"""Several processes compute what one does."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

spec = importlib.util.spec_from_file_location("distributed_cases", Path(__file__).with_name("cases.py"))
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)


def close(found, expected, tolerance):
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            close(found[key], value, tolerance)
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for mine, value in zip(found, expected, strict=True):
            close(mine, value, tolerance)
    else:
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def compare(found, name, tolerance=1e-6, expected=None):
    for each in found:
        failed = next((text for text in each.values() if isinstance(text, str)), None)
        assert name in each and not isinstance(each[name], str), failed
    expected = expected or cases.run(name)
    for each in found[1:]:
        close(each[name], found[0][name], 0)
    fine = "float64" in name
    close(found[0][name]["weights"], expected["weights"], 1e-12 if fine else tolerance)
    close({**found[0][name], "weights": 0}, {**expected, "weights": 0}, tolerance)


@pytest.mark.parametrize("name", cases.CASES)
def test_two_processes_compute_what_one_does(two, name):
    compare(two, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", cases.CASES)
def test_three_processes_compute_what_one_does(three, name):
    compare(three, name)


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
@pytest.mark.parametrize("name", cases.CASES)
def test_two_gpus_compute_what_one_does(two_gpus, name):
    compare(two_gpus, name, 1e-3)
