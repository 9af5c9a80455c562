from __future__ import annotations

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import callbacks


def make(**optimizer):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1, **optimizer), "mse")
    return model


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(16, 3)).astype("float32"), rng.normal(size=(16, 2)).astype("float32")


def test_evaluation_and_prediction_use_the_averages_and_the_weights_come_back():
    model = make(use_ema=True, ema_momentum=0.9)
    x, y = data()
    for _ in range(5):
        model.train_on_batch(x, y)
    weights = model.get_weights()
    plain = model.evaluate(x, y, verbose=0)
    swap = callbacks.SwapEMAWeights()
    averaged = model.evaluate(x, y, verbose=0, callbacks=[swap])
    predicted = model.predict(x, verbose=0, callbacks=[swap])
    assert averaged != pytest.approx(plain)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    twin = make()
    model.optimizer.finalize_variable_values(model.trainable_variables)
    twin.set_weights(model.get_weights())
    assert twin.evaluate(x, y, verbose=0) == pytest.approx(averaged)
    np.testing.assert_allclose(twin.predict(x, verbose=0), predicted, rtol=1e-6)


def test_validation_uses_the_averages_and_training_goes_on_from_the_weights():
    x, y = data()
    plain, swapped = make(use_ema=True), make(use_ema=True)
    first = plain.fit(x, y, epochs=3, shuffle=False, verbose=0, validation_data=(x, y)).history
    second = swapped.fit(
        x, y, epochs=3, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[callbacks.SwapEMAWeights()]
    ).history
    assert first["loss"] == second["loss"]
    assert first["val_loss"] != pytest.approx(second["val_loss"])


@pytest.mark.parametrize("stop", [None, 1])
def test_a_checkpoint_after_it_holds_the_averages_which_stay_at_the_end(tmp_path, stop):
    x, y = data()
    model, plain = make(use_ema=True, ema_momentum=0.5), make(use_ema=True, ema_momentum=0.5)
    seen = []
    note = callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(model.get_weights()),
        on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", epoch == stop),
    )
    path = str(tmp_path / "last.weights.h5")
    save = callbacks.ModelCheckpoint(path, save_weights_only=True)
    model.fit(x, y, epochs=3, shuffle=False, verbose=0,
              callbacks=[callbacks.SwapEMAWeights(swap_on_epoch=True), save, note])  # fmt: skip
    began = []
    note = callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: began.append(plain.get_weights()))
    plain.fit(x, y, epochs=3 if stop is None else stop + 1, shuffle=False, verbose=0, callbacks=[note])
    for one, other in zip(seen, began, strict=True):
        for mine, wanted in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, wanted)
    for mine, wanted in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, wanted)
    twin = make()
    twin.load_weights(path)
    for mine, wanted in zip(twin.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, wanted)


def test_an_optimizer_without_averages_is_refused():
    model = make()
    with pytest.raises(ValueError, match="needs an optimizer with `use_ema=True`. Received: SGD with use_ema=False"):
        model.evaluate(*data(), verbose=0, callbacks=[callbacks.SwapEMAWeights()])
