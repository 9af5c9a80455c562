"""Models that compute inputs or targets themselves, from variables, constants and datasets."""

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import backend as K
from keras_torch import config
from keras_torch.data.pipeline import Dataset

X = np.random.default_rng(0).random((6, 3)).astype("float32")
Y = np.random.default_rng(1).random((6, 2)).astype("float32")


@pytest.fixture(autouse=True)
def keras_2():
    with config.dialect_scope("2"):
        yield


def _dense(units=2, **kwargs):
    return keras.layers.Dense(units, kernel_initializer="ones", **kwargs)


def _loss(predictions, targets=Y):
    return np.mean((np.asarray(predictions) - targets) ** 2)


@pytest.mark.parametrize("none", [None, [], {}])
def test_a_variable_as_the_only_input_needs_no_data(none):
    x = keras.layers.Input(tensor=K.variable(X))
    model = keras.models.Model(x, _dense()(x))
    model.compile("sgd", "mse")
    expected = _loss(X.sum(1, keepdims=True).repeat(2, 1))
    assert model.test_on_batch(none, Y) == pytest.approx(expected, rel=1e-5)
    assert model.evaluate(none, Y, verbose=0) == pytest.approx(expected, rel=1e-5)
    assert model.train_on_batch(none, Y) == pytest.approx(expected, rel=1e-5)
    assert model.test_on_batch(none, Y) < expected
    np.testing.assert_allclose(
        model.predict(None, steps=2),
        model.predict_on_batch(none).repeat(2, 0).reshape(6, 2, 2).transpose(1, 0, 2).reshape(12, 2),
    )


def test_inputs_that_are_given_and_computed_go_together():
    variable = K.variable(X)
    a, b = keras.layers.Input(tensor=variable, name="a"), keras.layers.Input((3,), name="b")
    model = keras.models.Model([a, b], keras.layers.subtract([a, b]))
    model.compile("sgd", "mse")
    for x in (X, [X], {"b": X}, [X, X]):
        assert not model.predict(x).any()
    K.set_value(variable, X + 1)
    np.testing.assert_allclose(model.predict_on_batch(X), np.ones((6, 3)), rtol=1e-5)
    history = model.fit({"b": X}, np.ones((6, 3)), batch_size=6, shuffle=False, verbose=0).history
    assert history["loss"] == pytest.approx([0], abs=1e-9)


def test_an_input_may_be_computed_from_another():
    b = keras.layers.Input((3,), name="b")
    a = keras.layers.Input(tensor=b * 2)
    model = keras.models.Model([b, a], keras.layers.subtract([a, b]))
    np.testing.assert_allclose(model.predict(X), X, rtol=1e-6)


def test_targets_given_to_compile_take_the_place_of_y():
    x = keras.layers.Input((3,))
    model = keras.models.Model(x, [_dense(name="p")(x), _dense(name="q")(x)])
    target = K.variable(Y)
    sums = X.sum(1, keepdims=True).repeat(2, 1)
    for targets in ([target, None], {"p": target}):
        model.compile("sgd", "mse", target_tensors=targets)
        total, first, second = model.test_on_batch(X, Y + 1)
        assert (first, second) == pytest.approx((_loss(sums), _loss(sums, Y + 1)), rel=1e-5)
    model.compile("sgd", ["mse", "mse"], target_tensors=[target, target])
    assert model.test_on_batch(X, None)[0] == pytest.approx(2 * _loss(sums), rel=1e-5)
    assert model.fit(X, None, batch_size=6, epochs=2, verbose=0).history["loss"][1] < 2 * _loss(sums)
    weights = np.array([1.0, 0, 0, 0, 0, 0])
    weighted = model.test_on_batch(X, None, sample_weight={"p": weights})
    assert weighted[1] == pytest.approx(_loss(model.predict(X)[0][:1], Y[:1]), rel=1e-5)
    assert weighted[2] == pytest.approx(_loss(model.predict(X)[1]), rel=1e-5)
    with pytest.raises(ValueError, match="`y` must be None"):
        model.train_on_batch(X, [Y, Y])


@pytest.mark.parametrize(
    ("targets", "error", "text"),
    [
        (lambda t: {"z": t}, ValueError, "has the key 'z'"),
        (lambda t: [t], ValueError, r"The model has 2 outputs, but you passed target_tensors"),
        (lambda t: t, ValueError, "single tensor"),
        (lambda t: {t}, TypeError, "must be a tensor, or a list or dict"),
        (lambda t: [t, "q"], TypeError, "must hold tensors"),
    ],
)
def test_target_tensors_that_fit_no_output_are_refused(targets, error, text):
    x = keras.layers.Input((3,))
    model = keras.models.Model(x, [_dense(name="p")(x), _dense(name="q")(x)])
    with pytest.raises(error, match=text):
        model.compile("sgd", "mse", target_tensors=targets(K.variable(Y)))


