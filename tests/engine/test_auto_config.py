"""The config of classes that write none themselves: what their constructors were given."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config, layers


class Scaled(layers.Layer):
    def __init__(self, factor: float, sizes: Any = (1, 2), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor, self.sizes = factor, sizes

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor


class Bare(layers.Layer):
    """Its constructor takes neither a name nor anything else of layers."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.dense = layers.Dense(units)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


class Named(layers.Layer):
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(name="fixed", **kwargs)
        self.units = units


class Holding(layers.Layer):
    def __init__(self, inner: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = inner


class Several(layers.Layer):
    def __init__(self, *sizes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sizes = sizes


class Network(keras.Model):
    def __init__(self, units: int = 3, options: Any = None) -> None:
        super().__init__()
        self.dense = layers.Dense(units)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


class Graph(keras.Model):
    """It hands its graph on to Keras's constructor."""

    def __init__(self, *args: Any, factor: int = 1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.factor = factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


class OwnGraph(keras.Model):
    """It makes its graph itself."""

    def __init__(self, units: int = 2) -> None:
        start = keras.Input((3,))
        super().__init__(start, layers.Dense(units)(start))


def test_a_model_that_was_given_its_graph_has_it_in_the_config() -> None:
    start = keras.Input((3,))
    model = Graph(inputs=start, outputs=layers.Dense(5)(start), factor=3)
    for source in (model, pickle.loads(pickle.dumps(model))):
        stored = source.get_config()
        assert stored["factor"] == 3 and len(stored["layers"]) == 2
        again = Graph.from_config(stored)
        assert again.factor == 3 and again.count_params() == 20


def test_a_model_that_makes_its_graph_has_the_arguments_in_the_config() -> None:
    model = OwnGraph(4)
    for source in (model, pickle.loads(pickle.dumps(model))):
        assert source.get_config() == {"units": 4}
    again = keras.models.model_from_json(model.to_json(), {"OwnGraph": OwnGraph})
    assert type(again) is OwnGraph and again.count_params() == 16


def test_arguments_and_defaults_are_in_the_config() -> None:
    layer = Scaled(2.0, name="mine", trainable=False)
    stored = layer.get_config()
    assert stored == {"factor": 2.0, "sizes": (1, 2), "name": "mine", "trainable": False, "dtype": "float32"}
    again = Scaled.from_config(stored)
    assert (again.factor, again.name, again.trainable) == (2.0, "mine", False)
    assert Scaled(2.0, [3, {"a": np.float32(1.0)}]).get_config()["sizes"] == [3, {"a": 1.0}]


def test_only_what_the_constructor_takes_is_in_the_config() -> None:
    assert Bare(3).get_config() == {"units": 3}
    assert Network(4, {"a": (1, 2)}).get_config() == {"units": 4, "options": {"a": (1, 2)}}
    assert Network.from_config(Network(4).get_config()).dense.units == 4
    assert "name" not in Named(3).get_config()
    assert Named.from_config(Named(3).get_config()).name == "fixed"


def test_a_layer_without_a_name_argument_keeps_its_name_in_a_graph() -> None:
    start = keras.Input((4,))
    model = keras.Model(start, Bare(2)(Bare(3)(start)))
    names = [layer.name for layer in model.layers]
    again = keras.models.model_from_json(model.to_json(), {"Bare": Bare})
    assert [layer.name for layer in again.layers] == names


@pytest.mark.parametrize("dialect", [None, "3", "tf"])
@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (lambda: Holding(layers.Dense(2)), "Holding.*`inner`.*Define `get_config"),
        (lambda: Holding(torch.relu), "Holding.*`inner`"),
        (lambda: Several(1, 2), "Several.*positional arguments without a name"),
    ],
)
def test_what_is_no_plain_value_needs_a_get_config(layer: Any, text: str, dialect: str | None) -> None:
    with config.dialect_scope(dialect), pytest.raises(NotImplementedError, match=text):
        layer().get_config()


def test_multi_backend_keras_left_such_arguments_out() -> None:
    with config.dialect_scope("2"):
        assert "inner" not in Holding(layers.Dense(2)).get_config()


def test_no_values_for_a_variadic_argument_are_fine() -> None:
    assert "sizes" not in Several(name="none").get_config()


def test_copies_know_the_arguments_too() -> None:
    for again in (pickle.loads(pickle.dumps(Scaled(2.0))), copy.deepcopy(Scaled(2.0))):
        assert again.get_config()["factor"] == 2.0
    again = pickle.loads(pickle.dumps(Holding(layers.Dense(2))))
    with pytest.raises(NotImplementedError, match="Holding.*get_config"):
        again.get_config()
