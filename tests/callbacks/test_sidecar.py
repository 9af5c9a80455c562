from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import callbacks
from keras_torch.utils import sidecar_evaluator


def make():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(16, 3)).astype("float32"), rng.normal(size=(16, 2)).astype("float32")


def test_each_new_checkpoint_is_measured_until_the_last_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sidecar_evaluator, "_POLL", 0.005)
    x, y = data()
    losses = []
    note = callbacks.LambdaCallback(on_test_end=lambda logs: losses.append(logs["loss"]))
    batches = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y)), 16)
    watcher = keras.utils.SidecarEvaluator(make(), batches, tmp_path / "ckpt", max_evaluations=3, callbacks=[note])
    thread = threading.Thread(target=watcher.start)
    thread.start()

    def wait(epoch, logs):
        while thread.is_alive() and len(losses) <= epoch:
            time.sleep(0.002)

    save = callbacks.ModelCheckpoint(str(tmp_path / "ckpt" / "ckpt-{epoch}"), save_weights_only=True)
    history = make().fit(
        x, y, epochs=3, batch_size=16, verbose=0, validation_data=(x, y),
        callbacks=[save, callbacks.LambdaCallback(on_epoch_end=wait)],
    ).history  # fmt: skip
    thread.join(20)
    assert not thread.is_alive()
    assert losses == pytest.approx(history["val_loss"])


def test_the_best_measured_model_is_exported_under_the_epoch_of_its_checkpoint(tmp_path, capsys):
    x, y = data()
    model = make()
    export = callbacks.SidecarEvaluatorModelExport(
        str(tmp_path / "best-{epoch:04d}"), str(tmp_path / "ckpt-{epoch}"), monitor="loss", mode="min",
        save_weights_only=True, save_freq="eval",
    )  # fmt: skip
    for epoch in (7, 8):
        model.save_weights(str(tmp_path / f"ckpt-{epoch}"))
        model.evaluate(x, y, verbose=0, callbacks=[export])
    assert (tmp_path / "best-0007").exists() and not (tmp_path / "best-0008").exists()
    with pytest.raises(ValueError, match="`save_freq` of SidecarEvaluatorModelExport can only be 'eval'"):
        callbacks.SidecarEvaluatorModelExport("a", "b", save_freq=3)