def test_placeholders_among_the_targets_take_their_values_from_y():
    model = keras.models.Sequential([_dense(input_shape=(3,))])
    model.compile("sgd", "mse", target_tensors=[K.placeholder((None, 2))])
    assert model.test_on_batch(X, Y) == pytest.approx(_loss(X.sum(1, keepdims=True).repeat(2, 1)), rel=1e-5)


def test_batches_of_a_dataset_go_in_as_tensors():
    batches = Dataset.from_tensor_slices((X, Y)).repeat().batch(2).make_one_shot_iterator()
    inputs, targets = batches.get_next()
    assert inputs.shape == (None, 3)
    x = keras.layers.Input(tensor=inputs)
    model = keras.models.Model(x, _dense()(x))
    model.compile(keras.optimizers.SGD(lr=0.0), "mse", target_tensors=[targets])
    expected = _loss(X.sum(1, keepdims=True).repeat(2, 1))
    history = model.fit(epochs=2, steps_per_epoch=3, validation_steps=3, verbose=0).history
    assert history["loss"] + history["val_loss"] == pytest.approx([expected] * 4, rel=1e-5)
    with pytest.raises(ValueError, match="should specify the `steps_per_epoch`"):
        model.fit(epochs=2, verbose=0)
    assert model.evaluate(steps=3, verbose=0) == pytest.approx(expected, rel=1e-5)
    first, second = K.get_session().run([inputs, targets])
    row = np.flatnonzero((first[0] == X).all(1))[0]
    np.testing.assert_array_equal(second, Y[row : row + 2])


def test_the_end_of_a_dataset_is_told_and_its_initializer_starts_over():
    batches = Dataset.from_tensor_slices(X).batch(6).make_initializable_iterator()
    inputs = batches.get_next()
    session = K.get_session()
    for _ in range(2):
        session.run(batches.initializer)
        np.testing.assert_array_equal(session.run(inputs), X)
    with pytest.raises(IndexError, match="`repeat"):
        session.run(inputs)


def test_symbolic_tensors_as_data_are_computed_for_each_step():
    model = keras.models.Sequential([_dense(input_shape=(3,))])
    model.compile(keras.optimizers.SGD(lr=0.0), "mse")
    x, y = K.variable(X), K.variable(Y)
    expected = _loss(X.sum(1, keepdims=True).repeat(2, 1))
    history = model.fit(x, y, steps_per_epoch=2, validation_data=(x, y), validation_steps=1, verbose=0).history
    assert history["loss"] + history["val_loss"] == pytest.approx([expected] * 2, rel=1e-5)
    assert model.evaluate(x, y, steps=1, verbose=0) == pytest.approx(expected, rel=1e-5)
    assert model.predict(x, steps=2).shape == (12, 2)
    assert model.train_on_batch(x, y) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="should specify the `steps_per_epoch`"):
        model.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="validation_split"):
        model.fit(x, y, steps_per_epoch=2, validation_split=0.5, verbose=0)
    noise = K.random_normal((4, 3))
    assert isinstance(noise, keras.KerasTensor)
    first, second = np.split(model.predict(noise, steps=2), 2)
    assert not np.allclose(first, second)


def test_generators_may_yield_nothing_for_a_model_that_has_its_data():
    x = keras.layers.Input(tensor=torch.from_numpy(X))
    model = keras.models.Model(x, _dense()(x))
    model.add_loss(K.mean(model.output))
    model.compile("sgd", None)
    batches = iter(lambda: (None, None), 0)
    first, second = model.fit_generator(batches, steps_per_epoch=1, epochs=2, verbose=0).history["loss"]
    assert first == pytest.approx(X.sum(1).mean(), rel=1e-5) and second < first


def test_a_clone_takes_variables_in_place_of_data():
    model = keras.models.Sequential([_dense(input_shape=(3,)), keras.layers.Dropout(0.5)])
    clone = keras.models.clone_model(model, input_tensors=K.variable(X))
    np.testing.assert_allclose(clone.predict_on_batch(None), X.sum(1, keepdims=True).repeat(2, 1), rtol=1e-6)
