"""What a CUDA device changes, and what it must not."""

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import layers
from keras_torch.data import arrays, transfer
from keras_torch.data.pipeline import Dataset

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


def test_kernels_for_images_lie_in_memory_as_the_images_do(tmp_path):
    model = image_model()
    kernel = model.layers[0].kernel
    assert kernel.storages[0].is_contiguous(memory_format=torch.channels_last)
    value = np.arange(36, dtype="float32").reshape(3, 3, 1, 4)
    kernel.assign(value)
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        np.testing.assert_array_equal(keras.models.load_model(tmp_path / name).get_weights()[0], value)
    np.testing.assert_array_equal(model.cpu().get_weights()[0], value)


@pytest.mark.parametrize("layer", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_gradients_flow_through_recurrent_layers_in_inference(layer):
    rnn = layer(4)
    x = torch.ones(2, 5, 3, device="cuda", requires_grad=True)
    rnn.eval()
    rnn(x).sum().backward()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("shape", [(8, 4, 4, 3), (8, 3)])
@pytest.mark.parametrize("training", [False, True])
def test_batch_normalization_without_a_scale_has_gradients(shape, training):
    results = []
    for device in ("cpu", "cuda"):
        with keras.device("gpu" if device == "cuda" else "cpu"):
            layer = layers.BatchNormalization(scale=False, momentum=0.5)
            torch.manual_seed(0)
            x = torch.randn(shape, device="cpu").to(device).requires_grad_()
            outputs = layer(x, training=training)
            (outputs * torch.arange(3.0, device=device)).square().sum().backward()
        results.append(
            [t.detach().cpu() for t in (outputs, x.grad, layer.beta.storages[0].grad, layer.moving_variance.value)]
        )
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_mixed_precision_computes_in_halves_and_learns():
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = image_model()
    finally:
        keras.mixed_precision.set_global_policy(before)
    x, y = image_data()
    history = model.fit(x, y, epochs=4, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert model(torch.as_tensor(x[:2]).cuda()).dtype == torch.float16


def test_batches_are_pinned_and_copied_while_the_gpu_computes(monkeypatch):
    monkeypatch.setattr(arrays, "DEVICE_SHARE", 0.0)
    monkeypatch.setattr(transfer, "_STAGED_BYTES", 0)
    copied = []
    before = arrays.to_device
    monkeypatch.setattr(arrays, "to_device", lambda tensors, device: copied.append(1) or before(tensors, device))
    model, (x, y) = image_model(), image_data()
    resident = image_model()
    resident.set_weights(model.get_weights())
    histories = [model.fit(x, y, epochs=2, verbose=0, shuffle=False).history]
    assert copied
    monkeypatch.setattr(arrays, "DEVICE_SHARE", 0.25)
    histories.append(resident.fit(x, y, epochs=2, verbose=0, shuffle=False).history)
    np.testing.assert_allclose(histories[0]["loss"], histories[1]["loss"], rtol=1e-3)


def deep_model():
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    x = layers.Activation("relu")(layers.BatchNormalization(scale=False)(x))
    x = layers.LSTM(6, return_sequences=True)(layers.Reshape((64, 4))(x))
    outputs = layers.Dense(3, activation="softmax", kernel_regularizer="l2")(layers.GlobalMaxPooling1D()(x))
    return keras.Model(inputs, outputs)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("make", [image_model, deep_model])
def test_cuda_graphs_train_as_steps_without_them_do(make):
    x, y = image_data()
    x, y = x[:90], y[:90]
    weights = []
    for jit_compile in (False, "cudagraph"):
        keras.utils.set_random_seed(1)
        model = make()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=jit_compile)
        history = model.fit(x, y, batch_size=20, epochs=3, shuffle=False, verbose=0, validation_data=(x, y)).history
        assert (model._compiled.replays is not None and len(model._compiled.replays._recorded) == 1) == bool(
            jit_compile
        )
        weights.append([*model.get_weights(), np.asarray(history["loss"]), model.predict(x, verbose=0)])
    for mine, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4)


def test_cuda_graphs_replay_small_steps_without_being_told():
    x, y = image_data()
    results = []
    for asked in ("auto", False):
        keras.utils.set_random_seed(1)
        model = image_model()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=asked)
        history = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0).history
        replays = model._compiled.replays
        assert (replays is not None and len(replays._recorded) == 1) == (asked == "auto")
        results.append([*model.get_weights(), np.asarray(history["loss"]), np.asarray(history["accuracy"])])
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4)


def test_cuda_graphs_draw_new_numbers_for_seeded_noise():
    model = keras.Sequential([keras.Input((64,)), layers.GaussianNoise(1.0, seed=3), layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile="cudagraph")
    losses = [model.train_on_batch(np.ones((8, 64)), np.zeros((8, 1))) for _ in range(8)]
    assert len(model._compiled.replays._recorded) == 1 and len(set(map(float, losses))) == 8


def test_loops_of_ones_own_take_batches_that_are_not_on_the_gpu():
    model, (x, y) = image_model(), image_data()
    loss_of, accuracy = keras.losses.SparseCategoricalCrossentropy(), keras.metrics.SparseCategoricalAccuracy()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for start in range(0, 96, 32):
        images, labels = torch.from_numpy(x[start : start + 32]), torch.from_numpy(y[start : start + 32])
        predictions = model(images, training=True)
        loss = loss_of(labels, predictions)
        accuracy.update_state(labels, predictions)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.is_cuda and 0.0 <= float(accuracy.result()) <= 1.0
    assert keras.ops.add(images, images.cuda()).is_cuda


def test_layers_that_prepare_data_take_it_from_the_processor():
    data = np.random.default_rng(0).normal(2.0, 3.0, (8, 6, 6, 3)).astype("float32")
    batches = [torch.as_tensor(data[:4]), data[4:]]
    layer = layers.Normalization()
    layer.adapt(batches)
    np.testing.assert_allclose(layer.mean.cpu().ravel(), data.mean((0, 1, 2)), rtol=1e-5)
    turn = layers.RandomRotation(0.2, seed=3)
    drawn = turn.get_random_transformation(batches[0][0], seed=5)
    assert turn.transform_images(data[0], drawn).is_cuda


def test_maxima_of_whole_numbers_are_found():
    images = np.arange(32, dtype="int32").reshape(1, 4, 4, 2)
    found = layers.MaxPooling2D(2)(images)
    assert found.dtype == torch.int32 and found.flatten().tolist() == [10, 11, 14, 15, 26, 27, 30, 31]


def test_random_functions_take_tensors_of_the_processor():
    x = torch.arange(6.0)
    assert sorted(keras.random.shuffle(x, seed=1).tolist()) == x.tolist()
    assert keras.random.dropout(x, 0.5, seed=1).is_cuda and keras.random.gamma((6,), x + 1.0, seed=1).is_cuda
    assert keras.random.categorical(x[None], 2, seed=1).is_cuda


def test_pipelines_mix_what_lies_on_both_devices():
    data = Dataset.from_tensor_slices(np.arange(8.0, dtype="float32"))
    assert [item.item() for item in data.filter(lambda x: x > keras.ops.array(5.0))] == [6.0, 7.0]
    mixed = data.map(lambda x: x.cuda() if x < 4 else x)
    assert sorted(torch.cat([batch.cpu() for batch in mixed.shuffle(8).batch(4)]).tolist()) == list(range(8))
    there = Dataset.from_tensor_slices(torch.arange(8.0).cuda())
    assert sorted(torch.cat([batch.cpu() for batch in there.shuffle(8).batch(4)]).tolist()) == list(range(8))
