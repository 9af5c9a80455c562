"""clone_model: layers replaced, calls extended, models inside cloned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config, layers, ops


def nested() -> Any:
    start = keras.Input((3,), name="start")
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(4, name="a"), layers.Dense(3, name="b")], name="inner")
    middle_in = keras.Input((3,))
    middle = keras.Model(middle_in, layers.Dense(3, name="c")(inner(middle_in)), name="middle")
    return keras.Model(start, layers.Dense(2, name="d")(middle(start)), name="outer")


def with_dropout(layer: Any, *args: Any, **kwargs: Any) -> Any:
    outputs = layer(*args, **kwargs)
    return layers.Dropout(0.5)(outputs) if isinstance(layer, layers.Dense) else outputs


def test_a_call_function_adds_layers_to_the_graph_around_the_same_layers() -> None:
    model = nested()
    clone = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=with_dropout)
    assert [type(layer).__name__ for layer in clone.layers][-1] == "Dropout" and len(clone.layers) == 4
    data = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(clone.predict(data, verbose=0), model.predict(data, verbose=0))
    with pytest.raises(ValueError, match="`call_function` needs a functional model"):
        keras.models.clone_model(keras.Sequential([layers.Dense(2)]), call_function=with_dropout)


def test_recursive_cloning_reaches_the_layers_of_models_inside() -> None:
    seen: list[str] = []

    def note(layer: Any) -> Any:
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    model = nested()
    clone = keras.models.clone_model(model, clone_function=note)
    assert "middle" in seen and not {"a", "b", "c"} & set(seen)
    seen.clear()
    clone = keras.models.clone_model(model, clone_function=note, recursive=True)
    assert sorted(name for name in seen if len(name) == 1) == ["a", "b", "c", "d"]
    added = keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=with_dropout, recursive=True
    )
    assert len(added._flatten_layers()) == len(model._flatten_layers()) + 2
    clone.set_weights(model.get_weights())
    data = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(clone.predict(data, verbose=0), model.predict(data, verbose=0))


@pytest.mark.parametrize(("dialect", "compiled"), [("tf", False), ("3", True), (None, True)])
def test_a_clone_is_compiled_alike_since_keras_3(dialect: str | None, compiled: bool) -> None:
    with config.dialect_scope(dialect):
        model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
        metric = keras.metrics.MeanSquaredError(name="error")
        model.compile(keras.optimizers.SGD(0.5), loss=lambda a, b: ((a - b) ** 2).mean(-1), metrics=[metric])
        model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
        clone = keras.models.clone_model(model)
        assert (clone.optimizer is not None) == compiled
        if compiled:
            assert int(clone.optimizer.iterations) == 0 and float(clone.optimizer.learning_rate) == 0.5
            assert clone.optimizer is not model.optimizer and clone.metrics[-1] is not metric
            clone.set_weights(model.get_weights())
            left, right = (made.train_on_batch(np.ones((4, 3)), np.ones((4, 2))) for made in (clone, model))
            np.testing.assert_array_equal(left[0], right[0])


def test_named_inputs_are_given_by_name() -> None:
    inputs = {"x": keras.Input((3,)), "y": keras.Input((2,))}
    model = keras.Model(inputs, {"z": layers.Dense(1)(layers.Concatenate()([inputs["y"], inputs["x"]]))})
    given = {"y": keras.Input((2,)), "x": keras.Input((3,))}
    clone = keras.models.clone_model(model, input_tensors=given)
    assert set(clone.input) == {"x", "y"} and clone.input["x"].shape == (None, 3)
    with pytest.raises(ValueError, match="`input_tensors` must have the same structure"):
        keras.models.clone_model(model, input_tensors=list(given.values()))
    with pytest.raises(TypeError, match="no argument 'other'"):
        keras.models.clone_model(model, other=1)


def test_a_clone_computes_with_sizes_known_only_when_it_runs() -> None:
    start = keras.Input((4,))
    model = keras.Model(start, ops.reshape(layers.Dense(4)(start), (2 * ops.shape(start)[0], 2)))
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    data = np.ones((3, 4), "float32")
    assert clone(data).shape == (6, 2)
    np.testing.assert_array_equal(clone(data).detach(), model(data).detach())
