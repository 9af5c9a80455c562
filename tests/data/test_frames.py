"""Frames and series of pandas as inputs, targets and weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import keras_torch as keras
from keras_torch.layers import Dense, Input

pandas = pytest.importorskip("pandas")

FRAME = pandas.DataFrame({"a": np.arange(12), "b": np.linspace(0, 1, 12), "c": np.arange(12) % 2 == 0})


def _model(width: int = 3) -> Any:
    inputs = Input((width,))
    model = keras.Model(inputs, Dense(1)(inputs))
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def test_a_frame_of_several_numeric_types_is_an_array() -> None:
    model = _model()
    expected = model.predict(FRAME.to_numpy(dtype="float32"), verbose=0)
    np.testing.assert_array_equal(model.predict(FRAME, verbose=0), expected)
    missing = FRAME.astype({"a": "Int64", "c": "boolean"})
    np.testing.assert_array_equal(model.predict(missing, verbose=0), expected)
    missing.loc[0, "a"] = pandas.NA
    assert np.isnan(model.predict(missing, verbose=0)[0]).all()


def test_frames_and_series_go_everywhere() -> None:
    model = _model()
    data = (FRAME, FRAME["b"], FRAME["a"])
    history = model.fit(*data[:2], sample_weight=data[2], validation_split=0.25, class_weight={0: 2.0}, verbose=0)
    assert len(history.history["val_mae"]) == 1
    model.fit(*data[:2], validation_data=data, verbose=0)
    assert len(model.evaluate(FRAME, FRAME[["b"]], verbose=0)) == 2
    model.train_on_batch(FRAME, FRAME["b"])


def test_a_frame_taken_apart_gives_inputs_by_name() -> None:
    inputs = {name: Input((1,), name=name) for name in FRAME}
    model = keras.Model(inputs, keras.layers.Add()(list(inputs.values())))
    found = model.predict(dict(FRAME), verbose=0)
    np.testing.assert_allclose(found[:, 0], FRAME.sum(axis=1), rtol=1e-6)


def test_a_series_is_one_column() -> None:
    class Look(keras.Model):
        shapes: Any = None

        def train_step(self, data: Any) -> Any:
            self.shapes = [tuple(part.shape) for part in data]
            return {"loss": 0.0}

    model = Look()
    model.compile("sgd", "mse")
    model.fit(FRAME["a"], FRAME["b"], sample_weight=FRAME["b"], verbose=0)
    assert model.shapes == [(12, 1), (12, 1), (12,)]


def test_columns_that_hold_no_numbers_are_named() -> None:
    frame = FRAME.assign(city=["Rome"] * 12, kind=pandas.Categorical(["x", "y"] * 6))
    with pytest.raises(ValueError, match=r"columns \['city', 'kind'\]") as caught:
        _model(5).predict(frame, verbose=0)
    assert isinstance(caught.value, TypeError)
