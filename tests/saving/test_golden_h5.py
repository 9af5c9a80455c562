"""Files written by real Keras 1.2.2, 2.2.4, 2.15.0 and 3.15.1 (scripts/golden/saving_h5*.py)."""

import numpy as np
import pytest
from saving_models import predict, train

import keras_torch as keras


def test_models_of_real_keras_predict_the_same(golden):
    model = keras.saving.load_model(golden.path)
    for ours, theirs in zip(predict(model, golden.all("input")), golden.all("output"), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_training_goes_on_as_if_real_keras_had_never_stopped(golden):
    if "losses" not in golden.arrays:
        pytest.skip("Theano's gradients belong to kernels turned around")
    model = keras.saving.load_model(golden.path)
    losses = train(model, golden.all("input"), golden.all("target"), len(golden.arrays["losses"]))
    np.testing.assert_allclose(losses, golden.arrays["losses"], rtol=1e-4)


def test_weights_of_real_keras_load_into_a_model_built_in_code(golden):
    model = keras.saving.load_model(golden.path)
    again = keras.models.clone_model(model)
    again.load_weights(golden.path)
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
