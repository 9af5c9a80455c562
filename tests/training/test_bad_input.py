"""Wrong arguments of compile, fit, evaluate and predict: each message names what is wrong and how to mend it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config
from keras_torch.layers import Concatenate, Dense, Input

X = np.random.RandomState(0).rand(12, 4).astype("float32")
Y = np.arange(12) % 3


def _classifier(loss: Any = "sparse_categorical_crossentropy", **kwargs: Any) -> Any:
    model = keras.Sequential([Dense(3, activation="softmax", input_shape=(4,), name="classes")], name="net")
    model.compile("sgd", loss, **kwargs)
    return model


def _two_inputs() -> Any:
    a, b = Input((4,), name="left"), Input((4,), name="right")
    joined = Concatenate()([a, b])
    model = keras.Model([a, b], [Dense(1, name="number")(joined), Dense(3, name="kind", activation="softmax")(joined)])
    model.compile("sgd", ["mse", "sparse_categorical_crossentropy"])
    return model


def _unchanged(model: Any, call: Any, error: type[Exception], *texts: str) -> None:
    before = model.get_weights()
    with pytest.raises(error) as caught:
        call()
    for text in texts:
        assert text in str(caught.value), str(caught.value)
    assert all((old == new).all() for old, new in zip(before, model.get_weights(), strict=True))
    assert not model.training


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_a_wrong_input_shape_is_named(method: str) -> None:
    model = _classifier()
    call = getattr(model, method)
    texts = ("'net'", "(None, 4)", "Received: an array of shape (12, 3)")
    _unchanged(model, lambda: call(X[:, :3], Y), ValueError, *texts)


def test_one_sample_without_a_batch_axis_gets_a_hint() -> None:
    model = _classifier()
    _unchanged(model, lambda: model.predict(X[0]), ValueError, "x[None]")


def test_channels_in_the_wrong_place_get_a_hint() -> None:
    model = keras.Sequential([Input((8, 6, 3)), keras.layers.Flatten(), Dense(1)])
    _unchanged(model, lambda: model.predict(np.zeros((2, 3, 8, 6))), ValueError, "np.moveaxis(x, 1, -1)")
    _unchanged(model, lambda: model.predict(np.zeros((2, 144))), ValueError, "x.reshape(-1, 8, 6, 3)")


def test_a_wrong_number_of_arrays_is_named() -> None:
    model = _classifier()
    _unchanged(model, lambda: model.fit([X, X], Y), ValueError, "one input", "list of 2")
    model = _two_inputs()
    texts = ("['left', 'right']", "one array of shape (12, 4)")
    _unchanged(model, lambda: model.fit(X, [X[:, :1], Y]), ValueError, *texts)
    _unchanged(model, lambda: model.fit([X, X], [Y]), ValueError, "['number', 'kind']", "list of 1")


def test_wrong_names_in_dicts_are_answered_with_the_right_ones() -> None:
    model = _two_inputs()
    good = {"number": X[:, :1], "kind": Y}
    _unchanged(model, lambda: model.fit({"lefd": X, "right": X}, good), ValueError, "left", 'Did you mean "left"?')
    _unchanged(model, lambda: model.fit([X, X], {"numbers": X[:, :1], "kind": Y}), ValueError, 'Did you mean "number"?')
    with pytest.raises(ValueError, match='Did you mean "kind"'):
        model.compile("sgd", {"kin": "mse"})
    with pytest.raises(ValueError, match='Did you mean "number"'):
        model.compile("sgd", "mse", metrics={"nunber": "mae"})


def test_unequal_lengths_are_named() -> None:
    model = _classifier()
    _unchanged(model, lambda: model.fit(X, Y[:7]), ValueError, "'x': 12", "'y': 7")
    _unchanged(model, lambda: model.fit(X, Y, sample_weight=np.ones(5)), ValueError, "'sample_weight': 5")


def test_unknown_names_in_compile_suggest_the_nearest() -> None:
    model = _classifier()
    with pytest.raises(ValueError, match='Did you mean "sparse_categorical_crossentropy"'):
        model.compile("sgd", "sparse_categorical_crossentropi")
    with pytest.raises(ValueError, match='"adam"|"Adam"'):
        model.compile("addam", "mse")
    with pytest.raises(ValueError, match='Did you mean "binary_accuracy"'):
        model.compile("sgd", "mse", metrics=["binary_acuracy"])
    assert model.loss == "sparse_categorical_crossentropy"


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_labels_outside_the_classes_are_refused(method: str) -> None:
    model = _classifier()
    call = getattr(model, method)
    _unchanged(model, lambda: call(X, Y + 1), ValueError, "'classes'", "0..2", "from 1 to 3", "y - 1")
    _unchanged(model, lambda: call(X, Y - 1), ValueError, "from -1 to 1")


def test_labels_are_checked_for_models_built_by_their_data() -> None:
    model = keras.Sequential([Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="from 0 to 11"):
        model.fit(X, np.arange(12), verbose=0)


def test_class_numbers_for_categorical_crossentropy_get_a_hint() -> None:
    model = _classifier("categorical_crossentropy")
    _unchanged(model, lambda: model.fit(X, Y), ValueError, "(12,)", "sparse_categorical_crossentropy", "to_categorical")


def test_one_hot_targets_for_sparse_categorical_crossentropy_get_a_hint() -> None:
    model = _classifier()
    texts = ("(12, 3)", "One-hot targets need the loss 'categorical_crossentropy'")
    for call in (model.fit, model.evaluate, model.train_on_batch, lambda *batch: model.fit(iter([batch]))):
        _unchanged(model, lambda call=call: call(X, np.eye(3)[Y]), ValueError, *texts)


def test_class_numbers_for_binary_crossentropy_get_a_hint() -> None:
    model = _classifier("binary_crossentropy")
    _unchanged(model, lambda: model.fit(X, Y), ValueError, "(12,)", "sparse_categorical_crossentropy", "to_categorical")
    masks = keras.Sequential([Input((4, 4, 2)), Dense(1, activation="sigmoid")])
    masks.compile("sgd", "binary_crossentropy")
    masks.fit(np.zeros((3, 4, 4, 2)), np.zeros((3, 4, 4)), verbose=0)


def test_one_unit_for_two_classes_gets_a_hint() -> None:
    model = keras.Sequential([Dense(1, activation="sigmoid", input_shape=(4,))])
    model.compile("sgd", "sparse_categorical_crossentropy")
    _unchanged(model, lambda: model.fit(X, Y % 2), ValueError, "from 0 to 1", "'binary_crossentropy'")
    with config.dialect_scope("2"):
        model.compile("sgd", "categorical_crossentropy")
        _unchanged(model, lambda: model.fit(X, Y % 2), ValueError, "one unit", "'binary_crossentropy'")


def test_labels_that_are_no_numbers_are_refused() -> None:
    model = _classifier()
    _unchanged(model, lambda: model.fit(X, np.where(Y == 1, np.nan, Y)), ValueError, "labels from nan")


def test_classic_dialects_check_the_shape_of_targets() -> None:
    with config.dialect_scope("2"):
        model = keras.Sequential([Dense(3, input_shape=(4,))])
        model.compile("sgd", "mse")
        _unchanged(model, lambda: model.fit(X, X[:, :2]), ValueError, "(None, 3)", "(12, 2)")


@pytest.mark.parametrize(
    "bad",
    [np.array([["a", "b", "c", "d"]] * 12), np.array([[None] * 4] * 12), np.zeros((12, 4), "datetime64[D]")],
)
def test_arrays_without_numbers_are_refused(bad: Any) -> None:
    model = _classifier()
    _unchanged(model, lambda: model.fit(bad, Y), TypeError, "numbers", "dtype", "'net'")


def test_object_arrays_of_numbers_are_converted() -> None:
    model = _classifier()
    assert model.predict(X.astype(object), verbose=0).shape == (12, 3)


def test_ragged_lists_are_refused() -> None:
    model = _classifier()
    _unchanged(model, lambda: model.fit([[1.0, 2, 3, 4], [1.0, 2]], Y[:2]), ValueError, "pad_sequences")


def test_empty_data_and_bad_counts_are_refused() -> None:
    model = _classifier()
    _unchanged(model, lambda: model.fit(X[:0], Y[:0]), ValueError, "at least one sample")
    _unchanged(
        model, lambda: model.fit(X, Y, batch_size=0), ValueError, "`batch_size` must be a whole number, 1 or more"
    )
    _unchanged(model, lambda: model.fit(X, Y, epochs=-1), ValueError, "`epochs`")
    _unchanged(model, lambda: model.fit(X, Y, steps_per_epoch=0), ValueError, "`steps_per_epoch`")
    _unchanged(model, lambda: model.fit(X, Y, validation_split=1.5), ValueError, "`validation_split`")
    _unchanged(model, lambda: model.fit(X, Y, validation_freq=0, validation_split=0.5), ValueError, "`validation_freq`")
    _unchanged(model, lambda: model.fit(X, Y, validation_data=(X,)), ValueError, "`validation_data`")


def test_streams_refuse_what_only_arrays_have() -> None:
    model = _classifier()
    batches = ((X, Y) for _ in range(3))
    _unchanged(model, lambda: model.fit(batches, Y), ValueError, "`y` must not be given")
    _unchanged(model, lambda: model.fit(batches, validation_split=0.2), ValueError, "`validation_data`")
    _unchanged(model, lambda: model.fit(iter([(X, Y, Y, Y)])), ValueError, "(x, y, sample_weight)")


def test_training_before_compile_is_refused() -> None:
    model = keras.Sequential([Dense(3, input_shape=(4,))])
    with pytest.raises(RuntimeError, match="is not compiled, which `fit` needs"):
        model.fit(X, Y)


def test_training_without_loss_or_targets_is_refused() -> None:
    model = _classifier(None)
    _unchanged(model, lambda: model.fit(X, Y, verbose=0), ValueError, "no loss", "add_loss")
    model = _classifier()
    _unchanged(model, lambda: model.fit(X, verbose=0), ValueError, "Received: y=None")


def test_class_weight_lacking_a_class_is_refused_where_keras_refused_it() -> None:
    with config.dialect_scope("2"):
        model = _classifier()
        _unchanged(model, lambda: model.fit(X, Y, class_weight={0: 1.0}), ValueError, "[1, 2]")


def test_an_error_in_a_callback_leaves_the_model_in_inference_mode() -> None:
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            raise KeyboardInterrupt

    model = _classifier()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, verbose=0, callbacks=[Stop()])
    assert not model.training
    model.fit(X, Y, verbose=0)


def test_torch_tensors_on_the_way_in_are_left_alone() -> None:
    model = _classifier()
    x = torch.from_numpy(X).requires_grad_(True)
    model.fit(x, torch.from_numpy(Y), verbose=0)
    assert x.grad is None


def test_a_loss_that_depends_on_no_weight_is_an_error():
    inputs = Input((3,))
    outputs = keras.layers.Lambda(lambda x: torch.argmax(x, -1, keepdim=True).float())(Dense(4)(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="no gradient at all"):
        model.fit(np.zeros((4, 3)), np.zeros((4, 1)), verbose=0)
