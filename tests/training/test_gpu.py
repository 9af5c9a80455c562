"""What a CUDA device changes, and what it must not."""

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import layers

pytestmark = pytest.mark.gpu


def image_model():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def image_data():
    random = np.random.default_rng(0)
    return random.random((96, 8, 8, 1), dtype="float32"), random.integers(0, 3, 96)


def test_models_are_made_and_trained_on_the_gpu_without_being_told():
    model = image_model()
    assert all(parameter.is_cuda for parameter in model.parameters())
    x, y = image_data()
    history = model.fit(x, y, epochs=3, verbose=0, validation_split=0.25).history
    assert history["loss"][-1] < history["loss"][0]
    assert isinstance(model.predict(x, verbose=0), np.ndarray)


def test_a_training_step_never_waits_for_the_gpu():
    model = image_model()
    x, y = (torch.as_tensor(item).cuda() for item in image_data())
    model.fit(x, y, epochs=1, verbose=0, shuffle=False)
    torch.cuda.set_sync_debug_mode("error")
    try:
        model.train_function((x[:32], y[:32], None))
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_files_move_between_gpu_and_cpu(tmp_path):
    model = image_model()
    x, y = image_data()
    model.fit(x, y, epochs=1, verbose=0)
    model.save(tmp_path / "model.h5")
    twin = keras.models.load_model(tmp_path / "model.h5").cpu()
    torch.testing.assert_close(
        twin(torch.as_tensor(x[:4])), model(torch.as_tensor(x[:4]).cuda()).cpu(), rtol=1e-3, atol=1e-4
    )
