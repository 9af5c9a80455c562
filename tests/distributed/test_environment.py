"""Which GPU a process has, told by torchrun's environment; and what its launcher says of failures."""

from types import SimpleNamespace

import pytest
import torch

from keras_torch import config
from keras_torch.distributed import environment, launch


@pytest.mark.parametrize(("count", "expected"), [(1, "cuda:0"), (4, "cuda:2")])
def test_each_of_several_processes_has_a_gpu_of_its_own_from_the_start(monkeypatch, count, expected):
    for name, value in {"RANK": 6, "WORLD_SIZE": count, "LOCAL_RANK": 2}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("KERAS_TORCH_DEVICE", raising=False)
    monkeypatch.setattr(environment, "_launched", True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    assert config.default_device() == torch.device(expected)


def test_of_two_processes_that_fail_at_once_the_first_is_shown_even_if_the_launcher_ended_it(capsys):
    def failure(exitcode, exact, text):
        found = {"extraInfo": {"py_callstack": text, "exact": exact}}
        return SimpleNamespace(exitcode=exitcode, timestamp=0, error_file_data={"message": found})

    failures = {0: failure(1, 2.0, "second"), 1: failure(-15, 1.0, "first")}
    assert launch._report(SimpleNamespace(failures=failures)) == 1
    assert capsys.readouterr().err == "first"
