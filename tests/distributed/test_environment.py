"""Which GPU a process has, told by torchrun's environment."""

import pytest
import torch

from keras_torch import config
from keras_torch.distributed import environment


@pytest.mark.parametrize(("count", "expected"), [(1, "cuda:0"), (4, "cuda:2")])
def test_each_of_several_processes_has_a_gpu_of_its_own_from_the_start(monkeypatch, count, expected):
    for name, value in {"RANK": 6, "WORLD_SIZE": count, "LOCAL_RANK": 2}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("KERAS_TORCH_DEVICE", raising=False)
    monkeypatch.setattr(environment, "_launched", True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    assert config.default_device() == torch.device(expected)
