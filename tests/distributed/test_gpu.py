"""Processes with a GPU each, which talk by NCCL. All of the kind, on a machine with two: `scripts/test -m gpu`."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

from keras_torch import distributed
from keras_torch.distributed.gradients import GradientExchange

ROOT = Path(__file__).parents[2]
COUNT = torch.cuda.device_count()
pytestmark = pytest.mark.gpu
needs_two = pytest.mark.skipif(COUNT < 2, reason="needs two CUDA devices")

SCRIPT = """
import os, pickle, sys
import numpy as np
import tensorflow as tf
from keras.layers import BatchNormalization, Dense
from keras.models import Sequential
from keras.utils import multi_gpu_model
with tf.device('/cpu:0'):
    model = Sequential([Dense(8, activation='relu', input_shape=(5,)), BatchNormalization(), Dense(1)])
trained = multi_gpu_model(model, gpus=2) if sys.argv[1] == 'parallel' else model
trained.compile('adam', 'mse')
x = np.random.RandomState(0).rand(100, 5).astype('float32')
history = trained.fit(x, x[:, :1], batch_size=16, epochs=3, verbose=0).history
model.save('model.h5')
devices = sorted({str(weight.device) for weight in model.parameters()})
with open('found.' + os.environ.get('RANK', '0'), 'wb') as file:
    pickle.dump({'history': history, 'weights': model.get_weights(), 'devices': devices}, file)
print('done')
"""


def run(folder, count, *arguments):
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-m", "keras_torch", "run", "--gpus", str(count), "script.py", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_TORCH_TIMEOUT": "120"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["done"]
    return [pickle.loads((folder / f"found.{rank}").read_bytes()) for rank in range(count)]


def test_one_process_on_a_gpu_is_an_ordinary_script(tmp_path):
    (found,) = run(tmp_path, 1, "alone")
    assert found["history"]["loss"][-1] < found["history"]["loss"][0]


def test_gradients_and_weights_travel_by_nccl():
    dist.init_process_group("cpu:gloo,cuda:nccl", store=dist.HashStore(), rank=0, world_size=1)
    try:
        params = [torch.nn.Parameter(torch.ones(3, 2, device="cuda")), torch.nn.Parameter(torch.ones(2, device="cuda"))]
        params[0].grad = torch.full((3, 2), 4.0, device="cuda")
        GradientExchange()(params, 0.5)
        assert params[0].grad.is_cuda and params[0].grad.tolist() == [[2.0, 2.0]] * 3 and params[1].grad is None
        distributed.broadcast(params)
        assert distributed.sum_over_processes([1.0, 2.0]).tolist() == [1.0, 2.0]
        assert [part.tolist() for part in distributed.gather_rows(params[1].detach())] == [[1.0, 1.0]]
    finally:
        dist.destroy_process_group()


@needs_two
def test_multi_gpu_models_of_old_scripts_train_with_a_process_on_each_gpu(tmp_path):
    first, second = run(tmp_path, 2, "parallel")
    assert (first["devices"], second["devices"]) == (["cuda:0"], ["cuda:1"])
    assert first["history"] == second["history"]
    assert all(map(np.array_equal, first["weights"], second["weights"]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.0", "found.1", "model.h5", "script.py"]


@needs_two
def test_a_step_on_two_gpus_takes_one_message(two_gpus):
    for found in two_gpus:
        assert found["messages"]["plain"] == 2 * (6 + 1 + 1)
